//! Outputs, tarball and record of a component.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use kurmadisk::formats::compress::{Compressed, Compression};
use kurmadisk::formats::error::chain;
use kurmadisk::formats::output::NewFile;
use kurmadisk::package::archive::Tar;
use serde::{Deserialize, Serialize};

use super::error::ComponentError;
use super::plan::ComponentPlan;
use crate::base::FileRecord;
use crate::digest::{self, Digest};
use crate::file;

/// Modes of files in a tarball.
const PROGRAM: u32 = 0o755;
const TEXT: u32 = 0o644;

/// What a component came of, and what came of it: `component-NAME.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ComponentRecord {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of what it came of.
    pub inputs: Digest,
    /// The command that built it, word by word; none if it was prebuilt.
    pub command: Vec<String>,
    /// The files, by their paths in the folder of the outputs.
    pub files: BTreeMap<String, FileRecord>,
}

/// A component that is there.
#[derive(Clone, Debug)]
pub struct Built {
    /// What is known of it.
    pub record: ComponentRecord,
    /// Its files.
    pub files: Vec<PathBuf>,
    /// The tarball with all of them, and the licence.
    pub tarball: PathBuf,
    /// Whether it was there already.
    pub cached: bool,
}

/// What a build made: files by name, which lie where it made them.
#[derive(Default)]
pub(super) struct Made {
    pub(super) outputs: Vec<(String, PathBuf)>,
    pub(super) license: Option<PathBuf>,
}

/// What is there already, if its inputs and its files are still the same.
pub(super) fn cached(plan: &ComponentPlan) -> Result<Option<Built>, ComponentError> {
    let path = record_file(plan);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(ComponentError::file(&plan.spec.name.value, &path))?,
    };
    // A record that can't be read tells nothing.
    let Ok(record) = serde_json::from_str::<ComponentRecord>(&text) else {
        return Ok(None);
    };
    let paths = plan.outputs();
    let same = record.inputs == plan.digest
        && record.files.len() == paths.len()
        && paths.iter().all(|path| is_unchanged(plan, &record, path));
    Ok(same.then(|| built(plan, record, true)))
}

fn is_unchanged(plan: &ComponentPlan, record: &ComponentRecord, path: &Path) -> bool {
    let Some(was) = record.files.get(&key(plan, path)) else {
        return false;
    };
    digest::file(path).is_ok_and(|(size, sha256)| size == was.size && sha256 == was.sha256)
}

/// Keeps what was made: all files are complete before the first one appears, and the record comes last.
pub(super) fn keep(
    plan: &ComponentPlan,
    made: &Made,
    scratch: &Path,
) -> Result<Built, ComponentError> {
    let name = &plan.spec.name.value;
    let failed = |path: &Path| ComponentError::file(name, path);
    let tarball = scratch.join("tarball");
    pack(plan, made, &tarball).map_err(failed(&plan.tarball()))?;
    let ready = scratch.join("outputs");
    fs::create_dir(&ready).map_err(failed(&ready))?;
    let mut moves = Vec::new();
    for (output, from) in &made.outputs {
        let at = ready.join(output);
        let copied = fs::copy(from, &at)
            .and_then(|_| fs::set_permissions(&at, fs::Permissions::from_mode(mode(from)?)));
        copied.map_err(failed(from))?;
        moves.push((at, plan.folder().join(output)));
    }
    moves.push((tarball, plan.tarball()));
    let mut files = BTreeMap::new();
    for (at, to) in &moves {
        let (size, sha256) = digest::file(at).map_err(ComponentError::digest(name))?;
        files.insert(key(plan, to), FileRecord { size, sha256 });
    }
    let record = ComponentRecord {
        name: name.clone(),
        version: plan.version.clone(),
        inputs: plan.digest,
        command: plan.command.clone(),
        files,
    };
    let written = scratch.join("record");
    file::write_json(&written, &record).map_err(failed(&record_file(plan)))?;
    moves.push((written, record_file(plan)));
    remove_last(plan);
    let folder = plan.folder();
    // Gone again if nothing comes to lie in it.
    let _folder = file::Folder::create(&folder).map_err(failed(&folder))?;
    file::move_all(&moves).map_err(|(path, error)| failed(&path)(error))?;
    Ok(built(plan, record, false))
}

/// Removes what the last record tells of, which may have had other names.
fn remove_last(plan: &ComponentPlan) {
    let path = record_file(plan);
    let Ok(text) = fs::read_to_string(&path) else {
        return;
    };
    if let Ok(record) = serde_json::from_str::<ComponentRecord>(&text) {
        let mine = format!("{}/", plan.spec.name.value);
        let tarball = format!("{}-", plan.spec.name.value);
        for file in record.files.keys() {
            let in_folder = file
                .strip_prefix(&mine)
                .is_some_and(|rest| !rest.contains('/'));
            if in_folder || file.starts_with(&tarball) && !file.contains('/') {
                // What is not there any more is fine.
                let _ = fs::remove_file(plan.out.join(file));
            }
        }
    }
    let _ = fs::remove_file(path);
}

fn built(plan: &ComponentPlan, record: ComponentRecord, cached: bool) -> Built {
    let mut files = plan.outputs();
    files.pop();
    Built {
        record,
        files,
        tarball: plan.tarball(),
        cached,
    }
}

/// The tarball: the outputs and the licence, root's, of one time.
fn pack(plan: &ComponentPlan, made: &Made, path: &Path) -> io::Result<()> {
    let whole = |error| io::Error::other(chain(&error));
    let mut file = NewFile::create(path).map_err(whole)?;
    let threads = NonZero::<usize>::MIN;
    let packed = Compressed::new(&mut file, Compression::Gzip, None, threads);
    let mut tar = Tar::new(packed.map_err(io::Error::other)?, plan.time);
    let license = made.license.iter().map(|path| ("LICENSE", path));
    let outputs = made.outputs.iter().map(|(name, path)| (&**name, path));
    for (name, path) in outputs.chain(license) {
        tar.set_mode(mode(path)?);
        tar.add(name, &fs::read(path)?)?;
    }
    tar.finish()?;
    file.commit().map_err(whole)
}

/// A file is for everybody: whoever built it, and with whatever umask.
fn mode(path: &Path) -> io::Result<u32> {
    let executable = fs::metadata(path)?.permissions().mode() & 0o111 != 0;
    Ok(if executable { PROGRAM } else { TEXT })
}

fn record_file(plan: &ComponentPlan) -> PathBuf {
    plan.out
        .join(format!("component-{}.json", plan.spec.name.value))
}

/// How the record names a file: by its path in the folder of the outputs.
fn key(plan: &ComponentPlan, path: &Path) -> String {
    let within = path.strip_prefix(&plan.out).unwrap_or(path);
    within.to_string_lossy().into_owned()
}
