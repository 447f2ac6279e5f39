//! What a description asks for, put into a tree.

use std::borrow::Cow;

use kurmadisk::formats::map::DiskMap;
use kurmadisk::host_file;
use kurmadisk::source::{self, Scratch, SourceKind, Wanted};
use kurmadisk::spec::{Located, Mode, Place, TreeSpec};
use kurmadisk::tree::{DeviceNumber, Metadata, NodeKind, Timestamp, Tree};

use super::elf::{NSSWITCH, services};
use super::error::{ArchiveError, InitrdError, SysrootError};
use super::modules::{ModuleFolder, lists, select};
use super::spec::{
    BusyboxSpec, FileEntry, InitrdSpec, LinkEntry, ModulesSpec, NodeEntry, NodeType, ReleaseSpec,
};
use super::stage::{Stage, read_all, whole};
use super::sysroot::{FoundKind, Sysroot, parts};
use super::{busybox, release, udev};
use crate::file;

/// The most bytes of a file that is read whole: a program, a text.
const MAX_WHOLE: u64 = 256 << 20;

/// Where firmware is, first the one that was put in place of others.
const FIRMWARE: [&str; 2] = ["lib/firmware/updates", "lib/firmware"];

/// What can't be told by the tree.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Firmware that modules may ask for and that is nowhere.
    pub(super) missing_firmware: Vec<String>,
    /// Modules that were asked for and are built into the kernel.
    pub(super) built_in: Vec<String>,
}

/// The tree of `spec` itself, without its segments.
pub(super) fn tree(
    spec: &InitrdSpec,
    sysroot: &Sysroot,
    time: Timestamp,
    scratch: &Scratch,
    notes: &mut Notes,
) -> Result<Tree, InitrdError> {
    let with_opened = spec.dlopen.as_ref().is_some_and(|dlopen| dlopen.value);
    let mut stage = Stage::new(sysroot, with_opened, time);
    trees(spec, &mut stage, scratch)?;
    for directory in &spec.directories {
        let meta = metadata(
            &stage,
            directory.mode.as_ref(),
            0o755,
            directory.uid,
            directory.gid,
        );
        let put = stage.put_directory(absolute(&directory.path, "path")?, meta);
        put.map_err(|error| error.at(&directory.path.place, "path"))?;
    }
    programs(spec, &mut stage)?;
    if let Some(modules) = &spec.modules {
        kernel_modules(modules, &mut stage, scratch, notes)?;
    }
    for rules in &spec.udev_rules {
        let put = udev::put(&rules.value, &mut stage);
        put.map_err(|error| error.at(&rules.place, "udev-rules"))?;
    }
    identity(spec, &mut stage)?;
    for aci in &spec.acis {
        let name = aci.value.file_name().unwrap_or_default();
        let path = [b"acis/", name.as_encoded_bytes()].concat();
        let put = host(&aci.value)
            .and_then(|content| stage.put(&path, stage.made(0o644), NodeKind::File(content)));
        put.map_err(|error| error.at(&aci.place, "acis"))?;
    }
    for file in &spec.files {
        put_file(file, &mut stage)?;
    }
    for link in &spec.links {
        put_link(link, &mut stage)?;
    }
    for node in &spec.nodes {
        put_node(node, &mut stage)?;
    }
    if let Some(init) = &spec.init {
        let target = absolute(init, "init")?;
        if stage.lookup(target).is_none() {
            return Err(key(
                &init.place,
                "init",
                "it is not in the initrd; add the program, or correct the path",
            ));
        }
        let link = NodeKind::Symlink(target.into());
        let put = stage.put(b"init", stage.made(0o777), link);
        put.map_err(|error| error.at(&init.place, "init"))?;
    }
    stage.finish()?;
    Ok(stage.tree)
}

fn key(place: &Place, key: &'static str, reason: impl Into<String>) -> InitrdError {
    InitrdError::Key {
        place: place.clone(),
        key,
        reason: reason.into(),
    }
}

/// A path of the initrd or of the sysroot.
fn absolute<'p>(path: &'p Located<String>, name: &'static str) -> Result<&'p [u8], InitrdError> {
    let bytes = path.value.as_bytes();
    let is_sound = bytes.starts_with(b"/")
        && !bytes.contains(&0)
        && parts(bytes).next().is_some()
        && parts(bytes).all(|part| part != b"..");
    if is_sound {
        return Ok(bytes);
    }
    let reason = format!(
        "{:?} is no path that begins with / and goes nowhere by ..",
        path.value
    );
    Err(key(&path.place, name, reason))
}

fn metadata(
    stage: &Stage<'_>,
    mode: Option<&Located<Mode>>,
    usual: u16,
    uid: Option<u32>,
    gid: Option<u32>,
) -> Metadata {
    Metadata {
        uid: uid.unwrap_or(0),
        gid: gid.unwrap_or(0),
        ..stage.made(mode.map_or(usual, |mode| mode.value.0))
    }
}

fn host(path: &std::path::Path) -> Result<DiskMap, InitrdError> {
    Ok(host_file(path)?)
}

/// The tree that a text names, and what it was read from.
pub(super) fn read_tree(
    text: &Located<String>,
    scratch: &Scratch,
) -> Result<source::SourceTree, InitrdError> {
    let spec = TreeSpec::from_text(text.value.as_ref(), &text.place);
    let wanted = Wanted {
        kind: spec.kind.as_ref().map(|kind| kind.value),
        part: spec.part.as_ref().map(|part| part.value.as_str()),
        root: Metadata {
            mode: 0o755,
            ..Metadata::default()
        },
        ..Wanted::default()
    };
    Ok(source::read(&spec.path.value, &wanted, scratch)?)
}

/// The system that a text names: a folder is looked at as far as needed, anything else read as a tree.
pub(super) fn sysroot(
    text: &Located<String>,
    name: &'static str,
    scratch: &Scratch,
) -> Result<Sysroot, InitrdError> {
    let spec = TreeSpec::from_text(text.value.as_ref(), &text.place);
    let kind = spec.kind.as_ref().map(|kind| kind.value);
    let is_folder = spec.path.value.is_dir()
        && spec.part.is_none()
        && kind.is_none_or(|kind| kind == SourceKind::Folder)
        && !spec.path.value.join("oci-layout").exists();
    if is_folder {
        return Ok(Sysroot::folder(&spec.path.value));
    }
    let read = read_tree(text, scratch).map_err(|error| error.at(&text.place, name))?;
    Ok(Sysroot::tree(text.value.clone(), read.tree))
}

/// Lays the trees over one another.
fn trees(spec: &InitrdSpec, stage: &mut Stage<'_>, scratch: &Scratch) -> Result<(), InitrdError> {
    for entry in &spec.trees {
        let place = &entry.source.place;
        let read = read_tree(&entry.source, scratch).map_err(|error| error.at(place, "source"))?;
        let mut tree = read.tree;
        if read.kind == SourceKind::Folder {
            let nodes: Vec<_> = tree.nodes().map(|(id, _)| id).collect();
            for id in nodes {
                let meta = tree.metadata_mut(id);
                (meta.uid, meta.gid) = (0, 0);
            }
        }
        let at = match &entry.at {
            Some(at) => stage.directory(absolute(at, "at")?)?.0,
            None => Tree::ROOT,
        };
        let laid = stage.tree.overlay(at, &tree).map_err(InitrdError::from);
        laid.map_err(|error| error.at(place, "source"))?;
    }
    Ok(())
}

/// Programs, busybox and name services.
fn programs(spec: &InitrdSpec, stage: &mut Stage<'_>) -> Result<(), InitrdError> {
    let is_wanted = spec.nss.as_ref().filter(|nss| nss.value);
    let mut services_of = Vec::new();
    if let Some(nss) = is_wanted {
        let failed = |error: SysrootError| InitrdError::from(error).at(&nss.place, "nss");
        let text = whole(stage.sysroot, NSSWITCH, MAX_WHOLE).map_err(failed)?;
        services_of = services(text.as_deref());
        if text.is_some() {
            stage.install(NSSWITCH)?;
        }
    }
    for path in &spec.binaries {
        let install = stage.install_program(absolute(path, "binaries")?, &services_of);
        install.map_err(|error| error.at(&path.place, "binaries"))?;
    }
    for binary in &spec.host_binaries {
        let path = absolute(&binary.path, "path")?;
        let content = host(&binary.source.value);
        let content = content.map_err(|error| error.at(&binary.source.place, "source"))?;
        let meta = metadata(stage, binary.mode.as_ref(), 0o755, None, None);
        let put = stage.program(path, meta, content, &services_of);
        put.map_err(|error| error.at(&binary.source.place, "source"))?;
    }
    match &spec.busybox {
        Some(busybox) => put_busybox(busybox, stage),
        None => Ok(()),
    }
}

fn put_busybox(spec: &BusyboxSpec, stage: &mut Stage<'_>) -> Result<(), InitrdError> {
    let usual = |text: &str| Located::by_caller(text.to_owned());
    let path = spec.path.clone().unwrap_or_else(|| usual("/bin/busybox"));
    let links = spec.links.clone().unwrap_or_else(|| usual("/bin"));
    let program = absolute(&path, "path")?;
    let install = stage.install_program(program, &[]);
    install.map_err(|error| error.at(&path.place, "busybox"))?;
    let bytes = whole(stage.sysroot, program, MAX_WHOLE)?.unwrap_or_default();
    let all = busybox::applets(&bytes).ok_or_else(|| {
        let reason = format!(
            "{} has no list of applets in it; is it a busybox?",
            path.value
        );
        key(&path.place, "path", reason)
    })?;
    let wanted: Cow<'_, [Located<String>]> = match &spec.applets {
        Some(named) => named.into(),
        None => all.iter().map(|name| usual(name)).collect(),
    };
    let directory = absolute(&links, "links")?;
    for applet in wanted.iter() {
        if !all.contains(&applet.value) {
            let reason = format!(
                "{:?} is none of the {} applets of {}",
                applet.value,
                all.len(),
                path.value
            );
            return Err(key(&applet.place, "applets", reason));
        }
        let link = [directory, b"/", applet.value.as_bytes()].concat();
        let (dir, _) = stage.directory(directory)?;
        // What is there already is a program of its own, or busybox itself.
        if stage.tree.child(dir, applet.value.as_bytes()).is_none() {
            let target = NodeKind::Symlink(program.into());
            let put = stage.put(&link, stage.made(0o777), target);
            put.map_err(|error| error.at(&applet.place, "applets"))?;
        }
    }
    Ok(())
}

fn kernel_modules(
    spec: &ModulesSpec,
    stage: &mut Stage<'_>,
    scratch: &Scratch,
    notes: &mut Notes,
) -> Result<(), InitrdError> {
    let place = spec
        .names
        .first()
        .map_or(Place::Caller, |name| name.place.clone());
    let own = spec
        .from
        .as_ref()
        .map(|from| sysroot(from, "from", scratch))
        .transpose()?;
    let from = own.as_ref().unwrap_or(stage.sysroot);
    let release = spec.kernel.as_ref().map(|kernel| kernel.value.as_str());
    let failed = |error: super::error::ModuleError| InitrdError::from(error).at(&place, "modules");
    let folder = ModuleFolder::open(from, release).map_err(failed)?;
    let names = spec.names.iter().map(|name| name.value.as_str());
    let selection = select(&folder, names).map_err(failed)?;
    let keep = spec
        .compressed
        .as_ref()
        .is_some_and(|compressed| compressed.value);
    let base = [b"lib/modules/", folder.release.as_bytes()].concat();
    for (path, _) in selection.modules.values() {
        let (stored, content, mut meta) = folder.content(path).map_err(failed)?;
        let (name, content) = if keep {
            (path.as_str(), stored)
        } else {
            (super::modules::uncompressed(path), content)
        };
        meta.mode = 0o644;
        let path = [&base, &b"/"[..], name.as_bytes()].concat();
        stage.put(&path, meta, NodeKind::File(content))?;
    }
    for (name, text) in lists(&folder, &selection, keep).map_err(failed)? {
        let path = [&base, &b"/"[..], name.as_bytes()].concat();
        let content = in_memory(text)?;
        stage.put(&path, stage.made(0o644), NodeKind::File(content))?;
    }
    if spec
        .firmware
        .as_ref()
        .is_some_and(|firmware| firmware.value)
    {
        for (_, info) in selection.modules.values() {
            for name in &info.firmware {
                if !put_firmware(name, from, stage)? {
                    notes.missing_firmware.push(name.clone());
                }
            }
        }
    }
    notes.missing_firmware.sort_unstable();
    notes.missing_firmware.dedup();
    notes.built_in.extend(selection.built_in);
    Ok(())
}

/// Takes a file of firmware along, as it is compressed; whether there is one.
fn put_firmware(name: &str, from: &Sysroot, stage: &mut Stage<'_>) -> Result<bool, InitrdError> {
    for folder in FIRMWARE {
        for ending in ["", ".xz", ".zst"] {
            let path = format!("{folder}/{name}{ending}").into_bytes();
            let Some(found) = from
                .find(&path)?
                .filter(|found| found.kind == FoundKind::File)
            else {
                continue;
            };
            if stage.lookup(&path).is_none() {
                let content = from.content(&found)?;
                stage.put(&path, found.meta, NodeKind::File(content))?;
            }
            return Ok(true);
        }
    }
    Ok(false)
}

/// `/etc/os-release` and `/etc/lsb-release`.
fn identity(spec: &InitrdSpec, stage: &mut Stage<'_>) -> Result<(), InitrdError> {
    let mut said = None;
    if let Some(Located { value, place }) = &spec.os_release {
        let text = match value {
            ReleaseSpec::Values(values) => {
                release::os_release(values).map_err(|reason| key(place, "os-release", reason))?
            }
            ReleaseSpec::File(path) => {
                let content = host(path).map_err(|error| error.at(place, "os-release"))?;
                if content.len() > MAX_WHOLE {
                    return Err(key(place, "os-release", "the file is too long for one"));
                }
                let bytes = read_all(&content).map_err(|error| SysrootError::read(path, error))?;
                let text = String::from_utf8(bytes);
                text.map_err(|_| key(place, "os-release", "the file is not UTF-8"))?
            }
        };
        put_text(stage, b"etc/os-release", &text)?;
        said = Some(text);
    }
    if let Some(wanted) = spec.lsb_release.as_ref().filter(|wanted| wanted.value) {
        let said = said.ok_or_else(|| {
            key(
                &wanted.place,
                "lsb-release",
                "it says what os-release says, which is missing; add that",
            )
        })?;
        put_text(stage, b"etc/lsb-release", &release::lsb_release(&said))?;
    }
    Ok(())
}

fn put_text(stage: &mut Stage<'_>, path: &[u8], text: &str) -> Result<(), InitrdError> {
    let content = in_memory(text)?;
    stage.put(path, stage.made(0o644), NodeKind::File(content))
}

/// Bytes as a file's content.
fn in_memory(bytes: impl Into<Vec<u8>>) -> Result<DiskMap, InitrdError> {
    Ok(file::in_memory(bytes).map_err(ArchiveError::from)?)
}

fn put_file(file: &FileEntry, stage: &mut Stage<'_>) -> Result<(), InitrdError> {
    let path = absolute(&file.path, "path")?;
    let content = match (&file.source, &file.text) {
        (Some(source), None) => {
            host(&source.value).map_err(|error| error.at(&source.place, "source"))?
        }
        (None, Some(text)) => in_memory(text.value.as_str())?,
        _ => {
            return Err(key(
                &file.path.place,
                "file",
                "it has one of source and text; give that",
            ));
        }
    };
    let mut meta = metadata(stage, file.mode.as_ref(), 0o644, file.uid, file.gid);
    if let Some(source) = &file.source
        && let Ok(stat) = kurmadisk::formats::host::stat(&source.value)
    {
        meta.mtime = Timestamp {
            seconds: stat.mtime_seconds,
            nanos: stat.mtime_nanos,
        };
    }
    let put = stage.put(path, meta, NodeKind::File(content));
    put.map_err(|error| error.at(&file.path.place, "path"))
}

fn put_link(link: &LinkEntry, stage: &mut Stage<'_>) -> Result<(), InitrdError> {
    let path = absolute(&link.path, "path")?;
    let put = if link.hard {
        let target = absolute(&link.target, "target")?;
        if stage.lookup(target).is_none() {
            let reason =
                "it is not in the initrd, and a hard link needs a file that is; correct the path";
            return Err(key(&link.target.place, "target", reason));
        }
        stage.hard_link(path, target)
    } else if link.target.value.is_empty() || link.target.value.contains('\0') {
        return Err(key(
            &link.target.place,
            "target",
            "it is empty, or has a NUL in it",
        ));
    } else {
        let target = NodeKind::Symlink(link.target.value.as_bytes().into());
        stage.put(path, stage.made(0o777), target)
    };
    put.map_err(|error| error.at(&link.path.place, "path"))
}

fn put_node(node: &NodeEntry, stage: &mut Stage<'_>) -> Result<(), InitrdError> {
    let path = absolute(&node.path, "path")?;
    let numbers = (&node.major, &node.minor);
    let kind = match (node.kind.value, numbers) {
        (NodeType::Fifo, (None, None)) => NodeKind::Fifo,
        (NodeType::Char, (Some(major), Some(minor))) => NodeKind::CharDevice(DeviceNumber {
            major: major.value,
            minor: minor.value,
        }),
        (NodeType::Block, (Some(major), Some(minor))) => NodeKind::BlockDevice(DeviceNumber {
            major: major.value,
            minor: minor.value,
        }),
        (NodeType::Fifo, _) => {
            return Err(key(
                &node.kind.place,
                "type",
                "a pipe has no numbers; leave them out",
            ));
        }
        _ => {
            return Err(key(
                &node.kind.place,
                "type",
                "a device has major and minor; give both",
            ));
        }
    };
    let meta = metadata(stage, node.mode.as_ref(), 0o600, node.uid, node.gid);
    let put = stage.put(path, meta, kind);
    put.map_err(|error| error.at(&node.path.place, "path"))
}
