//! What would be run for a stage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::engine::{BuildOrder, BuildTarget, Engine};
use super::error::BaseError;
use super::stage::Stage;
use crate::digest::{Detail, Digest, Inputs};
use crate::run::Program;

/// A stage with every choice made.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// The stage.
    pub stage: Stage,
    /// What builds it.
    pub engine: Engine,
    /// The folder that the engine gets.
    pub context: PathBuf,
    /// The image it stands on.
    pub from: String,
    /// What its image is called, if it is one.
    pub tag: String,
    /// Arguments of the `Dockerfile`, also `BASE`.
    pub args: BTreeMap<String, String>,
    pub(super) dockerfile: PathBuf,
    pub(super) out: PathBuf,
}

impl StagePlan {
    /// The files and folders that are read.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        vec![self.context.clone()]
    }

    /// The digest of all that decides what comes of it, but for the content of the image below.
    pub fn digest(&self) -> Result<Digest, BaseError> {
        let mut inputs = Inputs::new("base", Detail::Source);
        inputs.text("stage", self.stage.name());
        inputs.text("engine", self.engine.name());
        inputs.text("tag", &self.tag);
        for (name, value) in &self.args {
            inputs.text(name, value);
        }
        inputs.path("context", &self.context)?;
        Ok(inputs.finish())
    }

    /// The files that come of it; the record is the last.
    #[must_use]
    pub fn outputs(&self) -> Vec<PathBuf> {
        let exports = self.stage.exports().iter();
        let exports = exports.map(|name| self.out.join(name));
        exports.chain([self.record_file()]).collect()
    }

    /// The one command that builds it, exactly as it is run.
    #[must_use]
    pub fn command(&self) -> Program {
        let (folder, id_file) = (self.partial(), self.id_file());
        let args = self.args.iter();
        self.engine.build(&BuildOrder {
            context: &self.context,
            dockerfile: &self.dockerfile,
            args: args.map(|(name, value)| (&**name, &**value)).collect(),
            target: match self.stage {
                Stage::Stage3 | Stage::Stage4 => BuildTarget::Image {
                    tag: &self.tag,
                    id_file: &id_file,
                },
                Stage::Kernel => BuildTarget::Files { folder: &folder },
            },
        })
    }

    /// Where the record goes.
    pub(super) fn record_file(&self) -> PathBuf {
        self.out.join(format!("base-{}.json", self.stage))
    }

    /// What the engine writes, until it is complete.
    pub(super) fn partial(&self) -> PathBuf {
        self.out.join(format!(".base-{}.partial", self.stage))
    }

    pub(super) fn id_file(&self) -> PathBuf {
        self.partial().join("image-id")
    }

    /// The record of the stage below, where it was built.
    pub(super) fn record_below(&self) -> Option<PathBuf> {
        let below = self.stage.below()?;
        Some(self.out.join(format!("base-{below}.json")))
    }

    pub(super) fn out(&self) -> &Path {
        &self.out
    }
}
