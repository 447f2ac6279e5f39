//! What of a tree is left out.

use std::collections::HashSet;

use globset::{Glob, GlobSet};

use super::glob::{self, PatternError};
use crate::tree::{NodeKind, Tree};

/// Patterns of what is left out, and of what stays all the same.
///
/// A pattern with a `/` (at its beginning or within) is compared with the whole path from the root: `/var/cache/*`,
/// `usr/share/doc`. One without is compared with each name, wherever it lies: `*.pyc`. With a `/` at the end it means
/// directories alone. What matches stands for all that is below it. `*`, `?`, `**`, `[a-z]`, `{a,b}` and `\` mean what
/// they mean to gitignore; `*` and `?` don't match a `/`, and `?` is one byte.
///
/// What an include matches stays, in spite of any exclude, and so do the directories above it: all of
/// `/usr/share/doc` but its licences is `exclude /usr/share/doc`, `include /usr/share/doc/*/copyright`. An exclude of
/// something below an included directory does not count: the include is the last word.
#[derive(Clone, Debug)]
pub struct Filter {
    excludes: Patterns,
    includes: Patterns,
}

#[derive(Clone, Debug)]
struct Patterns {
    set: GlobSet,
    /// Which of them are for directories alone.
    directories: Vec<bool>,
}

impl Patterns {
    fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        let parsed = patterns.iter().map(|text| parse(text.as_ref()));
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        let (globs, directories): (Vec<Glob>, Vec<bool>) = parsed.into_iter().unzip();
        let set = glob::set(&globs)?;
        Ok(Self { set, directories })
    }

    fn matches(&self, path: &[u8], is_dir: bool, found: &mut Vec<usize>) -> bool {
        glob::matches(&self.set, path, found);
        found
            .iter()
            .any(|number| is_dir || !self.directories[*number])
    }
}

/// The pattern of whole paths, and whether it means directories alone.
fn parse(text: &str) -> Result<(Glob, bool), PatternError> {
    let (body, directory) = match text.strip_suffix('/') {
        Some(body) => (body, true),
        None => (text, false),
    };
    let relative = body.trim_start_matches('/');
    if relative.is_empty() {
        return Err(PatternError {
            pattern: text.to_owned(),
            reason: "it names nothing but the root, which stays; write /* for all that is in it"
                .to_owned(),
        });
    }
    let glob = if body.contains('/') {
        glob::compile(relative)
    } else {
        glob::compile(&format!("**/{relative}"))
    };
    let glob = glob.map_err(|error| PatternError {
        pattern: text.to_owned(),
        ..error
    });
    Ok((glob?, directory))
}

impl Filter {
    /// A filter of these patterns; their order does not matter.
    pub fn new<S: AsRef<str>>(excludes: &[S], includes: &[S]) -> Result<Self, PatternError> {
        Ok(Self {
            excludes: Patterns::new(excludes)?,
            includes: Patterns::new(includes)?,
        })
    }

    /// Whether a name goes with all that may be below it, whatever that is. With includes that can't be told.
    #[must_use]
    pub fn drops_all(&self, path: &[u8], is_dir: bool) -> bool {
        self.includes.directories.is_empty() && self.excludes.matches(path, is_dir, &mut Vec::new())
    }

    /// Takes what is left out away from the tree.
    pub fn apply(&self, tree: &mut Tree) {
        let dropped = self.dropped(tree);
        tree.retain(|path, _| !dropped.contains(path));
    }

    /// The paths that go.
    fn dropped(&self, tree: &Tree) -> HashSet<Vec<u8>> {
        /// A directory from the root down to the path at hand.
        struct Above {
            len: usize,
            excluded: bool,
            included: bool,
        }
        let mut dropped = HashSet::new();
        let mut above: Vec<Above> = Vec::new();
        let mut found = Vec::new();
        let mut walk = tree.walk();
        while let Some((path, id)) = walk.next_name() {
            while above
                .last()
                .is_some_and(|dir| path.get(dir.len) != Some(&b'/'))
            {
                above.pop();
            }
            let is_dir = matches!(tree.node(id).kind, NodeKind::Directory(_));
            let parent = above.last();
            let excluded = parent.is_some_and(|dir| dir.excluded)
                || self.excludes.matches(path, is_dir, &mut found);
            let included = parent.is_some_and(|dir| dir.included)
                || self.includes.matches(path, is_dir, &mut found);
            if included {
                for dir in &above {
                    dropped.remove(&path[..dir.len]);
                }
            }
            if is_dir {
                let len = path.len();
                above.push(Above {
                    len,
                    excluded,
                    included,
                });
            }
            if excluded && !included {
                dropped.insert(path.to_vec());
            }
        }
        dropped
    }
}
