//! A tree written to a folder of the host, which appears when it is complete.

use std::io;
use std::path::{Path, PathBuf};

use kurmadisk::formats::error::EmitError;
use kurmadisk::tree::Tree;
use serde::Serialize;
use thiserror::Error;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnpackReport {
    /// Names in the folder.
    pub entries: usize,
    /// Those whose owner is another one than it should be, since only root may give files away. They don't run as their
    /// owner or group, whatever their mode says.
    pub owners_lost: usize,
    /// Extended attributes and file flags that the folder's file system, or who writes there, can't have.
    pub attributes_lost: usize,
}

/// A tree can't be written to a folder.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// There is something already.
    #[error("{} exists and is no empty folder; name a new one, or remove it", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A name can't be made.
    #[error("cannot make {} in {}", name, folder.display())]
    Make {
        /// The name in the tree.
        name: String,
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A device, which only root may make.
    #[error(
        "/{name} is a device, which only root may make; render into a file whose name ends in .tar"
    )]
    Device {
        /// Its path.
        name: String,
    },
    /// The content of a file.
    #[error(transparent)]
    Content(#[from] EmitError),
    /// This system has no owners and modes as a tree has them.
    #[error("this system can't have such files; render into a file whose name ends in .tar")]
    System,
}

/// Refuses to write where something is already.
pub(super) fn check_free(path: &Path) -> Result<(), UnpackError> {
    let is_taken = match path.symlink_metadata() {
        Err(_) => false,
        Ok(data) if data.is_dir() => {
            std::fs::read_dir(path).map_or(true, |mut names| names.next().is_some())
        }
        Ok(_) => true,
    };
    if is_taken {
        let path = path.to_path_buf();
        return Err(UnpackError::Exists { path });
    }
    Ok(())
}

/// Begins a folder that will be `path`, beside it.
pub(super) fn staging(path: &Path) -> io::Result<tempfile::TempDir> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    tempfile::Builder::new()
        .prefix(".kurmadisk-")
        .tempdir_in(parent)
}

/// Gives a complete folder its name.
pub(super) fn appear(staging: tempfile::TempDir, path: &Path) -> io::Result<()> {
    std::fs::rename(staging.path(), path)?;
    // It is no temporary one any more.
    let _ = staging.keep();
    Ok(())
}

/// Writes a tree to `folder`, which must not exist or be empty.
///
/// Owners and attributes are kept as far as who writes may give them, and what is lost is counted. Whatever names the
/// tree has, nothing is written outside: all of it is made anew, in a folder that nobody else writes to.
pub fn unpack(tree: &Tree, folder: &Path) -> Result<UnpackReport, UnpackError> {
    check_free(folder)?;
    let failed = |source| UnpackError::Make {
        name: "the folder".to_owned(),
        folder: folder.to_path_buf(),
        source,
    };
    let staging = staging(folder).map_err(failed)?;
    let report = host::write(tree, staging.path())?;
    appear(staging, folder).map_err(failed)?;
    Ok(report)
}

#[cfg(not(unix))]
mod host {
    use super::{Path, Tree, UnpackError, UnpackReport};

    pub(super) fn write(_: &Tree, _: &Path) -> Result<UnpackReport, UnpackError> {
        Err(UnpackError::System)
    }
}

#[cfg(unix)]
mod host {
    //! The calls that make a tree.

    use std::ffi::OsStr;
    use std::fs::{self, Permissions};
    use std::io;
    use std::ops::ControlFlow;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, lchown, symlink};
    use std::path::{Path, PathBuf};

    use kurmadisk::formats::emit::write_map;
    use kurmadisk::formats::map::DiskMap;
    use kurmadisk::formats::output::NewFile;
    use kurmadisk::tree::{DeviceNumber, FileFlags, Node, NodeId, NodeKind, Tree};
    use rustix::fs::{
        AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, makedev,
        mknodat, utimensat,
    };
    use rustix::io::Errno;

    use super::{UnpackError, UnpackReport};

    /// The bits of a mode by which a program runs as its file's owner or group.
    const SET_ID: u32 = 0o6000;

    /// A folder that is being written.
    struct Writer<'t> {
        tree: &'t Tree,
        folder: &'t Path,
        report: UnpackReport,
    }

    pub(super) fn write(tree: &Tree, folder: &Path) -> Result<UnpackReport, UnpackError> {
        let mut writer = Writer {
            tree,
            folder,
            report: UnpackReport::default(),
        };
        writer.all()?;
        Ok(writer.report)
    }

    impl Writer<'_> {
        fn all(&mut self) -> Result<(), UnpackError> {
            let mut first_names: Vec<Option<PathBuf>> = vec![None; self.tree.node_count()];
            let mut directories: Vec<(PathBuf, NodeId)> = vec![(PathBuf::new(), Tree::ROOT)];
            let tree = self.tree;
            let mut names = tree.walk();
            while let Some((path, id)) = names.next_name() {
                let name = Path::new(OsStr::from_bytes(path));
                let node = tree.node(id);
                self.report.entries += 1;
                if let Some(first) = &first_names[id.index()] {
                    let linked = fs::hard_link(self.folder.join(first), self.folder.join(name));
                    linked.map_err(|source| self.failed(name, source))?;
                    continue;
                }
                if node.links() > 1 {
                    first_names[id.index()] = Some(name.to_path_buf());
                }
                self.make(name, &node.kind)?;
                if matches!(node.kind, NodeKind::Directory(_)) {
                    directories.push((name.to_path_buf(), id));
                } else {
                    self.describe(name, node)
                        .map_err(|source| self.failed(name, source))?;
                }
            }
            // What is made in a directory changes its time, and its mode may forbid it.
            for (name, id) in directories.iter().rev() {
                self.describe(name, tree.node(*id))
                    .map_err(|source| self.failed(name, source))?;
            }
            Ok(())
        }

        fn make(&self, name: &Path, kind: &NodeKind) -> Result<(), UnpackError> {
            let path = self.folder.join(name);
            let made = match kind {
                NodeKind::Directory(_) => fs::create_dir(&path),
                NodeKind::File(content) => return file(&path, content),
                NodeKind::Symlink(target) => symlink(OsStr::from_bytes(target), &path),
                NodeKind::CharDevice(number) => {
                    return self.device(name, FileType::CharacterDevice, *number);
                }
                NodeKind::BlockDevice(number) => {
                    return self.device(name, FileType::BlockDevice, *number);
                }
                NodeKind::Fifo => special(&path, FileType::Fifo, 0),
                NodeKind::Socket => special(&path, FileType::Socket, 0),
            };
            made.map_err(|source| self.failed(name, source))
        }

        fn device(
            &self,
            name: &Path,
            kind: FileType,
            number: DeviceNumber,
        ) -> Result<(), UnpackError> {
            let path = self.folder.join(name);
            let made = special(&path, kind, makedev(number.major, number.minor));
            made.map_err(|source| match source.kind() {
                io::ErrorKind::PermissionDenied => UnpackError::Device {
                    name: name.display().to_string(),
                },
                _ => self.failed(name, source),
            })
        }

        /// Owner, attributes, mode and time, in the order in which they survive one another.
        fn describe(&mut self, name: &Path, node: &Node) -> io::Result<()> {
            let path = self.folder.join(name);
            let meta = &node.meta;
            let mut mode = u32::from(meta.mode);
            match lchown(&path, Some(meta.uid), Some(meta.gid)) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    self.report.owners_lost += 1;
                    // Everybody could run it as whoever unpacks an image.
                    mode &= !SET_ID;
                }
                done => done?,
            }
            for (name, value) in meta.xattrs.iter() {
                match lsetxattr(&path, name, value, XattrFlags::empty()) {
                    Err(Errno::PERM | Errno::NOTSUP | Errno::INVAL) => {
                        self.report.attributes_lost += 1;
                    }
                    done => done?,
                }
            }
            // Behind the attributes: those of a file that is read-only can't be set.
            if !matches!(node.kind, NodeKind::Symlink(_)) {
                fs::set_permissions(&path, Permissions::from_mode(mode))?;
            }
            // A file that can't be changed couldn't be moved to its place either.
            self.report.attributes_lost += usize::from(meta.flags != FileFlags::NONE);
            let time = Timespec {
                tv_sec: meta.mtime.seconds,
                tv_nsec: meta.mtime.nanos.into(),
            };
            let times = Timestamps {
                last_access: time,
                last_modification: time,
            };
            utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(())
        }

        fn failed(&self, name: &Path, source: io::Error) -> UnpackError {
            UnpackError::Make {
                name: format!("/{}", name.display()),
                folder: self.folder.to_path_buf(),
                source,
            }
        }
    }

    fn file(path: &Path, content: &DiskMap) -> Result<(), UnpackError> {
        let mut file = NewFile::create(path)?;
        write_map(content, &mut file, &mut |_| ControlFlow::Continue(()))?;
        Ok(file.commit()?)
    }

    fn special(path: &Path, kind: FileType, device: u64) -> io::Result<()> {
        Ok(mknodat(CWD, path, kind, Mode::empty(), device)?)
    }
}
