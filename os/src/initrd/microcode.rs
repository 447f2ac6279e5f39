//! Microcode of processors, in an archive of its own that the kernel reads before all else (the kernel's
//! `Documentation/arch/x86/microcode.rst`): not compressed, and first.

use std::path::{Path, PathBuf};

use kurmadisk::formats::error::SourceError;
use kurmadisk::formats::host::{self, HostKind};
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::read_at::ReadAt;
use kurmadisk::host_file;
use kurmadisk::spec::Located;
use kurmadisk::tree::{Metadata, Timestamp, Tree};

use super::error::{ArchiveError, InitrdError, SysrootError};
use super::sysroot::shown;

const KEY: &str = "microcode";

/// Whose processors microcode is for, and where the kernel looks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vendor {
    Amd,
    Intel,
}

impl Vendor {
    /// By the first four bytes: the magic number of AMD's containers, the version 1 of Intel's headers.
    fn of(start: [u8; 4]) -> Option<Self> {
        match &start {
            b"DMA\0" => Some(Self::Amd),
            [1, 0, 0, 0] => Some(Self::Intel),
            _ => None,
        }
    }

    fn path(self) -> &'static [u8] {
        match self {
            Self::Amd => b"kernel/x86/microcode/AuthenticAMD.bin",
            Self::Intel => b"kernel/x86/microcode/GenuineIntel.bin",
        }
    }
}

/// The tree of the archive, if anything is wanted: all files of a vendor one behind the other, in the order given,
/// a folder's by their names. Of a folder, what is no microcode is passed over.
pub(super) fn tree(
    wanted: &[Located<PathBuf>],
    time: Timestamp,
) -> Result<Option<Tree>, InitrdError> {
    let mut found: [Vec<DiskMap>; 2] = [Vec::new(), Vec::new()];
    for Located { value: path, place } in wanted {
        let mut any = false;
        let (files, is_folder) = files(path).map_err(|error| error.at(place, KEY))?;
        for file in files {
            let content = host_file(&file).map_err(InitrdError::from);
            let content = content.map_err(|error| error.at(place, KEY))?;
            let vendor = vendor(&content, &file).map_err(|error| error.at(place, KEY))?;
            if let Some(vendor) = vendor {
                found[vendor as usize].push(content);
                any = true;
            }
        }
        if !any {
            let what = if is_folder {
                "there is no microcode in it"
            } else {
                "it is no microcode"
            };
            return Err(InitrdError::Key {
                place: place.clone(),
                key: KEY,
                reason: format!(
                    "{}: {what} of AMD or Intel; name such files",
                    path.display()
                ),
            });
        }
    }
    let meta = |mode| Metadata {
        mode,
        mtime: time,
        ..Metadata::default()
    };
    let mut tree = Tree::with_implied_root(meta(0o755));
    for vendor in [Vendor::Amd, Vendor::Intel] {
        let files = std::mem::take(&mut found[vendor as usize]);
        if !files.is_empty() {
            let content = joined(files, vendor)?;
            tree.place_file(vendor.path(), meta(0o644), content)?;
        }
    }
    Ok((!wanted.is_empty()).then_some(tree))
}

/// The files that a path stands for, and whether it is a folder.
fn files(path: &Path) -> Result<(Vec<PathBuf>, bool), InitrdError> {
    let stat = host::stat(path).map_err(|error| SysrootError::read(path, error))?;
    if stat.kind != HostKind::Directory {
        return Ok((vec![path.to_path_buf()], false));
    }
    let entries = host::read_dir(path).map_err(|error| SysrootError::read(path, error))?;
    let files = entries
        .into_iter()
        .filter(|entry| entry.stat.kind == HostKind::File);
    let mut files: Vec<_> = files.map(|entry| path.join(entry.name)).collect();
    files.sort();
    Ok((files, true))
}

fn vendor(content: &DiskMap, path: &Path) -> Result<Option<Vendor>, InitrdError> {
    let mut start = [0; 4];
    if content.len() < 4 {
        return Ok(None);
    }
    let read = content.reader().read_exact_at(0, &mut start);
    read.map_err(|source| SourceError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(Vendor::of(start))
}

fn joined(files: Vec<DiskMap>, vendor: Vendor) -> Result<DiskMap, ArchiveError> {
    let lengths = files.iter().map(DiskMap::len);
    let len = lengths.fold(0, u64::saturating_add);
    if len > u32::MAX.into() {
        let path = shown(vendor.path());
        return Err(ArchiveError::Large { path, len });
    }
    let mut map = DiskMap::new(len);
    let mut start = 0;
    for file in files {
        let len = file.len();
        map.splice(start, file)?;
        start += len;
    }
    Ok(map)
}
