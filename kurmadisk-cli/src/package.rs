//! `kurmadisk package`, and `kurmadisk build --package`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use kurmadisk::ImageFormat;
use kurmadisk::package::{PlannedDisk, Release, Target, WrittenFile};
use serde_json::json;

use crate::args::{BuildArgs, PackageArgs, WriteArgs};
use crate::describe::Description;
use crate::output::{self, Bar};
use crate::text;

pub fn run(args: &PackageArgs) -> Result<String, Box<dyn Error>> {
    let mut description = Description::new(&args.image)?;
    // What the configuration file says of an image is meant for `build`.
    description.formats = output::flat(&args.image.format);
    let output = args.output.as_deref();
    release(&description, &args.targets, output, &args.write)
}

/// `kurmadisk build --package`: images in the formats that were named, and packages.
pub fn run_build(args: &BuildArgs) -> Result<String, Box<dyn Error>> {
    let description = Description::new(&args.image)?;
    let output = args.output.as_deref().or(description.output.as_deref());
    release(&description, &args.package, output, &args.write)
}

/// Writes images and packages for `targets` to the folder `output`.
fn release(
    description: &Description,
    targets: &[Target],
    output: Option<&Path>,
    args: &WriteArgs,
) -> Result<String, Box<dyn Error>> {
    let folder = folder(output)?;
    let (spec, formats) = (&description.spec, &description.formats);
    let disks = PlannedDisk::all(spec, !formats.is_empty(), targets)?;
    let mut passes = Vec::new();
    let mut targets = BTreeMap::new();
    for disk in &disks {
        let mut packages = Vec::new();
        for (target, package) in disk.packages(spec, formats)? {
            for file in &package.files {
                let path = folder.join(file.name());
                description.inputs.check(&path)?;
                targets.insert(path, target);
            }
            packages.push(package);
        }
        passes.push((&disk.plan, packages));
    }
    let time = disks.first().map_or(0, |disk| disk.plan.time().seconds);
    let mut release = Release::new(folder, time)?;
    let bar = Bar::new(args);
    for (plan, packages) in &passes {
        let options = plan.image_options("");
        let options = options.with_threads(output::threads(args));
        let map = plan.disk_map()?;
        release.write(&map, &options, packages, &mut |now| bar.tell(now))?;
    }
    let written = release.finish()?;
    bar.clear();
    say(&written, &targets, args)
}

/// The folder that the files go to.
fn folder(output: Option<&Path>) -> Result<&Path, String> {
    let folder = output.unwrap_or(Path::new(""));
    let of_package = folder.extension().is_some_and(|ending| {
        ["box", "gz", "ova", "zip"]
            .iter()
            .any(|known| ending == *known)
    });
    let is_file = folder.exists() || of_package || ImageFormat::by_ending(folder).is_some();
    if is_file && !output::is_folder(folder) {
        let folder = folder.display();
        return Err(format!(
            "{folder} is a file; packages need a folder: name one by --output"
        ));
    }
    if output::is_pipe(folder) {
        return Err("the standard output takes no packages; name a folder".to_owned());
    }
    Ok(folder)
}

/// What was made, a line each, or as JSON.
fn say(
    written: &[WrittenFile],
    targets: &BTreeMap<PathBuf, Option<Target>>,
    args: &WriteArgs,
) -> Result<String, Box<dyn Error>> {
    if args.quiet {
        return Ok(String::new());
    }
    let target = |file: &WrittenFile| targets.get(&file.path).copied().flatten();
    if args.json {
        let outputs = written.iter().map(|file| {
            json!({
                "output": file.path.to_string_lossy(),
                "target": target(file).map(Target::name),
                "size": file.facts.len,
                "sha256": file.facts.sha256_hex(),
            })
        });
        let outputs: Vec<_> = outputs.collect();
        return Ok(serde_json::to_string_pretty(&json!({ "outputs": outputs }))? + "\n");
    }
    let lines = written.iter().map(|file| {
        let path = text::shown(&file.path.to_string_lossy());
        let target = target(file).map(|target| format!("{target}, "));
        let size = text::size(file.facts.len);
        format!("{path}: {}{size}\n", target.unwrap_or_default())
    });
    Ok(lines.collect())
}
