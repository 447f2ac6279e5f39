//! The output folder: what steps made, and the records of it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::ChainError;
use super::graph::is_plain;
use super::made::{Made, MadeFile};
use super::step::{Outputs, Step};
use crate::digest::{self, Digest, Inputs};

/// The folder in the output folder that is not output.
pub(super) const KEPT: &str = ".kurmadisk";

/// An output folder.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub folder: PathBuf,
}

/// Held while somebody writes to an output folder.
pub(super) struct Lock {
    _file: File,
}

impl Store {
    pub fn new(folder: &Path) -> Self {
        let folder = folder.to_path_buf();
        Self { folder }
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.folder.join(KEPT).join(name)
    }

    fn record(&self, step: &str) -> PathBuf {
        self.kept("steps").join(format!("{}.json", plain(step)))
    }

    /// The folder that a step works in.
    pub fn work(&self, step: &str) -> PathBuf {
        self.kept("unfinished").join(plain(step))
    }

    /// Makes the folder and keeps others from writing to it.
    pub fn lock(&self) -> Result<Lock, ChainError> {
        make_folder(&self.kept("steps"))?;
        let path = self.kept("lock");
        let file = File::create(&path).map_err(ChainError::io("make", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(ChainError::Locked {
                folder: self.folder.clone(),
            }),
            Err(TryLockError::Error(source)) => Err(ChainError::io("lock", path)(source)),
        }
    }

    /// What a step made; none if it made nothing, or what is written of it can't be understood.
    pub fn made(&self, step: &str) -> Option<Made> {
        understood(&self.record(step))
    }

    /// What all steps made that there are records of.
    pub fn all_made(&self) -> Result<Vec<Made>, ChainError> {
        let folder = self.kept("steps");
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(ChainError::io("read", folder))?;
        let made = entries.iter().filter_map(|entry| understood(&entry.path()));
        Ok(made.collect())
    }

    /// Writes down what a step made.
    pub fn keep(&self, step: &str, made: &Made) -> Result<(), ChainError> {
        let path = self.record(step);
        let text = serde_json::to_string_pretty(made).map_err(io::Error::other);
        let new = path.with_extension("new");
        let written = text.and_then(|text| fs::write(&new, text + "\n"));
        let written = written.and_then(|()| fs::rename(&new, &path));
        written.map_err(ChainError::io("write", path))
    }

    /// Forgets what a step made.
    pub fn forget(&self, step: &str) -> Result<(), ChainError> {
        remove_file(&self.record(step))
    }

    /// Whether a file is as a step made it.
    pub fn is_kept(&self, path: &str, file: &MadeFile) -> bool {
        let place = self.folder.join(path);
        let Ok(found) = place.symlink_metadata() else {
            return false;
        };
        if seen(&found) == file.seen {
            return true;
        }
        // It was copied, or touched: its content counts.
        described(&place).is_ok_and(|now| (now.size, now.sha256) == (file.size, file.sha256))
    }

    /// The first output that is not as the step made it.
    pub fn lost<'m>(&self, made: &'m Made) -> Option<&'m str> {
        let lost = made
            .outputs
            .iter()
            .find(|(path, file)| !self.is_kept(path, file));
        lost.map(|(path, _)| path.as_str())
    }

    /// An empty folder for a step to work in.
    pub fn begin(&self, step: &str) -> Result<PathBuf, ChainError> {
        let folder = self.work(step);
        remove_folder(&folder)?;
        make_folder(&folder)?;
        Ok(folder)
    }

    /// Gives what a step left in its folder the names in the output folder; all files have the time `time` then (seconds
    /// since 1970). What it made before and does not make any more is removed. `owner` tells which other step has made a
    /// file of this name.
    pub fn place(
        &self,
        step: &Step<'_>,
        before: Option<&Made>,
        time: u64,
        owner: &dyn Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<String, MadeFile>, ChainError> {
        let work = self.work(&step.name);
        let mut paths = Vec::new();
        find(&work, "", &mut paths)?;
        paths.sort_unstable();
        if let Outputs::Files(wanted) = &step.outputs {
            let there =
                |wanted: &&String| paths.iter().any(|path| Path::new(path).starts_with(wanted));
            if let Some(path) = wanted.iter().find(|wanted| !there(wanted)) {
                let (step, path) = (step.name.clone(), path.clone());
                return Err(ChainError::NotMade { step, path });
            }
        }
        for path in &paths {
            if !is_plain(path) {
                let (step, path) = (step.name.clone(), path.clone());
                return Err(ChainError::OutputName { step, path });
            }
            if let Some(first) = owner(path) {
                let (second, path) = (step.name.clone(), path.clone());
                return Err(ChainError::SameOutput {
                    first,
                    second,
                    path,
                });
            }
        }
        self.forget(&step.name)?;
        let gone = before.iter().flat_map(|made| made.outputs.keys());
        for path in gone.filter(|path| paths.binary_search(path).is_err()) {
            self.remove(path)?;
        }
        let mut made = BTreeMap::new();
        for path in paths {
            let (from, to) = (work.join(&path), self.folder.join(&path));
            if let Some(parent) = to.parent() {
                make_folder(parent)?;
            }
            set_time(&from, time).map_err(ChainError::io("write", &from))?;
            fs::rename(&from, &to).map_err(ChainError::io("write", &to))?;
            let file = described(&to).map_err(ChainError::io("read", &to))?;
            made.insert(path, file);
        }
        Ok(made)
    }

    /// Removes the folder that a step worked in.
    pub fn end_work(&self, step: &str) -> Result<(), ChainError> {
        remove_folder(&self.work(step))
    }

    /// Removes a file of the output folder, and the folders that it leaves empty.
    pub fn remove(&self, path: &str) -> Result<(), ChainError> {
        let place = self.folder.join(path);
        remove_file(&place)?;
        let above = place.ancestors().skip(1);
        for folder in
            above.take_while(|folder| folder.starts_with(&self.folder) && *folder != self.folder)
        {
            // One that is not empty stays.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Removes the folder that is no output, and the output folder if nothing is left in it.
    pub fn end(&self) -> Result<(), ChainError> {
        remove_folder(&self.folder.join(KEPT))?;
        // What is not ours stays.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }
}

/// A record, if it is one.
fn understood(path: &Path) -> Option<Made> {
    let made: Made = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    made.outputs
        .keys()
        .all(|path| is_plain(path))
        .then_some(made)
}

/// A step's name as that of a file.
fn plain(step: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut name = String::new();
    for c in step.chars() {
        match c {
            ':' => name.push('@'),
            c if kept(c) => name.push(c),
            c => name.extend(format!("%{:x}", u32::from(c)).chars()),
        }
    }
    // None of them begins with a point.
    format!("step-{name}")
}

/// The paths of all files and links below `folder`.
fn find(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> Result<(), ChainError> {
    let at = folder.join(prefix);
    let failed = || ChainError::io("read", &at);
    for entry in fs::read_dir(&at).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let name = entry.file_name().into_string().map_err(|name| {
            let reason = format!("{} is no UTF-8", name.display());
            failed()(io::Error::new(io::ErrorKind::InvalidFilename, reason))
        })?;
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        if entry.file_type().map_err(failed())?.is_dir() {
            find(folder, &path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn set_time(path: &Path, time: u64) -> io::Result<()> {
    if path.symlink_metadata()?.is_symlink() {
        return Ok(());
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time);
    File::open(path)?.set_modified(time)
}

/// What is known of a file, or of a link.
fn described(path: &Path) -> io::Result<MadeFile> {
    let found = path.symlink_metadata()?;
    let (size, sha256) = if found.is_symlink() {
        let target = fs::read_link(path)?;
        let mut inputs = Inputs::new("link", digest::Detail::Source);
        inputs.text("target", target.as_os_str().as_encoded_bytes());
        (found.len(), inputs.finish())
    } else {
        digest::file(path).map_err(|error| error.source)?
    };
    Ok(MadeFile {
        size,
        sha256,
        seen: seen(&found),
    })
}

fn seen(found: &fs::Metadata) -> [i64; 3] {
    [found.ino().cast_signed(), found.ctime(), found.ctime_nsec()]
}

/// The digest of a text.
pub(super) fn text_digest(text: &str) -> Digest {
    let mut inputs = Inputs::new("text", digest::Detail::Source);
    inputs.text("", text);
    inputs.finish()
}

fn make_folder(folder: &Path) -> Result<(), ChainError> {
    fs::create_dir_all(folder).map_err(ChainError::io("make", folder))
}

fn remove_file(path: &Path) -> Result<(), ChainError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ChainError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn remove_folder(path: &Path) -> Result<(), ChainError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ChainError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
