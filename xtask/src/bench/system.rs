//! D and K: a whole system into each format, and the KurmaOS disk.

use std::fs;

use kurmadisk_fixtures::debian::DebianRoot;
use kurmadisk_fixtures::oracle::EFI_STUB;

use super::comparison::{Comparison, Limit, Target};
use super::convert;
use super::job::{Job, tool};
use super::tools;
use super::{Part, Setting, floor};
use crate::Outcome;

const FLOOR: &str = "D: floor";
const TAR: &str = "D: tar cf";

/// Formats that compress nothing: how many times the floor, and `tar`, ours may take.
const PLAIN: [(&str, f64, f64); 6] = [
    ("raw", 1.4, 0.6),
    ("vdi", 1.5, 0.65),
    ("vmdk", 1.5, 0.65),
    ("vhd", 1.5, 0.65),
    ("vhdx", 1.5, 0.65),
    ("qcow2", 1.5, 0.65),
];

/// Formats that compress, and how many times faster than today's tools they are to be.
const COMPRESSED: [(&str, f64); 2] = [("vmdk-stream", 6.0), ("qcow2-compressed", 5.0)];

/// All that compresses, by format and the ending of the file: xz alone takes too long for a benchmark.
const COMPRESSING: [(&str, &str); 5] = [
    ("vmdk-stream", "vmdk"),
    ("qcow2-compressed", "qcow2"),
    ("qcow2-zstd", "qcow2"),
    ("raw", "raw.gz"),
    ("raw", "raw.zst"),
];

/// The shorter list of formats.
const QUICK: [&str; 3] = ["raw", "vdi", "vmdk-stream"];

/// The name of our build in the report.
pub(super) fn name(format: &str) -> String {
    format!("D: kurmadisk, {format}")
}

fn title(format: &str) -> String {
    format!("D → {format}")
}

/// D: our builds, today's tools, `tar` and the floor.
pub(super) fn whole(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    EFI_STUB.require()?;
    let plain = PLAIN.map(|(format, ..)| format);
    let formats = plain
        .into_iter()
        .chain(COMPRESSED.map(|(format, _)| format));
    let formats: Vec<_> = formats
        .filter(|format| !setting.quick || QUICK.contains(format))
        .collect();
    let mut part = Part::default();
    for format in &formats {
        let output = setting.work.join(format!("ours.{format}"));
        let (root, kurmadisk, format, file) =
            (root.clone(), setting.kurmadisk()?, *format, output.clone());
        let command = move || Ok(kurmadisk.build(&root, format, &file));
        part.jobs
            .push(Job::process(name(format), [output], command));
    }
    let (planned, kurmadisk) = (root.clone(), setting.kurmadisk()?);
    let plan = move || Ok(kurmadisk.plan(&planned));
    part.jobs.push(Job::process("D: kurmadisk plan", [], plan));
    part.limits.push(Limit::seconds("D: kurmadisk plan", 0.06));
    // qemu-img compresses for longer than a quick run may take.
    let theirs = |format: &&str| !setting.quick || plain.contains(format);
    let theirs: Vec<_> = formats.into_iter().filter(theirs).collect();
    part.jobs.extend(tools::jobs(setting, root, &theirs)?);
    part.jobs.push(tools::tar(TAR, &root.tree, &setting.work)?);
    part.jobs.push(floor::job(FLOOR, &root.tree, setting));

    for (format, of_floor, of_tar) in PLAIN {
        let against = |other, target| Comparison::new(&title(format), &name(format), other, target);
        part.comparisons
            .push(against(FLOOR, Target::AtMost(of_floor)));
        part.comparisons.push(against(TAR, Target::AtMost(of_tar)));
        part.comparisons
            .push(against(&tools::name(format), Target::Faster(8.0)));
    }
    for (format, times) in COMPRESSED {
        let against = Comparison::new(
            &title(format),
            &name(format),
            &tools::name(format),
            Target::Faster(times),
        );
        part.comparisons.push(against.clone());
        part.comparisons.push(against.no_longer());
    }
    let converted = convert::qemu_name("qcow2-compressed");
    let (format, faster) = ("qcow2-compressed", Target::Faster(1.5));
    part.comparisons.push(Comparison::new(
        &title(format),
        &name(format),
        &converted,
        faster,
    ));
    Ok(part)
}

/// What a second processor is worth where blocks are compressed.
pub(super) fn processors(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    let mut part = Part::default();
    let allowed = allowed_processors()?;
    let [one, two] = [1, 2].map(|count| allowed.get(..count).map(|some| some.join(",")));
    let (Some(one), Some(two)) = (one, two) else {
        eprintln!("== there is one processor: what a second one is worth is not measured");
        return Ok(part);
    };
    for (format, ending) in COMPRESSING {
        let shown = if format == "raw" { ending } else { format };
        let name = |count: &str| format!("D: kurmadisk, {shown}, {count}");
        let (by_one, by_two) = (name("one processor"), name("two processors"));
        for (name, processors) in [(&by_one, &one), (&by_two, &two)] {
            let output = setting.work.join(format!("processors.{ending}"));
            let (root, kurmadisk, file) = (root.clone(), setting.kurmadisk()?, output.clone());
            let processors = processors.clone();
            part.jobs.push(Job::process(name, [output], move || {
                let build = kurmadisk.build(&root, format, &file);
                let mut bound = tool("taskset")?;
                bound.args(["--cpu-list", &processors]);
                bound.arg(build.get_program()).args(build.get_args());
                Ok(bound)
            }));
        }
        let title = format!("D → {shown}, a second processor");
        let comparison = Comparison::new(&title, &by_two, &by_one, Target::Faster(1.8));
        part.comparisons.push(comparison);
    }
    Ok(part)
}

/// The numbers of the processors that this process may run on.
fn allowed_processors() -> Outcome<Vec<String>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    processors_of(list.ok_or("/proc/self/status has no Cpus_allowed_list")?)
}

/// The numbers of a list such as `0-3,8`.
fn processors_of(list: &str) -> Outcome<Vec<String>> {
    let mut numbers = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse()?, last.parse()?);
        numbers.extend((first..=last).map(|number| number.to_string()));
    }
    Ok(numbers)
}

/// K: the KurmaOS disk with kernel and initrd.
pub(super) fn kurmaos(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    const NAME: &str = "K: kurmadisk, vdi";
    let output = setting.work.join("kurmaos.vdi");
    let (root, kurmadisk, file) = (root.clone(), setting.kurmadisk()?, output.clone());
    let build = move || Ok(kurmadisk.kurmaos(&root, &file));
    Ok(Part {
        jobs: vec![Job::process(NAME, [output], build)],
        comparisons: Vec::new(),
        limits: vec![
            Limit::seconds(NAME, 0.03),
            Limit::resident(NAME, 40_000_000),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_have_ranges() {
        assert_eq!(processors_of("\t0-2,8\n").unwrap(), ["0", "1", "2", "8"]);
        assert!(processors_of("").is_err());
        assert!(!allowed_processors().unwrap().is_empty());
    }
}
