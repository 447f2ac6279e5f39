//! The images that a `Dockerfile` asks to be given.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::error::BaseError;
use super::stage::Stage;

/// A `Dockerfile`, as far as it says on what it stands.
pub(super) struct Recipe {
    path: PathBuf,
    /// Arguments that name an image, as in `FROM ${NAME}`.
    images: Vec<String>,
    /// Arguments with a default.
    defaults: HashSet<String>,
}

impl Recipe {
    pub(super) fn read(path: &Path) -> Result<Self, BaseError> {
        let text = fs::read_to_string(path).map_err(BaseError::file(path))?;
        let mut recipe = Self {
            path: path.to_path_buf(),
            images: Vec::new(),
            defaults: HashSet::new(),
        };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let instruction = words.next().unwrap_or_default();
            if instruction.eq_ignore_ascii_case("ARG") {
                let given = words.filter_map(|word| word.split_once('='));
                let names = given.map(|(name, _)| name.to_owned());
                recipe.defaults.extend(names);
            } else if instruction.eq_ignore_ascii_case("FROM") {
                let mut images = words.skip_while(|word| word.starts_with("--"));
                let name = images.next().and_then(argument);
                recipe.images.extend(name.map(str::to_owned));
            }
        }
        Ok(recipe)
    }

    /// Arguments that name images.
    pub(super) fn images(&self) -> &[String] {
        &self.images
    }

    /// Fails unless all arguments that name images have a value.
    pub(super) fn check(
        &self,
        stage: Stage,
        args: &BTreeMap<String, String>,
    ) -> Result<(), BaseError> {
        let known = |name: &String| args.contains_key(name) || self.defaults.contains(name);
        match self.images.iter().find(|name| !known(name)) {
            Some(name) => Err(BaseError::Argument {
                path: self.path.clone(),
                stage,
                name: name.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// The argument's name in `$NAME` and `${NAME}`, if the image is nothing else.
fn argument(image: &str) -> Option<&str> {
    let name = image.strip_prefix('$')?;
    let bare = name.strip_prefix('{').map(|name| name.strip_suffix('}'));
    let name = bare.unwrap_or(Some(name))?;
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(fine).then_some(name)
}
