//! A tree from a path: what lies there is told apart, and read.

#[cfg(feature = "archives")]
use std::ops::ControlFlow;
use std::path::Path;

use kurmadisk_formats::host::{self, HostKind};
use kurmadisk_formats::map::DiskMap;

#[cfg(feature = "inspect")]
use super::disk;
use super::error::ReadError;
use super::{Scratch, SourceKind};
use crate::adjust::Filter;
use crate::tree::{self, HostInode, Metadata, Tree};

/// What is known of a source besides its path.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// What it is; found out by its first bytes without it.
    pub kind: Option<SourceKind>,
    /// Which part of it: the name or tag of a container image; number or label of a partition.
    pub part: Option<&'a str>,
    /// Which of a container image's platforms, such as `linux/arm64`.
    pub platform: Option<&'a str>,
    /// What of a folder need not be read, as far as nothing of it is to stay.
    pub filter: Option<&'a Filter>,
    /// The root directory's metadata where the source describes none.
    pub root: Metadata,
}

/// A tree, and what it was read from.
#[derive(Clone, Debug)]
pub struct SourceTree {
    /// The tree.
    pub tree: Tree,
    /// What it was kept in.
    pub kind: SourceKind,
    /// Of a folder: what its nodes are on the host, by node. Of anything else: nothing.
    pub inodes: Vec<HostInode>,
}

/// Reads the tree that lies at `path`: names and metadata, content by reference.
///
/// `scratch` is where uncompressed copies go. Fails when there is nothing that can be read, with what is wrong
/// and where.
pub fn read(path: &Path, wanted: &Wanted<'_>, scratch: &Scratch) -> Result<SourceTree, ReadError> {
    let stat = host::stat(path).map_err(|source| ReadError::open(path, source))?;
    let kind = wanted.kind.or_else(|| kind_by_host(path, stat.kind));
    if kind == Some(SourceKind::Folder) {
        wanted.check(path, SourceKind::Folder)?;
        let skip = |path: &[u8], is_dir| {
            let filter = wanted.filter;
            filter.is_some_and(|filter| filter.drops_all(path, is_dir))
        };
        let folder = tree::folder(path, &skip)?;
        return Ok(SourceTree {
            tree: folder.tree,
            kind: SourceKind::Folder,
            inodes: folder.inodes,
        });
    }
    let (tree, kind) = by_reader(path, kind, wanted, scratch)?;
    Ok(SourceTree {
        tree,
        kind,
        inodes: Vec::new(),
    })
}

impl Wanted<'_> {
    /// Refuses to choose from what has no parts.
    pub(super) fn check(&self, path: &Path, kind: SourceKind) -> Result<(), ReadError> {
        if let Some(platform) = self.platform
            && kind != SourceKind::Oci
        {
            return Err(ReadError::NoPlatforms {
                path: path.to_path_buf(),
                kind,
                platform: platform.to_owned(),
            });
        }
        match self.part {
            Some(part) if !kind.has_parts() => Err(ReadError::Part {
                path: path.to_path_buf(),
                kind,
                part: part.to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// What it is, where that needs no look into a file.
fn kind_by_host(path: &Path, host: HostKind) -> Option<SourceKind> {
    match host {
        HostKind::Directory if is_layout(path) => Some(SourceKind::Oci),
        HostKind::Directory => Some(SourceKind::Folder),
        HostKind::BlockDevice => Some(SourceKind::Disk),
        _ => None,
    }
}

#[cfg(feature = "archives")]
fn is_layout(folder: &Path) -> bool {
    super::oci::recognise_folder(folder)
}

#[cfg(not(feature = "archives"))]
fn is_layout(_folder: &Path) -> bool {
    false
}

/// What is known of a file that is no archive.
#[derive(Default)]
pub(super) struct Other {
    /// The disk image that it may be, where it was compressed.
    pub uncompressed: Option<DiskMap>,
    /// What it is, by name.
    pub format: Option<String>,
}

/// Everything but a folder, as far as this build has a reader for it.
fn by_reader(
    path: &Path,
    kind: Option<SourceKind>,
    wanted: &Wanted<'_>,
    scratch: &Scratch,
) -> Result<(Tree, SourceKind), ReadError> {
    #[cfg(feature = "archives")]
    let other = match super::archive::read(path, kind, wanted, scratch)? {
        ControlFlow::Break(found) => return Ok(found),
        ControlFlow::Continue(other) => other,
    };
    #[cfg(not(feature = "archives"))]
    let (other, _) = (Other::default(), scratch);
    if let Some(tree) = disk(path, kind, other.uncompressed.as_ref(), wanted)? {
        return Ok((tree, SourceKind::Disk));
    }
    let path = path.to_path_buf();
    Err(match (kind, other.format) {
        (Some(kind), _) => ReadError::Unsupported { path, kind },
        (None, Some(format)) => ReadError::Format { path, format },
        (None, None) => ReadError::Unknown { path },
    })
}

/// The tree in the disk image at `path`, or in `uncompressed` where that is a compressed one.
#[cfg(feature = "inspect")]
fn disk(
    path: &Path,
    kind: Option<SourceKind>,
    uncompressed: Option<&DiskMap>,
    wanted: &Wanted<'_>,
) -> Result<Option<Tree>, ReadError> {
    let is_disk = || match uncompressed {
        Some(disk) => disk::is_disk(&disk.reader()),
        None => disk::recognise(path),
    };
    if kind != Some(SourceKind::Disk) && (kind.is_some() || !is_disk()) {
        return Ok(None);
    }
    wanted.check(path, SourceKind::Disk)?;
    let tree = match uncompressed {
        Some(disk) => disk::read_uncompressed(path, disk, wanted.part, &wanted.root),
        None => disk::read(path, wanted.part, &wanted.root),
    };
    Ok(Some(tree?))
}

#[cfg(not(feature = "inspect"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "a build with a reader of disks can fail here"
)]
fn disk(
    _: &Path,
    _: Option<SourceKind>,
    _: Option<&DiskMap>,
    _: &Wanted<'_>,
) -> Result<Option<Tree>, ReadError> {
    Ok(None)
}
