//! Building a stage.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::error::BaseError;
use super::plan::StagePlan;
use super::record::{FileRecord, Record};
use super::stage::Stage;
use crate::run::Runner;
use crate::{digest, file};

impl StagePlan {
    /// Builds the stage; the record that is given back is written beside the files.
    ///
    /// Files appear when all of them are there. After an error nothing new is left.
    pub fn build(&self, runner: &mut Runner) -> Result<Record, BaseError> {
        let version = self.engine.version(runner);
        let version = version.map_err(|source| BaseError::Engine {
            engine: self.engine,
            source,
        })?;
        let inputs = self.digest()?;
        let _partial = Partial::create(self)?;
        let command = self.command();
        runner.say(&command.line());
        runner.run(&command).map_err(|source| BaseError::Build {
            stage: self.stage,
            source,
        })?;
        let (id, files) = match self.stage {
            Stage::Stage3 | Stage::Stage4 => (Some(self.image_id()?), BTreeMap::new()),
            Stage::Kernel => (None, self.exported()?),
        };
        let record = Record {
            stage: self.stage,
            engine: self.engine,
            engine_version: version,
            command: command.words(),
            inputs,
            from: self.from.clone(),
            from_id: self.id_below(),
            tag: id.is_some().then(|| self.tag.clone()),
            id,
            files,
        };
        let written = self.partial().join("record");
        file::write_json(&written, &record).map_err(BaseError::file(&self.record_file()))?;
        let names = record.files.keys();
        let moves = names.map(|name| (self.partial().join(name), self.out().join(name)));
        let moves: Vec<_> = moves.chain([(written, self.record_file())]).collect();
        file::move_all(&moves).map_err(|(path, source)| BaseError::File { path, source })?;
        Ok(record)
    }

    /// What the engine says that its image is.
    fn image_id(&self) -> Result<String, BaseError> {
        let path = self.id_file();
        let missing = |reason: String| BaseError::Result {
            stage: self.stage,
            what: "an image's id".to_owned(),
            reason,
        };
        let id = fs::read_to_string(&path).map_err(|error| missing(error.to_string()))?;
        match id.trim() {
            "" => Err(missing(format!("{} is empty", path.display()))),
            id => Ok(id.to_owned()),
        }
    }

    /// The files that were exported: regular ones with content.
    fn exported(&self) -> Result<BTreeMap<String, FileRecord>, BaseError> {
        let mut files = BTreeMap::new();
        for name in self.stage.exports() {
            let path = self.partial().join(name);
            let missing = |reason: String| BaseError::Result {
                stage: self.stage,
                what: (*name).to_owned(),
                reason,
            };
            let found = fs::symlink_metadata(&path).map_err(|error| missing(error.to_string()))?;
            if !found.is_file() || found.len() == 0 {
                return Err(missing("it is empty, or no regular file".to_owned()));
            }
            let (size, sha256) = digest::file(&path)?;
            files.insert((*name).to_owned(), FileRecord { size, sha256 });
        }
        Ok(files)
    }

    /// The id of the image below, as its record says it.
    fn id_below(&self) -> Option<String> {
        let text = fs::read_to_string(self.record_below()?).ok()?;
        let record: Record = serde_json::from_str(&text).ok()?;
        (record.tag.as_ref() == Some(&self.from))
            .then_some(record.id)
            .flatten()
    }
}

/// The folder that the engine writes to, which is gone in the end.
struct Partial<'a> {
    plan: &'a StagePlan,
    /// Dropped after this one.
    _out: file::Folder,
}

impl<'a> Partial<'a> {
    fn create(plan: &'a StagePlan) -> Result<Self, BaseError> {
        let path = plan.partial();
        let out = file::Folder::create(plan.out()).map_err(BaseError::file(plan.out()))?;
        let made = remove(&path).and_then(|()| fs::create_dir(&path));
        made.map_err(BaseError::file(&path))?;
        Ok(Self { plan, _out: out })
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        // What hindered the build is told.
        let _ = remove(&self.plan.partial());
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
