//! The digest of a tree: what identities are derived from.

use kurmadisk_formats::map::DiskMap;
use sha2::{Digest, Sha256};

use super::{Node, NodeKind, Tree};

/// SHA-256 of every entry's path, type, size, holes, mode, owner, time, flags and
/// extended attributes, in the order of the paths.
///
/// Content is not read; two trees whose files differ in content alone have the same digest. Holes
/// count, since they decide what is allocated: by units of 512 bytes, the finest any layout can tell.
#[must_use]
pub fn digest(tree: &Tree) -> [u8; 32] {
    let mut hash = Sha256::new();
    describe(&mut hash, b"", tree.node(Tree::ROOT), 0);
    // The first name of a node, by path, stands for its number: numbers depend on how the tree was read.
    let mut first_name = vec![None; tree.node_count()];
    let mut names = tree.walk();
    let mut position = 0_u64;
    while let Some((path, id)) = names.next_name() {
        position += 1;
        let same = *first_name[id.index()].get_or_insert(position);
        describe(&mut hash, path, tree.node(id), same);
    }
    hash.finalize().into()
}

/// Contents lie at whole sectors of a disk, so finer holes change no allocation.
const HOLE_UNIT: u64 = 512;

/// Feeds one entry; variable lengths go first, so that no two lists of entries look alike.
fn describe(hash: &mut Sha256, path: &[u8], node: &Node, same: u64) {
    let meta = &node.meta;
    hash.update((path.len() as u64).to_le_bytes());
    hash.update(path);
    hash.update(same.to_le_bytes());
    hash.update(meta.mode.to_le_bytes());
    hash.update(meta.uid.to_le_bytes());
    hash.update(meta.gid.to_le_bytes());
    hash.update(meta.mtime.seconds.to_le_bytes());
    hash.update(meta.mtime.nanos.to_le_bytes());
    hash.update(meta.flags.bits().to_le_bytes());
    hash.update((meta.xattrs.iter().len() as u64).to_le_bytes());
    for text in meta.xattrs.iter().flat_map(|(name, value)| [name, value]) {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    match &node.kind {
        NodeKind::Directory(entries) => tagged(hash, b'd', entries.len() as u64),
        NodeKind::File(content) => {
            tagged(hash, b'f', content.len());
            data_runs(hash, content);
        }
        NodeKind::Symlink(target) => {
            tagged(hash, b'l', target.len() as u64);
            hash.update(target);
        }
        NodeKind::CharDevice(device) => tagged(hash, b'c', device_bits(device.major, device.minor)),
        NodeKind::BlockDevice(device) => {
            tagged(hash, b'b', device_bits(device.major, device.minor));
        }
        NodeKind::Fifo => tagged(hash, b'p', 0),
        NodeKind::Socket => tagged(hash, b's', 0),
    }
}

/// Feeds where a file has data: one run, unless it has holes.
fn data_runs(hash: &mut Sha256, content: &DiskMap) {
    let runs = content.block_runs(HOLE_UNIT);
    hash.update((runs.clone().count() as u64).to_le_bytes());
    for run in runs {
        hash.update(run.start.to_le_bytes());
        hash.update(run.end.to_le_bytes());
    }
}

fn tagged(hash: &mut Sha256, tag: u8, value: u64) {
    hash.update([tag]);
    hash.update(value.to_le_bytes());
}

fn device_bits(major: u32, minor: u32) -> u64 {
    u64::from(major) << 32 | u64::from(minor)
}
