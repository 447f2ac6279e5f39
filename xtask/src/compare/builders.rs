//! The programs that are compared.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kurmadisk_fixtures::oracle;

use crate::{Outcome, cargo};

/// The crate that is no program: one that gives it all that its interface can say.
const MKEXT4_VERSION: &str = "0.0.3";
const MKEXT4_PROGRAM: &str = include_str!("mkext4.rs.in");
const MKEXT4_MANIFEST: &str = "[package]\nname = \"mkext4-of-folder\"\nedition = \"2024\"\n\n[dependencies]\n\
                               mkext4 = \"=0.0.3\"\nrustix = { version = \"1.1\", features = [\"fs\"] }\n\n[workspace]\n";

/// What a tree comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Folder,
    Archive,
}

/// What a program is to make.
pub(crate) struct Job<'j> {
    /// The folder or archive.
    pub(crate) tree: &'j Path,
    /// The file to make.
    pub(crate) image: &'j Path,
    /// The filesystem's size in bytes, where it has to be told.
    pub(crate) size: u64,
    /// Inodes, where they have to be told.
    pub(crate) inodes: u64,
}

/// The command line of a job.
type ToCommand = Box<dyn Fn(&Job<'_>) -> Outcome<Command>>;

/// A program that makes an ext4, or ext2, filesystem of a tree.
pub(crate) struct Builder {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) source: Source,
    /// Where the filesystem begins in what it makes, in bytes.
    pub(super) offset: u64,
    command: ToCommand,
}

impl Builder {
    /// The command line of a job.
    pub(crate) fn command(&self, job: &Job<'_>) -> Outcome<Command> {
        (self.command)(job)
    }

    /// Runs it, for so long at most; the error is the first line of what it said.
    pub(super) fn build(&self, job: &Job<'_>, limit: Duration) -> Outcome<Result<(), String>> {
        if job.image.exists() {
            fs::remove_file(job.image)?;
        }
        let mut command = self.command(job)?;
        let words = tempfile::tempfile()?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(words.try_clone()?);
        let mut child = command.spawn()?;
        let start = Instant::now();
        let status = loop {
            match child.try_wait()? {
                Some(status) => break status,
                None if start.elapsed() > limit => {
                    child.kill()?;
                    child.wait()?;
                    return Ok(Err(format!("not done in {} s", limit.as_secs())));
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        if status.success() {
            return Ok(Ok(()));
        }
        let mut said = Vec::new();
        (&words).seek(SeekFrom::Start(0))?;
        (&words).read_to_end(&mut said)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let mut lines = said.lines().map(str::trim).filter(|line| !is_heading(line));
        Ok(Err(lines
            .next()
            .map_or_else(|| status.to_string(), str::to_owned)))
    }
}

/// Whether a line says nothing of what is wrong: mke2fs begins with its version, Rust with where it panicked.
fn is_heading(line: &str) -> bool {
    line.is_empty() || line.starts_with("mke2fs 1.") || line.starts_with("thread '")
}

/// All that this machine has; `second` is a further mke2fs.
pub(super) fn all(programs: &Path, work: &Path, second: Option<PathBuf>) -> Outcome<Vec<Builder>> {
    let mut all = vec![
        kurmadisk(programs, work, Source::Folder)?,
        kurmadisk(programs, work, Source::Archive)?,
    ];
    let first = oracle::tool("mke2fs").and_then(|tool| tool.find());
    for program in first.into_iter().chain(second) {
        all.push(mke2fs(&program, Source::Folder)?);
        if reads_archives(&program, work)? {
            all.push(mke2fs(&program, Source::Archive)?);
        }
    }
    all.push(mkext4(work)?);
    all.push(genext2fs()?);
    Ok(all)
}

fn kurmadisk(programs: &Path, work: &Path, source: Source) -> Outcome<Builder> {
    const DESCRIPTION: &str = "[[partition]]\nnumber = 1\nlabel = \"ROOT\"\ntype = \"linux\"\nfirst = \"1 MiB\"\n\
                               size = \"auto\"\ncontent = \"root\"\nfilesystem.type = \"ext4\"\n";
    let description = work.join("disk.toml");
    fs::write(&description, DESCRIPTION)?;
    let program = programs.join("kurmadisk");
    let version = said_by(Command::new(&program).arg("--version"))?;
    let command = move |job: &Job<'_>| {
        let mut command = Command::new(&program);
        command
            .args(["build", "--quiet", "--format", "raw", "--config"])
            .arg(&description);
        command.arg("--root").arg(job.tree).arg("-o").arg(job.image);
        Ok(command)
    };
    Ok(Builder {
        name: named("kurmadisk", source),
        version: version.trim().to_owned(),
        source,
        offset: 1 << 20,
        command: Box::new(command),
    })
}

fn mke2fs(program: &Path, source: Source) -> Outcome<Builder> {
    let said = said_by(Command::new(program).arg("-V"))?;
    let version = said.lines().next().unwrap_or_default().to_owned();
    let number = version.split(' ').nth(1).unwrap_or_default().to_owned();
    let program = program.to_owned();
    let command = move |job: &Job<'_>| {
        let mut command = Command::new(&program);
        let options = ["-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-N"];
        command
            .env("LC_ALL", "C.UTF-8")
            .args(options)
            .arg(job.inodes.to_string());
        command
            .arg("-d")
            .arg(job.tree)
            .arg(job.image)
            .arg(format!("{}k", job.size / 1024));
        Ok(command)
    };
    Ok(Builder {
        name: named(&format!("mke2fs {number} -d"), source),
        version,
        source,
        offset: 0,
        command: Box::new(command),
    })
}

/// Whether this mke2fs takes an archive for a tree, as it does from 1.47.1 on if it was built so.
fn reads_archives(program: &Path, work: &Path) -> Outcome<bool> {
    let (archive, image) = (work.join("empty.tar"), work.join("empty.image"));
    fs::write(&archive, [0; 1024])?;
    let mut probe = Command::new(program);
    probe
        .args(["-q", "-F", "-t", "ext4", "-d"])
        .arg(&archive)
        .arg(&image)
        .arg("8192k");
    let outcome = probe.stdin(Stdio::null()).output()?;
    Ok(outcome.status.success())
}

/// The mkext4 crate, built in a folder of its own in `work`.
pub(crate) fn mkext4(work: &Path) -> Outcome<Builder> {
    let folder = work.join("mkext4");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("Cargo.toml"), MKEXT4_MANIFEST)?;
    fs::write(folder.join("src").join("main.rs"), MKEXT4_PROGRAM)?;
    let mut build = cargo::cargo();
    build
        .args(["build", "--release", "--quiet"])
        .current_dir(&folder);
    build.env("CARGO_TARGET_DIR", folder.join("target"));
    cargo::run("cargo build of the mkext4 crate", &mut build)?;
    let program = folder.join("target/release/mkext4-of-folder");
    let command = move |job: &Job<'_>| {
        let mut command = Command::new(&program);
        command
            .arg(job.tree)
            .arg(job.image)
            .args([job.size, job.inodes].map(|number| number.to_string()));
        Ok(command)
    };
    Ok(Builder {
        name: named("mkext4", Source::Folder),
        version: format!(
            "mkext4 {MKEXT4_VERSION} (the crate; a program here gives it what its interface can say)"
        ),
        source: Source::Folder,
        offset: 0,
        command: Box::new(command),
    })
}

fn genext2fs() -> Outcome<Builder> {
    let tool = oracle::tool("genext2fs").ok_or("genext2fs is not in the list of tools")?;
    let version = said_by(tool.command()?.arg("--version"))?;
    let command = move |job: &Job<'_>| {
        let mut command = tool.command()?;
        command
            .args(["-B", "4096", "-b"])
            .arg((job.size / 4096).to_string());
        command
            .arg("-N")
            .arg(job.inodes.to_string())
            .arg("-d")
            .arg(job.tree)
            .arg(job.image);
        Ok(command)
    };
    Ok(Builder {
        name: named("genext2fs", Source::Folder),
        version: version.lines().next().unwrap_or_default().to_owned(),
        source: Source::Folder,
        offset: 0,
        command: Box::new(command),
    })
}

fn named(program: &str, source: Source) -> String {
    let source = match source {
        Source::Folder => "folder",
        Source::Archive => "tar",
    };
    format!("{program}, {source}")
}

/// What a program says of itself, on either output.
fn said_by(command: &mut Command) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let all = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&all).into_owned())
}
