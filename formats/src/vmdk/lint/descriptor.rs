//! The text that describes a disk, line by line.

use std::fs;
use std::path::{Component, Path};

use super::super::descriptor::{NO_CID, value};
use super::super::extent::{self, ExtentLine};
use super::spec::SECTOR;
use super::{
    ADAPTER, CID_ORDER, DESCRIPTOR_HEAD, DESCRIPTOR_LINES, DESCRIPTOR_ORDER, DESCRIPTOR_ROOM,
    EXTENT_MISSING, PARENT,
};
use crate::lint::{Observations, Place};

/// What the first line may be.
const HEADS: [&str; 4] = [
    "# Disk DescriptorFile",
    "# Disk Descriptor File",
    "#Disk DescriptorFile",
    "#Disk Descriptor File",
];

/// What `ddb.adapterType` may be.
const ADAPTERS: [&str; 4] = ["ide", "buslogic", "lsilogic", "legacyESX"];

/// Bytes that VirtualBox adds: four times `ddb.uuid.parentmodification="` with a UUID.
const ADDED: usize = 4 * 72;

/// A kind of line, in the order in which they are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Head,
    Extent,
    Database,
}

/// A descriptor.
pub(super) struct Descriptor {
    text: String,
    ascii: bool,
    len: usize,
}

impl Descriptor {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self {
            text: String::from_utf8_lossy(bytes).into_owned(),
            ascii: bytes.is_ascii(),
            len: bytes.len(),
        }
    }

    pub(super) fn create_type(&self) -> &str {
        value(&self.text, "createType")
    }

    /// The extents that make sense.
    fn extents(&self) -> impl Iterator<Item = ExtentLine> {
        let lines = self.text.lines().map(str::trim);
        lines.filter_map(|line| ExtentLine::parse(line).ok().flatten())
    }

    /// The disk's sectors, by its extents.
    pub(super) fn sectors(&self) -> u64 {
        let sectors = self.extents().map(|extent| extent.sectors);
        sectors.fold(0, u64::saturating_add)
    }

    /// Observes what the text at byte `at` has, which may grow to `room` bytes.
    pub(super) fn lint(&self, at: u64, room: Option<u64>, seen: &mut Observations) {
        let place = |what: &str| Place::at(what, at);
        let first = self.text.lines().next().unwrap_or_default().trim_end();
        if !HEADS.contains(&first) {
            seen.add(DESCRIPTOR_HEAD, place("first line"), || {
                format!("{first:?}")
            });
        }
        self.lint_lines(at, seen);
        let room = room.and_then(|room| usize::try_from(room).ok());
        if let Some(room) = room.filter(|room| self.len + ADDED > *room) {
            seen.add(DESCRIPTOR_ROOM, place("descriptor"), || {
                format!("{} of {room} bytes are used", self.len)
            });
        }
        let (own, parent) = (self.text.find("CID="), self.text.find("parentCID="));
        if let (Some(own), Some(parent)) = (own, parent)
            && parent < own
        {
            seen.add(CID_ORDER, place("CID"), || {
                "`parentCID=` comes first".to_owned()
            });
        }
        let parent = value(&self.text, "parentCID");
        if !parent.is_empty() && !parent.eq_ignore_ascii_case(&format!("{NO_CID:08x}")) {
            seen.add(PARENT, place("parentCID"), || format!("it is {parent}"));
        }
        let adapter = value(&self.text, "ddb.adapterType");
        let known = |name: &&str| name.eq_ignore_ascii_case(adapter);
        if !adapter.is_empty() && !ADAPTERS.iter().any(known) {
            seen.add(ADAPTER, place("ddb.adapterType"), || {
                format!("it is \"{adapter}\"")
            });
        }
    }

    fn lint_lines(&self, at: u64, seen: &mut Observations) {
        if !self.ascii {
            seen.add(DESCRIPTOR_LINES, Place::at("descriptor", at), || {
                "it is not ASCII".to_owned()
            });
        }
        let (mut last, mut extents) = (Kind::Head, 0);
        for (line, number) in self.text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = || Place::at(format!("line {number} of the descriptor"), at);
            let Some(kind) = kind(line) else {
                seen.add(DESCRIPTOR_LINES, place(), || format!("{line:?}"));
                continue;
            };
            if kind < last {
                seen.add(DESCRIPTOR_ORDER, place(), || {
                    format!("{line:?} comes too late")
                });
            }
            last = kind;
            if kind == Kind::Extent {
                extents += 1;
                if line.contains('/') {
                    seen.add(DESCRIPTOR_LINES, place(), || format!("{line:?}"));
                }
            }
        }
        if extents == 0 {
            seen.add(DESCRIPTOR_LINES, Place::at("descriptor", at), || {
                "it has no extent".to_owned()
            });
        }
    }

    /// Looks in `folder` for the files that the extents name.
    pub(super) fn find_extents(&self, folder: &Path, seen: &mut Observations) {
        for ExtentLine { sectors, place } in self.extents() {
            // Of one with grains the reader tells whether it is whole.
            let (name, wanted) = match place {
                extent::Place::Flat { file, offset } => (file, offset.saturating_add(sectors)),
                extent::Place::Sparse { file } => (file, 0),
                extent::Place::Zero => continue,
            };
            let wanted = wanted.saturating_mul(SECTOR);
            let missing = if is_plain(&name) {
                match fs::metadata(folder.join(&name)) {
                    Ok(metadata) if metadata.len() >= wanted => continue,
                    Ok(metadata) => format!("it has {} of {wanted} bytes", metadata.len()),
                    Err(error) => error.to_string(),
                }
            } else {
                "it is not a file beside the descriptor".to_owned()
            };
            let place = Place::of(format!("extent {name:?}"));
            seen.add(EXTENT_MISSING, place, || missing);
        }
    }
}

/// Whether a name is that of a file in the same folder.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}

fn is_extent(line: &str) -> bool {
    let access = line.split(' ').next().unwrap_or_default();
    ["RW", "RDONLY", "NOACCESS"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(access))
}

/// What a line is, that is no comment.
fn kind(line: &str) -> Option<Kind> {
    if line.starts_with("ddb") {
        return Some(Kind::Database);
    }
    if is_extent(line) {
        return Some(Kind::Extent);
    }
    let (key, _) = line.split_once('=')?;
    (!key.contains(' ')).then_some(Kind::Head)
}
