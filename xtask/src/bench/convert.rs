//! V: from a raw image to each format, `kurmadisk convert` beside `qemu-img convert`.

use kurmadisk_fixtures::debian::DebianRoot;

use super::comparison::{Comparison, Target};
use super::job::{Job, quietly, tool};
use super::{Part, Setting};
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

pub(super) fn part(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    let source = setting.work.join("converted.raw");
    quietly(&mut setting.kurmadisk()?.build(root, "raw", &source))?;
    let mut part = Part::default();
    for (format, arguments, times) in FORMATS {
        let output = setting.work.join(format!("ours-converted.{format}"));
        let (kurmadisk, input, file) = (setting.kurmadisk()?, source.clone(), output.clone());
        let convert = move || Ok(kurmadisk.convert(&input, format, &file));
        let ours = format!("V: kurmadisk convert, {format}");
        part.jobs.push(Job::process(&ours, [output], convert));
        let output = setting.work.join(format!("qemu-converted.{format}"));
        let (input, file) = (source.clone(), output.clone());
        part.jobs
            .push(Job::process(qemu_name(format), [output], move || {
                let mut convert = tool("qemu-img")?;
                convert.args(["convert", "-f", "raw"]).args(arguments);
                convert.arg(&input).arg(&file);
                Ok(convert)
            }));
        let title = format!("V → {format}");
        part.comparisons.push(Comparison::new(
            &title,
            &ours,
            &qemu_name(format),
            Target::Faster(times),
        ));
    }
    Ok(part)
}

pub(super) fn qemu_name(format: &str) -> String {
    format!("V: qemu-img convert, {format}")
}
