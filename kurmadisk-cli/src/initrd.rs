//! `kurmadisk initrd`: initial RAM filesystems.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use kurmadisk::source::{Scratch, SourceKind};
use kurmadisk::spec::{Located, Place};
use kurmadisk_os::initrd::{
    self, Addition, BuildOptions, BusyboxSpec, DiffOptions, Difference, EntryReport, FileEntry,
    InitrdReport, InitrdSpec, ModulesSpec, Report, TreeEntry,
};
use serde_json::json;

use crate::args::{
    InitrdAppendArgs, InitrdBuildArgs, InitrdDiffArgs, InitrdInspectArgs, InitrdWriteArgs,
};
use crate::describe::{scratch_folder, source_date_epoch};
use crate::inputs::Inputs;
use crate::text::{self, Table};

pub fn build(args: &InitrdBuildArgs) -> Result<String, Box<dyn Error>> {
    let mut spec = match &args.spec {
        Some(path) => InitrdSpec::from_file(path)?,
        None => InitrdSpec::default(),
    };
    add_options(args, &mut spec)?;
    let own = args.spec.iter().cloned();
    Inputs::paths(whole_inputs(&spec).into_iter().chain(own)).check(&args.output)?;
    let report = spec.build_with(&args.output, &options(&args.write))?;
    said(&args.output, &report, &args.write)
}

/// What is read whole, so that the initrd can't lie in it: a sysroot is looked at as far as it is needed.
fn whole_inputs(spec: &InitrdSpec) -> Vec<PathBuf> {
    let mut spec = spec.clone();
    for segment in &mut spec.segments {
        forget_systems(segment);
    }
    forget_systems(&mut spec);
    spec.inputs()
}

fn forget_systems(spec: &mut InitrdSpec) {
    let is_folder = |tree: &Located<String>| Path::new(&tree.value).is_dir();
    spec.sysroot.take_if(|sysroot| is_folder(sysroot));
    if let Some(modules) = &mut spec.modules {
        modules.from.take_if(|from| is_folder(from));
    }
}

/// Puts the options on top of what the description says.
fn add_options(args: &InitrdBuildArgs, spec: &mut InitrdSpec) -> Result<(), Box<dyn Error>> {
    let texts = |name: &'static str, all: &[String]| -> Vec<Located<String>> {
        let located = all
            .iter()
            .map(|text| Located::by_option(name, text.clone()));
        located.collect()
    };
    let text = |name: &'static str, text: &Option<String>| {
        text.clone().map(|text| Located::by_option(name, text))
    };
    spec.sysroot = text("--sysroot", &args.sysroot).or(spec.sysroot.take());
    spec.init = text("--init", &args.init).or(spec.init.take());
    let compression = args
        .compression
        .map(|name| Located::by_option("--compression", name));
    // A level of the description belongs to its own compression.
    if compression.is_some() {
        spec.level = None;
    }
    spec.compression = compression.or(spec.compression.take());
    let level = args.level.map(|level| Located::by_option("--level", level));
    spec.level = level.or(spec.level.take());
    if args.source_date_epoch.is_some() || spec.source_date_epoch.is_none() {
        spec.source_date_epoch = source_date_epoch(args.source_date_epoch)?;
    }
    spec.binaries.extend(texts("--binary", &args.binary));
    let microcode = args.microcode.iter().cloned();
    spec.microcode
        .extend(microcode.map(|path| Located::by_option("--microcode", path)));
    if args.busybox && spec.busybox.is_none() {
        spec.busybox = Some(BusyboxSpec::default());
    }
    if args.nss {
        spec.nss = Some(Located::by_option("--nss", true));
    }
    if !args.module.is_empty() || args.kernel.is_some() {
        let modules = spec.modules.get_or_insert_with(ModulesSpec::default);
        modules.names.extend(texts("--module", &args.module));
        modules.kernel = text("--kernel", &args.kernel).or(modules.kernel.take());
    }
    let trees = texts("--tree", &args.tree);
    spec.trees.extend(
        trees
            .into_iter()
            .map(|source| TreeEntry { source, at: None }),
    );
    for file in &args.file {
        let (source, path) = file
            .rsplit_once(':')
            .ok_or_else(|| format!("--file {file}: it is SOURCE:PATH"))?;
        spec.files.push(FileEntry {
            path: Located::by_option("--file", path.to_owned()),
            source: Some(Located::by_option("--file", source.into())),
            text: None,
            mode: mode_of(Path::new(source)),
            uid: None,
            gid: None,
        });
    }
    Ok(())
}

/// A file that can be run on the host can be run in the initrd. All else of its mode is whoever's that made it.
fn mode_of(path: &Path) -> Option<Located<kurmadisk::spec::Mode>> {
    let stat = kurmadisk::formats::host::stat(path).ok()?;
    let mode = kurmadisk::spec::Mode(0o755);
    (stat.mode & 0o111 != 0).then(|| Located::by_option("--file", mode))
}

fn options(args: &InitrdWriteArgs) -> BuildOptions {
    let usual = BuildOptions::default();
    BuildOptions {
        threads: args.shared.threads.unwrap_or(usual.threads),
        scratch: Scratch::Folder(args.scratch.clone().unwrap_or_else(scratch_folder)),
    }
}

/// What was made.
fn said(output: &Path, report: &Report, args: &InitrdWriteArgs) -> Result<String, Box<dyn Error>> {
    let name = output.to_string_lossy();
    if args.shared.quiet {
        return Ok(String::new());
    }
    if args.shared.json {
        let mut value = serde_json::to_value(report)?;
        value["output"] = json!(name);
        return Ok(serde_json::to_string_pretty(&value)? + "\n");
    }
    let mut said = format!("{}: {}\n", text::shown(&name), text::size(report.size));
    for segment in &report.segments {
        let (content, size) = (text::size(segment.content), text::size(segment.size));
        let entries = segment.entries;
        match segment.compression.as_str() {
            "none" => writeln!(said, "  {entries} entries, {size}")?,
            "as it was" => writeln!(said, "  {entries} entries, {size}, as it was")?,
            name => writeln!(said, "  {entries} entries, {content}, {size} in {name}")?,
        }
    }
    for name in &report.built_in_modules {
        writeln!(said, "built into the kernel: {}", text::shown(name))?;
    }
    for name in &report.missing_firmware {
        writeln!(said, "firmware that is missing: {}", text::shown(name))?;
    }
    Ok(said)
}

pub fn append(args: &InitrdAppendArgs) -> Result<String, Box<dyn Error>> {
    let mut additions = Vec::new();
    let mut inputs = vec![args.base.clone()];
    for addition in &args.additions {
        let path = PathBuf::from(addition);
        let is_spec = path.extension().is_some_and(|ending| ending == "toml");
        let addition = if is_spec {
            inputs.push(path.clone());
            Addition::Spec(Box::new(InitrdSpec::from_file(&path)?))
        } else if is_archive(&path) {
            Addition::Archive(Located::by_caller(path))
        } else {
            let source = addition.to_str().ok_or("a path is not UTF-8")?.to_owned();
            Addition::Spec(Box::new(InitrdSpec {
                compression: args
                    .compression
                    .map(|name| Located::by_option("--compression", name)),
                trees: vec![TreeEntry {
                    source: Located {
                        value: source,
                        place: Place::Caller,
                    },
                    at: None,
                }],
                ..InitrdSpec::default()
            }))
        };
        additions.push(addition);
    }
    for addition in &mut additions {
        match addition {
            Addition::Spec(spec) => {
                if args.source_date_epoch.is_some() || spec.source_date_epoch.is_none() {
                    spec.source_date_epoch = source_date_epoch(args.source_date_epoch)?;
                }
                inputs.extend(whole_inputs(spec));
            }
            Addition::Archive(path) => inputs.push(path.value.clone()),
        }
    }
    Inputs::paths(inputs).check(&args.output)?;
    let report = initrd::append(&args.base, &additions, &args.output, &options(&args.write))?;
    said(&args.output, &report, &args.write)
}

/// Whether a file is an initrd or a cpio archive, by what reads it best.
fn is_archive(path: &Path) -> bool {
    let wanted = kurmadisk::source::Wanted::default();
    path.is_file()
        && kurmadisk::source::read(path, &wanted, &Scratch::Folder(scratch_folder()))
            .is_ok_and(|read| read.kind == SourceKind::Cpio)
}

pub fn inspect(args: &InitrdInspectArgs) -> Result<String, Box<dyn Error>> {
    let report = initrd::inspect(&args.file, &Scratch::Folder(scratch_folder()))?;
    if args.json {
        return Ok(serde_json::to_string_pretty(&report)? + "\n");
    }
    Ok(describe(&args.file.to_string_lossy(), &report, args.files)?)
}

fn describe(name: &str, report: &InitrdReport, files: bool) -> Result<String, std::fmt::Error> {
    let mut said = format!("{}: {}\n", text::shown(name), text::size(report.size));
    let mut table = Table::new([
        "offset",
        "bytes",
        "compression",
        "content",
        "entries",
        "holds",
    ]);
    for piece in &report.pieces {
        let mut holds = Vec::new();
        if piece.microcode {
            holds.push("microcode".to_owned());
        }
        holds.extend(
            piece
                .kernels
                .iter()
                .map(|release| format!("modules of {}", text::shown(release))),
        );
        table.row([
            piece.offset.to_string(),
            piece.size.to_string(),
            piece.compression.unwrap_or("none").to_owned(),
            piece.content.to_string(),
            piece.entries.len().to_string(),
            holds.join(", "),
        ]);
    }
    write!(said, "{table}")?;
    for piece in report.pieces.iter().filter(|_| files) {
        writeln!(said, "\nat {}:", piece.offset)?;
        for entry in &piece.entries {
            writeln!(said, "{}", line(entry))?;
        }
    }
    Ok(said)
}

/// An entry in a line, much as `ls -l` has it.
fn line(entry: &EntryReport) -> String {
    let size = match (entry.size, entry.device) {
        (Some(size), _) => size.to_string(),
        (None, Some((major, minor))) => format!("{major}:{minor}"),
        _ => String::new(),
    };
    let mut line = format!(
        "{:9} {} {}:{} {size:>10} {}",
        entry.kind,
        entry.mode,
        entry.uid,
        entry.gid,
        text::shown(&entry.path)
    );
    if let Some(target) = &entry.target {
        line += " -> ";
        line += &text::shown(target);
    }
    line
}

/// What is different, and whether nothing is.
pub fn diff(args: &InitrdDiffArgs) -> Result<(String, bool), Box<dyn Error>> {
    let options = DiffOptions {
        ignore_times: args.ignore_times,
    };
    let scratch = Scratch::Folder(scratch_folder());
    let found = initrd::diff(&args.first, &args.second, options, &scratch)?;
    let said = if args.quiet {
        String::new()
    } else if args.json {
        serde_json::to_string_pretty(&json!({ "differences": found }))? + "\n"
    } else {
        found.iter().map(difference).collect()
    };
    Ok((said, found.is_empty()))
}

fn difference(found: &Difference) -> String {
    let path = text::shown(&found.path);
    match (&found.first, &found.second) {
        (Some(first), Some(second)) => {
            let (first, second) = (text::shown(first), text::shown(second));
            format!(
                "{path}: {}: {first} in the first, {second} in the second\n",
                found.what
            )
        }
        _ => format!("{path}: {}\n", found.what),
    }
}
