//! GPTs: bytes, judges and readers.

use std::path::{Path, PathBuf};
use std::process::Command;

use kurmadisk::layout::{
    GptScheme, LayoutRequest, Lba, PartitionRequest, PartitionSize, PartitionType, SchemeRequest,
    SectorSize,
};
use kurmadisk::table::{self, BOOT_CODE_LEN, TableError};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::read_at::{ReadAt, SeekReader};
use uuid::Uuid;

use crate::support::{
    assert_gpt_crate_agrees, assert_reads_back, assert_sfdisk_agrees, assert_sgdisk_agrees, built,
    gpt, kurmaos, request, write,
};

#[test]
fn the_kurmaos_disk_satisfies_every_judge() {
    let layout = kurmaos();
    let map = table::build(&layout, Some(&[0x90; BOOT_CODE_LEN])).unwrap();
    assert_eq!(map.len(), 3_096_576 * 512);
    let image = write(&map);
    assert_sgdisk_agrees(image.path(), &layout);
    assert_reads_back(&map, &layout);
    assert_gpt_crate_agrees(&map, &layout);
    let attributes = oracle::sgdisk_info(image.path(), 3).unwrap().attributes;
    assert_eq!(attributes, 0x0101_0000_0000_0000);
    // The same bytes of sector 0 as the disks this layout comes from.
    let mut sector = [0; 512];
    map.reader().read_exact_at(0, &mut sector).unwrap();
    assert_eq!(sector[..440], [0x90; 440]);
    let esp = [0x80, 65, 2, 0, 0x0c];
    assert_eq!(sector[446..451], esp);
    assert_eq!(sector[454..462], [0, 16, 0, 0, 0, 0, 8, 0]);
    let protective = [0, 0, 2, 0, 0xee];
    assert_eq!(sector[462..467], protective);
    assert_eq!(sector[470..478], [1, 0, 0, 0, 0xff, 15, 0, 0]);
    assert_eq!(sector[478..], [&[0; 32][..], &[0x55, 0xaa]].concat());
    // Seen as an MBR only.
    let mbr = mbrman::MBR::read_from(&mut SeekReader::new(map.reader()), 512).unwrap();
    assert!(mbr[1].is_active() && mbr[1].sectors == 524_288 && mbr[2].sectors == 4095);
}

#[test]
fn gaps_in_numbers_and_more_entries_than_usual_are_kept() {
    for entries in [128, 129, 130, 200, 256, 1000, 16_384] {
        let mut wanted = gpt(vec![
            request(1, 2048, PartitionType::ESP),
            request(3, 4096, PartitionType::HOME),
            request(entries, 1, PartitionType::LINUX),
            request(9, 8192, PartitionType::SWAP),
        ]);
        wanted.partition_alignment = 8192;
        wanted.scheme = SchemeRequest::Gpt(GptScheme {
            entries,
            ..GptScheme::new(Uuid::from_u128(9))
        });
        let layout = wanted.arrange().unwrap();
        let map = built(&layout);
        let image = write(&map);
        assert_sgdisk_agrees(image.path(), &layout);
        assert_sfdisk_agrees(image.path(), &layout);
        assert_reads_back(&map, &layout);
        assert_gpt_crate_agrees(&map, &layout);
    }
}

#[test]
fn a_disk_may_have_no_partitions_and_no_room() {
    let layout = LayoutRequest {
        disk_alignment: 1,
        ..gpt(vec![])
    }
    .arrange()
    .unwrap();
    assert_eq!(layout.sectors, 68);
    let map = built(&layout);
    let image = write(&map);
    assert_sgdisk_agrees(image.path(), &layout);
    assert_reads_back(&map, &layout);
}

#[test]
fn sectors_of_4096_bytes() {
    let mut wanted = gpt(vec![
        request(1, 8192, PartitionType::ESP),
        request(2, 1000, PartitionType::LINUX),
    ]);
    wanted.sector_size = SectorSize::B4096;
    wanted.partition_alignment = 256;
    let layout = wanted.arrange().unwrap();
    assert_eq!(layout.first_usable(), Lba(6));
    let map = built(&layout);
    assert_eq!(map.len(), layout.sectors * 4096);
    assert_gpt_crate_agrees(&map, &layout);
    // The sector size is found without being told.
    assert_eq!(table::read(&map.reader()).unwrap().layout, layout);
    let image = write(&map);
    let device = LoopDevice::new(image.path());
    assert_sgdisk_agrees(&device.0, &layout);
    assert_sfdisk_agrees(&device.0, &layout);
}

/// A loop device with sectors of 4096 bytes: `sgdisk` and `sfdisk` take 512 for every plain file.
struct LoopDevice(PathBuf);

impl LoopDevice {
    fn new(image: &Path) -> Self {
        let output = Command::new("losetup")
            .args(["--find", "--show", "--read-only", "--sector-size", "4096"])
            .arg(image)
            .output()
            .expect("losetup, of Debian's package mount");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "losetup (it needs root): {said}");
        let device = String::from_utf8(output.stdout).unwrap();
        Self(device.trim().into())
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let _ = Command::new("losetup")
            .arg("--detach")
            .arg(&self.0)
            .status();
    }
}

#[test]
fn the_protective_size_stops_at_32_bits() {
    let four_gi = 1_u64 << 32;
    for (sectors, expected) in [
        (four_gi - 1, u32::MAX - 1),
        (four_gi, u32::MAX),
        (four_gi + 1, u32::MAX),
        (1_000_000, 999_999),
    ] {
        let layout = LayoutRequest {
            disk_alignment: 1,
            disk_sectors: Some(sectors),
            ..gpt(vec![PartitionRequest {
                size: PartitionSize::Rest,
                ..request(1, 0, PartitionType::LINUX)
            }])
        }
        .arrange()
        .unwrap();
        assert_eq!(layout.sectors, sectors);
        let map = built(&layout);
        let mut size = [0; 4];
        map.reader().read_exact_at(446 + 12, &mut size).unwrap();
        assert_eq!(u32::from_le_bytes(size), expected, "{sectors} sectors");
        let image = write(&map);
        assert_sgdisk_agrees(image.path(), &layout);
        assert_sfdisk_agrees(image.path(), &layout);
        assert_reads_back(&map, &layout);
    }
}

#[test]
fn boot_code_longer_than_its_place_is_refused() {
    let error = table::build(&kurmaos(), Some(&[0; 441])).unwrap_err();
    assert!(matches!(error, TableError::BootCodeTooLong { len: 441 }));
    let mut layout = kurmaos();
    layout.partitions[0].number = 0;
    let error = table::build(&layout, None).unwrap_err();
    assert!(matches!(error, TableError::Layout(_)));
}
