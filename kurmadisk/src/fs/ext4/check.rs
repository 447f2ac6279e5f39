//! What cannot be expressed is refused before anything is planned.

use super::dir;
use super::error::Ext4Error;
use super::features::{Feature, FeatureError};
use super::indirect;
use super::inode::{device_fits, has_time, years};
use super::journal;
use super::options::{BlockSize, Ext4Options, InodeCount, InodeSize, JournalSize};
use crate::tree::{DirEntry, Entries, FileFlags, Node, NodeKind, Tree, lossy};

/// A directory with more subdirectories has 1 as its number of links (`dir_nlink`).
pub const MOST_LINKS: usize = 64998;

/// The most names a node can have.
const MOST_NAMES: u32 = 65000;

/// What `chown` takes for an owner that stays as it is: no file can have it.
const NO_ID: u32 = u32::MAX;

/// Flags as `lsattr` shows them.
const FLAG_LETTERS: [(FileFlags, char); 6] = [
    (FileFlags::SYNC, 'S'),
    (FileFlags::DIRSYNC, 'D'),
    (FileFlags::IMMUTABLE, 'i'),
    (FileFlags::APPEND, 'a'),
    (FileFlags::NODUMP, 'd'),
    (FileFlags::NOATIME, 'A'),
];

/// Refuses options that are out of their range.
pub fn options(options: &Ext4Options) -> Result<(), Ext4Error> {
    if options.label.len() > 16 || options.label.chars().any(char::is_control) {
        return Err(Ext4Error::Label {
            label: options.label.clone(),
        });
    }
    let mount_options = &options.mount_options;
    if mount_options.len() > 63 || mount_options.chars().any(char::is_control) {
        return Err(Ext4Error::MountOptions {
            options: mount_options.clone(),
        });
    }
    if options.free_inodes.per_mille >= 1000 {
        return Err(Ext4Error::Option {
            field: "free inodes",
            value: options.free_inodes.per_mille.into(),
            range: "less than 1000 thousandths",
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
    if !has_time(options.inode_size, time.seconds) || time.nanos >= 1_000_000_000 {
        return Err(Ext4Error::Time {
            years: years(options.inode_size).0,
            seconds: time.seconds,
            nanos: time.nanos,
        });
    }
    let mut features = options.features;
    if options.journal == JournalSize::None {
        features = features.without(Feature::HasJournal);
    }
    features.check()?;
    if let JournalSize::Blocks(_) = options.journal
        && !options.features.has(Feature::HasJournal)
    {
        return Err(FeatureError::NoJournal.into());
    }
    if let JournalSize::Blocks(count) = options.journal
        && u64::from(count) * u64::from(options.block_size.bytes()) >= 1 << 31
        && !features.has(Feature::LargeFile)
    {
        return Err(Ext4Error::Option {
            field: "journal",
            value: count.into(),
            range: "less than 2 GiB, or the feature large_file be there",
        });
    }
    journal::check(options.journal)
}

/// Refuses what no inode or directory entry can express, by its path.
pub fn tree(tree: &Tree, options: &Ext4Options) -> Result<(), Ext4Error> {
    for (id, node) in tree.nodes() {
        let reason = metadata_fault(node, options.inode_size)
            .or_else(|| flags_fault(node))
            .or_else(|| match &node.kind {
                NodeKind::Directory(entries) => name_fault(entries),
                kind => content_fault(kind, options.block_size),
            })
            .or_else(|| feature_fault(tree, node, options));
        if let Some(reason) = reason {
            return Err(Ext4Error::Entry {
                path: tree.path_of(id),
                reason,
            });
        }
    }
    Ok(())
}

fn metadata_fault(node: &Node, inode_size: InodeSize) -> Option<String> {
    let (time, mode) = (node.meta.mtime, node.meta.mode);
    if !has_time(inode_size, time.seconds) {
        let seconds = time.seconds;
        let (years, advice) = years(inode_size);
        return Some(format!(
            "the time {seconds} s is outside of ext4's years {years}; {advice}"
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
    if node.meta.uid == NO_ID || node.meta.gid == NO_ID {
        return Some(format!(
            "the number {NO_ID} means no user and no group to Linux; give it another owner"
        ));
    }
    let names = node.links();
    (names > MOST_NAMES).then(|| {
        format!(
            "{names} names are more than the {MOST_NAMES} ext4 can count; copy the file instead"
        )
    })
}

/// Flags that `chattr` can give and the kernel does not take for such a node.
fn flags_fault(node: &Node) -> Option<String> {
    let (what, allowed) = match node.kind {
        NodeKind::Directory(_) => return None,
        NodeKind::File(_) => ("a regular file", !FileFlags::DIRSYNC.bits()),
        _ => (
            "what is neither file nor directory",
            FileFlags::NODUMP.with(FileFlags::NOATIME).bits(),
        ),
    };
    let beyond = node.meta.flags.bits() & !allowed;
    (beyond != 0).then(|| {
        let letters: String = FLAG_LETTERS
            .iter()
            .filter(|(flag, _)| beyond & flag.bits() != 0)
            .map(|(_, letter)| *letter)
            .collect();
        format!("{what} can't have the flags that chattr calls {letters}; leave them out")
    })
}

fn name_fault(entries: &Entries) -> Option<String> {
    let long = entries
        .iter()
        .find(|entry| entry.name.len() > dir::MAX_NAME)?;
    Some(format!(
        "the name {:?} has {} bytes; ext4 has room for {}",
        lossy(long.name),
        long.name.len(),
        dir::MAX_NAME
    ))
}

/// What some feature is missing for.
fn feature_fault(tree: &Tree, node: &Node, options: &Ext4Options) -> Option<String> {
    let lacks = |feature| !options.features.has(feature);
    let (feature, what) = match &node.kind {
        NodeKind::Directory(entries) if lacks(Feature::DirNlink) => {
            let is_directory =
                |entry: &DirEntry<'_>| matches!(tree.node(entry.node).kind, NodeKind::Directory(_));
            let count = entries.iter().filter(is_directory).count();
            (count > MOST_LINKS).then(|| (Feature::DirNlink, format!("{count} subdirectories")))
        }
        NodeKind::File(content) if lacks(Feature::LargeFile) && content.len() >= 1 << 31 => {
            Some((Feature::LargeFile, format!("{} bytes", content.len())))
        }
        NodeKind::File(content)
            if lacks(Feature::Extent) && is_too_long(content.len(), options) =>
        {
            Some((Feature::Extent, format!("{} bytes", content.len())))
        }
        // Holes do not count, the blocks that list the others do: one for two hundred is more than enough.
        NodeKind::File(content) if lacks(Feature::HugeFile) && content.len() >= 1 << 40 => {
            let block = u64::from(options.block_size.bytes());
            let runs = content.block_runs(block);
            let blocks: u64 = runs.map(|run| run.end - run.start).sum();
            let sectors = (blocks + blocks / 200) * (block / 512);
            (sectors >= 1 << 32).then(|| (Feature::HugeFile, format!("{blocks} blocks")))
        }
        _ => None,
    }?;
    Some(format!(
        "{what} are more than a filesystem without {feature} can count; leave out ^{feature}"
    ))
}

/// Whether block lists have no room for so many bytes.
fn is_too_long(len: u64, options: &Ext4Options) -> bool {
    let block = options.block_size.bytes();
    len.div_ceil(block.into()) > indirect::most_blocks(block as usize)
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
