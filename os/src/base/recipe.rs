//! What a `Dockerfile` asks to be given.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::BaseError;
use super::stage::Stage;

/// The arguments of a `Dockerfile`.
pub(super) struct Recipe {
    path: PathBuf,
    /// `ARG` without a default.
    required: Vec<String>,
    /// Arguments that name an image, as in `FROM ${NAME}`.
    images: Vec<String>,
}

impl Recipe {
    pub(super) fn read(path: &Path) -> Result<Self, BaseError> {
        let text = fs::read_to_string(path).map_err(BaseError::file(path))?;
        let mut recipe = Self {
            path: path.to_path_buf(),
            required: Vec::new(),
            images: Vec::new(),
        };
        let mut known = Vec::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(instruction), Some(word)) = (words.next(), words.next()) else {
                continue;
            };
            if instruction.eq_ignore_ascii_case("ARG") {
                match word.split_once('=') {
                    Some((name, _)) => known.push(name),
                    // Named again in a later stage, it has the value it had.
                    None if known.contains(&word) => {}
                    None => {
                        known.push(word);
                        recipe.required.push(word.to_owned());
                    }
                }
            } else if instruction.eq_ignore_ascii_case("FROM") {
                let image = line.split_whitespace().skip(1);
                let mut image = image.skip_while(|word| word.starts_with("--"));
                let name = image.next().and_then(|image| image.strip_prefix("${"));
                if let Some(name) = name.and_then(|name| name.strip_suffix('}')) {
                    recipe.images.push(name.to_owned());
                }
            }
        }
        Ok(recipe)
    }

    /// Arguments that name images.
    pub(super) fn images(&self) -> &[String] {
        &self.images
    }

    /// Fails unless all arguments without a default are given.
    pub(super) fn check(
        &self,
        stage: Stage,
        args: &BTreeMap<String, String>,
    ) -> Result<(), BaseError> {
        match self.required.iter().find(|name| !args.contains_key(*name)) {
            Some(name) => Err(BaseError::Argument {
                path: self.path.clone(),
                stage,
                name: name.clone(),
            }),
            None => Ok(()),
        }
    }
}
