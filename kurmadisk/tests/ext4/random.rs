//! Random trees in random filesystems.

use kurmadisk::fs::ext4::{ErrorPolicy, Ext4Error, Ext4Options, Ext4Plan, InodeCount, JournalSize};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{DeviceNumber, Metadata, NodeId, NodeKind, Timestamp, Tree};
use kurmadisk_formats::map::DiskMap;
use proptest::prelude::*;

use super::support::{BLOCK_SIZES, MIB, fixed, judged, options};

/// A node of a random tree.
#[derive(Clone, Debug)]
enum Entry {
    /// Length, and pieces of data by offset and length, as thousandths of it.
    File(u32, Vec<(u16, u16)>),
    Symlink(String),
    Special(u8, u32, u32),
    /// One more name of an earlier file.
    Link(prop::sample::Index),
    Directory(Vec<(Vec<u8>, Metadata, Entry)>),
}

fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no name has it", |byte| *byte != b'/' && *byte != 0);
    let name = prop_oneof![
        4 => "[a-z]{1,12}".prop_map(String::into_bytes),
        1 => prop::collection::vec(byte, 1..40),
        1 => "[A-Z]{240,255}".prop_map(String::into_bytes),
    ];
    name.prop_filter("taken", |name| {
        name != b"." && name != b".." && name != b"lost+found"
    })
}

fn any_meta() -> impl Strategy<Value = Metadata> {
    // The times that the second reader knows.
    let seconds = (0..4_i64, 0..1_i64 << 31).prop_map(|(epoch, second)| (epoch << 32) + second);
    (
        0..=0o7777_u16,
        any::<u32>(),
        any::<u32>(),
        seconds,
        0..1_000_000_000_u32,
    )
        .prop_map(|(mode, uid, gid, seconds, nanos)| Metadata {
            mode,
            uid,
            gid,
            mtime: Timestamp { seconds, nanos },
        })
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let pieces = prop::collection::vec((0..1000_u16, 0..1000_u16), 0..9);
    let leaf = prop_oneof![
        2 => Just(Entry::File(0, Vec::new())),
        4 => (1..300_000_u32, pieces).prop_map(|(len, pieces)| Entry::File(len, pieces)),
        2 => "[a-z]{1,100}(/[a-z]{1,200}){0,4}".prop_map(Entry::Symlink),
        1 => (0..4_u8, 0..4096_u32, 0..1_u32 << 20)
            .prop_map(|(kind, major, minor)| Entry::Special(kind, major, minor)),
        1 => any::<prop::sample::Index>().prop_map(Entry::Link),
    ];
    leaf.prop_recursive(4, 60, 12, |inner| {
        prop::collection::vec((any_name(), any_meta(), inner), 0..12).prop_map(Entry::Directory)
    })
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let entries = prop::collection::vec((any_name(), any_meta(), any_entry()), 0..16);
    (any_meta(), entries).prop_map(|(meta, entries)| {
        let mut tree = Tree::new(meta);
        grow(&mut tree, Tree::ROOT, entries, &mut Vec::new());
        tree
    })
}

fn grow(
    tree: &mut Tree,
    dir: NodeId,
    entries: Vec<(Vec<u8>, Metadata, Entry)>,
    files: &mut Vec<NodeId>,
) {
    for (name, meta, entry) in entries {
        if tree.child(dir, &name).is_some() {
            continue;
        }
        let device = |major, minor| DeviceNumber { major, minor };
        let (kind, below) = match entry {
            Entry::File(len, pieces) => (NodeKind::File(sparse(len, &pieces)), None),
            Entry::Symlink(target) => (NodeKind::Symlink(target.into_bytes().into()), None),
            Entry::Special(0, ..) => (NodeKind::Fifo, None),
            Entry::Special(1, ..) => (NodeKind::Socket, None),
            Entry::Special(2, major, minor) => (NodeKind::CharDevice(device(major, minor)), None),
            Entry::Special(_, major, minor) => (NodeKind::BlockDevice(device(major, minor)), None),
            Entry::Link(which) => {
                if !files.is_empty() {
                    tree.link(dir, &name, *which.get(files)).expect("new");
                }
                continue;
            }
            Entry::Directory(entries) => (NodeKind::Directory(Vec::new()), Some(entries)),
        };
        let id = tree.add(dir, &name, meta, kind).expect("new");
        match below {
            Some(entries) => grow(tree, id, entries, files),
            None => files.push(id),
        }
    }
}

fn sparse(len: u32, pieces: &[(u16, u16)]) -> DiskMap {
    let len = u64::from(len);
    let mut map = DiskMap::new(len);
    for (start, size) in pieces {
        let start = len * u64::from(*start) / 1000;
        let size = (len * u64::from(*size) / 1000).min(len - start);
        let bytes: Vec<u8> = (0_u8..251)
            .cycle()
            .take(usize::try_from(size).expect("small"))
            .collect();
        // A piece that lies on an earlier one is left out.
        drop(map.insert_bytes(start, bytes));
    }
    map
}

fn any_options() -> impl Strategy<Value = Ext4Options> {
    let inodes = prop_oneof![
        (4096..100_000_u32).prop_map(InodeCount::PerBytes),
        (200..5000_u32).prop_map(InodeCount::Exact),
    ];
    let journal = prop_oneof![
        2 => Just(JournalSize::Auto),
        1 => Just(JournalSize::None),
        1 => (1024..3000_u32).prop_map(JournalSize::Blocks),
    ];
    let errors = [
        ErrorPolicy::Continue,
        ErrorPolicy::RemountReadOnly,
        ErrorPolicy::Panic,
    ];
    (
        prop::sample::select(&BLOCK_SIZES),
        inodes,
        journal,
        prop::sample::select(errors.to_vec()),
        0..=500_u16,
        any::<bool>(),
        "[a-zA-Z0-9 _-]{0,16}",
    )
        .prop_map(
            |(block_size, inodes, journal, errors, reserved_per_mille, lost_found, label)| {
                Ext4Options {
                    block_size,
                    inodes,
                    journal,
                    errors,
                    reserved_per_mille,
                    lost_found,
                    label,
                    ..options()
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_trees_survive(
        tree in any_tree(),
        options in any_options(),
        free in prop_oneof![
            (0..950_u16).prop_map(FreeSpace::PerMille),
            (0..400 * MIB).prop_map(FreeSpace::Bytes),
        ],
        more in 0..100 * MIB,
    ) {
        let plan = Ext4Plan::new(&tree, VolumeSize::Auto(free), &options).expect("fits");
        let block = u64::from(options.block_size.bytes());
        match free {
            FreeSpace::Bytes(bytes) => prop_assert!(plan.free_blocks() * block >= bytes),
            FreeSpace::PerMille(share) => {
                prop_assert!(plan.free_blocks() * 1000 >= plan.blocks() * u64::from(share));
            }
        }
        judged(&tree, &plan);
        let same = fixed(&tree, plan.size(), &options).expect("its own size");
        prop_assert_eq!(same.blocks(), plan.blocks());
        prop_assert_eq!(same.free_blocks(), plan.free_blocks());
        // Any larger size will do.
        judged(&tree, &fixed(&tree, plan.size() + more, &options).expect("larger"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_block_less_than_the_smallest_is_too_small(tree in any_tree(), options in any_options()) {
        let size = VolumeSize::Auto(FreeSpace::Bytes(0));
        let plan = Ext4Plan::new(&tree, size, &options).expect("fits");
        let block = u64::from(options.block_size.bytes());
        let less = fixed(&tree, plan.size() - block, &options);
        let too_small = matches!(less, Err(Ext4Error::TooSmall { needed, .. }) if needed == plan.blocks());
        prop_assert!(too_small);
        for more in 0..40 {
            prop_assert!(fixed(&tree, plan.size() + more * 37 * block, &options).is_ok());
        }
    }
}
