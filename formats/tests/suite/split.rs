//! VMDKs in several files, as they are written: names, descriptors, sizes, judges.

use std::fs;
use std::path::{Path, PathBuf};

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::error::PlaceError;
use kurmadisk_formats::image::{Adapter, ImageFormat, PredictedSize};
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::open::{ImageStore, open};
use kurmadisk_formats::read_at::ReadAt;

use crate::support::{
    GIB, KIB, MIB, SECTOR, TIB, assert_holds, disk, image, image_file, image_file_with, noise,
    number, options,
};

const FLAT: ImageFormat = ImageFormat::VmdkFlat;
const SPLIT: ImageFormat = ImageFormat::VmdkSplit;

/// Bytes of the disk in each file.
const CHUNK: u64 = 2047 * MIB;

/// The lines of the image's descriptor.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.starts_with("# Disk DescriptorFile\nversion=1\nCID="));
    text.lines().map(str::to_owned).collect()
}

/// The files that the descriptor names.
fn others(path: &Path) -> Vec<PathBuf> {
    let store = ImageStore::open(path).unwrap();
    store.files().skip(1).map(Path::to_path_buf).collect()
}

fn read(disk: &DiskMap, at: u64, len: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(len).unwrap()];
    disk.reader().read_exact_at(at, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_split_disk_has_files_of_2047_mib() {
    let dir = tempfile::tempdir().unwrap();
    // The last file has one sector.
    let len = 2 * CHUNK + SECTOR;
    let mut map = DiskMap::new(len);
    let borders = [70 * KIB, CHUNK, 2 * CHUNK - MIB];
    for border in borders {
        let bytes = noise(border, 140_000);
        map.insert_bytes(border - 70_000, bytes).unwrap();
    }
    map.insert_bytes(len - SECTOR, noise(9, SECTOR)).unwrap();
    let path = image_file(dir.path(), SPLIT, &map);
    let lines = lines(&path);
    assert_eq!(lines[4], "createType=\"twoGbMaxExtentSparse\"");
    assert_eq!(
        lines[7..10],
        [
            "RW 4192256 SPARSE \"vmdk-split-s001.vmdk\"",
            "RW 4192256 SPARSE \"vmdk-split-s002.vmdk\"",
            "RW 1 SPARSE \"vmdk-split-s003.vmdk\"",
        ]
    );
    let files = others(&path);
    assert_eq!(files.len(), 3);
    for (file, (capacity, grains)) in files.iter().zip([(4_192_256, 5), (4_192_256, 6), (1, 1)]) {
        let bytes = fs::read(file).unwrap();
        assert_eq!(&bytes[..4], b"KDMV");
        assert_eq!(number::<4>(&bytes, 4), 1, "the version");
        assert_eq!(number::<8>(&bytes, 12), capacity);
        assert_eq!(bytes[28..44], [0; 16], "a descriptor");
        let first = number::<8>(&bytes, 64) * SECTOR;
        assert_eq!(bytes.len() as u64, first + grains * 64 * KIB);
    }

    let raw = image_file(dir.path(), ImageFormat::Raw, &map);
    oracle::qemu_img_check(&path, "vmdk").unwrap();
    oracle::qemu_img_compare(&raw, "raw", &path, "vmdk").unwrap();
    assert_holds(&open(&path).unwrap(), &map, SPLIT);
    for at in borders.map(|border| border - 70 * KIB) {
        let found = oracle::libvmdk_read(&path, at..at + 140 * KIB).unwrap();
        assert!(found == read(&map, at, 140 * KIB), "libvmdk at {at}");
    }
    let last = oracle::libvmdk_read(&path, len - SECTOR..u64::MAX).unwrap();
    assert!(last == noise(9, SECTOR));
}

#[test]
fn a_chunk_more_is_a_file_more() {
    for (len, files) in [(1, 1), (CHUNK - 1, 1), (CHUNK, 1), (CHUNK + 1, 2)] {
        let dir = tempfile::tempdir().unwrap();
        let path = image_file(dir.path(), SPLIT, &DiskMap::new(len));
        assert_eq!(others(&path).len(), files, "{len}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = image_file(dir.path(), SPLIT, &DiskMap::new(100 * GIB));
    let info = oracle::qemu_img_info_json(&path, "vmdk").unwrap();
    assert_eq!(info["virtual-size"], 100 * GIB);
    let files = others(&path);
    // Besides, VirtualBox reads 1,100 lines at most.
    let besides = lines(&path).len() - files.len();
    let most = DiskMap::new(2 * TIB);
    let names = SPLIT.other_files(&most, &options(1)).unwrap();
    assert!(besides + names.len() < 1100);
    assert_eq!(names[1024], "disk.img-s1025.vmdk");
}

#[test]
fn a_flat_disk_is_the_disk_itself_with_its_holes() {
    let dir = tempfile::tempdir().unwrap();
    let len = 3 * GIB + 100;
    let map = disk(len, &[(0, noise(1, 5000)), (len - 9000, noise(2, 9000))]);
    let path = image_file(dir.path(), FLAT, &map);
    let lines = lines(&path);
    assert_eq!(lines[4], "createType=\"monolithicFlat\"");
    let sectors = len.div_ceil(SECTOR);
    assert_eq!(
        lines[7],
        format!("RW {sectors} FLAT \"vmdk-flat-flat.vmdk\" 0")
    );
    let [content] = &others(&path)[..] else {
        panic!("one file besides the descriptor");
    };
    assert_eq!(content.metadata().unwrap().len(), sectors * SECTOR);
    #[cfg(unix)]
    {
        let stat = kurmadisk_formats::host::stat(content).unwrap();
        assert!(stat.allocated < MIB, "{} bytes", stat.allocated);
    }
    assert!(open(&path).unwrap().allocated_len() < MIB);
    let raw = image_file(dir.path(), ImageFormat::Raw, &map);
    // The disk has whole sectors.
    let file = fs::File::options().write(true).open(&raw).unwrap();
    file.set_len(sectors * SECTOR).unwrap();
    oracle::qemu_img_compare(&raw, "raw", content, "raw").unwrap();
    oracle::qemu_img_compare(&raw, "raw", &path, "vmdk").unwrap();
    let at = len - 9000;
    let found = oracle::libvmdk_read(&path, at..len).unwrap();
    assert!(found == noise(2, 9000));
}

#[test]
fn names_begin_with_the_images_and_must_be_found_by_all() {
    let map = disk(MIB, &[(0, vec![1])]);
    let plain = |name: &str| {
        let mut options = options(1);
        name.clone_into(&mut options.file_name);
        options
    };
    let most = "x".repeat(244);
    for name in ["a b.vmdk", "a.VMDK", "a.b", "-_+.vmdk", &most] {
        FLAT.predict(&map, &plain(name)).unwrap();
        SPLIT.predict(&map, &plain(name)).unwrap();
    }
    let long = "x".repeat(245);
    for name in ["", ".vmdk", "\u{e4}.vmdk", "a\".vmdk", "a:b", "a\n", &long] {
        for format in [FLAT, SPLIT] {
            let refused = format.predict(&map, &plain(name)).unwrap_err();
            let named = matches!(&refused, PlaceError::Field { format: named, .. } if *named == format.name());
            assert!(named, "{refused}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("two words.v2.vmdk");
    let mut file = kurmadisk_formats::output::NewFile::create(&path).unwrap();
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    let options = plain("two words.v2.vmdk");
    FLAT.write(&map, &options, &mut file, go_on).unwrap();
    assert_eq!(
        dir.path().read_dir().unwrap().count(),
        0,
        "not before the commit"
    );
    file.commit().unwrap();
    assert_eq!(others(&path), [dir.path().join("two words.v2-flat.vmdk")]);
    oracle::sevenzip_test(&path).unwrap();
}

#[test]
fn an_image_in_several_files_needs_a_folder() {
    let map = disk(MIB, &[(0, vec![1])]);
    for format in [FLAT, SPLIT] {
        let mut out: Vec<u8> = Vec::new();
        let go_on = &mut |_| std::ops::ControlFlow::Continue(());
        let refused = format
            .write(&map, &options(1), &mut out, go_on)
            .unwrap_err();
        let chain = kurmadisk_formats::error::chain(&refused);
        assert!(chain.contains("room for one"), "{chain}");
        assert!(!format.is_forward() && format.has_parts());
    }
}

#[test]
fn the_descriptor_names_the_adapter() {
    let map = disk(20 * GIB, &[(0, vec![1])]);
    let dir = tempfile::tempdir().unwrap();
    for (adapter, words) in [
        (None, ["lsilogic", "2611", "255", "63"]),
        (Some(Adapter::Lsilogic), ["lsilogic", "2611", "255", "63"]),
        (Some(Adapter::Buslogic), ["buslogic", "2611", "255", "63"]),
        (Some(Adapter::Ide), ["ide", "16383", "16", "63"]),
    ] {
        let mut options = options(1);
        options.tuning.adapter = adapter;
        let keys = [
            "adapterType",
            "geometry.cylinders",
            "geometry.heads",
            "geometry.sectors",
        ];
        for format in [ImageFormat::Vmdk, ImageFormat::VmdkStream, FLAT, SPLIT] {
            let bytes = if format.has_parts() {
                fs::read(image_file_with(dir.path(), format, &map, &options)).unwrap()
            } else {
                image(format, &map, &options)
            };
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(11_000)]);
            for (key, word) in keys.iter().zip(words) {
                let line = format!("ddb.{key} = \"{word}\"\n");
                assert!(text.contains(&line), "{format}: no {line:?} in {text}");
            }
            assert!(text.contains("ddb.virtualHWVersion = \"7\"\n"), "{format}");
        }
    }
}

#[test]
fn the_prediction_is_of_all_files() {
    let map = disk(CHUNK + MIB, &[(CHUNK - 1, vec![1, 2])]);
    let dir = tempfile::tempdir().unwrap();
    let path = image_file(dir.path(), SPLIT, &map);
    let mut options = options(1);
    "vmdk-split.vmdk".clone_into(&mut options.file_name);
    let predicted = SPLIT.predict(&map, &options).unwrap();
    let len = ImageStore::open(&path).unwrap().files_len();
    assert_eq!(predicted, PredictedSize::Exact(len));
}
