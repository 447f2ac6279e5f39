//! The files of a source, its version and its time.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::run::{Program, RunError, Runner};

/// What git keeps its own files in: a folder, or a file that says where.
const GIT: &str = ".git";

/// Runs git in a source; it reads no other repository's variables.
fn git(source: &Path) -> Program {
    Program::new("git").arg("-C").arg(source)
}

/// What `git describe` says, with `-dirty` if a file is changed.
pub(super) fn version(source: &Path, runner: &mut Runner) -> Result<String, RunError> {
    let describe = git(source).args(["describe", "--tags", "--always", "--dirty"]);
    Ok(runner.output(&describe)?.trim().to_owned())
}

/// The time of the last commit, in seconds since 1970.
pub(super) fn time(source: &Path, runner: &mut Runner) -> Option<i64> {
    let log = git(source).args(["log", "-1", "--format=%ct"]);
    runner.output(&log).ok()?.trim().parse().ok()
}

/// The files of a source, relative to it: those that git knows or does not ignore; all where git knows none.
pub(super) fn files(source: &Path, runner: &mut Runner) -> io::Result<Vec<PathBuf>> {
    let list = git(source).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let mut files = Vec::new();
    match runner.output(&list) {
        Ok(names) if !names.is_empty() => {
            let names = names.split_terminator('\0').map(str::to_owned);
            for name in names.map(|name| PathBuf::from(OsString::from_vec(name.into_bytes()))) {
                add(source, &name, &mut files)?;
            }
        }
        _ => add(source, Path::new(""), &mut files)?,
    }
    files.sort_unstable();
    files.dedup();
    Ok(files)
}

/// Adds a file, or all that is in a folder, as a submodule is one.
fn add(source: &Path, name: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let path = source.join(name);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => {
            for entry in fs::read_dir(&path)? {
                let entry = entry?.file_name();
                if entry != GIT {
                    add(source, &name.join(entry), files)?;
                }
            }
            Ok(())
        }
        Ok(_) => {
            files.push(name.to_path_buf());
            Ok(())
        }
        // Removed, and git was not told yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !name.as_os_str().is_empty() => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Copies the files with their modes; symbolic links stay links.
pub(super) fn copy(source: &Path, files: &[PathBuf], to: &Path) -> io::Result<()> {
    for name in files {
        let (from, to) = (source.join(name), to.join(name));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let found = fs::symlink_metadata(&from)?;
        if found.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?;
        } else if found.is_file() {
            fs::copy(&from, &to)?;
        } else {
            let reason = format!("{} is no file, folder or link", from.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
    }
    Ok(())
}
