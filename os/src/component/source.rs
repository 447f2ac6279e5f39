//! The files of a source, its version and its time.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::run::{Program, RunError, Runner};

/// What git keeps its own files in: a folder, or a file that says where.
const GIT: &str = ".git";

/// Variables that name a repository, as git sets them for its hooks: they would be asked in place of the source.
const REPOSITORY: [&str; 5] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
];

/// Runs git in a source; it reads no other repository's variables.
fn git(source: &Path) -> Program {
    let git = Program::new("git").without(REPOSITORY);
    git.arg("-C").arg(source)
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
    match runner.output_bytes(&list) {
        Ok(names) if !names.is_empty() => {
            for name in names
                .split(|byte| *byte == 0)
                .filter(|name| !name.is_empty())
            {
                add(source, Path::new(OsStr::from_bytes(name)), &mut files)?;
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

/// Copies the files with their modes; symbolic links stay links. All get one time, in seconds since 1970: `make` would
/// take what is copied first for older than what it was made from.
pub(super) fn copy(source: &Path, files: &[PathBuf], to: &Path, time: i64) -> io::Result<()> {
    let time =
        u64::try_from(time).map_or(UNIX_EPOCH, |time| UNIX_EPOCH + Duration::from_secs(time));
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
            File::open(&to)?.set_modified(time)?;
        } else {
            let reason = format!("{} is no file, folder or link", from.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
    }
    Ok(())
}
