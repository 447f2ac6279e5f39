//! I: an initrd and a container's image beside what scripts do: `find | cpio | gzip` and `tar cz` of the same files.

use std::fs;
use std::process::Command;

use kurmadisk_fixtures::debian::DebianRoot;

use super::comparison::{Comparison, Target};
use super::job::{Job, tool};
use super::{Part, Setting};
use crate::Outcome;

/// The files: a system's libraries, programs and modules.
const FILES: &str = "usr/lib";

/// What makes a container's image of them.
const MANIFEST: &str =
    "name: example.com/bench\napp:\n  exec: [/bin/true]\n  user: \"0\"\n  group: \"0\"\n";

pub(super) fn part(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    tool("cpio")?;
    tool("gzip")?;
    let manifest = setting.work.join("manifest.yaml");
    fs::write(&manifest, MANIFEST)?;
    let mut part = Part::default();
    let kinds = [
        (
            "initrd",
            vec![
                "initrd".into(),
                "build".into(),
                "--quiet".into(),
                "--tree".into(),
            ],
            "find | cpio | gzip",
            "cd \"$1\" && find . | cpio --quiet -o -H newc | gzip > \"$2\"",
        ),
        (
            "aci",
            vec![
                "aci".into(),
                "build".into(),
                "--quiet".into(),
                "--manifest".into(),
                manifest.into_os_string(),
                "--rootfs".into(),
            ],
            "tar cz",
            "tar -C \"$1\" -czf \"$2\" .",
        ),
    ];
    for (kind, arguments, todays, script) in kinds {
        let (folder, output) = (
            root.tree.join(FILES),
            setting.work.join(format!("ours.{kind}")),
        );
        let program = setting.programs.join("kurmadisk");
        let (tree, file) = (folder.clone(), output.clone());
        let ours = format!("I: kurmadisk, {kind}");
        part.jobs.push(Job::process(&ours, [output], move || {
            let mut build = Command::new(&program);
            build.args(&arguments).arg(&tree).arg("-o").arg(&file);
            Ok(build)
        }));
        let output = setting.work.join(format!("todays.{kind}"));
        let file = output.clone();
        let todays = format!("I: {todays}");
        part.jobs.push(Job::process(&todays, [output], move || {
            let mut shell = Command::new("sh");
            shell.args(["-c", script, "sh"]).arg(&folder).arg(&file);
            Ok(shell)
        }));
        let title = format!("/usr/lib → {kind}");
        let compared = Comparison::new(&title, &ours, &todays, Target::AtMost(1.0));
        part.comparisons.push(compared);
    }
    Ok(part)
}
