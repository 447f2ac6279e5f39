//! The trees that go into the partitions.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;

use super::adjust;
use super::bios;
use super::error::PlanError;
use super::files;
use super::grub;
use super::mounts;
use super::resolve::Disk;
use super::signing::ProgramSigner;
use super::trees::TreeReader;
use crate::boot::grub::{Grub, Platform};
use crate::boot::kurmaboot::MAX_GPT_ENTRIES;
use crate::boot::{self, BootError, BootFiles, BootInput, BootSummary, uki};
use crate::source::host_file;
use crate::spec::{Content, EfiStub, ImageSpec, Located, Place, TreeList};
use crate::tree::{Metadata, NodeKind, Tree};

/// A text that is read into memory has fewer bytes.
const MAX_TEXT: u64 = 1 << 20;
/// Permission bits of files that are placed, where nothing else is said.
pub(super) const FILE_MODE: u16 = 0o644;

/// Trees a program brings itself, in place of the folders a description names.
#[derive(Clone, Debug, Default)]
pub struct Trees {
    /// For the root partition.
    pub root: Option<Tree>,
    /// For the OEM partition.
    pub oem: Option<Tree>,
}

/// The tree of each partition, in the order of the partitions; none without a filesystem.
pub(super) type PartitionTrees = Vec<Option<Arc<Tree>>>;

/// The same while they are put together.
pub(super) type GatheredTrees = Vec<Option<Tree>>;

/// What nobody describes has these metadata.
pub(super) fn made(disk: &Disk) -> Metadata {
    Metadata {
        mode: 0o755,
        mtime: disk.time,
        ..Metadata::default()
    }
}

/// The trees that a description names, or a program brings.
pub(super) fn read(
    spec: &ImageSpec,
    trees: Trees,
    reader: &TreeReader<'_>,
) -> Result<Trees, PlanError> {
    let read = |own: Option<Tree>, list: &TreeList, field| match (own, list.0.first()) {
        (Some(_), Some(named)) => {
            let reason = "the program gives a tree itself; name none, or give none".to_owned();
            Err(PlanError::Value(reason).at(&named.path, field))
        }
        (Some(tree), None) => Ok(Some(tree)),
        (None, _) => reader.trees(list, field),
    };
    Ok(Trees {
        root: read(trees.root, &spec.root, "root")?,
        oem: read(trees.oem, &spec.oem, "oem")?,
    })
}

/// What is known only when the filesystems that hash trees protect were read.
#[derive(Clone, Copy, Default)]
pub(super) struct Late<'a> {
    /// Comes behind the command line of a kernel.
    pub command_line: &'a str,
    /// Signs what firmware starts.
    pub signer: Option<&'a ProgramSigner>,
}

/// The trees of all partitions, of those that were read.
pub(super) fn gather(
    spec: &ImageSpec,
    disk: &Disk,
    trees: Trees,
    reader: &TreeReader<'_>,
    late: Late<'_>,
) -> Result<(PartitionTrees, BootSummary), PlanError> {
    let made = made(disk);
    let os_release = trees.root.as_ref().and_then(os_release);
    let mut gathered: GatheredTrees = disk
        .partitions
        .iter()
        .map(|partition| partition.filesystem.map(|_| Tree::new(made.clone())))
        .collect();
    let mut put = |content, tree: Option<Tree>, given: &TreeList, field| {
        if tree.is_some() {
            let index = find(disk, content).ok_or_else(|| no_partition(field, given.place()))?;
            gathered[index] = tree;
        }
        Ok::<_, PlanError>(())
    };
    put(Content::Root, trees.root, &spec.root, "root")?;
    put(Content::Oem, trees.oem, &spec.oem, "oem")?;
    mounts::divide(disk, &mut gathered, &made)?;
    let boot = stage_boot(spec, disk, &mut gathered, &made, os_release, late)?;
    for file in &spec.files {
        files::place(file, disk, &mut gathered, &made, reader)?;
    }
    reader.check_used()?;
    adjust::adjust(spec, disk, &mut gathered)?;
    let done = gathered.into_iter().map(|tree| tree.map(Arc::new));
    Ok((done.collect(), boot))
}

fn no_partition(content: &str, place: Option<&Place>) -> PlanError {
    let error = PlanError::Value(format!(
        "the layout has no partition for it (content = \"{content}\")"
    ));
    match place {
        Some(place) => error.at_place(place.clone(), content),
        None => error,
    }
}

/// What the system in a tree says of itself (os-release(5)); none when it says nothing readable.
fn os_release(root: &Tree) -> Option<String> {
    /// More than any such file has; another one is not read into memory.
    const MOST: u64 = 64 << 10;
    let paths = [&b"etc/os-release"[..], b"usr/lib/os-release"];
    let content = paths
        .iter()
        .find_map(|path| match &root.node(root.lookup(path)?).kind {
            NodeKind::File(content) if content.len() <= MOST => Some(content),
            _ => None,
        })?;
    let mut bytes = vec![0; usize::try_from(content.len()).ok()?];
    content.reader().read_exact_at(0, &mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

pub(super) fn find(disk: &Disk, content: Content) -> Option<usize> {
    disk.partitions
        .iter()
        .position(|partition| partition.content == Some(content))
}

/// Stages kernel, initrd and loader where the disk boots from.
fn stage_boot(
    spec: &ImageSpec,
    disk: &Disk,
    gathered: &mut GatheredTrees,
    made: &Metadata,
    os_release: Option<String>,
    late: Late<'_>,
) -> Result<BootSummary, PlanError> {
    let content = |path: Option<&Located<std::path::PathBuf>>, field: &str| {
        path.map(|path| host_content(path, field)).transpose()
    };
    let own = spec.cmdline.as_ref().map(|text| text.value.as_str());
    // Without a kernel there is nobody to be told.
    let told = spec.kernel.as_ref().map_or("", |_| late.command_line);
    let grub = grub::installation(&spec.grub, disk, bios::has_place(disk))?;
    let has_pc = |grub: &Grub| grub.folder(Platform::I386Pc).is_some();
    let files = BootFiles {
        kernel: content(spec.kernel.as_ref(), "kernel")?,
        initrd: content(spec.initrd.as_ref(), "initrd")?,
        cmdline: format!("{}{told}", own.unwrap_or_default()),
        efi_stub: spec.efi_stub.as_ref().map(efi_stub).transpose()?,
        systemd_boot: content(spec.systemd_boot.as_ref(), "systemd-boot")?,
        boot_tries: spec.boot_tries.as_ref().map(|tries| tries.value),
        slots: disk
            .partitions
            .iter()
            .any(|partition| partition.kind == crate::layout::PartitionType::KURMAOS_SLOT),
        bios: grub.as_ref().is_some_and(has_pc) || bios::has_place_for_kurmaboot(disk),
        grub,
        os_release,
    };
    let meta = &Metadata {
        mode: FILE_MODE,
        ..made.clone()
    };
    check_entries(spec, disk, &files)?;
    let esp = find(disk, Content::Esp).and_then(|index| gathered[index].as_mut());
    if let Some(esp) = esp {
        let mut staged = boot::stage(esp, &files, meta).map_err(|error| locate(spec, error))?;
        if let Some(signer) = late.signer {
            let signed = signer.sign(esp, &mut staged)?;
            if signed == 0 {
                return Err(nothing_signed(
                    spec,
                    "none of the boot files is an EFI program",
                ));
            }
        }
        return Ok(staged);
    }
    if spec.secure_boot.key.is_some() {
        return Err(nothing_signed(spec, "there is no EFI system partition"));
    }
    // Without a root either there is nowhere to stage: what is given is checked all the same.
    let mut nowhere = Tree::new(made.clone());
    let root = find(disk, Content::Root).and_then(|index| gathered[index].as_mut());
    let found = root.is_some();
    let staged = boot::stage_root(root.unwrap_or(&mut nowhere), &files, meta)
        .map_err(|error| locate(spec, error))?;
    if !found && !staged.files.is_empty() {
        let reason = "the layout has no partition for it (content = \"esp\")".to_owned();
        return Err(PlanError::Value(reason).near(spec.kernel.as_ref(), "kernel"));
    }
    Ok(staged)
}

/// The stub that a description names.
fn efi_stub(stub: &Located<EfiStub>) -> Result<DiskMap, PlanError> {
    const FIELD: &str = "efi-stub";
    match &stub.value {
        EfiStub::Kurmaboot => {
            uki::own_stub().map_err(|error| PlanError::from(error).at(stub, FIELD))
        }
        EfiStub::File(path) => read_host_file(path).map_err(|error| error.at(stub, FIELD)),
    }
}

/// kurmaboot keeps the table's entries in memory, and has room for so many.
fn check_entries(spec: &ImageSpec, disk: &Disk, files: &BootFiles) -> Result<(), PlanError> {
    let by_grub = |grub: &Grub| grub.folder(Platform::X86_64Efi).is_some();
    let own = files.kernel.is_some()
        && files.efi_stub.is_none()
        && files.systemd_boot.is_none()
        && !files.grub.as_ref().is_some_and(by_grub);
    if !own || disk.entries <= MAX_GPT_ENTRIES {
        return Ok(());
    }
    let reason = format!(
        "kurmaboot, which starts the kernel, reads a table of at most {MAX_GPT_ENTRIES} entries; give fewer, or \
         another loader"
    );
    Err(PlanError::Value(reason).near(spec.disk.entries.as_ref(), "entries"))
}

/// A key that would have no effect.
fn nothing_signed(spec: &ImageSpec, why: &str) -> PlanError {
    let reason = format!("{why}, so there is nothing to sign; leave the key out");
    PlanError::Value(reason).near(spec.secure_boot.key.as_ref(), "key")
}

/// A boot file's error with the place it was named at.
fn locate(spec: &ImageSpec, error: BootError) -> PlanError {
    let input = error.input();
    let error = PlanError::from(error);
    match input {
        Some(BootInput::Initrd) => error.near(spec.initrd.as_ref(), "initrd"),
        Some(BootInput::EfiStub) => error.near(spec.efi_stub.as_ref(), "efi-stub"),
        Some(BootInput::SystemdBoot) => error.near(spec.systemd_boot.as_ref(), "systemd-boot"),
        Some(BootInput::Grub) => error.near(spec.grub.folder.as_ref(), "folder"),
        Some(BootInput::BootTries) => error.near(spec.boot_tries.as_ref(), "boot-tries"),
        Some(BootInput::CommandLine) => error.near(spec.cmdline.as_ref(), "cmdline"),
        _ => error.near(spec.kernel.as_ref(), "kernel"),
    }
}

pub(super) fn host_content(
    path: &Located<std::path::PathBuf>,
    field: &str,
) -> Result<DiskMap, PlanError> {
    read_host_file(&path.value).map_err(|error| error.at(path, field))
}

fn read_host_file(path: &Path) -> Result<DiskMap, PlanError> {
    host_file(path).map_err(|error| PlanError::Tree(error.into()))
}

/// The text of a file; one that is too large for `what` is refused.
pub(super) fn host_text(
    path: &Located<std::path::PathBuf>,
    field: &str,
    what: &str,
) -> Result<String, PlanError> {
    read_text(&path.value, what).map_err(|source| {
        let file = path.value.clone();
        PlanError::File { path: file, source }.at(path, field)
    })
}

fn read_text(path: &Path, what: &str) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_TEXT + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(io::Error::other(format!("it is too large for {what}")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other(format!("it is no text, as {what} is")))
}
