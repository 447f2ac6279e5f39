//! Ids of users and groups by ranges, as user namespaces have them.

use std::fmt;
use std::str::FromStr;

use byteorder::{ByteOrder, LittleEndian};
use thiserror::Error;

use super::capability::{self, Capabilities};
use super::device::number;
use crate::tree::{Metadata, NodeId, Tree};

/// `COUNT` ids from `FROM` on become those from `TO` on: `FROM=TO:COUNT`, or `FROM=TO` for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    from: u32,
    to: u32,
    count: u32,
}

/// Ranges can't be those of a map.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdMapError {
    /// A text is no range.
    #[error(
        "{text:?} is no range of ids; write FROM=TO or FROM=TO:COUNT, such as \"1000=0\" or \"100000=1:65535\""
    )]
    Syntax {
        /// The text.
        text: String,
    },
    /// A range has ids beyond the last.
    #[error("{text:?} goes beyond 4294967294, the last id; take a smaller COUNT")]
    TooLarge {
        /// The text.
        text: String,
    },
    /// Two ranges begin with the same ids.
    #[error("{first} and {second} both say what becomes of id {id}; make one of them smaller")]
    Overlap {
        /// The range that begins first.
        first: IdRange,
        /// The other.
        second: IdRange,
        /// The first id in both.
        id: u32,
    },
}

impl FromStr for IdRange {
    type Err = IdMapError;

    fn from_str(text: &str) -> Result<Self, IdMapError> {
        let syntax = || IdMapError::Syntax {
            text: text.to_owned(),
        };
        let too_large = || IdMapError::TooLarge {
            text: text.to_owned(),
        };
        let (from, rest) = text.split_once('=').ok_or_else(syntax)?;
        let (to, count) = rest.split_once(':').unwrap_or((rest, "1"));
        let parse = |text| number::<u64>(text).ok_or_else(syntax);
        let (from, to, count) = (parse(from)?, parse(to)?, parse(count)?);
        if count == 0 {
            return Err(syntax());
        }
        // 2^32 - 1 is no id: it means "unchanged" to the kernel.
        let fits = |start: u64| start.checked_add(count).is_some_and(|end| end < 1 << 32);
        if !fits(from) || !fits(to) {
            return Err(too_large());
        }
        let narrow = |value| u32::try_from(value).map_err(|_| too_large());
        Ok(Self {
            from: narrow(from)?,
            to: narrow(to)?,
            count: narrow(count)?,
        })
    }
}

impl fmt::Display for IdRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}:{}", self.from, self.to, self.count)
    }
}

/// What becomes of the ids of users, or of those of groups.
///
/// A tree by one user, that root shall own, is `1000=0`. What rootless containers left is `1000=0` and
/// `100000=1:65535`: the user itself, and its range of `/etc/subuid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdMap {
    /// Ascending by `from`; disjoint.
    ranges: Vec<IdRange>,
}

impl IdMap {
    /// A map of these ranges, in any order. Several ids may become one; one id can't become several.
    pub fn new(ranges: impl IntoIterator<Item = IdRange>) -> Result<Self, IdMapError> {
        let mut ranges: Vec<IdRange> = ranges.into_iter().collect();
        ranges.sort_by_key(|range| range.from);
        for pair in ranges.windows(2) {
            if pair[1].from - pair[0].from < pair[0].count {
                return Err(IdMapError::Overlap {
                    first: pair[0],
                    second: pair[1],
                    id: pair[1].from,
                });
            }
        }
        Ok(Self { ranges })
    }

    /// What becomes of `id`, if a range has it.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<u32> {
        let after = self.ranges.partition_point(|range| range.from <= id);
        let range = self.ranges[..after].last()?;
        let offset = id - range.from;
        (offset < range.count).then(|| range.to + offset)
    }
}

/// An id of the tree is in no range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{path}: {what} {id} is in no range that maps {what}s; add one; \"{id}={id}\" leaves it as it is"
)]
pub struct UnmappedId {
    /// The path.
    pub path: String,
    /// `user` or `group`.
    pub what: &'static str,
    /// The id.
    pub id: u32,
}

/// Whose id it is.
#[derive(Clone, Copy)]
enum Whose {
    User,
    Group,
}

/// Maps the ids of users, of groups, or of both; what has no map stays.
///
/// That is owners, the users and groups in access control lists (`system.posix_acl_*`), and the root user of the
/// namespace in which capabilities count; where that one becomes 0, they count everywhere. A list or capability that
/// is malformed is left to whoever stores it.
///
/// Directories that nobody described ([`Node::is_implied`](crate::tree::Node::is_implied)) keep the owner that whoever
/// made them gave: no id of the tree's. An id in no range is an error, not kept: one that was forgotten would otherwise be found in the running system.
/// Fails, with nothing changed, at the first one.
pub fn map_ids(
    tree: &mut Tree,
    users: Option<&IdMap>,
    groups: Option<&IdMap>,
) -> Result<(), UnmappedId> {
    let mut changed: Vec<(NodeId, Metadata)> = Vec::new();
    for (node, found) in tree.nodes().filter(|(_, found)| !found.is_implied()) {
        let mapped = |whose: Whose, id: u32| {
            let (map, what) = match whose {
                Whose::User => (users, "user"),
                Whose::Group => (groups, "group"),
            };
            let mapped = map.map_or(Some(id), |map| map.get(id));
            mapped.ok_or_else(|| UnmappedId {
                path: tree.path_of(node),
                what,
                id,
            })
        };
        let mut meta = found.meta.clone();
        map_metadata(&mut meta, &mapped)?;
        if meta != found.meta {
            changed.push((node, meta));
        }
    }
    for (node, meta) in changed {
        *tree.metadata_mut(node) = meta;
    }
    Ok(())
}

fn map_metadata(
    meta: &mut Metadata,
    mapped: &impl Fn(Whose, u32) -> Result<u32, UnmappedId>,
) -> Result<(), UnmappedId> {
    meta.uid = mapped(Whose::User, meta.uid)?;
    meta.gid = mapped(Whose::Group, meta.gid)?;
    for name in [&b"system.posix_acl_access"[..], b"system.posix_acl_default"] {
        if let Some(list) = meta.xattrs.get(name) {
            let list = map_acl(list, mapped)?;
            meta.xattrs.set(name, &list);
        }
    }
    let value = meta.xattrs.get(capability::XATTR);
    if let Some(mut sets) = value.and_then(Capabilities::from_xattr)
        && let Some(root) = sets.rootid
    {
        sets.rootid = Some(mapped(Whose::User, root)?).filter(|root| *root != 0);
        meta.xattrs.set(capability::XATTR, &sets.to_xattr());
    }
    Ok(())
}

/// An entry of an access control list (`linux/posix_acl_xattr.h`): tag, permissions, id.
const ACL_ENTRY: usize = 8;
const ACL_VERSION: &[u8] = &[2, 0, 0, 0];
const ACL_USER: u16 = 0x2;
const ACL_GROUP: u16 = 0x8;

fn map_acl(
    list: &[u8],
    mapped: &impl Fn(Whose, u32) -> Result<u32, UnmappedId>,
) -> Result<Vec<u8>, UnmappedId> {
    let mut list = list.to_vec();
    let Some((ACL_VERSION, entries)) = list.split_at_mut_checked(4).map(|(v, e)| (&*v, e)) else {
        return Ok(list);
    };
    let (entries, _) = entries.as_chunks_mut::<ACL_ENTRY>();
    for entry in entries {
        let whose = match LittleEndian::read_u16(&entry[..2]) {
            ACL_USER => Whose::User,
            ACL_GROUP => Whose::Group,
            _ => continue,
        };
        let id = mapped(whose, LittleEndian::read_u32(&entry[4..]))?;
        LittleEndian::write_u32(&mut entry[4..], id);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entries, NodeKind, Xattrs};

    fn map(ranges: &[&str]) -> Result<IdMap, IdMapError> {
        IdMap::new(ranges.iter().map(|range| range.parse().unwrap()))
    }

    #[test]
    fn ranges_map_what_is_in_them() {
        let map = map(&["100000=1:65535", "1000=0", "5=5"]).unwrap();
        let cases = [
            (1000, Some(0)),
            (999, None),
            (1001, None),
            (100_000, Some(1)),
            (165_534, Some(65_535)),
            (165_535, None),
            (5, Some(5)),
            (0, None),
        ];
        for (id, expected) in cases {
            assert_eq!(map.get(id), expected, "{id}");
        }
        assert_eq!(IdMap::new([]).unwrap().get(0), None);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for text in [
            "", "1", "1=", "=1", "1=2:", "1=2:0", "1=2:3:4", "-1=2", "a=b", "1 = 2",
        ] {
            let error = text.parse::<IdRange>().unwrap_err();
            assert!(matches!(error, IdMapError::Syntax { .. }), "{text}");
        }
        for text in [
            "4294967295=0",
            "0=4294967295",
            "1=0:4294967295",
            "99999999999=0",
            "0=0:18446744073709551615",
        ] {
            let error = text.parse::<IdRange>().unwrap_err();
            assert!(matches!(error, IdMapError::TooLarge { .. }), "{text}");
        }
        assert_eq!("0=0:4294967295".parse::<IdRange>().unwrap().count, u32::MAX);
        let error = map(&["10=0:5", "14=100"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "10=0:5 and 14=100:1 both say what becomes of id 14; make one of them smaller"
        );
        assert!(map(&["10=0:5", "15=0:5"]).is_ok());
    }

    fn acl(user: u32, group: u32) -> Vec<u8> {
        let entry = |tag: u16, id: u32| {
            let head = [tag.to_le_bytes(), 7_u16.to_le_bytes()].concat();
            [head, id.to_le_bytes().to_vec()].concat()
        };
        let none = u32::MAX;
        let entries = [
            (1, none),
            (2, user),
            (4, none),
            (8, group),
            (16, none),
            (32, none),
        ];
        let list = entries.map(|(tag, id)| entry(tag, id)).concat();
        [vec![2, 0, 0, 0], list].concat()
    }

    #[test]
    fn ids_in_attributes_are_mapped_too() {
        let capability = |rootid| Capabilities {
            permitted: 1,
            rootid,
            ..Capabilities::default()
        };
        let meta = |ids: [u32; 2], rootid| Metadata {
            uid: ids[0],
            gid: ids[1],
            xattrs: [
                (&b"system.posix_acl_access"[..], acl(ids[0], ids[1])),
                (b"system.posix_acl_default", acl(ids[0], ids[1])),
                (b"security.capability", capability(rootid).to_xattr()),
                (b"user.other", acl(1000, 1000)),
            ]
            .into_iter()
            .collect(),
            ..Metadata::default()
        };
        let mut tree = Tree::new(meta([1000, 1000], Some(1000)));
        let other = meta([100_005, 1000], Some(100_005));
        let other = tree.add(Tree::ROOT, b"f", other, NodeKind::Fifo).unwrap();
        let users = map(&["1000=0", "100000=1:65535"]).unwrap();
        let groups = map(&["1000=8"]).unwrap();
        map_ids(&mut tree, Some(&users), Some(&groups)).unwrap();
        assert_eq!(tree.node(Tree::ROOT).meta, meta([0, 8], None));
        assert_eq!(tree.node(other).meta, meta([6, 8], Some(6)));
    }

    #[test]
    fn an_id_without_a_range_is_named_with_its_path() {
        let owned = |uid| Metadata {
            uid,
            gid: 7,
            ..Metadata::default()
        };
        let mut tree = Tree::new(owned(1000));
        let file = tree
            .add(Tree::ROOT, b"f", owned(0), NodeKind::Fifo)
            .unwrap();
        let users = map(&["1000=0"]).unwrap();
        let error = map_ids(&mut tree, Some(&users), None).unwrap_err();
        assert_eq!(
            error,
            UnmappedId {
                path: "/f".into(),
                what: "user",
                id: 0
            }
        );
        assert_eq!(tree.node(Tree::ROOT).meta.uid, 1000);
        let xattrs: Xattrs = [(&b"system.posix_acl_access"[..], acl(1000, 9))]
            .into_iter()
            .collect();
        tree.metadata_mut(file).uid = 1000;
        tree.metadata_mut(file).xattrs = xattrs;
        let groups = map(&["7=7"]).unwrap();
        let error = map_ids(&mut tree, Some(&users), Some(&groups)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/f: group 9 is in no range that maps groups; add one; \"9=9\" leaves it as it is"
        );
        map_ids(&mut tree, Some(&users), None).unwrap();
        assert_eq!(tree.node(file).meta.uid, 0);
    }

    #[test]
    fn what_nobody_described_has_no_ids() {
        let owned = |uid, mode| Metadata {
            mode,
            uid,
            ..Metadata::default()
        };
        let mut upper = Tree::with_implied_root(owned(0, 0o700));
        let dir = upper.make_dirs(b"etc", &owned(0, 0o700)).unwrap();
        upper
            .add(dir, b"foo", owned(5, 0o600), NodeKind::Fifo)
            .unwrap();
        map_ids(&mut upper, Some(&map(&["5=1000"]).unwrap()), None).unwrap();
        for id in [Tree::ROOT, dir] {
            assert!(upper.node(id).is_implied());
            assert_eq!(upper.node(id).meta, owned(0, 0o700));
        }
        let mut base = Tree::new(owned(3, 0o755));
        base.add(
            Tree::ROOT,
            b"etc",
            owned(4, 0o751),
            NodeKind::Directory(Entries::new()),
        )
        .unwrap();
        base.overlay(Tree::ROOT, &upper).unwrap();
        let meta = |path: &[u8]| base.node(base.lookup(path).unwrap()).meta.clone();
        assert_eq!(
            [meta(b""), meta(b"etc"), meta(b"etc/foo")],
            [owned(3, 0o755), owned(4, 0o751), owned(1000, 0o600)]
        );
    }

    #[test]
    fn malformed_attributes_stay() {
        let values: [(&[u8], Vec<u8>); 3] = [
            (
                b"system.posix_acl_access",
                vec![3, 0, 0, 0, 2, 0, 7, 0, 1, 0, 0, 0],
            ),
            (b"system.posix_acl_default", vec![2, 0]),
            (b"security.capability", vec![0, 0, 0, 3, 1]),
        ];
        let xattrs: Xattrs = values.into_iter().collect();
        let meta = Metadata {
            xattrs,
            ..Metadata::default()
        };
        let mut tree = Tree::new(meta.clone());
        map_ids(&mut tree, Some(&map(&["0=0"]).unwrap()), None).unwrap();
        assert_eq!(tree.node(Tree::ROOT).meta, meta);
    }
}
