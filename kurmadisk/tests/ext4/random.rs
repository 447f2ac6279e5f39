//! Random trees in random filesystems.

use kurmadisk::fs::ext4::{
    ErrorPolicy, Ext4Error, Ext4Options, Ext4Plan, Feature, FeatureError, Features, FreeInodes,
    InodeCount, InodeSize, JournalSize, Profile,
};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{
    DeviceNumber, Entries, FileFlags, Metadata, NodeId, NodeKind, Timestamp, Tree, Xattrs,
};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;
use proptest::prelude::*;

use super::diff::same;
use super::support::{BLOCK_SIZES, MIB, checked, fixed, judged, options};

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
    let flags = prop_oneof![
        3 => Just(FileFlags::NONE),
        1 => Just(FileFlags::NODUMP.with(FileFlags::NOATIME)),
    ];
    (
        0..=0o7777_u16,
        0..u32::MAX,
        0..u32::MAX,
        seconds,
        0..1_000_000_000_u32,
        any_xattrs(),
        flags,
    )
        .prop_map(|(mode, uid, gid, seconds, nanos, xattrs, flags)| Metadata {
            mode,
            uid,
            gid,
            mtime: Timestamp { seconds, nanos },
            xattrs,
            flags,
        })
}

/// As many as fit a block of 1 KiB.
fn any_xattrs() -> impl Strategy<Value = Xattrs> {
    let name = prop_oneof![
        "user\\.[a-c]{1,3}",
        "trusted\\.[à-ö]{1,9}",
        "security\\.[x-z]{1,3}"
    ];
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..30),
        (any::<u8>(), 0..180_usize).prop_map(|(byte, len)| vec![byte; len]),
    ];
    let some = prop::collection::vec((name, value), 1..5);
    prop_oneof![
        2 => Just(Xattrs::new()),
        1 => some.prop_map(|pairs| pairs.into_iter().collect()),
    ]
}

/// What Linux lets only files and directories have is taken away from others.
fn allowed(mut meta: Metadata, kind: &NodeKind) -> Metadata {
    if !matches!(kind, NodeKind::File(_) | NodeKind::Directory(_)) {
        let others = meta.xattrs.iter();
        let others = others.filter(|(name, _)| !name.starts_with(b"user."));
        meta.xattrs = others.collect();
    }
    meta
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
            Entry::Directory(entries) => (NodeKind::Directory(Entries::new()), Some(entries)),
        };
        let meta = allowed(meta, &kind);
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

/// Features that can be together: what another one lacks is left out. The second reader does not know
/// `large_dir`.
fn any_features() -> impl Strategy<Value = Features> {
    let changeable = vec![
        Feature::ResizeInode,
        Feature::DirIndex,
        Feature::OrphanFile,
        Feature::Extent,
        Feature::Bits64,
        Feature::FlexBg,
        Feature::MetadataCsumSeed,
        Feature::SparseSuper,
        Feature::LargeFile,
        Feature::HugeFile,
        Feature::UninitBg,
        Feature::DirNlink,
        Feature::ExtraIsize,
        Feature::MetadataCsum,
    ];
    let most = changeable.len();
    let changed = prop::sample::subsequence(changeable, 0..=most);
    changed.prop_map(|changed| {
        let usual = Profile::Ext4.features();
        let toggled = changed.into_iter().fold(usual, |features, feature| {
            if features.has(feature) {
                features.without(feature)
            } else {
                features.with(feature)
            }
        });
        let mut features = toggled;
        while let Err(error) = features.check() {
            features = match error {
                FeatureError::Needs { feature, .. } => features.without(feature),
                FeatureError::Excludes { other, .. } => features.without(other),
                error => panic!("{error}"),
            };
        }
        features
    })
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
        any_features(),
        (0..300_u32, 0..900_u16, 0..8_u8, 0..4_u8),
    )
        .prop_map(
            |(block_size, inodes, journal, errors, reserved, lost_found, label, features, more)| {
                let (count, per_mille, read_only, short) = more;
                let options = Ext4Options {
                    block_size,
                    inodes,
                    journal,
                    errors,
                    reserved_per_mille: reserved,
                    lost_found,
                    label,
                    inode_size: if short == 0 {
                        InodeSize::B128
                    } else {
                        InodeSize::B256
                    },
                    features: if journal == JournalSize::None {
                        features.without(Feature::OrphanFile)
                    } else {
                        features
                    },
                    free_inodes: match inodes {
                        InodeCount::PerBytes(_) => FreeInodes { count, per_mille },
                        _ => FreeInodes::default(),
                    },
                    ..options()
                };
                if read_only == 0 {
                    options.read_only()
                } else {
                    options
                }
            },
        )
}

/// The tree with times that inodes of this size have room for.
fn timed(mut tree: Tree, options: &Ext4Options) -> Tree {
    if options.inode_size == InodeSize::B128 {
        let ids: Vec<_> = tree.nodes().map(|(id, _)| id).collect();
        for id in ids {
            let time = &mut tree.metadata_mut(id).mtime;
            *time = Timestamp {
                seconds: time.seconds % (1 << 31),
                nanos: 0,
            };
        }
    }
    tree
}

/// Builds the filesystem and asks the kernel, and the second reader where it knows such a one: that takes holes in
/// block lists for a fault, and looks for a checksum's other half behind a short inode's end.
fn survives(tree: &Tree, plan: &Ext4Plan) {
    let options = plan.options();
    let known = options.features.has(Feature::Extent) && options.inode_size == InodeSize::B256;
    let image = if known {
        judged(tree, plan)
    } else {
        checked(tree, plan)
    };
    let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
    same(tree, mount.path());
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
        let tree = timed(tree, &options);
        let plan = Ext4Plan::new(tree.clone(), VolumeSize::Auto(free), &options).expect("fits");
        let block = u64::from(options.block_size.bytes());
        match free {
            FreeSpace::Bytes(bytes) => prop_assert!(plan.free_blocks() * block >= bytes),
            FreeSpace::PerMille(share) => {
                prop_assert!(plan.free_blocks() * 1000 >= plan.blocks() * u64::from(share));
            }
        }
        let free_inodes = plan.inodes() - plan.used_inodes();
        prop_assert!(free_inodes >= u64::from(options.free_inodes.count));
        let share = u64::from(options.free_inodes.per_mille);
        prop_assert!(free_inodes * 1000 >= plan.inodes() * share);
        survives(&tree, &plan);
        let again = fixed(&tree, plan.size(), &options).expect("its own size");
        prop_assert_eq!(again.blocks(), plan.blocks());
        prop_assert_eq!(again.free_blocks(), plan.free_blocks());
        // Any larger size will do.
        survives(&tree, &fixed(&tree, plan.size() + more, &options).expect("larger"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_block_less_than_the_smallest_is_too_small(tree in any_tree(), options in any_options()) {
        let tree = timed(tree, &options);
        let size = VolumeSize::Auto(FreeSpace::Bytes(0));
        let plan = Ext4Plan::new(tree.clone(), size, &options).expect("fits");
        let block = u64::from(options.block_size.bytes());
        let less = fixed(&tree, plan.size() - block, &options);
        let too_small = matches!(less, Err(Ext4Error::TooSmall { needed, .. }) if needed == plan.blocks());
        prop_assert!(too_small);
        for more in 0..40 {
            prop_assert!(fixed(&tree, plan.size() + more * 37 * block, &options).is_ok());
        }
    }
}
