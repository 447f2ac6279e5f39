//! `kurmadisk aci`: application container images.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use kurmadisk::formats::compress::Compression;
use kurmadisk::source::Scratch;
use kurmadisk::spec::{Located, Paths};
use kurmadisk::tree::{NodeKind, Tree};
use kurmadisk_os::aci::{
    self, AciFormat, AciImage, AciSpec, AciSpecs, ManifestSource, Report, pack_tree,
};
use serde_json::{Value, json};

use crate::args::{AciBuildArgs, AciCommand, AciInspectArgs, AciRenderArgs, AciVerifyArgs};
use crate::describe;
use crate::inputs::Inputs;
use crate::text::{self, Table};

pub fn run(command: &AciCommand) -> Result<String, Box<dyn Error>> {
    match command {
        AciCommand::Build(args) => build(args),
        AciCommand::Inspect(args) => inspect(args),
        AciCommand::Render(args) => render(args),
        AciCommand::Verify(args) => verify(args).map(|(said, _)| said),
    }
}

/// An image that is to be built, and its file.
type Job = (AciSpec, PathBuf);

fn build(args: &AciBuildArgs) -> Result<String, Box<dyn Error>> {
    let jobs = match &args.spec {
        Some(spec) => named(spec, args)?,
        None => vec![(by_options(args)?, args.output.clone())],
    };
    for (spec, out) in &jobs {
        Inputs::paths(spec.inputs()).check(out)?;
    }
    let is_new = !args.output.exists();
    if args.spec.is_some() {
        let made = std::fs::create_dir_all(&args.output);
        made.map_err(|error| format!("cannot make {}: {error}", args.output.display()))?;
    }
    let built = build_all(jobs, args);
    if built.is_err() && args.spec.is_some() && is_new {
        // One that holds something stays.
        let _ = std::fs::remove_dir(&args.output);
    }
    built
}

fn build_all(jobs: Vec<Job>, args: &AciBuildArgs) -> Result<String, Box<dyn Error>> {
    let mut said = String::new();
    let mut reports = Vec::new();
    for (spec, out) in jobs {
        let report = spec.build(&out)?;
        if args.write.json {
            let mut value = serde_json::to_value(&report)?;
            value["file"] = json!(out.to_string_lossy());
            reports.push(value);
        } else if !args.write.quiet {
            describe_report(&mut said, &report, &out)?;
        }
    }
    if args.write.json {
        let all = match (args.spec.is_some(), reports.pop()) {
            (false, Some(one)) => one,
            (_, last) => Value::Array(reports.into_iter().chain(last).collect()),
        };
        said = serde_json::to_string_pretty(&all)? + "\n";
    }
    Ok(said)
}

/// The image that the options describe.
fn by_options(args: &AciBuildArgs) -> Result<AciSpec, Box<dyn Error>> {
    let pairs = |option: &str, given: &[String]| {
        let pairs = given.iter().map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(format!("{option} {text}: write it as NAME=VALUE")),
        });
        pairs.collect::<Result<BTreeMap<_, _>, _>>()
    };
    let labels = pairs("--label", &args.label)?.into_iter();
    let binaries = pairs("--binary", &args.binary)?.into_iter();
    let manifest = args.manifest.clone().map(ManifestSource::File);
    let dependencies = args.dependency.iter().cloned();
    let overrides = describe::some_of("--overrides", &args.trees.overrides);
    let contexts = args.trees.file_contexts.clone();
    let mut spec = AciSpec {
        manifest: manifest.map(|path| Located::by_option("--manifest", path)),
        labels: labels
            .map(|(name, value)| (name, Located::by_option("--label", value)))
            .collect(),
        rootfs: describe::trees("--rootfs", &args.rootfs),
        binaries: binaries
            .map(|(path, file)| (path, Located::by_option("--binary", file.into())))
            .collect(),
        dependencies: dependencies
            .map(|path| Located::by_option("--dependency", path))
            .collect(),
        overrides: overrides.map(|all| all.map(Paths)),
        trees: describe::tree_changes(&args.trees),
        file_contexts: contexts.map(|path| Located::by_option("--file-contexts", path)),
        ..AciSpec::default()
    };
    common(&mut spec, args)?;
    Ok(spec)
}

/// What options say of any image.
fn common(spec: &mut AciSpec, args: &AciBuildArgs) -> Result<(), Box<dyn Error>> {
    if let Some(format) = args.format {
        spec.format = Some(Located::by_option("--format", format));
    }
    if let Some(compress) = args.compress {
        spec.compress = Some(Located::by_option("--compress", compress));
    }
    if let Some(time) = describe::source_date_epoch(args.trees.source_date_epoch)? {
        spec.source_date_epoch = Some(time);
    }
    spec.scratch = Some(folder(args.scratch.as_ref()));
    spec.threads = args.write.threads;
    Ok(())
}

/// The images of a file, those with these names or all.
fn named(path: &Path, args: &AciBuildArgs) -> Result<Vec<Job>, Box<dyn Error>> {
    let specs = AciSpecs::from_file(path)?;
    let mut jobs = Vec::new();
    let mut missing: Vec<_> = args.names.iter().collect();
    for mut spec in specs {
        let Some(name) = spec.name.clone() else {
            continue;
        };
        if !args.names.is_empty() && !args.names.contains(&name.value) {
            continue;
        }
        missing.retain(|wanted| **wanted != name.value);
        common(&mut spec, args)?;
        let is_oci = spec.format.as_ref().map(|given| given.value) == Some(AciFormat::Oci);
        let ending = if is_oci { "oci.tar" } else { "aci" };
        let out = args.output.join(format!("{}.{ending}", name.value));
        jobs.push((spec, out));
    }
    match missing.first() {
        Some(name) => {
            let path = path.display();
            Err(format!("{path} has no image called {name}").into())
        }
        None => Ok(jobs),
    }
}

fn describe_report(said: &mut String, report: &Report, out: &Path) -> std::fmt::Result {
    let file = out.to_string_lossy();
    let (file, name) = (text::shown(&file), text::shown(&report.name));
    let size = text::size(report.size);
    writeln!(
        said,
        "{file}: {name}, {}, {size}\n  {}",
        report.format, report.id
    )?;
    for layer in &report.layers {
        let (image, size) = (text::shown(&layer.image), text::size(layer.size));
        writeln!(said, "  layer {image}: {size}, {}", layer.digest)?;
    }
    for lost in &report.lost {
        writeln!(said, "  not in an OCI image: {}", text::shown(lost))?;
    }
    for note in &report.notes {
        writeln!(said, "  note: {}", text::shown(note))?;
    }
    Ok(())
}

/// Where uncompressed copies go.
fn folder(given: Option<&PathBuf>) -> PathBuf {
    given.cloned().unwrap_or_else(describe::scratch_folder)
}

fn scratch(given: Option<&PathBuf>) -> Scratch {
    Scratch::Folder(folder(given))
}

fn inspect(args: &AciInspectArgs) -> Result<String, Box<dyn Error>> {
    let image = AciImage::read(&args.image, &scratch(args.scratch.as_ref()))?;
    let manifest = image.manifest()?;
    if args.json {
        let report = json!({
            "file": args.image.to_string_lossy(),
            "id": image.id,
            "size": image.size,
            "uncompressed": image.uncompressed,
            "compression": image.compression,
            "manifest": manifest,
            "files": files(&image.rootfs),
        });
        return Ok(serde_json::to_string_pretty(&report)? + "\n");
    }
    let name = args.image.to_string_lossy();
    let mut said = format!(
        "{}: {}, {} ({}, {} uncompressed)\n  {}\n",
        text::shown(&name),
        manifest.name,
        text::size(image.size),
        image.compression,
        text::size(image.uncompressed),
        image.id,
    );
    for label in &manifest.labels {
        writeln!(said, "label {}: {}", label.name, text::shown(&label.value))?;
    }
    for wanted in &manifest.dependencies {
        let id = wanted.image_id.as_ref().map_or("any id", |id| id.as_str());
        writeln!(said, "depends on {}: {id}", wanted.image_name)?;
    }
    if let Some(app) = &manifest.app {
        let exec = app.exec.join(" ");
        writeln!(said, "runs {}", text::shown(&exec))?;
        let (user, group) = (text::shown(&app.user), text::shown(&app.group));
        writeln!(said, "as user {user}, group {group}")?;
        for isolator in &app.isolators {
            let value = isolator.value.to_string();
            writeln!(said, "isolator {}: {}", isolator.name, text::shown(&value))?;
        }
    }
    writeln!(said)?;
    let mut table = Table::new(["mode", "owner", "bytes", "path"]);
    for file in files(&image.rootfs) {
        let cell = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
        let bytes = file["size"].as_u64().map(|size| size.to_string());
        let owner = format!("{}:{}", file["uid"], file["gid"]);
        let path = text::shown(&cell("path"));
        table.row([cell("mode"), owner, bytes.unwrap_or_default(), path]);
    }
    write!(said, "{table}")?;
    Ok(said)
}

/// Every name of a tree.
fn files(tree: &Tree) -> Vec<Value> {
    let paths = tree.paths().into_iter();
    let rows = paths.map(|(path, id)| {
        let node = tree.node(id);
        let (kind, size) = match &node.kind {
            NodeKind::Directory(_) => ("directory", None),
            NodeKind::File(content) => ("file", Some(content.len())),
            NodeKind::Symlink(_) => ("symlink", None),
            NodeKind::CharDevice(_) => ("char-device", None),
            NodeKind::BlockDevice(_) => ("block-device", None),
            NodeKind::Fifo => ("fifo", None),
            NodeKind::Socket => ("socket", None),
        };
        let target = match &node.kind {
            NodeKind::Symlink(target) => Some(String::from_utf8_lossy(target).into_owned()),
            _ => None,
        };
        json!({
            "path": format!("/{}", String::from_utf8_lossy(&path)),
            "type": kind,
            "size": size,
            "target": target,
            "mode": format!("{:04o}", node.meta.mode),
            "uid": node.meta.uid,
            "gid": node.meta.gid,
            "mtime": node.meta.mtime.seconds,
        })
    });
    rows.collect()
}

fn render(args: &AciRenderArgs) -> Result<String, Box<dyn Error>> {
    let inputs = args.dependency.iter().chain([&args.image]).cloned();
    Inputs::paths(inputs).check(&args.output)?;
    let scratch = scratch(args.scratch.as_ref());
    let image = AciImage::read(&args.image, &scratch)?;
    let given = args
        .dependency
        .iter()
        .map(|path| AciImage::read(path, &scratch));
    let given = given.collect::<Result<Vec<_>, _>>()?;
    let tree = aci::render(&image, &given)?;
    let name = args.output.to_string_lossy();
    let shown = text::shown(&name);
    let compression = Compression::by_ending(&args.output);
    if is_tar(&args.output, compression) {
        let size = pack_tree(&tree, &args.output, compression)?;
        if args.json {
            return Ok(json!({ "file": name, "size": size }).to_string() + "\n");
        }
        return Ok(format!("{shown}: {}\n", text::size(size)));
    }
    let report = aci::unpack(&tree, &args.output)?;
    if args.json {
        let mut value = serde_json::to_value(report)?;
        value["folder"] = json!(name);
        return Ok(value.to_string() + "\n");
    }
    let mut said = format!("{shown}: {} names\n", report.entries);
    if report.owners_lost > 0 {
        let lost = report.owners_lost;
        writeln!(
            said,
            "{lost} belong to another user than in the image, without set-user-ID; only root may give files away"
        )?;
    }
    if report.attributes_lost > 0 {
        let lost = report.attributes_lost;
        writeln!(
            said,
            "{lost} extended attributes and flags could not be set"
        )?;
    }
    Ok(said)
}

/// Whether the file's name, without the ending of its compression if it has one, is that of a tar archive.
fn is_tar(path: &Path, compression: Option<Compression>) -> bool {
    let name = match compression {
        Some(_) => path.file_stem().map(Path::new),
        None => Some(path),
    };
    let ending = name.and_then(Path::extension);
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("tar"))
}

/// What is said, and whether nothing is refused.
pub fn verify(args: &AciVerifyArgs) -> Result<(String, bool), Box<dyn Error>> {
    let verdict = aci::verify(&args.image, &scratch(args.scratch.as_ref()))?;
    let good = verdict.refusals.is_empty();
    if args.quiet {
        return Ok((String::new(), good));
    }
    let file = args.image.to_string_lossy();
    if args.json {
        let report = json!({
            "file": file,
            "id": verdict.id,
            "name": verdict.name,
            "refusals": verdict.refusals,
            "notes": verdict.notes,
        });
        return Ok((serde_json::to_string_pretty(&report)? + "\n", good));
    }
    let mut said = text::shown(&file);
    match (&verdict.name, good) {
        (Some(name), true) => write!(said, ": {name}, a good image")?,
        (_, true) => write!(said, ": a good image")?,
        (_, false) => write!(said, ": refused")?,
    }
    said.push('\n');
    if let Some(id) = &verdict.id {
        writeln!(said, "  {id}")?;
    }
    for refusal in &verdict.refusals {
        writeln!(said, "refused: {}", text::shown(refusal))?;
    }
    for note in &verdict.notes {
        writeln!(said, "note: {}", text::shown(note))?;
    }
    Ok((said, good))
}
