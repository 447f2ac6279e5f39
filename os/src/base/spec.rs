//! The description of the base, `[base]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kurmadisk::spec::{Document, Located, Place};
use serde::Deserialize;

use super::engine::Engine;
use super::error::BaseError;
use super::plan::StagePlan;
use super::recipe::Recipe;
use super::stage::Stage;

/// `[base]`: the engine, and a table for each stage. All of it may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BaseSpec {
    /// What builds; docker without it.
    pub engine: Option<Engine>,
    /// `[base.stage3]`.
    #[serde(default)]
    pub stage3: StageSpec,
    /// `[base.stage4]`.
    #[serde(default)]
    pub stage4: StageSpec,
    /// `[base.kernel]`.
    #[serde(default)]
    pub kernel: StageSpec,
    /// The folder that other paths are relative to.
    #[serde(skip)]
    folder: PathBuf,
}

/// A stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StageSpec {
    /// The folder with its `Dockerfile`; `base/STAGE` without it.
    pub context: Option<Located<PathBuf>>,
    /// The image it stands on: the tag of the stage below without it. Another one is named by its digest.
    pub from: Option<Located<String>>,
    /// What its image is called; `localhost/kurmaos-STAGE` without it. The kernel is files and no image.
    pub tag: Option<Located<String>>,
    /// Arguments of the `Dockerfile`, by name.
    #[serde(default)]
    pub args: BTreeMap<String, Located<String>>,
}

impl BaseSpec {
    /// Makes relative paths relative to `base`.
    pub fn resolve_paths(&mut self, base: &Path) {
        self.folder = base.join(&self.folder);
        for stage in Stage::ALL {
            if let Some(context) = &mut self.stage_mut(stage).context {
                context.value = base.join(&context.value);
            }
        }
    }

    /// Turns the places of values into lines of `document`.
    pub fn locate(&mut self, document: &Document) {
        for stage in Stage::ALL {
            let stage = self.stage_mut(stage);
            if let Some(context) = &mut stage.context {
                context.locate(document);
            }
            let texts = [&mut stage.from, &mut stage.tag].into_iter().flatten();
            for text in texts.chain(stage.args.values_mut()) {
                text.locate(document);
            }
        }
    }

    /// What is said of a stage.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> &StageSpec {
        match stage {
            Stage::Stage3 => &self.stage3,
            Stage::Stage4 => &self.stage4,
            Stage::Kernel => &self.kernel,
        }
    }

    /// The same, to be changed.
    pub fn stage_mut(&mut self, stage: Stage) -> &mut StageSpec {
        match stage {
            Stage::Stage3 => &mut self.stage3,
            Stage::Stage4 => &mut self.stage4,
            Stage::Kernel => &mut self.kernel,
        }
    }

    /// The name of a stage's image.
    #[must_use]
    pub fn tag(&self, stage: Stage) -> String {
        let given = self.stage(stage).tag.as_ref();
        given.map_or_else(
            || format!("localhost/kurmaos-{stage}"),
            |tag| tag.value.clone(),
        )
    }

    /// What is run to build `stage` into the folder `out`; the stage's `Dockerfile` is read.
    pub fn plan(&self, stage: Stage, out: &Path) -> Result<StagePlan, BaseError> {
        let spec = self.stage(stage);
        if let (Some(tag), Stage::Kernel) = (&spec.tag, stage) {
            let reason = "the kernel is exported as files and has no image; leave it out";
            return Err(fault(stage, "tag", &tag.place, reason));
        }
        let context = match &spec.context {
            Some(context) => context.value.clone(),
            None => self.folder.join("base").join(stage.name()),
        };
        let from = self.from(stage)?;
        let given = spec.args.iter();
        let mut args: BTreeMap<_, _> = given
            .map(|(name, value)| (name.clone(), value.value.clone()))
            .collect();
        if let Some(twice) = spec.args.get("BASE") {
            let reason = "BASE is the image that the stage stands on; name it by `from`";
            return Err(fault(stage, "args", &twice.place, reason));
        }
        args.insert("BASE".to_owned(), from.clone());
        let recipe = Recipe::read(&context.join("Dockerfile"))?;
        recipe.check(stage, &args)?;
        for name in recipe.images() {
            if let Some(image) = spec.args.get(name)
                && !is_pinned(&image.value)
            {
                return Err(fault(stage, "args", &image.place, &unpinned(&image.value)));
            }
        }
        Ok(StagePlan {
            stage,
            engine: self.engine.unwrap_or_default(),
            dockerfile: context.join("Dockerfile"),
            context,
            from,
            tag: self.tag(stage),
            args,
            out: out.to_path_buf(),
        })
    }

    /// The image that `stage` stands on.
    fn from(&self, stage: Stage) -> Result<String, BaseError> {
        match (&self.stage(stage).from, stage.below()) {
            (Some(from), below) => {
                let ours = below.is_some_and(|below| self.tag(below) == from.value);
                if ours || is_pinned(&from.value) {
                    return Ok(from.value.clone());
                }
                Err(fault(stage, "from", &from.place, &unpinned(&from.value)))
            }
            (None, Some(below)) => Ok(self.tag(below)),
            (None, None) => Err(BaseError::NoImage { stage }),
        }
    }
}

fn unpinned(image: &str) -> String {
    format!(
        "{image:?} is another image next week; name it by digest, as NAME@sha256:… (docker buildx imagetools inspect {image} tells it)"
    )
}

/// Whether an image is named by the digest of its content.
fn is_pinned(image: &str) -> bool {
    let digest = image.split_once("@sha256:");
    digest.is_some_and(|(name, digits)| {
        let hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        !name.is_empty() && digits.len() == 64 && digits.bytes().all(hex)
    })
}

fn fault(stage: Stage, key: &'static str, place: &Place, reason: &str) -> BaseError {
    BaseError::Spec {
        place: place.clone(),
        stage,
        key,
        reason: reason.to_owned(),
    }
}
