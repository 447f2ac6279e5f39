//! B: one large file, and a large disk with little in it.

use kurmadisk_fixtures::debian::DebianRoot;

use super::comparison::{Comparison, Limit, Target};
use super::inputs;
use super::job::{Job, tool};
use super::{Part, Setting};
use crate::Outcome;

const OURS: &str = "B: kurmadisk, ext4 alone";
const COPY: &str = "B: cp";
const COPY_OF_DATA: &str = "B: cp of 1 GiB";

/// Formats that a disk of 1 TiB with 1 GiB in it is put into.
const FORMATS: [&str; 3] = ["vdi", "vhdx", "qcow2"];

pub(super) fn part(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    let large = inputs::large(root)?;
    let (disk, alone) = inputs::sparse()?;
    let mut part = Part::default();
    let output = setting.work.join("large.raw");
    let (kurmadisk, file) = (setting.kurmadisk()?, output.clone());
    let tree = large.parent().map(ToOwned::to_owned).unwrap_or_default();
    let build = move || Ok(kurmadisk.ext4_alone(&tree, &file));
    part.jobs.push(Job::process(OURS, [output], build));
    for (name, source) in [(COPY, large), (COPY_OF_DATA, alone)] {
        let output = setting.work.join("copy");
        let file = output.clone();
        part.jobs.push(Job::process(name, [output], move || {
            let mut copy = tool("cp")?;
            // Blocks are not shared.
            copy.arg("--reflink=never").arg(&source).arg(&file);
            Ok(copy)
        }));
    }
    part.comparisons
        .push(Comparison::new("B → raw", OURS, COPY, Target::AtMost(1.15)));
    part.limits.push(Limit::resident(OURS, 64_000_000));
    for format in FORMATS {
        let name = format!("B: kurmadisk convert, 1 TiB with 1 GiB in it, {format}");
        let output = setting.work.join(format!("sparse.{format}"));
        let (kurmadisk, disk, file) = (setting.kurmadisk()?, disk.clone(), output.clone());
        let convert = move || Ok(kurmadisk.convert(&disk, format, &file));
        part.limits.push(Limit {
            beyond: Some(COPY_OF_DATA.to_owned()),
            ..Limit::seconds(&name, 0.5)
        });
        part.jobs.push(Job::process(name, [output], convert));
    }
    Ok(part)
}
