//! Blocks whose numbers take more than 32 bits.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan, InodeCount};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{NodeKind, Tree};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::error::SourceError;
use kurmadisk_formats::map::{Content, ContentId, ContentStore, DiskMap, Extent, Source};
use kurmadisk_formats::read_at::ReadAt;

use super::support::{GIB, MIB, content, meta, options};

const TIB: u64 = 1 << 40;

/// Contents of data that nobody reads.
#[derive(Debug)]
struct Unread;

impl ContentStore for Unread {
    fn open(&self, _: ContentId) -> Result<Box<dyn Content>, SourceError> {
        Err(SourceError::OutOfRange)
    }
}

/// A file without holes.
fn dense(len: u64) -> NodeKind {
    let mut map = DiskMap::new(len);
    let source = Source::Content {
        store: Arc::new(Unread),
        id: ContentId(0),
        offset: 0,
    };
    let extent = Extent {
        start: 0,
        len,
        source,
    };
    map.insert(extent).expect("all of it");
    NodeKind::File(map)
}

/// A file of as many pieces as there are holes between them.
fn comb(pieces: u64) -> NodeKind {
    let mut map = DiskMap::new(pieces * 8192);
    for number in 0..pieces {
        let bytes = number.to_le_bytes().to_vec();
        map.insert_bytes(number * 8192, bytes).expect("in range");
    }
    NodeKind::File(map)
}

/// Writes what no file is needed for: the other contents stay holes.
fn write_metadata(map: &DiskMap, path: &Path) {
    let file = File::create_new(path).expect("new");
    file.set_len(map.len()).expect("sparse");
    let reader = map.reader();
    for extent in map.extents() {
        if matches!(&extent.source, Source::Content { store, .. } if !store.is_made()) {
            continue;
        }
        let mut bytes = vec![0; usize::try_from(extent.len).expect("in memory")];
        let read = reader.read_exact_at(extent.start, &mut bytes);
        read.expect("metadata");
        file.write_all_at(&bytes, extent.start).expect("room");
    }
}

#[test]
fn tables_and_contents_lie_beyond_16_tib() {
    let mut tree = Tree::new(meta());
    let nodes = [
        ("a", dense(8 * TIB)),
        ("b", dense(8 * TIB)),
        ("c", comb(2000)),
        ("d", NodeKind::Symlink(vec![b'x'; 3000].into())),
        ("e", NodeKind::File(content(&[7; 10_000]))),
    ];
    for (name, kind) in nodes {
        tree.add(Tree::ROOT, name.as_bytes(), meta(), kind)
            .expect("new");
    }
    let options = Ext4Options {
        inodes: InodeCount::Needed,
        ..options()
    };
    let size = VolumeSize::Auto(FreeSpace::Bytes(MIB));
    let plan = Ext4Plan::new(tree.clone(), size, &options).expect("fits");
    let ranges = |name: &[u8]| plan.ranges(tree.child(Tree::ROOT, name).expect("made"));
    assert!(ranges(b"c").all(|range| range.start > 16 * TIB));
    let memory = oracle::mount_memory(3 * GIB).expect("memory");
    let image = memory.path().join("filesystem");
    write_metadata(&plan.build().expect("the planned one"), &image);
    oracle::e2fsck_clean(&image, 0).expect("no fault");
    // The upper half of where the last group's bitmap lies; each group but the last has 32768 blocks.
    let mut word = [0; 4];
    let descriptor = 4096 + (plan.blocks() - 1) / 32768 * 64;
    let written = File::open(&image).expect("there");
    written
        .read_exact_at(&mut word, descriptor + 0x20)
        .expect("there");
    assert_eq!(word, [1, 0, 0, 0]);
    // A tree of extents whose nodes are up there, too.
    let extents = oracle::debugfs(&image, 0, "ex /c").expect("readable");
    assert!(
        extents.contains(" 0/ 2 ") && extents.contains(" 429"),
        "{extents}"
    );

    let mount = oracle::mount_loop(&image, 0, plan.size()).expect("the kernel mounts it");
    let top = mount.path();
    let file = File::open(top.join("c")).expect("there");
    for number in [0, 1, 1000, 1999_u64] {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, number * 8192)
            .expect("readable");
        assert_eq!(u64::from_le_bytes(bytes), number);
    }
    let target = fs::read_link(top.join("d")).expect("there");
    assert_eq!(target.as_os_str().len(), 3000);
    assert_eq!(fs::read(top.join("e")).expect("there"), [7; 10_000]);
    assert_eq!(fs::metadata(top.join("b")).expect("there").len(), 8 * TIB);
}
