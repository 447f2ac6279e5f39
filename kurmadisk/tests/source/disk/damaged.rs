//! Damaged filesystems: an error or a tree, never a panic, and never more work than they are large.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use kurmadisk::fs::{ext4, fat};
use kurmadisk::tree::{Metadata, NodeKind, Tree};
use kurmadisk_fixtures::{oracle, treegen};
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;

use super::support::{KIB, MIB, mke2fs_of, run, short_links};

/// A tree of one of everything, small.
fn fill(top: &Path) {
    let spec = treegen::TreeSpec {
        folders: 2,
        files: 3,
        longest: 2000,
        crowd: 60,
        ..treegen::TreeSpec::default()
    };
    let all = tempfile::tempdir().expect("a temporary folder");
    treegen::make_tree(all.path(), 3, &spec).expect("room");
    short_links(all.path());
    for part in ["names", "links", "special", "bulk", "crowd", "times"] {
        fs::rename(all.path().join(part), top.join(part)).expect("moved");
    }
    fs::write(top.join("content"), vec![1; 30_000]).expect("room");
    for number in 0..4_u8 {
        let file = top.join(format!("file{number}"));
        fs::write(&file, [number; 100]).expect("room");
        let value = vec![number; 100 * usize::from(number)];
        oracle::setfattr(&file, "user.value", Some(&value)).expect("room");
    }
}

/// Filesystems whose damage no checksum shows, and one whose does.
static EXT: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path());
    let options = [
        "-t ext4 -b 1024 -O ^metadata_csum,^has_journal",
        "-t ext4 -b 1024 -O ^metadata_csum,^has_journal,inline_data,ea_inode,64bit -I 512",
        "-t ext2 -b 1024 -I 128",
        "-t ext4 -b 4096 -O ^has_journal,inline_data",
    ];
    let images = options.iter().map(|options| {
        let image = mke2fs_of(folder.path(), &format!("{options} -N 400"), 2 * MIB);
        fs::read(image.path()).expect("readable")
    });
    images.collect()
});

static FAT: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let images = [("12", 512), ("16", 5 * KIB), ("32", 34 * KIB)].map(|(bits, kib)| {
        let image = super::fat::mkfs(&["-F", bits, "-s", "1"], kib * KIB);
        let path = image.path().to_str().expect("UTF-8");
        run("mmd", &["-i", path, "::/folder", "::/folder/a longer name"]);
        let content = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(content.path(), vec![3; 20_000]).expect("room");
        let from = content.path().to_str().expect("UTF-8");
        for to in [
            "::/file",
            "::/folder/another long name.txt",
            "::/folder/short.txt",
        ] {
            run("mcopy", &["-i", path, from, to]);
        }
        fs::read(image.path()).expect("readable")
    });
    images.to_vec()
});

/// All contents of a tree are read, but for what is a hole.
fn read_all(tree: &Tree) {
    let mut data = 0;
    for (_, node) in tree.nodes() {
        if let NodeKind::File(map) = &node.kind {
            for extent in map.extents() {
                let mut bytes = vec![0; usize::try_from(extent.len).expect("small")];
                let reader = map.reader();
                reader
                    .read_exact_at(extent.start, &mut bytes)
                    .expect("in memory");
                data += extent.len;
            }
        }
    }
    assert!(data < 40 * MIB, "no byte is there twice: {data}");
}

fn map(bytes: Vec<u8>) -> DiskMap {
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes).expect("within its length");
    map
}

/// Changes of single bytes and of whole words, as a fraction of what there is of interest.
fn changes() -> impl Strategy<Value = Vec<(u32, u32, bool)>> {
    let value = prop_oneof![
        any::<u32>(),
        0..600_u32,
        Just(0),
        Just(u32::MAX),
        Just(0x7fff_ffff),
    ];
    prop::collection::vec((any::<u32>(), value, any::<bool>()), 1..10)
}

/// Puts the changes where there is something other than zeros, or near.
fn damage(bytes: &mut [u8], changes: &[(u32, u32, bool)]) {
    let filled: Vec<usize> = (0..bytes.len() / 16)
        .filter(|at| bytes[at * 16..at * 16 + 16].iter().any(|byte| *byte != 0))
        // Not the insides of contents.
        .filter(|at| {
            let piece = &bytes[at * 16..at * 16 + 16];
            piece.iter().any(|byte| *byte != piece[0])
        })
        .collect();
    for (place, value, is_word) in changes {
        let place = *place as usize;
        let at = filled[place / 16 % filled.len()] * 16 + place % 16;
        if *is_word {
            let at = at / 4 * 4;
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        } else {
            bytes[at] = value.to_le_bytes()[0];
        }
    }
}

#[test]
fn undamaged_ones_are_read() {
    for bytes in EXT.iter() {
        read_all(&ext4::read_tree(&map(bytes.clone())).expect("a filesystem"));
    }
    for bytes in FAT.iter() {
        read_all(&fat::read_tree(&map(bytes.clone()), Metadata::default()).expect("a volume"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_bytes_of_a_filesystem_panic(which in 0..4_usize, changes in changes()) {
        let mut bytes = EXT[which].clone();
        damage(&mut bytes, &changes);
        if let Ok(tree) = ext4::read_tree(&map(bytes)) {
            read_all(&tree);
        }
    }

    #[test]
    fn no_superblock_panics(
        which in 0..4_usize,
        fields in prop::collection::vec((0..160_usize, any::<u32>(), 0..32_u32), 1..4),
        len in prop_oneof![Just(0), Just(1_u64 << 44), Just(1 << 62)],
    ) {
        let mut bytes = EXT[which].clone();
        for (field, value, shift) in fields {
            let at = 1024 + field * 4;
            bytes[at..at + 4].copy_from_slice(&(value >> shift).to_le_bytes());
        }
        // On a volume with room for whatever the superblock says.
        let mut volume = map(bytes);
        volume.grow(len);
        if let Ok(tree) = ext4::read_tree(&volume) {
            read_all(&tree);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_of_a_volume_panic(
        which in 0..2_usize,
        changes in changes(),
        boot in prop::collection::vec((11..90_usize, any::<u8>()), 0..2),
    ) {
        let mut bytes = FAT[which].clone();
        damage(&mut bytes, &changes);
        for (at, value) in boot {
            bytes[at] = value;
        }
        if let Ok(tree) = fat::read_tree(&map(bytes), Metadata::default()) {
            read_all(&tree);
        }
    }
}
