//! `kurmadisk inspect`.

use std::error::Error;
use std::fmt::Write;

use kurmadisk::inspect::{
    self, Content, FilesystemReport, ImageReport, PartitionReport, Problem, TableReport,
};
use kurmadisk::source::disk::open_image;

use crate::args::InspectArgs;
use crate::describe::scratch_folder;
use crate::text::{self, Table};

pub fn run(args: &InspectArgs) -> Result<String, Box<dyn Error>> {
    let path = &args.image;
    let report = inspect::opened(&open_image(path, &scratch_folder())?);
    if args.json {
        return Ok(serde_json::to_string_pretty(&report)? + "\n");
    }
    let name = text::shown(&args.image.to_string_lossy());
    Ok(describe(&name, &report)?)
}

fn describe(name: &str, report: &ImageReport) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let (container, disk) = (&report.container, &report.disk);
    writeln!(
        out,
        "{name}: {}, a disk of {} in a file of {}, {} allocated",
        container.format,
        text::size(disk.size),
        text::size(container.file_size),
        text::size(container.allocated),
    )?;
    let facts = container.facts.iter();
    let facts: Vec<_> = facts
        .map(|fact| format!("{} {}", fact.name, text::shown(&fact.value)))
        .collect();
    if !facts.is_empty() {
        writeln!(out, "{}", facts.join(", "))?;
    }
    match &disk.table {
        Some(table) => describe_table(&mut out, table)?,
        None => writeln!(out, "no partition table")?,
    }
    if !disk.partitions.is_empty() {
        write!(out, "\n{}", partitions(&disk.partitions))?;
    }
    let contents = disk.partitions.iter();
    let contents = contents.map(|partition| (Some(partition.entry.number), &partition.content));
    let whole = disk.content.iter().map(|content| (None, content));
    let contents: Vec<_> = whole.chain(contents).collect();
    if !contents.is_empty() {
        write!(out, "\n{}", filesystems(&contents))?;
        for (number, content) in &contents {
            if let Some(area) = &content.verity {
                let number = number.map_or_else(String::new, |number| format!(" {number}"));
                writeln!(out, "\nverity{number}: {}", text::hash_area(area))?;
            }
        }
    }
    if !disk.problems.is_empty() {
        writeln!(out, "\nproblems:")?;
        for problem in &disk.problems {
            writeln!(out, "  {}", describe_problem(problem))?;
        }
    }
    Ok(out)
}

fn describe_table(out: &mut String, table: &TableReport) -> std::fmt::Result {
    write!(
        out,
        "{} {}, {} sectors of {} bytes",
        table.kind, table.id, table.sectors, table.sector_size
    )?;
    if let Some(entries) = table.entries {
        write!(out, ", {entries} entries")?;
    }
    for entry in &table.hybrid {
        let active = if entry.active { ", active" } else { "" };
        write!(
            out,
            ", {} in the MBR as {}{active}",
            entry.number, entry.kind
        )?;
    }
    if let Some(extended) = &table.extended {
        write!(
            out,
            ", extended partition {} with {} sectors from {} on",
            extended.number, extended.sectors, extended.first
        )?;
    }
    writeln!(out)
}

fn partitions(partitions: &[PartitionReport]) -> Table {
    let mut table = Table::new(text::ENTRY_HEAD.into_iter().chain(["guid"]));
    for PartitionReport { entry, .. } in partitions {
        let guid = entry.guid.clone().unwrap_or_default();
        table.row(text::entry_cells(entry).into_iter().chain([guid]));
    }
    table
}

fn filesystems(contents: &[(Option<u32>, &Content)]) -> Table {
    let mut table = Table::new([
        "no", "content", "label", "id", "size", "block", "free", "inodes", "errors", "state",
        "features",
    ]);
    for (number, content) in contents {
        let number = number.map_or_else(String::new, |number| number.to_string());
        let mut row = <[String; 11]>::default();
        if let Some(filesystem) = &content.filesystem {
            row = filesystem_row(filesystem);
        }
        (row[0], row[1]) = (number, content.kind.to_owned());
        table.row(row);
    }
    table
}

/// The columns that only a filesystem fills; the first two are the caller's.
fn filesystem_row(filesystem: &FilesystemReport) -> [String; 11] {
    let inodes = filesystem.inodes_used.zip(filesystem.inodes);
    let ext = filesystem.ext.as_ref();
    [
        String::new(),
        String::new(),
        text::shown(&filesystem.label),
        filesystem.id.clone(),
        text::size(filesystem.size),
        text::size(filesystem.block_size),
        filesystem.free.map_or_else(String::new, text::size),
        inodes.map_or_else(String::new, |(used, all)| format!("{used}/{all}")),
        ext.map_or_else(String::new, |ext| ext.errors.to_owned()),
        if filesystem.clean {
            "clean"
        } else {
            "not clean"
        }
        .to_owned(),
        ext.map_or_else(String::new, |ext| ext.features.join(" ")),
    ]
}

fn describe_problem(problem: &Problem) -> String {
    let text = text::shown(&problem.problem);
    match problem.partition {
        Some(number) => format!("partition {number}: {text}"),
        None => text,
    }
}
