//! A partition table as a report.

use kurmadisk_formats::read_at::{ReadAt, Window};

use super::content::{self, Examined};
use super::report::{
    Content, DiskReport, ExtendedReport, HybridReport, PartitionReport, Problem, TableReport,
};
use crate::layout::{DiskLayout, PlacedPartition, Scheme};
use crate::table::PartitionTable;

/// Adds the table of `disk` and what lies in its partitions to `report`.
pub(super) fn tell(disk: &dyn ReadAt, table: &PartitionTable, report: &mut DiskReport) {
    let layout = &table.layout;
    let problems = table.problems.iter().map(ToString::to_string);
    report.problems.extend(problems.map(Problem::of_disk));
    report.table = Some(head(layout));
    let mut partitions: Vec<&PlacedPartition> = layout.partitions.iter().collect();
    partitions.sort_by_key(|partition| partition.number);
    for entry in partitions {
        let examined = examine(disk, layout, entry);
        let problems = examined.problems.into_iter().map(|problem| Problem {
            partition: Some(entry.number),
            problem,
        });
        report.problems.extend(problems);
        report.partitions.push(PartitionReport {
            entry: layout.report(entry),
            content: examined.content,
        });
    }
}

fn head(layout: &DiskLayout) -> TableReport {
    let report = TableReport {
        kind: "gpt",
        id: String::new(),
        sector_size: layout.sector_size.bytes(),
        sectors: layout.sectors,
        entries: None,
        hybrid: Vec::new(),
        extended: None,
    };
    match &layout.scheme {
        Scheme::Gpt(gpt) => TableReport {
            id: gpt.disk_guid.to_string(),
            entries: Some(gpt.entries),
            hybrid: gpt
                .hybrid
                .iter()
                .map(|entry| HybridReport {
                    number: entry.number,
                    kind: format!("{:#04x}", entry.mbr_type),
                    active: entry.active,
                })
                .collect(),
            ..report
        },
        Scheme::Mbr(mbr) => TableReport {
            kind: "mbr",
            id: format!("{:#010x}", mbr.signature),
            extended: mbr.extended.map(|extended| ExtendedReport {
                number: extended.number,
                first: extended.first.0,
                sectors: extended.sectors,
            }),
            ..report
        },
    }
}

/// What lies in the part of `entry` that is on the disk; the rest is a fault of the table, which
/// tells of it.
fn examine(disk: &dyn ReadAt, layout: &DiskLayout, entry: &PlacedPartition) -> Examined {
    let range = layout.byte_range(entry);
    let start = range.start.min(disk.len());
    let len = range.end.min(disk.len()) - start;
    match Window::new(disk, start, len) {
        Ok(volume) if len > 0 => content::examine(&volume),
        _ => Examined {
            content: Content::UNREADABLE,
            problems: vec!["the partition lies outside of the disk".to_owned()],
        },
    }
}
