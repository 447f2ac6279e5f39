//! Damaged and forged tables: named, survived, never believed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kurmadisk::layout::{DiskLayout, LayoutRequest, Lba, PartitionType, SchemeRequest, SectorSize};
use kurmadisk::table::{
    self, ChainFault, CopyFault, GptCopyName, PartitionTable, TableError, TableProblem,
};
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;

use crate::support::{built, bytes, gpt, request};

/// A small disk of two partitions, in memory.
fn small_gpt() -> (DiskLayout, Vec<u8>) {
    let mut wanted = gpt(vec![
        request(1, 16, PartitionType::ESP),
        request(5, 32, PartitionType::LINUX),
    ]);
    wanted.partition_alignment = 8;
    wanted.disk_alignment = 8;
    let layout = wanted.arrange().unwrap();
    let disk = bytes(&built(&layout));
    (layout, disk)
}

fn small_mbr() -> (DiskLayout, Vec<u8>) {
    let linux = |number| request(number, 16, PartitionType::LINUX);
    let layout = LayoutRequest {
        partition_alignment: 8,
        disk_alignment: 8,
        scheme: SchemeRequest::Mbr { signature: 1 },
        ..gpt([1, 5, 6, 7].map(linux).into())
    }
    .arrange()
    .unwrap();
    let disk = bytes(&built(&layout));
    (layout, disk)
}

fn read(disk: &[u8]) -> Result<PartitionTable, TableError> {
    table::read(&disk)
}

/// The GPT header of 92 bytes at `at` with its checksum made right again.
fn sign(disk: &mut [u8], at: usize) {
    disk[at + 16..at + 20].fill(0);
    let sum = crc32fast::hash(&disk[at..at + 92]);
    disk[at + 16..at + 20].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn either_copy_is_enough_and_the_other_is_named() {
    let (layout, good) = small_gpt();
    let last = good.len() - 512;
    let last_entries = last - 32 * 512;
    let copy = |copy, fault| vec![TableProblem::Copy { copy, fault }];
    let (primary, backup) = (GptCopyName::Primary, GptCopyName::Backup);
    for (at, problems) in [
        (512, copy(primary, CopyFault::Missing)),
        (512 + 57, copy(primary, CopyFault::HeaderChecksum)),
        (1024 + 3, copy(primary, CopyFault::EntriesChecksum)),
        (1024 + 100 * 128, copy(primary, CopyFault::EntriesChecksum)),
        (last, copy(backup, CopyFault::Missing)),
        (last + 20, copy(backup, CopyFault::HeaderChecksum)),
        (last_entries, copy(backup, CopyFault::EntriesChecksum)),
    ] {
        let mut disk = good.clone();
        disk[at] ^= 1;
        let found = read(&disk).unwrap();
        assert_eq!(found.layout, layout, "byte {at}");
        assert_eq!(found.problems, problems, "byte {at}");
    }
}

#[test]
fn two_bad_copies_are_both_named() {
    let (_, mut disk) = small_gpt();
    let last = disk.len() - 512;
    disk[512 + 60] ^= 1;
    disk[last - 512] ^= 1;
    let error = read(&disk).unwrap_err();
    assert!(
        matches!(
            error,
            TableError::BothCopiesBad {
                primary: CopyFault::HeaderChecksum,
                backup: CopyFault::EntriesChecksum
            }
        ),
        "{error}"
    );
}

#[test]
fn forged_headers_are_refused_before_anything_is_allocated() {
    let (layout, good) = small_gpt();
    let entries = |count: u32, size: u32| [count.to_le_bytes(), size.to_le_bytes()].concat();
    let unsupported = |entries, entry_size| CopyFault::Unsupported {
        entries,
        entry_size,
    };
    for (at, bytes, fault) in [
        (80, entries(u32::MAX, 128), unsupported(u32::MAX, 128)),
        (
            80,
            entries(u32::MAX, u32::MAX),
            unsupported(u32::MAX, u32::MAX),
        ),
        (80, entries(128, 0), unsupported(128, 0)),
        (80, entries(128, 256), unsupported(128, 256)),
        (
            80,
            entries(16_384, 128),
            CopyFault::EntriesOutOfDisk(Lba(2)),
        ),
        (
            72,
            u64::MAX.to_le_bytes().to_vec(),
            CopyFault::EntriesOutOfDisk(Lba(u64::MAX)),
        ),
        (
            72,
            5000_u64.to_le_bytes().to_vec(),
            CopyFault::EntriesOutOfDisk(Lba(5000)),
        ),
        (
            24,
            7_u64.to_le_bytes().to_vec(),
            CopyFault::WrongLba(Lba(7)),
        ),
    ] {
        let mut disk = good.clone();
        disk[512 + at..512 + at + bytes.len()].copy_from_slice(&bytes);
        sign(&mut disk, 512);
        let found = read(&disk).unwrap();
        assert_eq!(found.layout, layout, "{fault}");
        let copy = GptCopyName::Primary;
        assert_eq!(found.problems, [TableProblem::Copy { copy, fault }]);
    }
}

/// Entries as an attacker would write them, with every checksum right.
#[test]
fn forged_entries_are_reported() {
    let (_, mut disk) = small_gpt();
    // Partition 1 ends before it begins; partition 5 reaches past the end.
    disk[1024 + 40..1024 + 48].copy_from_slice(&1_u64.to_le_bytes());
    let fifth = 1024 + 4 * 128 + 40;
    disk[fifth..fifth + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    let sum = crc32fast::hash(&disk[1024..1024 + 128 * 128]);
    disk[512 + 88..512 + 92].copy_from_slice(&sum.to_le_bytes());
    sign(&mut disk, 512);
    let found = read(&disk).unwrap();
    assert_eq!(found.layout.partitions.len(), 1);
    let text: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        text[..2],
        [
            "the two copies of the GPT differ",
            "GPT entry 1 ends before it begins"
        ]
    );
    assert!(
        text[2].starts_with("partition 5 (part 5): size: it ends before"),
        "{text:?}"
    );
    assert_eq!(text.len(), 3);
}

#[test]
fn a_grown_disk_a_bare_gpt_and_a_stale_one() {
    let (layout, good) = small_gpt();
    let mut grown = good.clone();
    grown.resize(good.len() + 4096, 0);
    let problems = read(&grown).unwrap().problems;
    let (lba, last) = (Lba(layout.sectors - 1), Lba(layout.sectors + 7));
    assert_eq!(problems, [TableProblem::BackupMisplaced { lba, last }]);

    let mut bare = good.clone();
    bare[..512].fill(0);
    let found = read(&bare).unwrap();
    assert_eq!(
        (found.layout, found.problems),
        (layout, vec![TableProblem::NotProtected])
    );

    let (mbr_layout, mbr_disk) = small_mbr();
    let mut stale = good;
    stale[..512].copy_from_slice(&mbr_disk[..512]);
    let found = read(&stale).unwrap();
    assert_eq!(found.problems[0], TableProblem::StaleGpt);
    assert_eq!(found.layout.scheme, mbr_layout.scheme);
}

#[test]
fn an_mbr_entry_outside_the_gpt_is_reported() {
    let (layout, mut disk) = small_gpt();
    disk[462..478].copy_from_slice(&[0, 0, 0, 0, 0x83, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0]);
    let found = read(&disk).unwrap();
    assert_eq!(found.layout, layout);
    assert_eq!(found.problems, [TableProblem::HybridUnmatched { slot: 2 }]);
}

#[test]
fn no_table_is_an_error() {
    for disk in [
        vec![],
        vec![0; 100],
        vec![0; 512],
        vec![0; 1 << 16],
        vec![0xff; 1 << 16],
    ] {
        assert!(
            matches!(read(&disk), Err(TableError::NoTable)),
            "{} bytes",
            disk.len()
        );
        assert!(table::read_with_sector_size(&&disk[..], SectorSize::B4096).is_err());
    }
}

/// The link of the boot record at `lba` leads to `target` sectors behind the extended partition's
/// begin.
fn link(disk: &mut [u8], lba: u64, target: u32) {
    let at = usize::try_from(lba * 512).unwrap() + 446 + 16;
    disk[at + 4] = 5;
    disk[at + 8..at + 12].copy_from_slice(&target.to_le_bytes());
    disk[at + 12..at + 16].copy_from_slice(&1_u32.to_le_bytes());
}

#[test]
fn chains_that_do_not_end_are_cut() {
    let (layout, good) = small_mbr();
    let logical: Vec<_> = layout.partitions.iter().filter(|p| p.number > 4).collect();
    let (base, second) = (logical[0].first.0 - 8, logical[0].end().0);
    let far = u32::MAX;
    for (target, lba, fault) in [
        (
            u32::try_from(second - base).unwrap(),
            second,
            ChainFault::Loop,
        ),
        (far, base + u64::from(far), ChainFault::Outside),
        (9, base + 9, ChainFault::NotARecord),
    ] {
        let mut disk = good.clone();
        link(&mut disk, second, target);
        let found = read(&disk).unwrap();
        let lba = Lba(lba);
        assert_eq!(found.problems[0], TableProblem::BrokenChain { lba, fault });
        assert_eq!(found.layout.partitions.len(), 3, "{fault}");
    }
}

/// A disk of 2 TiB on which every sector is an extended boot record that leads to the next one.
struct EndlessChain(AtomicU64);

impl ReadAt for EndlessChain {
    fn len(&self) -> u64 {
        512 << 32
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let lba = u32::try_from(offset / 512).map_err(std::io::Error::other)?;
        let mut sector = [0; 512];
        let entry = |kind: u8, first: u32, sectors: u32| {
            let mut entry = [0; 16];
            entry[4] = kind;
            entry[8..12].copy_from_slice(&first.to_le_bytes());
            entry[12..].copy_from_slice(&sectors.to_le_bytes());
            entry
        };
        if lba == 0 {
            sector[446..462].copy_from_slice(&entry(0x0f, 1, u32::MAX));
        } else {
            sector[462..478].copy_from_slice(&entry(0x05, lba, 1));
        }
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        buf.fill(0);
        let len = buf.len().min(512);
        buf[..len].copy_from_slice(&sector[..len]);
        Ok(())
    }
}

#[test]
fn an_endless_chain_is_left_soon() {
    let disk = EndlessChain(AtomicU64::new(0));
    let begin = Instant::now();
    let found = table::read(&disk).unwrap();
    let problem = found.problems.first();
    assert!(
        matches!(
            problem,
            Some(TableProblem::BrokenChain {
                fault: ChainFault::TooMany,
                ..
            })
        ),
        "{problem:?}"
    );
    assert!(disk.0.load(Ordering::Relaxed) < 2000);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(mut disk in prop::collection::vec(any::<u8>(), 0..40_000)) {
        let _ = read(&disk);
        // The same with a plausible boot record, whose entries are random.
        if disk.len() >= 512 {
            disk[510..512].copy_from_slice(&[0x55, 0xaa]);
            for entry in 0..4 {
                disk[446 + 16 * entry] = 0;
                disk[450 + 16 * entry] |= 5;
            }
            let _ = read(&disk);
        }
    }

    /// Random bytes in a header or an entry whose checksums are right.
    #[test]
    fn signed_nonsense_never_panics(
        header in prop::collection::vec((0_usize..92, any::<u8>()), 0..4),
        entries in prop::collection::vec((0_usize..16_384, any::<u8>()), 0..40),
    ) {
        let (_, mut disk) = small_gpt();
        for (at, byte) in entries {
            disk[1024 + at] = byte;
        }
        let sum = crc32fast::hash(&disk[1024..1024 + 16_384]);
        disk[512 + 88..512 + 92].copy_from_slice(&sum.to_le_bytes());
        for (at, byte) in header {
            disk[512 + at] = byte;
        }
        sign(&mut disk, 512);
        prop_assert!(read(&disk).is_ok());
    }

    /// One flipped bit: the same partitions with a problem named, the flip is outside the table's
    /// checks, or the table is gone. Partitions of a GPT never change in silence.
    #[test]
    fn flipped_bits_are_noticed(byte in 446_usize..35_000, bit in 0_u8..8) {
        let (layout, mut disk) = small_gpt();
        let len = disk.len();
        disk[byte % len] ^= 1 << bit;
        let found = read(&disk).unwrap();
        if found.problems.is_empty() {
            prop_assert_eq!(found.layout, layout);
        } else {
            prop_assert_eq!(found.layout.partitions, layout.partitions);
        }
    }

    #[test]
    fn flipped_bits_of_an_mbr_never_panic(flips in prop::collection::vec((0_usize..60_000, 0_u8..8), 1..5)) {
        let (layout, mut disk) = small_mbr();
        let len = disk.len();
        for (byte, bit) in flips {
            // Mostly where the tables are: the boot records' entries.
            let records = [0, 24, 48, 64].map(|lba: usize| lba * 512 + 446);
            let at = if bit % 2 == 0 { records[byte % 4] + byte % 66 } else { byte };
            disk[at % len] ^= 1 << bit;
        }
        if let Ok(found) = read(&disk) {
            prop_assert!(found.layout.partitions.len() <= layout.partitions.len() + 3);
        }
    }
}
