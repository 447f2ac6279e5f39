//! Hash areas beside those that `veritysetup format` makes of the same data.

use std::fs;
use std::path::{Path, PathBuf};

use kurmadisk::source::Scratch;
use kurmadisk::verity::{self, HashArea, VerityOptions};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::{DiskMap, Extent, Source};
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

const BLOCK_SIZES: [u32; 4] = [512, 1024, 2048, 4096];

/// Data, and how it is protected.
#[derive(Clone, Debug)]
pub struct Case {
    pub options: VerityOptions,
    pub blocks: u64,
    /// Stretches of content: first byte, length, and what the bytes are made from.
    pub content: Vec<(u64, u64, u8)>,
    /// Blocks of hashes before the area, in the same file as the data's end or another one.
    pub before: u64,
}

impl Case {
    fn new(blocks: u64) -> Self {
        let salt = (0..32).collect();
        Self {
            options: VerityOptions::new(Uuid::from_u128(0x1234_5678_9abc_def0 << 40), salt),
            blocks,
            content: vec![(5, 3 * 4096, 1), (blocks * 4096 - 1, 1, 7)],
            before: 0,
        }
    }

    fn data(&self) -> DiskMap {
        let len = self.blocks * u64::from(self.options.data_block_size);
        let mut map = DiskMap::new(len);
        for (start, want, seed) in &self.content {
            let start = start % len;
            let len = (*want).min(len - start);
            let bytes: Vec<u8> = (0..len)
                .map(|at| u8::try_from(at % 251).unwrap().wrapping_mul(*seed))
                .collect();
            // One that lies on another is left out.
            let _ = map.insert_bytes(start, bytes);
        }
        map
    }

    fn veritysetup_options(&self) -> Vec<String> {
        let salt = match self.options.salt.as_slice() {
            [] => "-".to_owned(),
            salt => data_encoding::HEXLOWER.encode(salt),
        };
        vec![
            format!("--data-block-size={}", self.options.data_block_size),
            format!("--hash-block-size={}", self.options.hash_block_size),
            format!("--uuid={}", self.options.uuid),
            format!("--salt={salt}"),
        ]
    }
}

pub fn bytes_of(map: &DiskMap) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(map.len()).unwrap()];
    map.reader().read_exact_at(0, &mut bytes).unwrap();
    bytes
}

pub struct Files {
    _folder: TempDir,
    pub data: PathBuf,
    pub hashes: PathBuf,
}

impl Files {
    fn new(data: &DiskMap) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data_file, hashes) = (folder.path().join("data"), folder.path().join("hashes"));
        fs::write(&data_file, bytes_of(data)).unwrap();
        Self {
            _folder: folder,
            data: data_file,
            hashes,
        }
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// Makes the area and compares it with that of veritysetup, which then verifies ours.
fn check(case: &Case, scratch: &Scratch) -> Result<(), TestCaseError> {
    let data = case.data();
    let area = HashArea::build(&data, &case.options, scratch).unwrap();
    let root = area.root_hash.to_string();
    let ours = bytes_of(&area.map);
    prop_assert_eq!(
        ours.len() as u64,
        HashArea::len_for(data.len(), &case.options).unwrap()
    );

    let files = Files::new(&data);
    let offset = case.before * u64::from(case.options.hash_block_size);
    let at = vec![format!("--hash-offset={offset}")];
    let options = [case.veritysetup_options(), at.clone()].concat();
    let theirs = oracle::veritysetup_format(&files.data, &files.hashes, &options).unwrap();
    prop_assert_eq!(&theirs, &root);
    let mut bytes = fs::read(&files.hashes).unwrap();
    // What is behind the superblock in its block is never written by veritysetup, nor is an area of one.
    let begin = usize::try_from(offset).unwrap();
    prop_assert!(bytes.len() <= begin + ours.len());
    bytes.resize(begin + ours.len(), 0);
    prop_assert!(bytes[begin..] == ours, "the areas differ");

    write(&files.hashes, &[vec![0; begin], ours.clone()].concat());
    oracle::veritysetup_verify(&files.data, &files.hashes, &root, &at).unwrap();
    let read = verity::read(&area.map.reader()).unwrap();
    prop_assert_eq!(&read.options, &case.options);
    prop_assert_eq!((read.data_blocks, read.len), (case.blocks, area.map.len()));
    let one_block = case.blocks == 1;
    prop_assert_eq!(read.root_hash, (!one_block).then_some(area.root_hash));
    Ok(())
}

#[test]
fn usual_areas_are_those_of_veritysetup() {
    let folder = tempfile::tempdir().unwrap();
    for blocks in [1, 2, 127, 128, 129, 128 * 128, 128 * 128 + 1] {
        for scratch in [Scratch::Memory, Scratch::Folder(folder.path().into())] {
            check(&Case::new(blocks), &scratch).unwrap();
        }
    }
    let mut behind = Case::new(300);
    behind.before = 300;
    check(&behind, &Scratch::Memory).unwrap();
}

#[test]
fn large_levels_go_into_the_scratch_folder_and_stay_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = Case::new((8 << 20) / 32 * 2 + 3);
    // Blocks of 512 bytes: 16 digests each, and a first level of more than 16 MiB.
    case.options.hash_block_size = 512;
    case.options.data_block_size = 512;
    check(&case, &Scratch::Folder(folder.path().into())).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // A folder that is not there is told.
    let gone = Scratch::Folder(folder.path().join("gone"));
    let error = HashArea::build(&case.data(), &case.options, &gone).unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
}

#[test]
fn one_flipped_bit_is_found_wherever_it_is() {
    let case = Case::new(200);
    let data = case.data();
    let area = HashArea::build(&data, &case.options, &Scratch::Memory).unwrap();
    let files = Files::new(&data);
    let root = area.root_hash.to_string();
    let verify = || oracle::veritysetup_verify::<&str>(&files.data, &files.hashes, &root, &[]);
    let hashes = bytes_of(&area.map);
    write(&files.hashes, &hashes);
    verify().unwrap();
    let bytes = bytes_of(&data);
    for at in [0, 4096, 77 * 4096 + 13, bytes.len() - 1] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        write(&files.data, &flipped);
        assert!(verify().is_err(), "byte {at} of the data");
        // Its own tree is another one.
        let mut map = DiskMap::new(data.len());
        map.insert_bytes(0, flipped).unwrap();
        let other = HashArea::build(&map, &case.options, &Scratch::Memory).unwrap();
        assert_ne!(other.root_hash, area.root_hash);
    }
    write(&files.data, &bytes);
    for at in [4096, 4096 * 2 + 31] {
        let mut flipped = hashes.clone();
        flipped[at] ^= 1;
        write(&files.hashes, &flipped);
        assert!(verify().is_err(), "byte {at} of the hashes");
    }
}

#[test]
fn holes_are_hashed_as_the_zeros_they_are() {
    // 8 GiB of zeros are not read; the same digests come of zeros that are.
    let options = VerityOptions::new(Uuid::nil(), vec![1; 32]);
    let mut holes = DiskMap::new(1 << 33);
    let zeros = Extent {
        start: 1 << 32,
        len: 1 << 20,
        source: Source::Zeros,
    };
    let area = HashArea::build(&holes, &options, &Scratch::Memory).unwrap();
    holes.insert(zeros).unwrap();
    let read = HashArea::build(&holes, &options, &Scratch::Memory).unwrap();
    assert_eq!(area.root_hash, read.root_hash);
}

#[test]
fn what_the_kernel_would_not_take_is_refused() {
    for (options, told) in [
        (
            VerityOptions {
                data_block_size: 8192,
                ..VerityOptions::new(Uuid::nil(), vec![])
            },
            "data-block-size is 8192",
        ),
        (
            VerityOptions {
                hash_block_size: 1536,
                ..VerityOptions::new(Uuid::nil(), vec![])
            },
            "hash-block-size is 1536",
        ),
        (VerityOptions::new(Uuid::nil(), vec![0; 257]), "257 bytes"),
    ] {
        let error = HashArea::build(&DiskMap::new(1 << 20), &options, &Scratch::Memory);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (
        prop::sample::select(&BLOCK_SIZES),
        prop::sample::select(&BLOCK_SIZES),
    );
    let salt = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 32),
        prop::collection::vec(any::<u8>(), 0..=256),
    ];
    let content = (any::<u64>(), 1..100_000_u64, any::<u8>());
    (
        sizes,
        salt,
        any::<u128>(),
        1..3000_u64,
        prop::collection::vec(content, 0..6),
        0..4_u64,
    )
        .prop_map(|((data, hash), salt, uuid, blocks, content, before)| Case {
            options: VerityOptions {
                data_block_size: data,
                hash_block_size: hash,
                salt,
                uuid: Uuid::from_u128(uuid),
            },
            blocks,
            content,
            before,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_area_is_that_of_veritysetup(case in cases()) {
        check(&case, &Scratch::Memory)?;
    }
}
