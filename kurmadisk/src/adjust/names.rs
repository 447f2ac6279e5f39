//! Names of users and groups.

use std::collections::HashMap;
use std::io;

use kurmadisk_formats::read_at::ReadAt;
use thiserror::Error;

use crate::tree::{NodeKind, Tree, lossy};

/// A larger file is no list of users.
const LARGEST: u64 = 64 << 20;

/// Which number the name of a user or group stands for: what `/etc/passwd` and `/etc/group` of the tree itself say,
/// never those of the machine that builds. `root` is 0 wherever no file says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    users: HashMap<Vec<u8>, u32>,
    groups: HashMap<Vec<u8>, u32>,
}

/// The tree's lists of users or groups can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NamesError {
    /// Its content can't be had.
    #[error("/{path} of the tree cannot be read, so names of users and groups have no numbers")]
    Read {
        /// The file.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It is too large for what it is.
    #[error("/{path} of the tree has {len} bytes, too many for a list of users; give numbers")]
    TooLarge {
        /// The file.
        path: &'static str,
        /// Its size in bytes.
        len: u64,
    },
}

impl Names {
    /// The names in files with the format of `passwd(5)` and `group(5)`: of a name that occurs twice, the first counts.
    /// Lines that are none of these formats are passed over, as the C library does.
    #[must_use]
    pub fn from_files(passwd: &[u8], group: &[u8]) -> Self {
        Self {
            users: numbered(passwd),
            groups: numbered(group),
        }
    }

    /// The names in the tree's own `/etc/passwd` and `/etc/group`, as far as they are regular files there. This reads
    /// their content.
    pub fn from_tree(tree: &Tree) -> Result<Self, NamesError> {
        let passwd = content(tree, "etc/passwd")?;
        let group = content(tree, "etc/group")?;
        Ok(Self::from_files(&passwd, &group))
    }

    /// As [`from_tree`](Self::from_tree), if any of `ids` is a name; nothing is read for numbers.
    pub fn for_ids<'a>(
        tree: &Tree,
        ids: impl IntoIterator<Item = &'a Id>,
    ) -> Result<Self, NamesError> {
        if ids.into_iter().any(|id| matches!(id, Id::Name(_))) {
            Self::from_tree(tree)
        } else {
            Ok(Self::default())
        }
    }

    /// The number of a user.
    #[must_use]
    pub fn user(&self, name: &[u8]) -> Option<u32> {
        find(&self.users, name)
    }

    /// The number of a group.
    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<u32> {
        find(&self.groups, name)
    }
}

fn find(known: &HashMap<Vec<u8>, u32>, name: &[u8]) -> Option<u32> {
    let root = (name == b"root").then_some(0);
    known.get(name).copied().or(root)
}

fn numbered(file: &[u8]) -> HashMap<Vec<u8>, u32> {
    let mut numbers = HashMap::new();
    for line in file.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b':');
        let (Some(name), Some(number)) = (fields.next(), fields.nth(1)) else {
            continue;
        };
        let number = str::from_utf8(number).ok().and_then(super::device::number);
        if let Some(number) = number
            && !name.is_empty()
        {
            numbers.entry(name.to_vec()).or_insert(number);
        }
    }
    numbers
}

fn content(tree: &Tree, path: &'static str) -> Result<Vec<u8>, NamesError> {
    let node = tree.lookup(path.as_bytes());
    let Some(NodeKind::File(map)) = node.map(|id| &tree.node(id).kind) else {
        return Ok(Vec::new());
    };
    let len = map.len();
    let too_large = NamesError::TooLarge { path, len };
    let size = usize::try_from(len).ok().filter(|_| len <= LARGEST);
    let mut bytes = vec![0; size.ok_or(too_large)?];
    let read = map.reader().read_exact_at(0, &mut bytes);
    read.map_err(|source| NamesError::Read { path, source })?;
    Ok(bytes)
}

/// A user or group: its number, or a name that stands for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// The number itself.
    Number(u32),
    /// A name, for [`Names`] to look up.
    Name(Vec<u8>),
}

impl Id {
    /// Reads a number, or anything else as a name; of none at all, and of the number that means "unchanged" to Linux
    /// (2³² − 1), nothing comes.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        if !text.iter().all(u8::is_ascii_digit) {
            return Some(Self::Name(text.to_vec()));
        }
        let number = super::device::number(str::from_utf8(text).ok()?);
        number.filter(|id| *id != u32::MAX).map(Self::Number)
    }

    pub(super) fn user(&self, names: &Names) -> Result<u32, UnknownName> {
        self.number("user", |name| names.user(name))
    }

    pub(super) fn group(&self, names: &Names) -> Result<u32, UnknownName> {
        self.number("group", |name| names.group(name))
    }

    fn number(
        &self,
        what: &'static str,
        find: impl Fn(&[u8]) -> Option<u32>,
    ) -> Result<u32, UnknownName> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Name(name) => find(name).ok_or_else(|| UnknownName {
                what,
                name: lossy(name),
            }),
        }
    }
}

/// A name has no number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the {what} {name:?} is not in the tree's own /etc/{}; give the number",
    if *what == "user" { "passwd" } else { "group" }
)]
pub struct UnknownName {
    /// `user` or `group`.
    pub what: &'static str,
    /// The name.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use kurmadisk_formats::map::DiskMap;

    use super::*;
    use crate::tree::Metadata;

    const PASSWD: &[u8] =
        b"root:x:0:0:root:/root:/bin/sh\n\n+nis\nmail:x:8:12:::\nmail:x:9:9:::\nbad:x:-1:0::\n";
    const GROUP: &[u8] = b"wheel:x:0:\nmail:x:12:a,b\nno\xffname:x:77:\n";

    #[test]
    fn lists_give_numbers() {
        let mut tree = Tree::new(Metadata::default());
        assert_eq!(Names::from_tree(&tree).unwrap(), Names::default());
        for (path, text) in [("etc/passwd", PASSWD), ("etc/group", GROUP)] {
            let mut content = DiskMap::new(text.len() as u64);
            content.insert_bytes(0, text.to_vec()).unwrap();
            tree.place_file(path.as_bytes(), Metadata::default(), content)
                .unwrap();
        }
        let names = Names::from_tree(&tree).unwrap();
        assert_eq!(
            (names.user(b"mail"), names.group(b"mail")),
            (Some(8), Some(12))
        );
        assert_eq!(
            (names.user(b"root"), names.group(b"root")),
            (Some(0), Some(0))
        );
        assert_eq!((names.user(b"bad"), names.user(b"wheel")), (None, None));
        assert_eq!(
            (names.group(b"wheel"), names.group(b"no\xffname")),
            (Some(0), Some(77))
        );
        assert_eq!(Names::default().user(b"root"), Some(0));
    }

    #[test]
    fn what_no_list_can_be_is_not_read() {
        let mut tree = Tree::new(Metadata::default());
        tree.place_file(b"etc/group", Metadata::default(), DiskMap::new(1 << 40))
            .unwrap();
        let (number, name) = (Id::Number(5), Id::Name(b"web".to_vec()));
        for read in [
            Names::from_tree(&tree),
            Names::for_ids(&tree, [&number, &name]),
        ] {
            assert!(matches!(
                read.unwrap_err(),
                NamesError::TooLarge {
                    path: "etc/group",
                    ..
                }
            ));
        }
        let names = Names::for_ids(&tree, [&number, &number]).unwrap();
        assert_eq!(names, Names::default());
    }
}
