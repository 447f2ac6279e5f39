//! Plain MBRs: primary and logical partitions.

use std::io::Write;
use std::process::{Command, Stdio};

use kurmadisk::layout::{
    DiskLayout, ExtendedPartition, LayoutRequest, PartitionRequest, PartitionType, Scheme,
    SchemeRequest,
};
use kurmadisk::table;
use kurmadisk_formats::read_at::SeekReader;
use tempfile::NamedTempFile;

use crate::support::{
    assert_reads_back, assert_sfdisk_agrees, built, bytes, gpt, request, stored, write,
};

fn mbr(partitions: Vec<PartitionRequest>) -> LayoutRequest {
    LayoutRequest {
        scheme: SchemeRequest::Mbr {
            signature: 0x1234_abcd,
        },
        ..gpt(partitions)
    }
}

/// Three primary partitions and three logical ones.
fn six() -> DiskLayout {
    let linux = |number| request(number, 4096 + u64::from(number), PartitionType::LINUX);
    let mut wanted = mbr([1, 2, 4, 5, 6, 7].map(linux).into());
    wanted.partitions[0].active = true;
    wanted.partitions[1].kind = PartitionType::FAT32;
    wanted.partitions[4].kind = PartitionType::SWAP;
    wanted.arrange().unwrap()
}

fn extended(layout: &DiskLayout) -> ExtendedPartition {
    match &layout.scheme {
        Scheme::Mbr(scheme) => scheme.extended.unwrap(),
        Scheme::Gpt(_) => panic!("no MBR"),
    }
}

#[test]
fn every_judge_reads_primary_and_logical_partitions() {
    let layout = six();
    let map = table::build(&layout, Some(b"boot code")).unwrap();
    let image = write(&map);
    assert_sfdisk_agrees(image.path(), &layout);
    assert_reads_back(&map, &layout);
    let read = mbrman::MBR::read_from(&mut SeekReader::new(map.reader()), 512).unwrap();
    assert_eq!(read.header.disk_signature, 0x1234_abcd_u32.to_le_bytes());
    assert!(read.header.bootstrap_code.starts_with(b"boot code\0"));
    for partition in &layout.partitions {
        let found = &read[usize::try_from(partition.number).unwrap()];
        assert_eq!(u64::from(found.starting_lba), partition.first.0);
        assert_eq!(u64::from(found.sectors), partition.sectors);
        assert_eq!(Some(found.sys), partition.kind.mbr());
        assert_eq!(found.is_active(), partition.active);
    }
    assert_eq!(read.logical_partitions.len(), 3);
    assert_eq!(extended(&layout).number, 3);
}

/// `sfdisk` makes the same disk: every sector of the table is the same, CHS addresses included.
#[test]
fn the_bytes_are_those_of_sfdisk() {
    let mut layout = six();
    for partition in &mut layout.partitions {
        partition.sectors = 4096;
    }
    let Scheme::Mbr(scheme) = &mut layout.scheme else {
        panic!("no MBR")
    };
    let container = scheme.extended.as_mut().unwrap();
    // The last partition became shorter, and so does its container.
    container.sectors -= 7;
    let container = *container;
    let map = built(&layout);
    let script: String = (1..=7)
        .map(|number| match layout.partition(number) {
            Some(p) => format!(
                "{}:start={},size={},type={:x}{}\n",
                number,
                p.first,
                p.sectors,
                p.kind.mbr().unwrap(),
                if p.active { ",bootable" } else { "" }
            ),
            None => format!(
                "3:start={},size={},type=f\n",
                container.first, container.sectors
            ),
        })
        .collect();
    let theirs = sfdisk(
        map.len(),
        &format!("label:dos\nlabel-id:0x1234abcd\n{script}"),
    );
    let (ours, theirs) = (bytes(&map), std::fs::read(theirs.path()).unwrap());
    for (lba, (ours, theirs)) in ours.chunks(512).zip(theirs.chunks(512)).enumerate() {
        assert_eq!(ours, theirs, "sector {lba}");
    }
}

fn sfdisk(len: u64, script: &str) -> NamedTempFile {
    let image = NamedTempFile::new().unwrap();
    image.as_file().set_len(len).unwrap();
    let mut child = Command::new("sfdisk")
        .args(["--quiet", "--no-reread"])
        .arg(image.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("sfdisk, of Debian's package fdisk");
    let mut input = child.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success(), "{script}");
    image
}

/// Past 8 GiB no CHS address exists, past 4 GiB byte offsets need more than 32 bits; boot records lie
/// there all the same.
#[test]
fn logical_partitions_lie_far_behind() {
    let giant = 1 << 25;
    let layout = mbr(vec![
        request(1, giant, PartitionType::LINUX),
        request(5, giant, PartitionType::LINUX),
        request(6, giant, PartitionType::LINUX),
    ])
    .arrange()
    .unwrap();
    let map = built(&layout);
    assert_sfdisk_agrees(write(&map).path(), &layout);
    assert_reads_back(&map, &layout);
}

#[test]
fn a_disk_of_nearly_two_tebibytes_and_one_beyond() {
    let edge = u64::from(u32::MAX);
    let layout = mbr(vec![request(1, edge - 2048, PartitionType::LINUX)])
        .arrange()
        .unwrap();
    let map = built(&layout);
    assert_sfdisk_agrees(write(&map).path(), &layout);
    assert_reads_back(&map, &layout);
    let error = mbr(vec![request(1, edge + 1, PartitionType::LINUX)])
        .arrange()
        .unwrap_err();
    assert!(error.to_string().contains("use a GPT"), "{error}");
}

#[test]
fn many_logical_partitions() {
    let parts = (5..=60)
        .map(|number| request(number, 100, PartitionType::LINUX))
        .collect();
    let layout = LayoutRequest {
        partition_alignment: 16,
        ..mbr(parts)
    }
    .arrange()
    .unwrap();
    let map = built(&layout);
    assert_sfdisk_agrees(write(&map).path(), &layout);
    assert_reads_back(&map, &layout);
}

#[test]
fn sectors_of_4096_bytes() {
    let mut wanted = mbr(vec![
        request(1, 700, PartitionType::LINUX),
        request(5, 700, PartitionType::LINUX),
        request(6, 700, PartitionType::LINUX),
    ]);
    wanted.sector_size = kurmadisk::layout::SectorSize::B4096;
    let layout = wanted.arrange().unwrap();
    assert_reads_back(&built(&layout), &layout);
}

/// An extended partition of any tool, with nothing in it.
#[test]
fn an_empty_extended_partition_is_no_error() {
    let mut layout = six();
    layout.partitions.retain(|p| p.number < 5);
    let map = built(&layout);
    let found = table::read(&map.reader()).unwrap();
    assert_eq!(found.problems, []);
    assert_eq!(found.layout, stored(&layout));
    assert_eq!(extended(&found.layout), extended(&layout));
}
