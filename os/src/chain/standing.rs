//! Whether steps have to run, and why.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::error::ChainError;
use super::graph::Graph;
use super::made::Made;
use super::step::{Input, Step};
use super::store::{Store, text_digest};
use crate::digest::{Detail, Digest, DigestError, Inputs};

/// Whether a step has to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No: it would do the same again.
    Kept,
    /// Yes.
    Runs {
        /// Why.
        why: String,
    },
    /// Only what it needs will tell: if that comes out as before, it has not to.
    Waits {
        /// The steps that it needs and that run before.
        on: Vec<String>,
    },
    /// It can't.
    Blocked {
        /// Why.
        why: String,
    },
}

/// A step, and whether it has to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The step's name.
    pub name: String,
    /// The steps that it needs.
    pub needs: Vec<String>,
    /// Whether it has to run.
    pub standing: Standing,
}

/// Digests of inputs, each made once.
#[derive(Default)]
pub(super) struct Digests(Mutex<HashMap<(PathBuf, bool), Digest>>);

impl Digests {
    fn of(&self, path: &Path, detail: Detail) -> Result<Digest, DigestError> {
        let key = (path.to_path_buf(), detail == Detail::Tree);
        let known = self
            .0
            .lock()
            .ok()
            .and_then(|known| known.get(&key).copied());
        if let Some(known) = known {
            return Ok(known);
        }
        let mut inputs = Inputs::new("input", detail);
        inputs.path("", path)?;
        let digest = inputs.finish();
        if let Ok(mut known) = self.0.lock() {
            known.insert(key, digest);
        }
        Ok(digest)
    }

    /// All that a step is made from, when those that it needs made what `needs` says.
    pub fn inputs(
        &self,
        step: &Step<'_>,
        needs: &BTreeMap<String, Made>,
    ) -> Result<BTreeMap<String, Digest>, ChainError> {
        let version = text_digest(env!("CARGO_PKG_VERSION"));
        let mut found = BTreeMap::from([("kurmadisk".to_owned(), version)]);
        for input in &step.inputs {
            let digest = match input {
                Input::Text { value, .. } => text_digest(value),
                Input::Path { path, detail, key } => {
                    self.of(path, *detail).map_err(|source| ChainError::Input {
                        step: step.name.clone(),
                        key: key.clone(),
                        source,
                    })?
                }
            };
            found.insert(input.key().to_owned(), digest);
        }
        for (need, made) in needs {
            let outputs = made.outputs.iter();
            found.extend(outputs.map(|(path, file)| (format!("{need}/{path}"), file.sha256)));
        }
        Ok(found)
    }
}

/// Why a step has to run that was made from `before`, and would be from `now`; none if it has not to.
pub(super) fn reason(
    store: &Store,
    before: Option<&Made>,
    now: &BTreeMap<String, Digest>,
) -> Option<String> {
    let Some(before) = before else {
        return Some("it was not made yet".to_owned());
    };
    let other = |key: &&String| before.inputs.get(*key) != now.get(*key);
    let mut changed: Vec<_> = now
        .keys()
        .chain(before.inputs.keys())
        .filter(other)
        .collect();
    changed.sort_unstable();
    changed.dedup();
    if let Some(first) = changed.first() {
        let more = match changed.len() {
            1 => String::new(),
            several => format!(" and {} more", several - 1),
        };
        return Some(format!("{first}{more} changed"));
    }
    store
        .lost(before)
        .map(|path| format!("{path} is not as it was made"))
}

impl Graph<'_> {
    /// The steps called so with all that they need (all steps if none is named), and whether they have to run when
    /// their outputs are in `output`. Nothing is written.
    pub fn plan(&self, wanted: &[String], output: &Path) -> Result<Vec<Planned>, ChainError> {
        let store = Store::new(output);
        let digests = Digests::default();
        let mut made: BTreeMap<usize, Made> = BTreeMap::new();
        let mut planned = Vec::new();
        for index in self.closure(wanted)? {
            let step = &self.steps[index];
            let waits = self.needs[index]
                .iter()
                .filter(|need| !made.contains_key(need));
            let on: Vec<_> = waits.map(|need| self.steps[*need].name.clone()).collect();
            let standing = if let Some(why) = blocked(step) {
                Standing::Blocked { why }
            } else if on.is_empty() {
                let before = store.made(&step.name);
                let now = digests.inputs(step, &self.made_of(index, &made))?;
                match (reason(&store, before.as_ref(), &now), before) {
                    (None, Some(before)) => {
                        made.insert(index, before);
                        Standing::Kept
                    }
                    (why, _) => Standing::Runs {
                        why: why.unwrap_or_default(),
                    },
                }
            } else {
                Standing::Waits { on }
            };
            planned.push(Planned {
                name: step.name.clone(),
                needs: self.needs[index]
                    .iter()
                    .map(|need| self.steps[*need].name.clone())
                    .collect(),
                standing,
            });
        }
        Ok(planned)
    }

    /// What the steps made that a step needs.
    pub(super) fn made_of(
        &self,
        step: usize,
        made: &BTreeMap<usize, Made>,
    ) -> BTreeMap<String, Made> {
        let needs = self.needs[step].iter();
        let found = needs
            .filter_map(|need| Some((self.steps[*need].name.clone(), made.get(need)?.clone())));
        found.collect()
    }
}

/// Why a step can't be made, if that is known.
pub(super) fn blocked(step: &Step<'_>) -> Option<String> {
    let missing = step.inputs.iter().find_map(|input| match input {
        Input::Path { path, .. } if !path.exists() => Some(path.display()),
        _ => None,
    });
    let missing = missing.map(|path| format!("{path} is not there"));
    missing.or_else(|| step.problem.clone())
}
