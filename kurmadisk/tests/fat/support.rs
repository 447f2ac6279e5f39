//! Trees, volumes, and what the judges say of them.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::FileExt;

use kurmadisk::fs::VolumeSize;
use kurmadisk::fs::fat::{FatError, FatOptions, FatPlan, FatType};
use kurmadisk::tree::{Metadata, NodeKind, Timestamp, Tree};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::{ReadAt, SeekReader};
use tempfile::NamedTempFile;

pub const MIB: u64 = 1 << 20;
pub const SERIAL: u32 = 0x1234_5678;
/// 2001-09-09 01:46:40 UTC.
pub const TIME: Timestamp = Timestamp {
    seconds: 1_000_000_000,
    nanos: 0,
};

pub fn meta() -> Metadata {
    Metadata {
        mode: 0o644,
        mtime: TIME,
        ..Metadata::default()
    }
}

pub fn content(bytes: &[u8]) -> DiskMap {
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes.to_vec())
        .expect("within its length");
    map
}

pub fn tree_of(files: &[(&str, &[u8])]) -> Tree {
    let mut tree = Tree::new(meta());
    for (path, bytes) in files {
        tree.place_file(path.as_bytes(), meta(), content(bytes))
            .expect("paths differ");
    }
    tree
}

pub fn options() -> FatOptions {
    FatOptions {
        label: Some("EFI-SYSTEM".to_owned()),
        label_time: TIME,
        serial: SERIAL,
        hidden_sectors: 4096,
        ..FatOptions::default()
    }
}

pub fn forced(fat_type: FatType, sectors_per_cluster: Option<u32>) -> FatOptions {
    FatOptions {
        fat_type: Some(fat_type),
        sectors_per_cluster,
        ..options()
    }
}

pub fn plan_of(tree: &Tree, size: u64, options: &FatOptions) -> Result<FatPlan, FatError> {
    FatPlan::new(tree, VolumeSize::Fixed(size), options)
}

/// The volume as a sparse file.
pub fn write(map: &DiskMap) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    file.as_file().set_len(map.len()).expect("sparse");
    let reader = map.reader();
    for extent in map.extents() {
        let mut bytes = vec![0; usize::try_from(extent.len).expect("small")];
        reader
            .read_exact_at(extent.start, &mut bytes)
            .expect("content is there");
        file.as_file()
            .write_all_at(&bytes, extent.start)
            .expect("room");
    }
    file
}

/// Files with their content and directories without any, by path.
pub type Listing = BTreeMap<String, Option<Vec<u8>>>;

pub fn listing(tree: &Tree) -> Listing {
    let entry = |(path, id)| {
        let bytes = match &tree.node(id).kind {
            NodeKind::File(map) => {
                let mut bytes = vec![0; usize::try_from(map.len()).expect("small")];
                map.reader().read_exact_at(0, &mut bytes).expect("readable");
                Some(bytes)
            }
            _ => None,
        };
        (String::from_utf8(path).expect("UTF-8"), bytes)
    };
    tree.paths().into_iter().map(entry).collect()
}

/// What the `fatfs` crate finds on the volume.
pub fn read_back(map: &DiskMap) -> Listing {
    let device = SeekReader::new(map.reader());
    let volume = fatfs::FileSystem::new(device, fatfs::FsOptions::new()).expect("a FAT volume");
    let mut found = Listing::new();
    let mut pending = vec![(String::new(), volume.root_dir())];
    while let Some((prefix, dir)) = pending.pop() {
        for entry in dir.iter() {
            let entry = entry.expect("a readable entry");
            let name = entry.file_name();
            if name == "." || name == ".." {
                continue;
            }
            let path = format!("{prefix}{name}");
            if entry.is_dir() {
                pending.push((format!("{path}/"), entry.to_dir()));
                found.insert(path, None);
            } else {
                let mut bytes = Vec::new();
                entry.to_file().read_to_end(&mut bytes).expect("readable");
                found.insert(path, Some(bytes));
            }
        }
    }
    found
}

/// Builds the volume; asks fsck.fat and the second reader.
pub fn judged(tree: &Tree, plan: &FatPlan) -> DiskMap {
    let map = plan.build(tree).expect("the tree is the planned one");
    assert_eq!(map.len(), plan.size());
    oracle::fsck_fat_clean(write(&map).path(), 0).expect("fsck.fat finds no fault");
    assert!(read_back(&map) == listing(tree), "read back as it was");
    map
}

pub fn bytes_at<const N: usize>(map: &DiskMap, offset: u64) -> [u8; N] {
    let mut bytes = [0; N];
    map.reader()
        .read_exact_at(offset, &mut bytes)
        .expect("in range");
    bytes
}

pub fn u16_at(map: &DiskMap, offset: u64) -> u16 {
    u16::from_le_bytes(bytes_at(map, offset))
}

pub fn u32_at(map: &DiskMap, offset: u64) -> u32 {
    u32::from_le_bytes(bytes_at(map, offset))
}

/// What an EFI system partition holds.
pub const ESP_FILES: [(&str, &[u8]); 6] = [
    ("EFI/BOOT/BOOTX64.EFI", b"MZ the loader"),
    ("kurmaos/vmlinuz-a", &[0x5a; 70_001]),
    ("kurmaos/initrd-a", &[0xa5; 4096]),
    ("loader/loader.conf", b"timeout 3\n"),
    ("loader/entries/KurmaOS Slot A.conf", b"title KurmaOS\n"),
    ("empty", b""),
];
