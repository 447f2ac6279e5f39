//! What an initrd holds.

use std::path::Path;

use kurmadisk::host_file;
use kurmadisk::source::{Scratch, cpio};
use kurmadisk::tree::{DeviceNumber, Node, NodeKind, Tree};
use serde::Serialize;

use super::error::InitrdError;

/// An initrd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InitrdReport {
    /// The file's length in bytes.
    pub size: u64,
    /// Its archives, in their order.
    pub pieces: Vec<PieceReport>,
}

/// An archive of an initrd, or several that are compressed as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PieceReport {
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// Its length in the file, in bytes.
    pub size: u64,
    /// The name of its compression, if it is compressed.
    pub compression: Option<&'static str>,
    /// Its length in bytes when it is uncompressed.
    pub content: u64,
    /// Whether it has microcode that the kernel takes before all else.
    pub microcode: bool,
    /// The releases of the kernels that it has modules for.
    pub kernels: Vec<String>,
    /// What is in it, by path.
    pub entries: Vec<EntryReport>,
}

/// A name in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryReport {
    /// Its path.
    pub path: String,
    /// `file`, `directory`, `symlink`, `char`, `block`, `fifo` or `socket`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Permission bits in octal.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970 of the last change.
    pub mtime: i64,
    /// A file's length in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where a link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// A device's numbers, major and minor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<(u32, u32)>,
    /// How many names it has.
    pub links: u32,
}

/// Reads the initrd at `path`: headers only, but for what is compressed, of which a copy goes where `scratch` says.
pub fn inspect(path: &Path, scratch: &Scratch) -> Result<InitrdReport, InitrdError> {
    let file = host_file(path)?;
    let pieces = cpio::pieces(&file, scratch).map_err(|error| InitrdError::cpio(path, error))?;
    let pieces = pieces.into_iter().map(|(piece, tree)| PieceReport {
        offset: piece.offset,
        size: piece.len,
        compression: piece.compression,
        content: piece.content,
        // The kernel looks for it in what is not compressed, at the file's begin.
        microcode: piece.offset == 0
            && piece.compression.is_none()
            && tree.lookup(b"kernel/x86/microcode").is_some(),
        kernels: kernels(&tree),
        entries: entries(&tree),
    });
    Ok(InitrdReport {
        size: file.len(),
        pieces: pieces.collect(),
    })
}

fn kernels(tree: &Tree) -> Vec<String> {
    let folders = ["lib/modules", "usr/lib/modules"];
    let found = folders
        .iter()
        .filter_map(|folder| tree.lookup(folder.as_bytes()));
    let names = found.flat_map(|folder| tree.entries(folder).iter());
    names
        .map(|entry| String::from_utf8_lossy(entry.name).into_owned())
        .collect()
}

fn entries(tree: &Tree) -> Vec<EntryReport> {
    let paths = tree.paths().into_iter();
    // What the archive doesn't say itself is left out.
    let said = paths.filter(|(_, node)| !tree.node(*node).is_implied());
    said.map(|(path, node)| entry(&path, tree.node(node)))
        .collect()
}

fn entry(path: &[u8], node: &Node) -> EntryReport {
    let numbers = |device: &DeviceNumber| Some((device.major, device.minor));
    let (size, target, device) = match &node.kind {
        NodeKind::File(content) => (Some(content.len()), None, None),
        NodeKind::Symlink(target) => (
            None,
            Some(String::from_utf8_lossy(target).into_owned()),
            None,
        ),
        NodeKind::CharDevice(device) | NodeKind::BlockDevice(device) => {
            (None, None, numbers(device))
        }
        _ => (None, None, None),
    };
    EntryReport {
        path: super::sysroot::shown(path),
        kind: kind_name(&node.kind),
        mode: format!("{:04o}", node.meta.mode),
        uid: node.meta.uid,
        gid: node.meta.gid,
        mtime: node.meta.mtime.seconds,
        size,
        target,
        device,
        links: node.links(),
    }
}

pub(super) fn kind_name(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Directory(_) => "directory",
        NodeKind::File(_) => "file",
        NodeKind::Symlink(_) => "symlink",
        NodeKind::CharDevice(_) => "char",
        NodeKind::BlockDevice(_) => "block",
        NodeKind::Fifo => "fifo",
        NodeKind::Socket => "socket",
    }
}
