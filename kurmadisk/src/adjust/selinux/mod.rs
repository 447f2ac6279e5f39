//! SELinux labels by a policy's `file_contexts`, as `setfiles` gives them.
//!
//! | file | holds |
//! |---|---|
//! | `parse` | `file_contexts` and its substitutions as they are written |
//! | `pattern` | its regular expressions |
//! | `error` | [`FileContextsError`] |

mod error;
mod parse;
mod pattern;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

pub use error::{FileContextsError, FileContextsFault};
pub(super) use parse::check_context;
use parse::{Rule, Substitution};

use crate::tree::{NodeKind, Tree};

/// The extended attribute that has the label, with a NUL at its end.
pub const XATTR: &[u8] = b"security.selinux";

/// Which path gets which label: the rules of a policy (`file_contexts(5)`).
///
/// Of the rules that match a path and the type of what is there, the last counts; those without any character that
/// has a meaning in regular expressions come behind all others. A path is compared as a whole. Before that, the
/// substitutions of `file_contexts.subs` and then of `file_contexts.subs_dist` replace its beginning, each file once,
/// its later lines first.
///
/// Expressions are those of PCRE that need no memory of what was matched: look-around, back-references and the like
/// are refused by line. No policy known uses them.
#[derive(Debug, Default)]
pub struct FileContexts {
    rules: Vec<Rule>,
    local: Vec<Substitution>,
    dist: Vec<Substitution>,
    index: Index,
}

/// Rules by what the paths that they match begin with.
#[derive(Debug, Default)]
struct Index {
    by_prefix: HashMap<Vec<u8>, Vec<Candidate>>,
    lengths: BTreeSet<usize>,
}

/// A rule and what it ranks: exact paths above expressions, then later rules above earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    exact: bool,
    rule: usize,
}

/// What labelling did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labelled {
    /// Nodes that have a label now by a rule.
    pub labelled: usize,
    /// Nodes that no rule has a label for; they keep what they had.
    pub left: usize,
}

impl FileContexts {
    /// Reads a policy's file as `setfiles` does: `path` itself, and beside it, as far as they exist, `.homedirs`,
    /// `.local`, `.subs_dist` and `.subs`.
    pub fn read(path: &Path) -> Result<Self, FileContextsError> {
        let mut contexts = Self::default();
        let main = read_text(path)?;
        contexts.add(&path.display().to_string(), &main)?;
        let beside = |suffix: &str| {
            let mut name: OsString = path.into();
            name.push(suffix);
            let name = Path::new(&name);
            match read_text(name) {
                Ok(text) => Ok(Some((name.display().to_string(), text))),
                Err(FileContextsError::Read { source, .. })
                    if source.kind() == ErrorKind::NotFound =>
                {
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        };
        for suffix in [".homedirs", ".local"] {
            if let Some((name, text)) = beside(suffix)? {
                contexts.add(&name, &text)?;
            }
        }
        if let Some((name, text)) = beside(".subs_dist")? {
            contexts.substitute_dist(&name, &text)?;
        }
        if let Some((name, text)) = beside(".subs")? {
            contexts.substitute(&name, &text)?;
        }
        Ok(contexts)
    }

    /// Adds the rules of a file behind those that are there: `file_contexts`, then `file_contexts.homedirs`, then
    /// `file_contexts.local`. `name` stands for the file in errors.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), FileContextsError> {
        for rule in parse::rules(name, text)? {
            self.index.add(&rule, self.rules.len());
            self.rules.push(rule);
        }
        Ok(())
    }

    /// Adds the substitutions of a policy's user (`file_contexts.subs`).
    pub fn substitute(&mut self, name: &str, text: &str) -> Result<(), FileContextsError> {
        self.local.extend(parse::substitutions(name, text)?);
        Ok(())
    }

    /// Adds the substitutions of a distribution (`file_contexts.subs_dist`).
    pub fn substitute_dist(&mut self, name: &str, text: &str) -> Result<(), FileContextsError> {
        self.dist.extend(parse::substitutions(name, text)?);
        Ok(())
    }

    /// The label of what `kind` is at `path`, an absolute one; none where no rule matches, or one that says
    /// `<<none>>`.
    #[must_use]
    pub fn lookup(&self, path: &[u8], kind: &NodeKind) -> Option<&str> {
        let local = parse::substituted(&self.local, path);
        let path = local.as_deref().unwrap_or(path);
        let dist = parse::substituted(&self.dist, path);
        let path = dist.as_deref().unwrap_or(path);
        let mut candidates = self.index.candidates(path);
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        let rules = candidates
            .into_iter()
            .map(|candidate| &self.rules[candidate.rule]);
        let rule = rules
            .filter(|rule| rule.is_for(kind))
            .find(|rule| rule.pattern.matches(path))?;
        rule.context.as_deref()
    }

    /// Labels everything in the tree that a rule matches.
    ///
    /// A hard link has one label for all its names: that of the first of them, in the order of the paths, that a rule
    /// has one for.
    pub fn label(&self, tree: &mut Tree) -> Labelled {
        let mut contexts: Vec<Option<&str>> = vec![None; tree.node_count()];
        contexts[Tree::ROOT.index()] = self.lookup(b"/", &tree.node(Tree::ROOT).kind);
        let mut absolute = vec![b'/'];
        let mut walk = tree.walk();
        while let Some((path, id)) = walk.next_name() {
            if contexts[id.index()].is_none() {
                absolute.truncate(1);
                absolute.extend_from_slice(path);
                contexts[id.index()] = self.lookup(&absolute, &tree.node(id).kind);
            }
        }
        let mut counts = Labelled::default();
        for id in super::all_nodes(tree) {
            if let Some(context) = contexts[id.index()] {
                let value = [context.as_bytes(), b"\0"].concat();
                tree.metadata_mut(id).xattrs.set(XATTR, &value);
                counts.labelled += 1;
            }
        }
        counts.left = tree.nodes().count() - counts.labelled;
        counts
    }
}

impl Index {
    fn add(&mut self, rule: &Rule, number: usize) {
        let prefix = rule.pattern.prefix();
        self.lengths.insert(prefix.len());
        let candidate = Candidate {
            exact: rule.exact,
            rule: number,
        };
        self.by_prefix
            .entry(prefix.to_vec())
            .or_default()
            .push(candidate);
    }

    /// The rules that can match a path.
    fn candidates(&self, path: &[u8]) -> Vec<Candidate> {
        let mut found = Vec::new();
        for len in self.lengths.range(..=path.len()) {
            if let Some(here) = self.by_prefix.get(&path[..*len]) {
                found.extend_from_slice(here);
            }
        }
        found
    }
}

fn read_text(path: &Path) -> Result<String, FileContextsError> {
    std::fs::read_to_string(path).map_err(|source| FileContextsError::Read {
        path: path.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use kurmadisk_formats::map::DiskMap;
    use proptest::prelude::*;

    use super::*;
    use crate::tree::{DeviceNumber, Entries, Metadata};

    fn contexts(text: &str) -> FileContexts {
        let mut contexts = FileContexts::default();
        contexts.add("fc", text).unwrap();
        contexts
    }

    fn file() -> NodeKind {
        NodeKind::File(DiskMap::new(0))
    }

    #[test]
    fn the_last_rule_counts_and_exact_paths_before_all() {
        let contexts = contexts(
            "/usr/bin/su -- u:r:su\n/usr/.* u:r:usr\n/usr(/.*)? u:r:all\n/usr/bin/.* -- u:r:bin\n\
             /usr/bin/s.* -d u:r:dir\n# /.* u:r:no\n\n/usr/bin/nothing <<none>>\n/usr/c\\.d u:r:dot\n",
        );
        let device = NodeKind::CharDevice(DeviceNumber { major: 1, minor: 1 });
        let cases = [
            ("/usr/bin/su", file(), Some("u:r:su")),
            (
                "/usr/bin/su",
                NodeKind::Directory(Entries::new()),
                Some("u:r:dir"),
            ),
            ("/usr/bin/su", device, Some("u:r:all")),
            ("/usr/bin/sudo", file(), Some("u:r:bin")),
            ("/usr", file(), Some("u:r:all")),
            ("/usrx", file(), None),
            ("/x/usr/y", file(), None),
            ("/usr/bin/nothing", file(), None),
            ("/usr/c.d", file(), Some("u:r:dot")),
            ("/usr/cxd", file(), Some("u:r:all")),
            ("/usr/a\nb\u{fc}", file(), Some("u:r:all")),
        ];
        for (path, kind, expected) in cases {
            assert_eq!(
                contexts.lookup(path.as_bytes(), &kind),
                expected,
                "{path} {kind:?}"
            );
        }
    }

    #[test]
    fn substitutions_replace_whole_names_once() {
        let mut contexts = contexts("/.* b:b:b\n/usr/lib/.* a:a:a\n/x/.* c:c:c\n");
        let dist = "# none\n/lib /usr/lib\n/lib64 /usr/lib\n/chroot /\n";
        contexts.substitute_dist("subs", dist).unwrap();
        contexts
            .substitute("subs", "/my /lib\n/lib/mine /x\n")
            .unwrap();
        let cases = [
            ("/lib/a", "a:a:a"),
            ("/lib64/a", "a:a:a"),
            ("/lib6/a", "b:b:b"),
            ("/my/a", "a:a:a"),
            ("/lib/mine/a", "c:c:c"),
            ("/chroot/usr/lib/a", "a:a:a"),
        ];
        for (path, expected) in cases {
            assert_eq!(
                contexts.lookup(path.as_bytes(), &file()),
                Some(expected),
                "{path}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_of_all_rules_finds(
            rules in prop::collection::vec(
                (prop::collection::vec(prop::sample::select(PARTS), 1..6), prop::sample::select(TYPES)),
                1..20,
            ),
            path in "/[ab/.]{0,6}",
        ) {
            let mut contexts = FileContexts::default();
            for (number, (parts, file_type)) in rules.into_iter().enumerate() {
                let rule = format!("/{}{file_type} u:r:t{number}", parts.concat());
                // Not all of what parts make is an expression.
                let _ = contexts.add("fc", &rule);
            }
            let matches = |rule: &&Rule| rule.is_for(&file()) && rule.pattern.matches(path.as_bytes());
            let rules = || contexts.rules.iter().rev().filter(matches);
            let expected = rules().find(|rule| rule.exact).or_else(|| rules().next());
            let expected = expected.and_then(|rule| rule.context.as_deref());
            prop_assert_eq!(contexts.lookup(path.as_bytes(), &file()), expected);
        }
    }

    const PARTS: &[&str] = &[
        "a", "b", "/", ".", "\\.", "*", "?", "(", ")", "|", "[ab]", "[^/]", "(/.*)?", "a{2}",
    ];
    const TYPES: &[&str] = &["", " --", " -d"];

    #[test]
    fn a_tree_is_labelled() {
        let meta = Metadata::default();
        let mut tree = Tree::new(meta.clone());
        let old = Metadata {
            xattrs: [(XATTR, b"old\0")].into_iter().collect(),
            ..meta.clone()
        };
        let first = tree.add(Tree::ROOT, b"b", old.clone(), file()).unwrap();
        tree.link(Tree::ROOT, b"a", first).unwrap();
        tree.link(Tree::ROOT, b"0", first).unwrap();
        let other = tree.add(Tree::ROOT, b"other", old, file()).unwrap();
        let counts = contexts("/ r:r:r\n/a a:a:a\n/b b:b:b\n").label(&mut tree);
        assert_eq!(
            counts,
            Labelled {
                labelled: 2,
                left: 1
            }
        );
        let label = |id| tree.node(id).meta.xattrs.get(XATTR);
        assert_eq!(label(Tree::ROOT), Some(&b"r:r:r\0"[..]));
        assert_eq!(label(first), Some(&b"a:a:a\0"[..]));
        assert_eq!(label(other), Some(&b"old\0"[..]));
    }
}
