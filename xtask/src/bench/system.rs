//! D and K: a whole system into each format, and the KurmaOS disk.

use kurmadisk_fixtures::debian::DebianRoot;
use kurmadisk_fixtures::oracle::EFI_STUB;

use super::comparison::{Comparison, Limit, Target};
use super::convert;
use super::job::Job;
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
pub(super) fn threads(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    let mut part = Part::default();
    for (format, _) in COMPRESSED {
        let name = |threads: &str| format!("D: kurmadisk, {format}, --threads {threads}");
        for threads in ["1", "2"] {
            let output = setting.work.join(format!("threads-{threads}.{format}"));
            let (root, kurmadisk, file) = (root.clone(), setting.kurmadisk()?, output.clone());
            part.jobs
                .push(Job::process(name(threads), [output], move || {
                    let mut build = kurmadisk.build(&root, format, &file);
                    build.args(["--threads", threads]);
                    Ok(build)
                }));
        }
        let title = format!("D → {format}, a second thread");
        let comparison = Comparison::new(&title, &name("2"), &name("1"), Target::Faster(1.8));
        part.comparisons.push(comparison);
    }
    Ok(part)
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
