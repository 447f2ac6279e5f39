//! From a raw image to each format: `kurmadisk convert` beside `qemu-img convert`.

use std::path::Path;
use std::process::Command;

use kurmadisk_fixtures::debian::DebianRoot;

use super::job::{Job, quietly, tool};
use super::ours;
use super::report::{Comparison, Target};
use crate::Outcome;

/// Our name of a format, the arguments with which qemu-img makes it, and how many times faster we want to be.
const FORMATS: [(&str, &[&str], f64); 7] = [
    ("vdi", &["-O", "vdi"], 1.2),
    ("vmdk", &["-O", "vmdk"], 1.2),
    (
        "vmdk-stream",
        &["-O", "vmdk", "-o", "subformat=streamOptimized"],
        5.0,
    ),
    ("qcow2", &["-O", "qcow2"], 1.2),
    // With several coroutines, out of order, which is the fastest it can.
    ("qcow2-compressed", &["-O", "qcow2", "-c", "-W"], 2.0),
    ("vhd", &["-O", "vpc"], 1.2),
    ("vhdx", &["-O", "vhdx"], 1.2),
];

pub(super) fn jobs(root: &DebianRoot, programs: &Path, work: &Path) -> Outcome<Vec<Job>> {
    let source = work.join("converted.raw");
    ours::build(root, programs, "raw", &source)?;
    let mut jobs = Vec::new();
    for (format, arguments, _) in FORMATS {
        let output = work.join(format!("ours-converted.{format}"));
        let (program, input, target) = (programs.join("kurmadisk"), source.clone(), output.clone());
        jobs.push(Job::new(
            ours_name(format),
            [output],
            Vec::new(),
            move || {
                let mut convert = Command::new(&program);
                convert.args(["convert", "--quiet", "--format", format]);
                quietly(convert.arg(&input).arg(&target))
            },
        ));
        let output = work.join(format!("qemu-converted.{format}"));
        let (input, target) = (source.clone(), output.clone());
        jobs.push(Job::new(
            qemu_name(format),
            [output],
            Vec::new(),
            move || {
                let mut convert = tool("qemu-img")?;
                convert.args(["convert", "-f", "raw"]).args(arguments);
                quietly(convert.arg(&input).arg(&target))
            },
        ));
    }
    Ok(jobs)
}

fn ours_name(format: &str) -> String {
    format!("kurmadisk convert, {format}")
}

fn qemu_name(format: &str) -> String {
    format!("qemu-img convert, {format}")
}

pub(super) fn comparisons() -> impl Iterator<Item = Comparison> {
    FORMATS.into_iter().map(|(format, _, times)| Comparison {
        first: vec![qemu_name(format)],
        second: vec![ours_name(format)],
        target: Some(Target::AtLeast(times)),
    })
}
