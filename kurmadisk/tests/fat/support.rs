//! Trees, volumes, and what the judges say of them.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use kurmadisk::fs::VolumeSize;
use kurmadisk::fs::fat::{FatError, FatOptions, FatPlan, FatType, read_tree};
use kurmadisk::tree::{Metadata, NodeKind, Timestamp, Tree};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::{ReadAt, SeekReader};
use tempfile::NamedTempFile;

pub const MIB: u64 = 1 << 20;
/// 2100-03-01 00:00:00 UTC.
const END_OF_FEBRUARY_2100: i64 = 4_107_542_400;
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
    FatPlan::new(tree.clone(), VolumeSize::Fixed(size), options)
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
    let map = plan.build().expect("the tree is the planned one");
    assert_eq!(map.len(), plan.size());
    oracle::fsck_fat_clean(write(&map).path(), 0).expect("fsck.fat finds no fault");
    assert!(read_back(&map) == listing(tree), "read back as it was");
    let again = read_tree(&map, Metadata::default()).expect("it is read again");
    assert_same(&kept(&again), &kept(tree));
    map
}

/// What becomes of a node on a FAT volume.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// A file's content.
    pub bytes: Option<Vec<u8>>,
    /// Seconds since 1970.
    pub mtime: i64,
    pub read_only: bool,
}

/// Everything of `tree`, by path.
pub fn kept(tree: &Tree) -> BTreeMap<String, Kept> {
    let bytes = listing(tree);
    let entry = |(path, id)| {
        let path = String::from_utf8(path).expect("UTF-8");
        let bytes = bytes[&path].clone();
        let meta = &tree.node(id).meta;
        // 1980-01-01 to 2107-12-31, every other second.
        let mtime = meta.mtime.seconds.clamp(315_532_800, 4_354_819_199) & !1;
        let read_only = bytes.is_some() && meta.mode & 0o222 == 0;
        let kept = Kept {
            bytes,
            mtime,
            read_only,
        };
        (path, kept)
    };
    tree.paths().into_iter().map(entry).collect()
}

/// Everything in a folder of the host, by path.
pub fn in_folder(folder: &Path) -> BTreeMap<String, Kept> {
    let mut found = BTreeMap::new();
    let mut pending = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, folder)) = pending.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("readable");
            let meta = entry.metadata().expect("readable");
            let path = format!("{prefix}{}", entry.file_name().to_str().expect("UTF-8"));
            let bytes = if meta.is_dir() {
                pending.push((format!("{path}/"), entry.path()));
                None
            } else {
                Some(std::fs::read(entry.path()).expect("readable"))
            };
            let kept = Kept {
                read_only: bytes.is_some() && meta.mode() & 0o222 == 0,
                mtime: meta.mtime(),
                bytes,
            };
            found.insert(path, kept);
        }
    }
    found
}

/// [`judged`], and unpacked by 7-Zip and by mtools: every name, byte and time, and what is read-only. No name of
/// the tree may be longer than the host's.
pub fn judged_by_all(tree: &Tree, plan: &FatPlan) -> DiskMap {
    let map = judged(tree, plan);
    let image = write(&map);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (by_7zip, by_mtools) = (folder.path().join("7zip"), folder.path().join("mtools"));
    std::fs::create_dir(&by_mtools).expect("new");
    std::fs::create_dir(&by_7zip).expect("new");

    let mut expected = kept(tree);
    oracle::sevenzip_extract_fat(image.path(), &by_7zip).expect("7-Zip reads it");
    assert_same(&in_folder(&by_7zip), &expected);
    for entry in expected.values_mut() {
        // mtools gives everyone the right to write.
        entry.read_only = false;
    }
    oracle::mcopy_all(image.path(), 0, &by_mtools).expect("mtools read it");
    let mut found = in_folder(&by_mtools);
    for (path, entry) in &mut found {
        let mtime = expected[path].mtime;
        // It makes directories anew, without their times, and believes in a 29 February 2100.
        if entry.bytes.is_none() || (mtime >= END_OF_FEBRUARY_2100 && entry.mtime == mtime + 86_400)
        {
            entry.mtime = mtime;
        }
    }
    assert_same(&found, &expected);

    let mut shorts = HashSet::new();
    for entry in oracle::sevenzip_list_fat(image.path()).expect("7-Zip lists it") {
        let (folder, _) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
        // Shown with its two bits of case.
        let short = entry.short_name.to_ascii_uppercase();
        assert!(shorts.insert((folder.to_owned(), short)), "{entry:?}");
    }
    assert_eq!(shorts.len(), expected.len());
    map
}

/// One entry at a time, for the message's sake.
pub fn assert_same(found: &BTreeMap<String, Kept>, expected: &BTreeMap<String, Kept>) {
    for (path, kept) in expected {
        assert_eq!(found.get(path), Some(kept), "{path:?}");
    }
    assert_eq!(found.len(), expected.len());
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
