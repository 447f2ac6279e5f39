//! An archive, opened to see which it is.

use std::ops::ControlFlow::{self, Break, Continue};
use std::path::Path;

use kurmadisk_formats::host::{self, HostKind};
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;

use super::decompress::{self, Leading};
use super::error::ReadError;
use super::known::known_format;
use super::oci::{self, Select};
use super::read::{Other, Wanted};
use super::tar::{self, TarMode};
use super::{Scratch, SourceKind, cpio, host_file};
use crate::tree::Tree;

/// Reads the tree in the archive at `path`, if it is one.
///
/// A container image in an archive is a tree in a tar archive that is the layout of one, so what looks like it is
/// taken for it unless the kind is known.
pub(super) fn read(
    path: &Path,
    kind: Option<SourceKind>,
    wanted: &Wanted<'_>,
    scratch: &Scratch,
) -> Result<ControlFlow<(Tree, SourceKind), Other>, ReadError> {
    if kind == Some(SourceKind::Oci) {
        let image = oci::read(path, &select(wanted)?, scratch);
        let image = image.map_err(|source| ReadError::oci(path, source))?;
        return Ok(Break((image.tree, SourceKind::Oci)));
    }
    if kind == Some(SourceKind::Disk) && !is_regular(path) {
        return Ok(Continue(Other::default()));
    }
    let archive = Archive::open(path, scratch)?;
    match kind.or_else(|| archive.kind()) {
        None | Some(SourceKind::Disk) => archive.other(path).map(Continue),
        Some(SourceKind::Cpio) => {
            wanted.check(path, SourceKind::Cpio)?;
            let tree = archive.cpio(path, wanted, scratch)?;
            Ok(Break((tree, SourceKind::Cpio)))
        }
        Some(_) => {
            let tree = archive.tar(path, wanted)?;
            if kind.is_none() && oci::recognise(&tree) {
                let image = oci::read_layout(&tree, &select(wanted)?, scratch);
                let image = image.map_err(|source| ReadError::oci(path, source))?;
                return Ok(Break((image.tree, SourceKind::Oci)));
            }
            wanted.check(path, SourceKind::Tar)?;
            Ok(Break((tree, SourceKind::Tar)))
        }
    }
}

fn is_regular(path: &Path) -> bool {
    host::stat(path).is_ok_and(|stat| stat.kind == HostKind::File)
}

fn select(wanted: &Wanted<'_>) -> Result<Select, ReadError> {
    Ok(Select {
        reference: wanted.part.map(str::to_owned),
        platform: wanted.platform.map(str::parse).transpose()?,
        root: wanted.root.clone(),
    })
}

/// A file that may be an archive, or a compressed disk image.
struct Archive {
    file: DiskMap,
    /// What the compressed data at its begin holds.
    leading: Option<Leading>,
    /// The first bytes of its content.
    start: Vec<u8>,
}

impl Archive {
    /// Opens the file at `path`. One that is compressed is uncompressed here, for that tells what it is.
    fn open(path: &Path, scratch: &Scratch) -> Result<Self, ReadError> {
        let file = host_file(path)?;
        let leading = decompress::leading(&file, scratch)
            .map_err(|source| ReadError::decompress(path, source))?;
        let content = leading.as_ref().map_or(&file, |leading| &leading.map);
        let len = content.len().min(tar::HEADER_LEN as u64);
        let mut start = vec![0; usize::try_from(len).unwrap_or(0)];
        let read = content.reader().read_exact_at(0, &mut start);
        read.map_err(|source| ReadError::open(path, source))?;
        Ok(Self {
            file,
            leading,
            start,
        })
    }

    fn kind(&self) -> Option<SourceKind> {
        if cpio::recognise(&self.start) {
            Some(SourceKind::Cpio)
        } else if tar::recognise(&self.start) {
            Some(SourceKind::Tar)
        } else {
            None
        }
    }

    fn other(self, path: &Path) -> Result<Other, ReadError> {
        let format = known_format(&self.start).map(str::to_owned);
        let Some(leading) = self.leading else {
            return Ok(Other {
                uncompressed: None,
                format,
            });
        };
        let format = format.map(|format| format!("{format} in {}", leading.format));
        let leading = leading.all_of(&self.file);
        let leading = leading.map_err(|source| ReadError::decompress(path, source))?;
        Ok(Other {
            uncompressed: Some(leading.map),
            format,
        })
    }

    fn tar(self, path: &Path, wanted: &Wanted<'_>) -> Result<Tree, ReadError> {
        let whole = match self.leading {
            Some(leading) => leading.all_of(&self.file).map(|leading| leading.map),
            None => Ok(self.file),
        };
        let archive = whole.map_err(|source| ReadError::decompress(path, source))?;
        let mut tree = Tree::with_implied_root(wanted.root.clone());
        match tar::apply(&archive, &mut tree, TarMode::Whole) {
            Ok(()) => Ok(tree),
            Err(source) => Err(ReadError::Tar {
                path: path.to_path_buf(),
                source,
            }),
        }
    }

    fn cpio(self, path: &Path, wanted: &Wanted<'_>, scratch: &Scratch) -> Result<Tree, ReadError> {
        let archive = self.joined();
        let mut tree = Tree::with_implied_root(wanted.root.clone());
        match cpio::apply(&archive, &mut tree, scratch) {
            Ok(()) => Ok(tree),
            Err(source) => Err(ReadError::Cpio {
                path: path.to_path_buf(),
                source,
            }),
        }
    }

    /// The archive with what is uncompressed already in place of its compressed begin: initial RAM filesystems
    /// consist of several parts, and each may be compressed.
    fn joined(self) -> DiskMap {
        let Some(leading) = self.leading else {
            return self.file;
        };
        let rest = self.file.slice(leading.end..self.file.len());
        let mut joined = leading.map;
        let start = joined.len();
        joined.grow(start + rest.len());
        joined
            .splice(start, rest)
            .expect("nothing lies in what was added");
        joined
    }
}
