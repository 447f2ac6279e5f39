//! Tables of disks that grow, and what a power cut leaves of them.

use std::fs::File;
use std::os::unix::fs::FileExt;

use kurmadisk::layout::{DiskLayout, LayoutRequest, PartitionType, Scheme, SectorSize};
use kurmadisk::table::grow::{Growth, grow};
use kurmadisk::table::{self, PartitionTable, TableProblem};
use kurmadisk_formats::read_at::FileReader;
use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::random;
use super::support::{
    assert_sfdisk_agrees, assert_sgdisk_agrees, built, gpt, request, stored, write,
};

const MIB: u64 = 1 << 20;

fn reader(file: &NamedTempFile) -> FileReader {
    FileReader::new(File::open(file.path()).unwrap()).unwrap()
}

/// The partition that grows: the last on the disk.
fn last(layout: &DiskLayout) -> Option<u32> {
    let last = layout.partitions.iter().max_by_key(|each| each.end())?;
    Some(last.number)
}

/// The layout once all is done.
fn grown(layout: &DiskLayout, growth: &Growth) -> DiskLayout {
    let mut layout = layout.clone();
    layout.sectors = growth.len / growth.sector_size;
    let number = growth.partition.number;
    let mut each = layout.partitions.iter_mut();
    let partition = each.find(|each| each.number == number).unwrap();
    partition.sectors = growth.sectors;
    layout
}

/// What is read once the first `whole` writes are done, and `bytes` of the next one.
fn cut(file: &NamedTempFile, growth: &Growth, whole: usize, bytes: usize) {
    file.as_file().set_len(growth.len).unwrap();
    for write in &growth.writes[..whole] {
        file.as_file()
            .write_all_at(&write.bytes, write.offset)
            .unwrap();
    }
    if let Some(next) = growth.writes.get(whole) {
        let bytes = bytes.min(next.bytes.len());
        file.as_file()
            .write_all_at(&next.bytes[..bytes], next.offset)
            .unwrap();
    }
}

fn check(layout: &DiskLayout, more: u64, cuts: &[(usize, usize)]) {
    let sector = layout.sector_size.bytes();
    let map = built(layout);
    let len = map.len() + more * sector;
    let growth = grow(&map.reader(), len, None).unwrap();
    assert_eq!(Some(growth.partition.number), last(layout));
    let after = stored(&grown(layout, &growth));
    let before = DiskLayout {
        sectors: after.sectors,
        ..stored(layout)
    };
    let writable = |file: &NamedTempFile| File::options().write(true).open(file.path()).unwrap();
    for (whole, part) in cuts {
        let file = write(&map);
        // A disk writes whole sectors.
        let part = part * usize::try_from(sector).unwrap();
        cut(&file, &growth, whole % (growth.writes.len() + 1), part);
        let found = read(&file, layout);
        let partitions = found.layout.partitions;
        assert!(
            [&before.partitions, &after.partitions].contains(&&partitions),
            "{partitions:?}"
        );
        // Once more completes it.
        let again = grow(&reader(&file), len, None).unwrap();
        again.perform(&writable(&file)).unwrap();
        let found = read(&file, layout);
        assert_eq!((found.layout, found.problems), (after.clone(), vec![]));
    }
    let file = write(&map);
    growth.perform(&writable(&file)).unwrap();
    let found = read(&file, layout);
    assert_eq!((found.layout, found.problems), (after.clone(), vec![]));
    assert_eq!(grow(&reader(&file), len, None).unwrap().writes, []);
    // As a map it is the same.
    let applied = growth.apply(&map).unwrap();
    let found = table::read_with_sector_size(&applied.reader(), layout.sector_size).unwrap();
    assert_eq!((found.layout, found.problems), (after.clone(), vec![]));
    let expected = grown(layout, &growth);
    match &layout.scheme {
        Scheme::Gpt(_) => assert_sgdisk_agrees(file.path(), &expected),
        Scheme::Mbr(_) => assert_sfdisk_agrees(file.path(), &expected),
    }
    ends_with_the_disk(&expected, &growth);
}

/// The partition has all the room but for less than a MiB.
fn ends_with_the_disk(layout: &DiskLayout, growth: &Growth) {
    let partition = layout.partition(growth.partition.number).unwrap();
    let [end, limit] = [partition.end(), layout.usable_end()].map(|lba| lba.0 * growth.sector_size);
    let as_before = growth.sectors == growth.partition.sectors;
    assert!(as_before || end.is_multiple_of(MIB));
    assert!(limit - end < MIB, "{} bytes are left", limit - end);
}

fn read(file: &NamedTempFile, layout: &DiskLayout) -> PartitionTable {
    let mut table = table::read_with_sector_size(&reader(file), layout.sector_size).unwrap();
    table.layout.partitions.sort_by_key(|each| each.number);
    table
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_gpt_grows_and_there_is_always_a_table(
        layout in random::gpt_layout(),
        more in more(),
        cuts in prop::collection::vec((0..8_usize, 0..70_usize), 4),
    ) {
        prop_assume!(last(&layout).is_some());
        check(&layout, more, &cuts);
    }

    #[test]
    fn any_mbr_grows(layout in random::mbr_layout(), more in more()) {
        let Scheme::Mbr(mbr) = &layout.scheme else { panic!("no MBR") };
        let logical = last(&layout).is_some_and(|number| number > 4);
        if logical {
            let map = built(&layout);
            let error = grow(&map.reader(), map.len(), None).unwrap_err();
            assert!(error.to_string().contains("it is a logical one"), "{error}");
        } else if last(&layout).is_some() && mbr.extended.is_none() {
            check(&layout, more, &[]);
        }
    }
}

fn more() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..40_u64, 2048..100_000_u64]
}

#[test]
fn disks_of_large_sectors_grow() {
    let wanted = [
        request(1, 2048, PartitionType::ESP),
        request(2, 2048, PartitionType::LINUX),
    ];
    let layout = LayoutRequest {
        sector_size: SectorSize::B4096,
        ..gpt(wanted.to_vec())
    };
    let layout = layout.arrange().unwrap();
    let map = built(&layout);
    let growth = grow(&map.reader(), map.len() + 300 * MIB, None).unwrap();
    let after = grown(&layout, &growth);
    let applied = growth.apply(&map).unwrap();
    let found = table::read(&applied.reader()).unwrap();
    assert_eq!((found.layout, found.problems), (after.clone(), vec![]));
    // It is what a new disk of that layout would have.
    let fresh = table::read(&built(&after).reader()).unwrap();
    assert_eq!(fresh.layout, after);
    ends_with_the_disk(&after, &growth);
}

#[test]
fn copies_that_differ_are_refused() {
    let wanted = [
        request(1, 2048, PartitionType::ESP),
        request(2, 2048, PartitionType::LINUX),
    ];
    let layout = LayoutRequest {
        disk_sectors: Some(20_000),
        ..gpt(wanted.to_vec())
    };
    let layout = layout.arrange().unwrap();
    let map = built(&layout);
    let file = write(&map);
    let growth = grow(&map.reader(), map.len(), None).unwrap();
    assert!(growth.writes.len() >= 4, "{growth:?}");
    // A sound backup that says something else.
    let mut other = layout.clone();
    other.partitions[0].label = "other".to_owned();
    let bytes = super::support::bytes(&built(&other));
    let tail = usize::try_from(layout.usable_end().0 * 512).unwrap();
    file.as_file()
        .write_all_at(&bytes[tail..], tail as u64)
        .unwrap();
    let error = grow(&reader(&file), map.len(), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}; repair the table first, by `sgdisk` or `sfdisk`",
            TableProblem::CopiesDiffer
        )
    );
}

#[test]
fn what_cannot_grow_is_told() {
    let wanted = [
        request(1, 2048, PartitionType::ESP),
        request(2, 2048, PartitionType::LINUX),
    ];
    let layout = gpt(wanted.to_vec()).arrange().unwrap();
    let map = built(&layout);
    for (len, partition, told) in [
        (map.len() - 512, None, "are fewer"),
        (
            map.len() + 100,
            None,
            "no whole number of the disk's sectors",
        ),
        (map.len(), Some("1"), "partition 2 lies behind it"),
        (map.len(), Some("none"), "0 partitions are called"),
    ] {
        let error = grow(&map.reader(), len, partition).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    let empty = built(&gpt(Vec::new()).arrange().unwrap());
    let error = grow(&empty.reader(), empty.len(), None).unwrap_err();
    assert_eq!(error.to_string(), "the disk has no partition");
}
