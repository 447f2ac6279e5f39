//! Disks, their images, and comparing both.

use std::num::NonZero;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::{ImageFormat, ImageOptions, PredictedSize};
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::open::{Image, ImageStore, open};
use kurmadisk_formats::output::NewFile;
use kurmadisk_formats::read_at::ReadAt;
use uuid::Uuid;

pub const SECTOR: u64 = 512;
pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;
pub const TIB: u64 = 1 << 40;

/// Bytes that look random and depend on `seed` alone.
pub fn noise(seed: u64, len: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[4]
    };
    let len = usize::try_from(len).unwrap();
    std::iter::repeat_with(&mut next).take(len).collect()
}

/// Bytes that deflate makes smaller.
pub fn prose(seed: u64, len: u64) -> Vec<u8> {
    let words = noise(seed, 64);
    noise(seed + 1, len)
        .iter()
        .map(|byte| words[usize::from(byte & 63)] & 0x7F)
        .collect()
}

/// A disk with these bytes at these offsets.
pub fn disk(len: u64, extents: &[(u64, Vec<u8>)]) -> DiskMap {
    let mut map = DiskMap::new(len);
    for (start, bytes) in extents {
        map.insert_bytes(*start, bytes.clone()).unwrap();
    }
    map
}

pub fn options(threads: usize) -> ImageOptions {
    let options = ImageOptions::new(Uuid::from_u128(0x1234_5678_9ABC), "disk.img");
    options.with_threads(NonZero::new(threads).unwrap())
}

/// The image, open: in memory, or of several files.
pub fn opened(format: ImageFormat, disk: &DiskMap, options: &ImageOptions) -> Image {
    if !format.has_parts() {
        return open_bytes(&image(format, disk, options));
    }
    // An open image stays what it is when its files lose their names.
    let dir = tempfile::tempdir().unwrap();
    open(&image_file_with(dir.path(), format, disk, options)).unwrap()
}

/// The image of one file in memory; its length is checked against the prediction.
pub fn image(format: ImageFormat, disk: &DiskMap, options: &ImageOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    format
        .write(
            disk,
            options,
            &mut bytes,
            &mut |_| ControlFlow::Continue(()),
        )
        .unwrap();
    check_prediction(format, disk, options, bytes.len() as u64);
    bytes
}

/// The bytes of all files of the image, its own first.
pub fn files(format: ImageFormat, disk: &DiskMap, options: &ImageOptions) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let path = image_file_with(dir.path(), format, disk, options);
    let store = ImageStore::open(&path).unwrap();
    store
        .files()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// The image as a file of folder `dir`, or a descriptor and the files it names.
pub fn image_file(dir: &Path, format: ImageFormat, disk: &DiskMap) -> PathBuf {
    image_file_with(dir, format, disk, &options(2))
}

/// The same with other options.
pub fn image_file_with(
    dir: &Path,
    format: ImageFormat,
    disk: &DiskMap,
    options: &ImageOptions,
) -> PathBuf {
    let file_name = format!("{format}.{}", format.extension());
    let path = dir.join(&file_name);
    // By which libvmdk finds the disk, even if it lies in the file itself.
    let mut options = options.clone();
    options.file_name = file_name;
    let mut file = NewFile::create(&path).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    format.write(disk, &options, &mut file, go_on).unwrap();
    file.commit().unwrap();
    let len = if format.has_parts() {
        ImageStore::open(&path).unwrap().files_len()
    } else {
        path.metadata().unwrap().len()
    };
    check_prediction(format, disk, &options, len);
    path
}

fn check_prediction(format: ImageFormat, disk: &DiskMap, options: &ImageOptions, len: u64) {
    match format.predict(disk, options).unwrap() {
        PredictedSize::Exact(predicted) => assert_eq!(len, predicted, "{format}"),
        PredictedSize::AtMost(predicted) => {
            assert!(len <= predicted, "{format}: {len} > {predicted}");
        }
    }
}

pub fn open_bytes(bytes: &[u8]) -> Image {
    let file = bytes.to_vec().into_boxed_slice();
    Image::from_reader(Box::new(file)).unwrap()
}

/// The format that the reader takes such an image for: nothing tells that a raw one has no holes.
pub fn read_as(format: ImageFormat) -> ImageFormat {
    match format {
        ImageFormat::RawFixed => ImageFormat::Raw,
        other => other,
    }
}

/// Asserts that the image, written as `format`, holds the disk: all of a small one; of a large one what
/// either says it has, with its surroundings.
pub fn assert_holds(image: &Image, disk: &DiskMap, format: ImageFormat) {
    match (image.format(), format) {
        // Nothing was worth compressing, and the header doesn't tell.
        (ImageFormat::Qcow2, ImageFormat::Qcow2Compressed | ImageFormat::Qcow2Zstd) => {}
        (found, _) => assert_eq!(found, read_as(format)),
    }
    let whole_sectors = match format {
        ImageFormat::Raw | ImageFormat::RawFixed => disk.len(),
        _ => disk.len().next_multiple_of(SECTOR),
    };
    assert_eq!(image.len(), whole_sectors, "{format}");
    if disk.len() <= 34 * MIB {
        assert_same(image, disk, 0, disk.len());
        return;
    }
    let extents = disk
        .extents()
        .iter()
        .map(|extent| extent.start..extent.end());
    for range in extents.chain(image.allocated().iter().cloned()) {
        let from = range.start.saturating_sub(MIB);
        let to = (range.end + MIB).min(disk.len());
        assert_same(image, disk, from, to);
    }
}

fn assert_same(image: &Image, disk: &DiskMap, from: u64, to: u64) {
    let reader = disk.reader();
    // Not a divisor of any block size: reads cross all borders.
    let step = 3 * MIB - 4 * KIB - 1;
    let mut at = from;
    while at < to {
        let len = usize::try_from(step.min(to - at)).unwrap();
        let (mut expected, mut found) = (vec![1; len], vec![2; len]);
        reader.read_exact_at(at, &mut expected).unwrap();
        image.read_exact_at(at, &mut found).unwrap();
        assert!(
            expected == found,
            "{}: differs within {len} bytes at {at}",
            image.format()
        );
        at += len as u64;
    }
}

/// The name by which qemu knows the format.
pub fn qemu_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Raw | ImageFormat::RawFixed => "raw",
        ImageFormat::Vdi | ImageFormat::VdiFixed => "vdi",
        ImageFormat::Vhd | ImageFormat::VhdFixed => "vpc",
        ImageFormat::Vhdx | ImageFormat::VhdxFixed => "vhdx",
        ImageFormat::Qcow2
        | ImageFormat::Qcow2V2
        | ImageFormat::Qcow2Compressed
        | ImageFormat::Qcow2Zstd => "qcow2",
        _ => "vmdk",
    }
}

/// Disks up to this length are read by all judges; a little more than what a grain table maps.
const READ_BY_ALL: u64 = 34 * MIB;

/// Writes the disk as raw and as each other format, and asks all judges.
pub fn assert_judges_agree(disk: &DiskMap, formats: &[ImageFormat]) {
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, disk);
    for &format in formats {
        let path = image_file(dir.path(), format, disk);
        let name = qemu_name(format);
        // qemu has no check for these.
        if name != "raw" && name != "vpc" {
            oracle::qemu_img_check(&path, name).unwrap();
        }
        oracle::qemu_img_compare(&raw, "raw", &path, name).unwrap();
        if disk.len() <= READ_BY_ALL {
            assert_readers_agree(disk, format, &path);
        } else if let Some("VMDK" | "QCOW") = sevenzip_name(disk, format) {
            oracle::sevenzip_test(&path).unwrap();
        }
        assert_holds(&open(&path).unwrap(), disk, format);
    }
}

/// Asserts that 7-Zip, and the library of the libyal project for the format, find the disk in the image, in whole
/// sectors.
pub fn assert_readers_agree(disk: &DiskMap, format: ImageFormat, path: &Path) {
    const ALL: Range<u64> = 0..u64::MAX;
    let len = usize::try_from(disk.len().next_multiple_of(SECTOR)).unwrap();
    let mut expected = vec![0; len];
    let within = usize::try_from(disk.len()).unwrap();
    let reader = disk.reader();
    reader.read_exact_at(0, &mut expected[..within]).unwrap();
    let agrees = |judge: &str, found: &[u8]| {
        let (found_len, len) = (found.len(), expected.len());
        assert_eq!(
            found_len, len,
            "{format}: {judge} finds a disk of this length"
        );
        assert!(found == expected, "{format}: {judge} finds another disk");
    };
    if let Some(kind) = sevenzip_name(disk, format) {
        let dir = tempfile::tempdir().unwrap();
        oracle::sevenzip_extract(path, kind, dir.path()).unwrap();
        let mut files = dir.path().read_dir().unwrap();
        let found = std::fs::read(files.next().unwrap().unwrap().path()).unwrap();
        agrees("7-Zip", &found);
    }
    match qemu_name(format) {
        "vmdk" => agrees("libvmdk", &oracle::libvmdk_read(path, ALL).unwrap()),
        "vpc" | "vhdx" => agrees("libvhdi", &oracle::libvhdi_read(path, ALL).unwrap()),
        _ => (),
    }
}

/// The name by which 7-Zip knows the format, if it reads it.
fn sevenzip_name(disk: &DiskMap, format: ImageFormat) -> Option<&'static str> {
    match qemu_name(format) {
        "vdi" => Some("VDI"),
        "vmdk" => Some("VMDK"),
        "qcow2" if format != ImageFormat::Qcow2Zstd => Some("QCOW"),
        "vpc" => Some("VHD"),
        // It takes none of an odd number of sectors, qemu's neither.
        "vhdx" if disk.len().div_ceil(SECTOR).is_multiple_of(2) => Some("VHDX"),
        _ => None,
    }
}

/// CRC-32C, bit by bit.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ ((crc & 1) * 0x82F6_3B78)
        })
    });
    !crc
}

/// A number of the file: `N` big-endian bytes at `at`.
pub fn number_be<const N: usize>(bytes: &[u8], at: u64) -> u64 {
    number::<N>(bytes, at).swap_bytes() >> (64 - 8 * N)
}

/// A number of the file: `N` little-endian bytes at `at`.
pub fn number<const N: usize>(bytes: &[u8], at: u64) -> u64 {
    let at = usize::try_from(at).unwrap();
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(wide)
}

/// Every container: all formats but raw.
pub const CONTAINERS: &[ImageFormat] = &[
    ImageFormat::Vdi,
    ImageFormat::VdiFixed,
    ImageFormat::Vmdk,
    ImageFormat::VmdkFlat,
    ImageFormat::VmdkSplit,
    ImageFormat::VmdkStream,
    ImageFormat::Qcow2,
    ImageFormat::Qcow2V2,
    ImageFormat::Qcow2Compressed,
    ImageFormat::Qcow2Zstd,
    ImageFormat::Vhd,
    ImageFormat::VhdFixed,
    ImageFormat::Vhdx,
    ImageFormat::VhdxFixed,
];

/// Those whose files are small when little lies on the disk.
pub const GROWING: &[ImageFormat] = &[
    ImageFormat::Vdi,
    ImageFormat::Vmdk,
    ImageFormat::VmdkFlat,
    ImageFormat::VmdkSplit,
    ImageFormat::VmdkStream,
    ImageFormat::Qcow2,
    ImageFormat::Qcow2V2,
    ImageFormat::Qcow2Compressed,
    ImageFormat::Qcow2Zstd,
    ImageFormat::Vhd,
];
