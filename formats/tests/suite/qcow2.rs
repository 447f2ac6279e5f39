//! The tables of qcow2 files, and files of qemu in all variants.

use std::ffi::OsStr;
use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::open::open;

use crate::deflate::farthest_and_length;
use crate::support::{
    KIB, MIB, SECTOR, assert_holds, assert_judges_agree, disk, image, image_file, noise, number_be,
    open_bytes, options, prose,
};

pub const CLUSTER: u64 = 64 * KIB;

#[test]
fn tables_lead_and_no_feature_is_asked_for() {
    let map = disk(
        1100 * MIB,
        &[(0, vec![1]), (MIB, vec![2]), (1025 * MIB, vec![3])],
    );
    for (format, version) in [(ImageFormat::Qcow2, 3), (ImageFormat::Qcow2V2, 2)] {
        let bytes = image(format, &map, &options(1));
        assert_eq!(number_be::<4>(&bytes, 4), version);
        assert_eq!(number_be::<4>(&bytes, 20), 16);
        assert_eq!(number_be::<8>(&bytes, 24), 1100 * MIB);
        assert_eq!(number_be::<4>(&bytes, 36), 3);
        match version {
            3 => {
                assert_eq!(bytes[72..96], [0; 24], "feature bits");
                assert_eq!(number_be::<4>(&bytes, 96), 4);
                assert_eq!(number_be::<4>(&bytes, 100), 104);
            }
            _ => assert_eq!(bytes[72..512], [0; 440], "no header extension"),
        }
        let l1 = number_be::<8>(&bytes, 40);
        let used = 1 << 63;
        assert_eq!(number_be::<8>(&bytes, l1 + 8), 0, "an L2 table of nothing");
        let first = number_be::<8>(&bytes, l1);
        let second = number_be::<8>(&bytes, l1 + 16);
        assert_eq!(second, first + CLUSTER);
        let data = (second & !used) + CLUSTER;
        assert_eq!(bytes.len() as u64, data + 3 * CLUSTER);
        for (table, slot, place) in [(first, 0, 0), (first, 16, 1), (second, 16, 2)] {
            let entry = number_be::<8>(&bytes, (table & !used) + slot * 8);
            assert_eq!(entry, used | (data + place * CLUSTER));
        }
    }
}

#[test]
fn more_clusters_than_a_refcount_block_counts() {
    // A byte in each of more clusters than two blocks of 32768 counts have.
    let clusters = 66_000;
    let mut map = DiskMap::new(clusters * CLUSTER);
    for cluster in 0..clusters {
        map.insert_bytes(cluster * CLUSTER, vec![7]).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let path = image_file(dir.path(), ImageFormat::Qcow2, &map);
    oracle::qemu_img_check(&path, "qcow2").unwrap();
    let info = oracle::qemu_img_info_json(&path, "qcow2").unwrap();
    assert_eq!(info["virtual-size"], map.len());
    assert_eq!(open(&path).unwrap().allocated_len(), map.len());
}

/// `qemu-img` with these arguments and files.
pub fn qemu_img(arguments: &[&str], files: &[&Path]) {
    let mut command = oracle::tool("qemu-img").unwrap().command().unwrap();
    command.args(arguments);
    command.args(files.iter().map(AsRef::<OsStr>::as_ref));
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {said}");
}

pub fn sample() -> DiskMap {
    let len = 70 * MIB + 3 * SECTOR;
    disk(
        len,
        &[
            (0, prose(1, 3 * MIB)),
            (32 * MIB - 5000, noise(2, 10_000)),
            (40 * MIB, vec![0xA5; 1 << 20]),
            (50 * MIB, noise(3, 300_000)),
            (len - 512, noise(4, 512)),
        ],
    )
}

#[test]
fn files_of_qemu_are_read() {
    let map = sample();
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, &map);
    let other = dir.path().join("by-qemu");
    for (options, format) in [
        ("compat=1.1", ImageFormat::Qcow2),
        ("compat=0.10", ImageFormat::Qcow2V2),
        ("cluster_size=512", ImageFormat::Qcow2),
        ("cluster_size=4k,refcount_bits=1", ImageFormat::Qcow2),
        ("cluster_size=2M,refcount_bits=64", ImageFormat::Qcow2),
        ("lazy_refcounts=on", ImageFormat::Qcow2),
        ("preallocation=metadata", ImageFormat::Qcow2),
        ("preallocation=falloc", ImageFormat::Qcow2),
        ("preallocation=full,compat=0.10", ImageFormat::Qcow2V2),
        (
            "lazy_refcounts=on,refcount_bits=8,cluster_size=8k",
            ImageFormat::Qcow2,
        ),
        ("cluster_size=512,compat=0.10", ImageFormat::Qcow2V2),
        ("cluster_size=2M,compat=0.10", ImageFormat::Qcow2V2),
        ("cluster_size=1k,refcount_bits=2", ImageFormat::Qcow2),
        ("cluster_size=16k,refcount_bits=4", ImageFormat::Qcow2),
        ("cluster_size=32k,refcount_bits=32", ImageFormat::Qcow2),
        ("cluster_size=128k", ImageFormat::Qcow2),
        ("cluster_size=1M", ImageFormat::Qcow2),
    ] {
        qemu_img(
            &["convert", "-f", "raw", "-O", "qcow2", "-o", options],
            &[&raw, &other],
        );
        assert_holds(&open(&other).unwrap(), &map, format);
    }
}

#[test]
fn compressed_files_of_qemu_are_read() {
    let map = sample();
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, &map);
    let other = dir.path().join("by-qemu");
    for (options, format) in [
        (&["-c"][..], ImageFormat::Qcow2Compressed),
        (&["-c", "-W"], ImageFormat::Qcow2Compressed),
        (&["-c", "-o", "compat=0.10"], ImageFormat::Qcow2V2),
        (
            &["-c", "-o", "cluster_size=512"],
            ImageFormat::Qcow2Compressed,
        ),
        (
            &["-c", "-o", "cluster_size=2M"],
            ImageFormat::Qcow2Compressed,
        ),
    ] {
        let convert = ["convert", "-f", "raw", "-O", "qcow2"];
        qemu_img(&[&convert, options].concat(), &[&raw, &other]);
        let image = open(&other).unwrap();
        assert_holds(&image, &map, format);
        let facts = image.facts();
        assert!(facts.iter().any(|fact| fact.name == "clusters compressed"));
    }
}

#[test]
fn clusters_of_zeros_and_snapshots_of_qemu_are_read() {
    let map = sample();
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, &map);
    let backing = dir.path().join("backing.raw");
    std::fs::write(&backing, noise(9, map.len())).unwrap();
    let other = dir.path().join("by-qemu");
    // Over content, zeros must be written; then what they hide is taken away.
    let over = ["convert", "-f", "raw", "-O", "qcow2", "-F", "raw", "-B"];
    qemu_img(&over, &[&backing, &raw, &other]);
    let refused = open(&other).unwrap_err().to_string();
    assert!(refused.contains("backing.raw"), "{refused}");
    qemu_img(&["rebase", "-u", "-f", "qcow2", "-b", ""], &[&other]);
    let image = open(&other).unwrap();
    assert_holds(&image, &map, ImageFormat::Qcow2);
    assert!(image.allocated_len() < 10 * MIB, "zeros are not content");

    qemu_img(&["snapshot", "-c", "before"], &[&other]);
    let image = open(&other).unwrap();
    assert_holds(&image, &map, ImageFormat::Qcow2);
    let snapshots = image.facts().iter().find(|fact| fact.name == "snapshots");
    assert_eq!(snapshots.unwrap().value, "1");
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("by-qemu");
    let data = format!("data_file={}", dir.path().join("data").display());
    let secret = ["--object", "secret,id=key,data=abc"];
    // LUKS is refused alike; but qemu times the making of its keys, which fails on a busy machine.
    let aes = "encrypt.format=aes,encrypt.key-secret=key";
    for (arguments, word) in [
        (&["-o", "extended_l2=on"][..], "extended"),
        (&["-o", &data], "external data file"),
        (&[secret[0], secret[1], "-o", aes], "AES"),
    ] {
        let create = ["create", "-f", "qcow2"];
        let mut command = oracle::tool("qemu-img").unwrap().command().unwrap();
        command.args(create).args(arguments).arg(&other).arg("1M");
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {said}");
        let refused = open(&other).unwrap_err().to_string();
        assert!(
            refused.contains("unsupported") && refused.contains(word),
            "{refused}"
        );
    }
}

#[test]
fn a_disk_of_odd_length_is_whole_sectors() {
    let map = disk(MIB + 1, &[(MIB, vec![1])]);
    let image = open_bytes(&image(ImageFormat::Qcow2, &map, &options(1)));
    assert_holds(&image, &map, ImageFormat::Qcow2);
}

/// Number, offset and length of the streams in a compressed file; the length is that of whole sectors.
pub fn streams(bytes: &[u8]) -> Vec<(u64, u64, u64)> {
    let l1 = number_be::<8>(bytes, 40);
    let offset = |entry: u64| entry & 0x00FF_FFFF_FFFF_FE00;
    let mut found = Vec::new();
    for table in 0..number_be::<4>(bytes, 36) {
        let l2 = offset(number_be::<8>(bytes, l1 + table * 8));
        for slot in (0..8192).filter(|_| l2 != 0) {
            let entry = number_be::<8>(bytes, l2 + slot * 8);
            if entry & (1 << 62) != 0 {
                let at = entry & ((1 << 54) - 1);
                let sectors = ((entry >> 54) & 0xFF) + 1;
                let len = sectors * SECTOR - at % SECTOR;
                found.push((table * 8192 + slot, at, len));
            }
        }
    }
    found
}

#[test]
fn no_stream_refers_further_back_than_4_kib() {
    // What repeats is 5,000 bytes back.
    let far = noise(1, 5000).repeat(14)[..65_536].to_vec();
    let mut all = flate2::Compress::new(flate2::Compression::new(6), false);
    let mut stream = Vec::with_capacity(70_000);
    all.compress_vec(&far, &mut stream, flate2::FlushCompress::Finish)
        .unwrap();
    let (farthest, length) = farthest_and_length(&stream);
    assert!(farthest >= 5000 && length == 65_536);

    let near = noise(2, 3000).repeat(22)[..65_536].to_vec();
    let content = [prose(3, 16 * CLUSTER), far, near, prose(4, 5 * CLUSTER)].concat();
    let map = disk(4 * MIB, &[(0, content)]);
    let bytes = image(ImageFormat::Qcow2Compressed, &map, &options(1));
    let streams = streams(&bytes);
    assert!(streams.len() >= 22);
    for (number, at, _) in streams {
        let stream = &bytes[usize::try_from(at).unwrap()..];
        let (farthest, length) = farthest_and_length(stream);
        assert!(farthest <= 4096 && length == 65_536, "{number}: {farthest}");
        // The whole window is used.
        assert!(number != 17 || farthest == 3000);
    }
}

#[test]
fn streams_lie_one_behind_another_and_cross_into_the_next_cluster() {
    let map = disk(
        600 * MIB,
        &[(0, prose(1, 3 * MIB)), (530 * MIB, prose(2, MIB))],
    );
    let bytes = image(ImageFormat::Qcow2Compressed, &map, &options(2));
    let streams = streams(&bytes);
    assert_eq!(streams.len(), 64);
    let first: Vec<_> = streams.iter().filter(|stream| stream.0 < 8192).collect();
    assert_eq!(first[0].1, CLUSTER);
    let gaps = first.windows(2).map(|pair| {
        let sectors_end = pair[0].1 + pair[0].2;
        sectors_end.checked_sub(pair[1].1).unwrap()
    });
    assert!(gaps.into_iter().all(|shared| shared < SECTOR));
    let crosses = |stream: &&&(u64, u64, u64)| stream.1 % CLUSTER + stream.2 > CLUSTER;
    assert!(first.iter().filter(crosses).count() > 10);
    let dir = tempfile::tempdir().unwrap();
    let path = image_file(dir.path(), ImageFormat::Qcow2Compressed, &map);
    oracle::qemu_img_check(&path, "qcow2").unwrap();
}

#[test]
fn clusters_that_cannot_be_compressed_are_whole_and_leave_no_gaps() {
    // Both kinds in turns: a stream of about 100 bytes, a cluster of noise.
    let content: Vec<u8> = (0..200)
        .flat_map(|n| match n % 2 {
            0 => vec![7; 65_536],
            _ => noise(n, CLUSTER),
        })
        .collect();
    let map = disk(16 * MIB, &[(0, content)]);
    assert_judges_agree(&map, &[ImageFormat::Qcow2Compressed]);
    let bytes = image(ImageFormat::Qcow2Compressed, &map, &options(2));
    assert_eq!(streams(&bytes).len(), 100);
    // The header, the streams, each time that 4 MiB wait, and at the end: L2, L1, and counts.
    let clusters = bytes.len() as u64 / CLUSTER;
    assert!(clusters <= 1 + 2 + 100 + 4, "{clusters}");
}
