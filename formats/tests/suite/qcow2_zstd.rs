//! qcow2 files compressed with zstd: ours frame by frame, by the program of the format, and those of qemu.

use std::ffi::OsStr;
use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::open::open;
use kurmadisk_formats::read_at::ReadAt;

use crate::qcow2::{CLUSTER, qemu_img, sample, streams};
use crate::support::{
    MIB, assert_holds, assert_judges_agree, disk, image, image_file, noise, number, number_be,
    open_bytes, options, prose,
};

#[test]
fn files_of_qemu_are_read() {
    let map = sample();
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, &map);
    let other = dir.path().join("by-qemu");
    for (arguments, format) in [
        (&["-c"][..], ImageFormat::Qcow2Zstd),
        (&["-c", "-W", "-m", "4"], ImageFormat::Qcow2Zstd),
        (&["-c", "-o", "cluster_size=512"], ImageFormat::Qcow2Zstd),
        (&["-c", "-o", "cluster_size=4k"], ImageFormat::Qcow2Zstd),
        (&["-c", "-o", "cluster_size=2M"], ImageFormat::Qcow2Zstd),
        // The header says zstd, and nothing is compressed.
        (&[], ImageFormat::Qcow2),
    ] {
        let convert = ["convert", "-f", "raw", "-O", "qcow2"];
        let zstd = ["-o", "compression_type=zstd"];
        qemu_img(&[&convert[..], &zstd, arguments].concat(), &[&raw, &other]);
        let image = open(&other).unwrap();
        assert_holds(&image, &map, format);
        let facts = image.facts();
        let kind = facts.iter().find(|fact| fact.name == "compression type");
        let told = kind.map(|fact| &*fact.value);
        let compressed = format == ImageFormat::Qcow2Zstd;
        assert_eq!(told, compressed.then_some("zstd"));
    }
}

#[test]
fn the_header_says_zstd() {
    let map = disk(MIB, &[(0, prose(1, MIB))]);
    let bytes = image(ImageFormat::Qcow2Zstd, &map, &options(1));
    assert_eq!(number_be::<4>(&bytes, 4), 3);
    assert_eq!(number_be::<8>(&bytes, 72), 1 << 3, "incompatible features");
    assert_eq!(number_be::<4>(&bytes, 100), 112);
    assert_eq!(bytes[104..112], [1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[112..120], [0; 8], "no header extension");
    let dir = tempfile::tempdir().unwrap();
    let path = image_file(dir.path(), ImageFormat::Qcow2Zstd, &map);
    let info = oracle::qemu_img_info_json(&path, "qcow2").unwrap();
    let said = &info["format-specific"]["data"]["compression-type"];
    assert_eq!(said, "zstd");
}

#[test]
fn an_unknown_compression_is_refused_by_its_number() {
    let map = disk(MIB, &[(0, prose(1, MIB))]);
    let mut bytes = image(ImageFormat::Qcow2Zstd, &map, &options(1));
    bytes[104] = 2;
    let file = bytes.into_boxed_slice();
    let refused = kurmadisk_formats::open::Image::from_reader(Box::new(file)).unwrap_err();
    assert!(refused.to_string().contains("compression type 2"));
}

/// The bytes of the frame that `bytes` begin with (RFC 8878, 3.1.1): one of less than 64 KiB + 256 with a content
/// size and no checksum.
fn frame_len(bytes: &[u8]) -> usize {
    assert_eq!(bytes[..4], [0x28, 0xB5, 0x2F, 0xFD]);
    // Two bits for the length of the content's size, one for a single segment.
    let (size, single) = (bytes[4] >> 6, bytes[4] >> 5 & 1 == 1);
    assert_eq!(bytes[4] & 0xF, 0, "no checksum, no dictionary");
    let size_len = [usize::from(single), 2, 4, 8][usize::from(size)];
    let mut at = 5 + usize::from(!single) + size_len;
    loop {
        let header = usize::try_from(number::<3>(bytes, at as u64)).unwrap();
        let content = match header >> 1 & 3 {
            1 => 1,
            _ => header >> 3,
        };
        at += 3 + content;
        if header & 1 == 1 {
            return at;
        }
    }
}

/// Has the program uncompress frames that follow one another.
fn unzstd(dir: &Path, frames: &[u8]) -> Vec<u8> {
    let path = dir.join("frames.zst");
    std::fs::write(&path, frames).unwrap();
    let mut command = oracle::tool("zstd").unwrap().command().unwrap();
    command.args([OsStr::new("-dc"), path.as_ref()]);
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    done.stdout
}

/// Asserts that each stream of the image is a frame of one cluster's content, which nothing but the next follows.
fn assert_frames(map: &DiskMap, bytes: &[u8]) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let mut frames = Vec::new();
    let mut expected = Vec::new();
    let streams = streams(bytes);
    for (number, at, len) in &streams {
        let stream = &bytes[usize::try_from(*at).unwrap()..];
        let used = frame_len(stream);
        let sectors = usize::try_from(*len).unwrap();
        assert!(used <= sectors && used + 512 > sectors, "{number}");
        frames.extend_from_slice(&stream[..used]);
        let mut cluster = vec![0; usize::try_from(CLUSTER).unwrap()];
        let start = number * CLUSTER;
        let on_disk = usize::try_from((map.len() - start).min(CLUSTER)).unwrap();
        map.reader()
            .read_exact_at(start, &mut cluster[..on_disk])
            .unwrap();
        expected.append(&mut cluster);
    }
    assert!(unzstd(dir.path(), &frames) == expected);
    streams.len()
}

#[test]
fn every_cluster_is_a_frame_that_the_program_reads() {
    let content: Vec<u8> = (0..60)
        .flat_map(|n| match n % 3 {
            // Frames of a few bytes, of many, and clusters that are no frames.
            0 => vec![7; 65_536],
            1 => prose(n, CLUSTER),
            _ => noise(n, CLUSTER),
        })
        .collect();
    let map = disk(600 * MIB + 512, &[(0, content), (600 * MIB, vec![3; 512])]);
    for level in [None, Some(1), Some(22)] {
        let mut options = options(2);
        options.tuning.level = level;
        let bytes = image(ImageFormat::Qcow2Zstd, &map, &options);
        assert_eq!(assert_frames(&map, &bytes), 41);
        assert_holds(&open_bytes(&bytes), &map, ImageFormat::Qcow2Zstd);
    }
    assert_judges_agree(&map, &[ImageFormat::Qcow2Zstd]);
}

#[test]
fn a_thousand_frames_in_one_cluster_are_counted() {
    let content: Vec<u8> = (1..=1024_u32)
        .flat_map(|n| vec![n.to_le_bytes()[0] | 1; 65_536])
        .collect();
    let map = disk(1024 * CLUSTER, &[(0, content)]);
    let bytes = image(ImageFormat::Qcow2Zstd, &map, &options(2));
    let frames = streams(&bytes);
    assert!(frames.len() == 1024 && frames.iter().all(|frame| frame.1 < 2 * CLUSTER));
    assert_judges_agree(&map, &[ImageFormat::Qcow2Zstd]);
}

#[test]
fn damaged_frames_are_errors_and_what_lies_behind_them_is_not_looked_at() {
    let map = disk(MIB, &[(0, prose(1, MIB))]);
    let good = image(ImageFormat::Qcow2Zstd, &map, &options(1));
    let [(_, at, _), (_, next, _), ..] = streams(&good)[..] else {
        panic!("two streams at least");
    };
    let place = |at: u64| usize::try_from(at).unwrap();
    let mut cluster = vec![0; 65_536];

    let mut bytes = good.clone();
    bytes[place(at)] ^= 1;
    let error = open_bytes(&bytes)
        .read_exact_at(0, &mut cluster)
        .unwrap_err();
    assert!(error.to_string().contains("cluster 0"), "{error}");
    // A frame that is whole and holds less than a cluster.
    let mut bytes = good.clone();
    let short = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 1, 9, 0, 0, 7];
    bytes[place(at)..][..short.len()].copy_from_slice(&short);
    open_bytes(&bytes)
        .read_exact_at(0, &mut cluster)
        .unwrap_err();
    // A window of 16 MiB.
    let mut bytes = good.clone();
    let wide = [0x28, 0xB5, 0x2F, 0xFD, 0, 14 << 3];
    bytes[place(at)..][..wide.len()].copy_from_slice(&wide);
    open_bytes(&bytes)
        .read_exact_at(0, &mut cluster)
        .unwrap_err();

    let mut bytes = good.clone();
    bytes[place(next)] ^= 1;
    open_bytes(&bytes).read_exact_at(0, &mut cluster).unwrap();
    assert!(cluster == prose(1, MIB)[..65_536]);
}
