//! Which part of a disk is wanted.

use super::error::DiskFault;
use crate::inspect::{Content, DiskReport, PartitionReport};

/// Where a filesystem lies on a disk, in bytes.
pub(super) struct Selected {
    pub start: u64,
    pub len: u64,
    /// Whether it is FAT, or else ext2, ext3 or ext4.
    pub is_fat: bool,
}

pub(super) fn select(report: &DiskReport, wanted: Option<&str>) -> Result<Selected, DiskFault> {
    if report.table.is_none() {
        return match wanted {
            Some(partition) => Err(DiskFault::NoTable {
                partition: partition.to_owned(),
            }),
            None => whole(report),
        };
    }
    let partition = match wanted {
        Some(wanted) => named(report, wanted)?,
        None => only(report)?,
    };
    let place = format!("partition {}", described(partition));
    let problems = report.problems.iter();
    let own = problems.filter(|problem| problem.partition == Some(partition.entry.number));
    Ok(Selected {
        start: partition.entry.start,
        len: partition.entry.size,
        is_fat: is_fat(
            place,
            &partition.content,
            own.map(|problem| &*problem.problem),
        )?,
    })
}

fn whole(report: &DiskReport) -> Result<Selected, DiskFault> {
    let nothing = Content {
        kind: "unknown",
        filesystem: None,
        verity: None,
    };
    let content = report.content.as_ref().unwrap_or(&nothing);
    let problems = report.problems.iter().map(|problem| &*problem.problem);
    Ok(Selected {
        start: 0,
        len: report.size,
        is_fat: is_fat("the disk".to_owned(), content, problems)?,
    })
}

/// Whether a content is FAT, given that it is FAT or ext.
fn is_fat<'a>(
    place: String,
    content: &Content,
    problems: impl Iterator<Item = &'a str>,
) -> Result<bool, DiskFault> {
    if let Some(filesystem) = &content.filesystem {
        return Ok(filesystem.fat.is_some());
    }
    let known = std::iter::once(content.kind).chain(problems);
    let content = known.collect::<Vec<_>>().join("; ");
    Err(DiskFault::Content { place, content })
}

/// The partition of that number, or else that label.
fn named<'a>(report: &'a DiskReport, wanted: &str) -> Result<&'a PartitionReport, DiskFault> {
    let all = &report.partitions;
    let number = wanted.parse::<u32>().ok();
    let by_number = all.iter().find(|p| Some(p.entry.number) == number);
    if let Some(found) = by_number {
        return Ok(found);
    }
    let labels: [fn(&PartitionReport) -> &str; 2] = [
        |partition| &partition.entry.label,
        |partition| match &partition.content.filesystem {
            Some(filesystem) => &filesystem.label,
            None => "",
        },
    ];
    for label in labels {
        let labelled: Vec<_> = all.iter().filter(|p| label(p) == wanted).collect();
        match labelled[..] {
            [] => {}
            [found] => return Ok(found),
            _ => {
                return Err(DiskFault::Ambiguous {
                    label: wanted.to_owned(),
                    candidates: list(labelled.into_iter()),
                });
            }
        }
    }
    Err(DiskFault::NoSuch {
        partition: wanted.to_owned(),
        candidates: list(all.iter()),
    })
}

/// The only partition with a filesystem.
fn only(report: &DiskReport) -> Result<&PartitionReport, DiskFault> {
    let all = report.partitions.iter();
    let filled: Vec<_> = all
        .clone()
        .filter(|partition| partition.content.filesystem.is_some())
        .collect();
    match filled[..] {
        [found] => Ok(found),
        [] => Err(DiskFault::None {
            candidates: list(all),
        }),
        _ => Err(DiskFault::Several {
            candidates: list(filled.into_iter()),
        }),
    }
}

fn list<'a>(partitions: impl Iterator<Item = &'a PartitionReport>) -> String {
    let described: Vec<_> = partitions.map(described).collect();
    if described.is_empty() {
        "none".to_owned()
    } else {
        described.join(", ")
    }
}

/// A partition for messages: `3 "ROOT" (ext4)`.
fn described(partition: &PartitionReport) -> String {
    let own = partition.content.filesystem.as_ref();
    let label = match &*partition.entry.label {
        "" => own.map_or("", |filesystem| &filesystem.label),
        label => label,
    };
    let (number, kind) = (partition.entry.number, partition.content.kind);
    match label {
        "" => format!("{number} ({kind})"),
        label => format!("{number} {label:?} ({kind})"),
    }
}
