//! Types of files.

use std::str::FromStr;

use crate::tree::NodeKind;

/// The type of a file, by mtree's name for it, or a longer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `dir`, `directory`.
    Directory,
    /// `file`.
    File,
    /// `link`, `symlink`.
    Symlink,
    /// `char`.
    CharDevice,
    /// `block`.
    BlockDevice,
    /// `fifo`.
    Fifo,
    /// `socket`.
    Socket,
}

impl Kind {
    pub(super) fn of(kind: &NodeKind) -> Self {
        match kind {
            NodeKind::Directory(_) => Self::Directory,
            NodeKind::File(_) => Self::File,
            NodeKind::Symlink(_) => Self::Symlink,
            NodeKind::CharDevice(_) => Self::CharDevice,
            NodeKind::BlockDevice(_) => Self::BlockDevice,
            NodeKind::Fifo => Self::Fifo,
            NodeKind::Socket => Self::Socket,
        }
    }

    /// With its article, for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Directory => "a folder",
            Self::File => "a regular file",
            Self::Symlink => "a symbolic link",
            Self::CharDevice => "a character device",
            Self::BlockDevice => "a block device",
            Self::Fifo => "a named pipe",
            Self::Socket => "a socket",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "dir" | "directory" => Self::Directory,
            "file" => Self::File,
            "link" | "symlink" => Self::Symlink,
            "char" => Self::CharDevice,
            "block" => Self::BlockDevice,
            "fifo" => Self::Fifo,
            "socket" => Self::Socket,
            _ => {
                return Err(format!(
                    "{text:?} is no type; it must be file, dir, link, char, block, fifo or socket"
                ));
            }
        })
    }
}

/// Whether it is a regular file without content, as stands for what else could not be made. Holes are content.
pub(super) fn is_empty_file(kind: &NodeKind) -> bool {
    matches!(kind, NodeKind::File(content) if matches!(content.len(), 0))
}
