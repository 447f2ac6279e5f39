//! Where trees come from: `root`, `oem`, and `tree` of `[[files]]`.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::changes::{IdRanges, Patterns, TreeChanges};
use super::layer::Layer;
use super::located::Located;
use super::parse::Document;
use crate::adjust::Owner;
use crate::place::Place;
use crate::source::SourceKind;

/// Trees that lie over one another, the lowest first; none is what a layer that says nothing has.
///
/// Written as a text, a table, or a list of such.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TreeList(pub Vec<TreeSpec>);

/// One tree: a text `[KIND:]PATH[#PART]`, or a table, which may have the keys of [`TreeChanges`] too.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeSpec {
    /// The folder, archive or image.
    pub path: Located<PathBuf>,
    /// What it is; found out without it.
    pub kind: Option<Located<SourceKind>>,
    /// Which part of it: a partition's number or label, or the tag of a container image.
    pub part: Option<Located<String>>,
    /// Which of a container image's platforms, such as `linux/arm64`.
    pub platform: Option<Located<String>>,
    /// The directory its root becomes; the partition's root without it.
    pub at: Option<Located<String>>,
    /// How it is changed as it is read.
    pub changes: TreeChanges,
    /// Whether the path may have the part behind it, after a `#`.
    is_undivided: bool,
}

impl TreeSpec {
    /// What lies at `path`, found out when it is read.
    #[must_use]
    pub fn new(path: Located<PathBuf>) -> Self {
        Self {
            path,
            kind: None,
            part: None,
            platform: None,
            at: None,
            changes: TreeChanges::default(),
            is_undivided: false,
        }
    }

    /// The tree that an option or a text names: `[KIND:]PATH[#PART]`, the path relative to the current folder.
    ///
    /// `#` and what follows belong to the path where a file of that name exists.
    #[must_use]
    pub fn from_text(text: &OsStr, place: &Place) -> Self {
        let mut tree = Self::undivided(text, place);
        tree.resolve_path(Path::new(""));
        tree
    }

    /// The tree that a text names, as long as it is not known in which folder: its part is still in the path.
    fn undivided(text: &OsStr, place: &Place) -> Self {
        let located = |value| Located {
            value,
            place: place.clone(),
        };
        let prefixed = text.to_str().and_then(|text| {
            let (kind, path) = text.split_once(':')?;
            let kind: SourceKind = kind.parse().ok()?;
            Some((kind, path))
        });
        let mut tree = Self::new(located(match prefixed {
            Some((_, path)) => path.into(),
            None => text.into(),
        }));
        tree.kind = prefixed.map(|(kind, _)| Located {
            value: kind,
            place: place.clone(),
        });
        tree.is_undivided = prefixed.is_none_or(|(kind, _)| kind.has_parts());
        tree
    }

    /// Makes a relative path relative to `folder`, and takes the part out of a text's.
    fn resolve_path(&mut self, folder: &Path) {
        let written = &self.path.value;
        let whole = folder.join(written);
        let split = written.to_str().and_then(|path| path.rsplit_once('#'));
        let split = split.filter(|_| self.is_undivided && whole.symlink_metadata().is_err());
        self.is_undivided = false;
        let Some((path, part)) = split else {
            self.path.value = whole;
            return;
        };
        self.part = Some(Located {
            value: part.to_owned(),
            place: self.path.place.clone(),
        });
        self.path.value = folder.join(path);
    }
}

impl TreeList {
    /// One tree.
    #[must_use]
    pub fn one(tree: TreeSpec) -> Self {
        Self(vec![tree])
    }

    /// Where the first of them was written.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.first().map(|tree| &tree.path.place)
    }

    /// Turns spans into places of the `document` it was read from.
    pub fn locate(&mut self, document: &Document) {
        Layer::locate(self, document);
    }

    /// Makes relative paths relative to `folder`.
    pub fn resolve_paths(&mut self, folder: &Path) {
        for tree in &mut self.0 {
            tree.resolve_path(folder);
            tree.changes.resolve_paths(folder);
        }
    }
}

impl Layer for TreeList {
    fn over(self, below: Self) -> Self {
        if self.0.is_empty() { below } else { self }
    }

    fn locate(&mut self, document: &Document) {
        for tree in &mut self.0 {
            tree.path.locate(document);
            tree.kind.locate(document);
            tree.part.locate(document);
            tree.platform.locate(document);
            tree.at.locate(document);
            tree.changes.locate(document);
        }
    }
}

/// A tree's table. It lists what [`TreeChanges`] has, since a flattened struct would lose the places.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    path: Located<PathBuf>,
    kind: Option<Located<SourceKind>>,
    part: Option<Located<String>>,
    platform: Option<Located<String>>,
    at: Option<Located<String>>,
    exclude: Option<Located<Patterns>>,
    include: Option<Located<Patterns>>,
    xattrs_exclude: Option<Located<Patterns>>,
    fakeroot: Option<Located<PathBuf>>,
    map_uid: Option<Located<IdRanges>>,
    map_gid: Option<Located<IdRanges>>,
    owner: Option<Located<Owner>>,
    keep_directories: Option<Located<bool>>,
    follow_links: Option<Located<bool>>,
}

impl From<Table> for TreeSpec {
    fn from(table: Table) -> Self {
        Self {
            path: table.path,
            kind: table.kind,
            part: table.part,
            platform: table.platform,
            at: table.at,
            changes: TreeChanges {
                exclude: table.exclude,
                include: table.include,
                xattrs_exclude: table.xattrs_exclude,
                fakeroot: table.fakeroot,
                map_uid: table.map_uid,
                map_gid: table.map_gid,
                owner: table.owner,
                keep_directories: table.keep_directories,
                follow_links: table.follow_links,
            },
            is_undivided: false,
        }
    }
}

/// The place of a text is that of the value that has it, so each kind of value is told apart first.
enum Written {
    Text(String),
    Table(Box<TreeSpec>),
    List(Vec<Located<Written>>),
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, a table with a path, or a list of such")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
                Ok(Written::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Written::Table(Box::new(table.into())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Written, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element()? {
                    list.push(element);
                }
                Ok(Written::List(list))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for TreeList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Located::<Written>::deserialize(deserializer)?;
        let list = match written.value {
            Written::List(list) => list,
            _ => vec![written],
        };
        let trees: Result<Vec<_>, _> = list.into_iter().map(one).collect();
        match trees {
            Ok(trees) if trees.is_empty() => Err("an empty list has no tree; leave it out"),
            other => other,
        }
        .map(Self)
        .map_err(D::Error::custom)
    }
}

fn one(written: Located<Written>) -> Result<TreeSpec, &'static str> {
    match written.value {
        // What lies there is looked up when the path is complete.
        Written::Text(text) => Ok(TreeSpec::undivided(text.as_ref(), &written.place)),
        Written::Table(tree) => Ok(*tree),
        Written::List(_) => Err("a list in a list of trees; give one list"),
    }
}
