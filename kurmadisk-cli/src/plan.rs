//! `kurmadisk plan`.

use std::error::Error;
use std::fmt::Write;
use std::mem::ManuallyDrop;

use kurmadisk::boot::BootMethod;
use kurmadisk::plan::{PartitionReport, PlanReport};
use kurmadisk::{FormatChoice, ImageFormat, PredictedSize};
use serde_json::json;

use crate::args::PlanArgs;
use crate::describe::Described;
use crate::output;
use crate::text::{self, Table};

pub fn run(args: &PlanArgs) -> Result<String, Box<dyn Error>> {
    // The process ends with this command: to free a million entries one by one would be for nothing.
    let described = ManuallyDrop::new(Described::new(&args.image)?);
    let option = args.output.as_deref();
    let every: Vec<FormatChoice> = ImageFormat::ALL
        .iter()
        .map(|format| (*format).into())
        .collect();
    let is_open = described.is_open(option);
    let destinations = if is_open {
        // Any of them could be made, each by itself.
        let each = every.chunks(1);
        let each = each.map(|format| described.destination_in(format, option));
        each.collect::<Result<Vec<_>, _>>()?
    } else {
        vec![described.destination(option)?]
    };
    let images: Vec<_> = destinations.iter().flat_map(|all| &all.images).collect();
    let files: Vec<_> = images
        .iter()
        .map(|(choice, path)| (choice.format, output::file_name(path)))
        .collect();
    let mut sizes = described.plan.predict(&files)?;
    if !is_open && let Some(impossible) = sizes.iter().position(Result::is_err) {
        // One that is wanted can't hold the disk.
        sizes.swap_remove(impossible)?;
    }
    if args.quiet {
        return Ok(String::new());
    }
    let report = described.plan.report(args.files);
    let outputs = images
        .iter()
        .zip(sizes)
        .map(|((choice, path), size)| (choice, path.to_string_lossy().into_owned(), size));
    if args.json {
        let outputs: Vec<_> = outputs
            .map(|(choice, path, size)| {
                let format = choice.format;
                let (size, exact) = match size {
                    Ok(PredictedSize::Exact(size)) => (size, true),
                    Ok(PredictedSize::AtMost(size)) => (size, false),
                    Err(error) => {
                        let reason = error.to_string();
                        return json!({ "format": format.name(), "impossible": reason });
                    }
                };
                // How well it compresses, only its content tells.
                let exact = exact && choice.compression.is_none();
                let mut output =
                    json!({ "format": format.name(), "path": path, "size": size, "exact": exact });
                if let Some(compression) = choice.compression {
                    output["compression"] = compression.name().into();
                }
                output
            })
            .collect();
        let mut plan = serde_json::to_value(&report)?;
        plan["outputs"] = outputs.into();
        return Ok(serde_json::to_string_pretty(&plan)? + "\n");
    }
    let mut said = describe(&report);
    for (choice, path, size) in outputs {
        let format = output::described(choice);
        let size = match size {
            Ok(PredictedSize::Exact(size)) if choice.compression.is_some() => {
                format!("{} before that", text::size(size))
            }
            Ok(PredictedSize::Exact(size)) => text::size(size),
            Ok(PredictedSize::AtMost(size)) => format!("at most {}", text::size(size)),
            Err(error) => format!("not possible: {error}"),
        };
        writeln!(said, "{}: {format}, {size}", text::shown(&path))?;
    }
    Ok(said)
}

fn describe(report: &PlanReport) -> String {
    let own = ["filesystem", "free", "inodes"];
    let mut table = Table::new(text::ENTRY_HEAD.into_iter().chain(own));
    for partition in &report.partitions {
        table.row(row(partition));
    }
    let hashes = report.partitions.iter().filter_map(|partition| {
        let hashes = partition.verity.as_ref()?;
        Some(format!(
            "verity {} of {}: {}\n",
            partition.entry.number,
            hashes.data_partition,
            text::hash_area(&hashes.area)
        ))
    });
    let verity: String = hashes.collect();
    format!(
        "{}: {} ({} sectors of {} bytes), {} {}\n{table}{verity}boot: {}\n",
        text::shown(&report.name),
        text::size(report.size),
        report.sectors,
        report.sector_size,
        report.table,
        report.disk_id,
        boot(report),
    )
}

fn row(partition: &PartitionReport) -> impl Iterator<Item = String> {
    let filesystem = partition.filesystem.as_ref();
    let inodes = filesystem.and_then(|fs| Some(format!("{}/{}", fs.inodes_used?, fs.inodes?)));
    let own = [
        filesystem.map_or_else(String::new, |fs| format!("{} {}", fs.kind, fs.id)),
        filesystem.map_or_else(String::new, |fs| text::size(fs.free)),
        inodes.unwrap_or_default(),
    ];
    text::entry_cells(&partition.entry).into_iter().chain(own)
}

/// How the disk boots, in words.
fn boot(report: &PlanReport) -> String {
    let by_uefi = match report.boot {
        BootMethod::None if report.boot_by_bios => "nothing",
        BootMethod::None => return "nothing that firmware could start".to_owned(),
        BootMethod::Kurmaboot => "kurmaboot",
        BootMethod::UnifiedImage => "a unified kernel image",
        BootMethod::ManagedEntry => "systemd-boot with an entry",
        BootMethod::ManagedImage => "systemd-boot with a unified kernel image",
        BootMethod::Grub => "GRUB",
        _ => "another way",
    };
    let by_bios = match report.bios_loader {
        Some("grub") => "GRUB",
        Some(loader) => loader,
        None => "nothing",
    };
    let started = format!("by UEFI {by_uefi}, by BIOS {by_bios}");
    let release = report.kernel_release.as_ref();
    release.map_or_else(
        || started.clone(),
        |release| format!("{started} (Linux {release})"),
    )
}
