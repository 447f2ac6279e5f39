//! What cannot be expressed is refused before anything is planned.

use super::dir;
use super::error::Ext4Error;
use super::inode::{SECONDS, device_fits};
use super::journal;
use super::options::{BlockSize, Ext4Options, InodeCount};
use crate::tree::{DirEntry, Node, NodeKind, Tree, lossy};

/// The most names a node can have.
const MOST_NAMES: u32 = 65000;

/// Refuses options that are out of their range.
pub fn options(options: &Ext4Options) -> Result<(), Ext4Error> {
    if options.label.len() > 16 {
        return Err(Ext4Error::Label {
            label: options.label.clone(),
        });
    }
    if options.reserved_per_mille > 500 {
        return Err(Ext4Error::Option {
            field: "reserved",
            value: options.reserved_per_mille.into(),
            range: "at most 500 thousandths",
        });
    }
    if let InodeCount::PerBytes(bytes) = options.inodes
        && bytes < options.block_size.bytes()
    {
        return Err(Ext4Error::Option {
            field: "bytes per inode",
            value: bytes.into(),
            range: "at least the block size",
        });
    }
    let time = options.time;
    if !SECONDS.contains(&time.seconds) || time.nanos >= 1_000_000_000 {
        return Err(Ext4Error::Time {
            seconds: time.seconds,
            nanos: time.nanos,
        });
    }
    journal::check(options.journal)
}

/// Refuses what no inode or directory entry can express, by its path.
pub fn tree(tree: &Tree, block_size: BlockSize) -> Result<(), Ext4Error> {
    for (id, node) in tree.nodes() {
        let reason = metadata_fault(node).or_else(|| match &node.kind {
            NodeKind::Directory(entries) => name_fault(entries),
            kind => content_fault(kind, block_size),
        });
        if let Some(reason) = reason {
            return Err(Ext4Error::Entry {
                path: tree.path_of(id),
                reason,
            });
        }
    }
    Ok(())
}

fn metadata_fault(node: &Node) -> Option<String> {
    let (time, mode) = (node.meta.mtime, node.meta.mode);
    if !SECONDS.contains(&time.seconds) {
        let seconds = time.seconds;
        return Some(format!(
            "the time {seconds} s is outside of ext4's years 1901 to 2446; give it another"
        ));
    }
    if time.nanos >= 1_000_000_000 {
        let nanos = time.nanos;
        return Some(format!(
            "{nanos} ns are no part of a second; give less than 1000000000"
        ));
    }
    if mode > 0o7777 {
        return Some(format!(
            "the mode {mode:#o} has bits beyond 0o7777; leave them out"
        ));
    }
    let names = node.links();
    (names > MOST_NAMES).then(|| {
        format!(
            "{names} names are more than the {MOST_NAMES} ext4 can count; copy the file instead"
        )
    })
}

fn name_fault(entries: &[DirEntry]) -> Option<String> {
    let long = entries
        .iter()
        .find(|entry| entry.name.len() > dir::MAX_NAME)?;
    Some(format!(
        "the name {:?} has {} bytes; ext4 has room for {}",
        lossy(&long.name),
        long.name.len(),
        dir::MAX_NAME
    ))
}

fn content_fault(kind: &NodeKind, block_size: BlockSize) -> Option<String> {
    let block = u64::from(block_size.bytes());
    match kind {
        NodeKind::Symlink(target) if target.len() as u64 >= block || target.is_empty() => {
            let (len, most) = (target.len(), block - 1);
            Some(format!(
                "a symbolic link's target must have 1 to {most} bytes, not {len}"
            ))
        }
        NodeKind::Symlink(target) if target.contains(&0) => {
            Some("a symbolic link's target must not have a NUL in it".to_owned())
        }
        NodeKind::File(content) if content.len().div_ceil(block) > u64::from(u32::MAX) => {
            let len = content.len();
            Some(format!(
                "{len} bytes are more than a file can have with blocks of {block} bytes"
            ))
        }
        NodeKind::CharDevice(device) | NodeKind::BlockDevice(device) if !device_fits(*device) => {
            Some(format!(
                "device {}:{} is beyond 4095:1048575, the largest ext4 can hold",
                device.major, device.minor
            ))
        }
        _ => None,
    }
}
