//! Indexed directories: e2fsck and debugfs check the trees, the kernel finds every name in them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use kurmadisk::fs::ext4::{BlockSize, Ext4Error, Ext4Options, Ext4Plan, JournalSize, NameBytes};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{NodeId, NodeKind, Tree};
use kurmadisk_fixtures::oracle;
use proptest::prelude::*;

use super::support::{BLOCK_SIZES, Image, checked, fields, fixed, judged, meta, options, stat};

fn smallest(tree: &Tree, options: &Ext4Options) -> Ext4Plan {
    let size = VolumeSize::Auto(FreeSpace::Bytes(0));
    Ext4Plan::new(tree.clone(), size, options).expect("fits")
}

fn with_blocks(block_size: BlockSize) -> Ext4Options {
    Ext4Options {
        block_size,
        ..options()
    }
}

/// A tree with a directory `dir` of these names, each of a pipe of its own.
fn crowd(names: &[Vec<u8>]) -> Tree {
    let mut tree = Tree::new(meta());
    let dir = tree.make_dirs(b"dir", &meta()).expect("new");
    fill(&mut tree, dir, names);
    tree
}

fn fill(tree: &mut Tree, dir: NodeId, names: &[Vec<u8>]) {
    for name in names {
        tree.add(dir, name, meta(), NodeKind::Fifo).expect("new");
    }
}

/// Names of that length, all different.
fn numbered(count: usize, len: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| format!("{number:0>len$}").into_bytes())
        .collect()
}

/// Every byte a name can have, every length, high bytes at every place of a word.
fn odd_names() -> Vec<Vec<u8>> {
    let bytes = || (1..=255_u8).filter(|byte| *byte != b'/');
    let single = bytes().filter(|byte| *byte != b'.').map(|byte| vec![byte]);
    let long = (2..=255).map(|len| bytes().cycle().skip(len * 11).take(len).collect());
    let high = (2..=255).map(|len| vec![0x80 + u8::try_from(len / 2).expect("small"); len]);
    let mixed = (0..600_usize).map(|number| {
        let mut name = format!("{number:0>9}").into_bytes();
        name[number % 9] = 0x80 + u8::try_from(number % 128).expect("small");
        name
    });
    let text = [
        "...",
        "häßlich",
        "ファイル",
        "файл",
        "🦀",
        "a\nb",
        " ",
        "\u{7f}",
    ];
    let text = text.iter().map(|name| name.as_bytes().to_vec());
    let all: BTreeSet<_> = single
        .chain(long)
        .chain(high)
        .chain(mixed)
        .chain(text)
        .collect();
    all.into_iter().collect()
}

/// What debugfs shows of an index.
struct Dump {
    /// Levels of index blocks, the root among them.
    levels: usize,
    /// For each block of names the hash in the index (0 for the first of an index block), and those of its
    /// names.
    leaves: Vec<(u32, Vec<(u32, u32)>)>,
}

fn dump(image: &Image, path: &str) -> Dump {
    let text = oracle::debugfs(image.path(), 0, &format!("htree_dump {path}")).expect("an index");
    let levels = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Indirect levels: "))
        .expect("a root");
    let mut dump = Dump {
        levels: 1 + levels.parse::<usize>().expect("a number"),
        leaves: Vec::new(),
    };
    let mut hash = 0;
    for line in text.lines() {
        if let Some((_, entry)) = line.split_once(": Hash 0x")
            && line.starts_with("Entry #")
        {
            hash = u32::from_str_radix(&entry[..8], 16).expect("a hash");
        } else if line.starts_with("Reading directory block") {
            dump.leaves.push((hash, Vec::new()));
        } else if let Some((_, names)) = dump.leaves.last_mut() {
            names.extend(hashes_in(line));
        }
    }
    // Blocks of the index are announced in the same way, before what is in them.
    dump.leaves.retain(|(_, names)| !names.is_empty());
    dump
}

/// Every `0x01234567-89abcdef (` of a line: a name may end the line, or be followed by another.
fn hashes_in(line: &str) -> impl Iterator<Item = (u32, u32)> {
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    line.split(" 0x").skip(1).filter_map(move |rest| {
        let (hashes, _) = rest.split_once(" (")?;
        let (major, minor) = hashes.split_once('-')?;
        number(major).zip(number(minor))
    })
}

impl Dump {
    /// Every block of names holds what the index says, in order; gives how many go on with the hash that the
    /// block before ended with.
    fn check(&self, names: usize) -> usize {
        let all: Vec<_> = self.leaves.iter().flat_map(|(_, hashes)| hashes).collect();
        assert_eq!(all.len(), names);
        assert!(all.is_sorted());
        let mut continued = 0;
        for two in self.leaves.windows(2) {
            let (before, (hash, names)) = (&two[0].1, &two[1]);
            let goes_on = before[before.len() - 1].0 == names[0].0;
            continued += usize::from(goes_on);
            assert!(*hash == 0 || *hash == names[0].0 | u32::from(goes_on));
        }
        continued
    }
}

/// The kernel finds every name, lists them all, and finds nothing else. Names are ascending.
fn looked_up(image: &Image, plan: &Ext4Plan, dir: &str, names: &[Vec<u8>]) {
    let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
    found_in(&mount.path().join(dir), names);
}

fn found_in(dir: &Path, names: &[Vec<u8>]) {
    let mut inodes = BTreeSet::new();
    for name in names {
        let found = fs::symlink_metadata(dir.join(OsStr::from_bytes(name)));
        let found = found.unwrap_or_else(|error| panic!("{}: {error}", name.escape_ascii()));
        inodes.insert(std::os::unix::fs::MetadataExt::ino(&found));
        // Names that are not there: longer, shorter, changed.
        let absent = [[name, &b"~"[..]].concat(), [b"~", &name[1..]].concat()];
        for absent in absent.iter().filter(|absent| absent.len() <= 255) {
            let there = fs::symlink_metadata(dir.join(OsStr::from_bytes(absent))).is_ok();
            assert_eq!(
                there,
                names.binary_search(absent).is_ok(),
                "{}",
                absent.escape_ascii()
            );
        }
    }
    assert_eq!(inodes.len(), names.len());
    assert_eq!(listed(dir), names);
}

/// The names readdir gives, each as often as it gives it, ascending.
fn listed(dir: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(dir).expect("a directory");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("readable").file_name().into_vec())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn names_of_every_byte_and_length_are_found() {
    let names = odd_names();
    let tree = crowd(&names);
    for block_size in BLOCK_SIZES {
        for hash_bytes in [NameBytes::Signed, NameBytes::Unsigned] {
            let options = Ext4Options {
                hash_bytes,
                ..with_blocks(block_size)
            };
            let plan = smallest(&tree, &options);
            let less = plan.size() - u64::from(block_size.bytes());
            let error = fixed(&tree, less, &options).expect_err("one block less");
            let exact =
                matches!(error, Ext4Error::TooSmall { needed, .. } if needed == plan.blocks());
            assert!(exact, "{error}");
            let image = judged(&tree, &plan);
            assert!(stat(&image, "/dir").contains("Flags: 0x81000\n"));
            let flags = match hash_bytes {
                NameBytes::Signed => "signed_directory_hash",
                NameBytes::Unsigned => "unsigned_directory_hash",
            };
            assert_eq!(fields(&image)["Filesystem flags"].trim(), flags);
            looked_up(&image, &plan, "dir", &names);
        }
    }
}

#[test]
fn the_root_directory_may_be_indexed() {
    let mut names = numbered(500, 100);
    let mut tree = Tree::new(meta());
    fill(&mut tree, Tree::ROOT, &names);
    let plan = smallest(&tree, &options());
    let image = judged(&tree, &plan);
    names.push(b"lost+found".to_vec());
    assert_eq!(dump(&image, "/").check(names.len()), 0);
    looked_up(&image, &plan, ".", &names);
    // The one that was added has room, and no index.
    let found = stat(&image, "/lost+found");
    assert!(
        found.contains("Flags: 0x80000\n") && found.contains("Size: 16384\n"),
        "{found}"
    );
}

#[test]
fn a_directory_of_one_block_has_no_index() {
    // 24 bytes of dots and 12 of tail leave 83 entries of 12 bytes: names of up to 4.
    let names = numbered(82, 4);
    let tree = crowd(&names);
    let image = judged(&tree, &smallest(&tree, &with_blocks(BlockSize::B1024)));
    assert!(stat(&image, "/dir").contains("Flags: 0x80000\n"));
    let names = numbered(83, 4);
    let tree = crowd(&names);
    let plan = smallest(&tree, &with_blocks(BlockSize::B1024));
    let image = judged(&tree, &plan);
    assert!(stat(&image, "/dir").contains("Flags: 0x81000\n"));
    let dump = dump(&image, "/dir");
    dump.check(names.len());
    assert_eq!((dump.levels, dump.leaves.len()), (1, 2));
    looked_up(&image, &plan, "dir", &names);
}

/// Ends of names that, behind 192 letters `x`, have one hash with the seed of these tests, five each.
const COLLISIONS: [[&str; 5]; 3] = [
    ["aahjihgg", "acgajfcb", "acnonacb", "adfmnpnh", "agnchnkj"],
    ["adnfphhc", "aehakkhf", "afcbglkc", "ahgnaaoa", "ahkapneo"],
    ["aacmglan", "abkdcdnn", "addahnla", "agdedinl", "agdkhfga"],
];

/// Ten names for each of the hashes: each end also spells out the padding it is hashed with.
fn colliding() -> Vec<Vec<u8>> {
    let pairs = COLLISIONS.iter().flatten().flat_map(|end| {
        let name = ["x".repeat(192).as_bytes(), end.as_bytes()].concat();
        let twin = [&name[..], &[8; 24]].concat();
        [name, twin]
    });
    pairs.collect()
}

#[test]
fn a_hash_may_go_on_in_further_blocks() {
    let mut names = colliding();
    names.extend(numbered(400, 60));
    names.sort_unstable();
    let tree = crowd(&names);
    for (block_size, least) in [(BlockSize::B1024, 6), (BlockSize::B2048, 3)] {
        let plan = smallest(&tree, &with_blocks(block_size));
        let image = judged(&tree, &plan);
        let continued = dump(&image, "/dir").check(names.len());
        assert!(continued >= least, "{continued} blocks go on");
        looked_up(&image, &plan, "dir", &names);
    }
}

#[test]
fn as_many_levels_as_are_needed() {
    for (count, levels) in [(300, 1), (366, 1), (30_000, 2), (47_000, 3)] {
        let names = numbered(count, 255);
        let tree = crowd(&names);
        let options = with_blocks(BlockSize::B1024);
        let plan = smallest(&tree, &options);
        let image = checked(&tree, &plan);
        let dump = dump(&image, "/dir");
        dump.check(names.len());
        assert_eq!(dump.levels, levels);
        // Three of these names fit a block.
        assert_eq!(dump.leaves.len(), count.div_ceil(3));
        let large = fields(&image)["Filesystem features"].contains("large_dir");
        assert_eq!(large, levels == 3);
        looked_up(&image, &plan, "dir", &names);
    }
}

#[test]
fn indexed_directories_can_be_changed() {
    for (block_size, count, len) in [
        (BlockSize::B1024, 100, 20),
        (BlockSize::B1024, 5_000, 200),
        (BlockSize::B1024, 47_000, 255),
        (BlockSize::B4096, 10_000, 30),
    ] {
        let mut names = numbered(count, len);
        let tree = crowd(&names);
        let options = Ext4Options {
            journal: JournalSize::None,
            ..with_blocks(block_size)
        };
        let size = VolumeSize::Auto(FreeSpace::Bytes(4 << 20));
        let plan = Ext4Plan::new(tree.clone(), size, &options).expect("fits");
        let image = checked(&tree, &plan);
        let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
        let dir = mount.path().join("dir");
        let path = |name: &[u8]| dir.join(OsStr::from_bytes(name));
        let new = |number: usize| format!("{number:n>len$}").into_bytes();
        for number in 0..300.min(count / 2) {
            fs::hard_link(path(&names[0]), path(&new(number))).expect("room");
            names.push(new(number));
            let renamed = [b"r", &names[number][1..]].concat();
            fs::rename(path(&names[number]), path(&renamed)).expect("there");
            names[number] = renamed;
            let removed = names.swap_remove(count / 2 - number / 10);
            fs::remove_file(path(&removed)).expect("there");
        }
        names.sort_unstable();
        assert_eq!(listed(&dir), names);
        for name in &names {
            assert!(fs::symlink_metadata(path(name)).is_ok());
        }
        drop(mount);
        oracle::e2fsck_clean(image.path(), 0).expect("clean after use");
    }
}

#[test]
fn e2fsck_makes_them_anew() {
    let mut colliding = colliding();
    colliding.extend(numbered(400, 60));
    colliding.sort_unstable();
    for (names, block_size, hash_bytes) in [
        (odd_names(), BlockSize::B4096, NameBytes::Signed),
        (odd_names(), BlockSize::B1024, NameBytes::Unsigned),
        (colliding, BlockSize::B1024, NameBytes::Signed),
        (numbered(47_000, 255), BlockSize::B1024, NameBytes::Signed),
    ] {
        let tree = crowd(&names);
        let options = Ext4Options {
            hash_bytes,
            ..with_blocks(block_size)
        };
        // Room to write the new one before the old one is given up.
        let size = VolumeSize::Auto(FreeSpace::Bytes(20 << 20));
        let plan = Ext4Plan::new(tree.clone(), size, &options).expect("fits");
        let image = checked(&tree, &plan);
        oracle::e2fsck_optimise(image.path()).expect("it finds nothing to mend");
        oracle::e2fsck_clean(image.path(), 0).expect("clean after");
        looked_up(&image, &plan, "dir", &names);
    }
}

#[test]
fn a_hundred_thousand_names() {
    let names = numbered(100_000, 12);
    let tree = crowd(&names);
    let plan = smallest(&tree, &options());
    let image = checked(&tree, &plan);
    assert_eq!(dump(&image, "/dir").check(names.len()), 0);
    let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
    let dir = mount.path().join("dir");
    for name in &names {
        assert!(fs::symlink_metadata(dir.join(OsStr::from_bytes(name))).is_ok());
    }
    assert_eq!(listed(&dir), names);
}

fn any_names() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = any::<u8>().prop_filter("no name has it", |byte| *byte != b'/' && *byte != 0);
    let name = prop::collection::vec(byte, 1..=255);
    let name = name.prop_filter("taken", |name| name != b"." && name != b"..");
    prop::collection::btree_set(name, 1..400).prop_map(|names| names.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_names_are_found(
        names in any_names(),
        block_size in prop::sample::select(&BLOCK_SIZES),
        unsigned in any::<bool>(),
        seed in any::<u128>(),
    ) {
        let tree = crowd(&names);
        let options = Ext4Options {
            hash_bytes: if unsigned { NameBytes::Unsigned } else { NameBytes::Signed },
            hash_seed: uuid::Uuid::from_u128(seed),
            ..with_blocks(block_size)
        };
        let plan = smallest(&tree, &options);
        let image = judged(&tree, &plan);
        looked_up(&image, &plan, "dir", &names);
    }
}
