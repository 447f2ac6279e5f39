//! The files of a layout, and documents among them, verified.

use std::fmt;

use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::error::OciError;
use super::spec::Descriptor;
use crate::tree::{NodeId, NodeKind, Tree};

/// The largest document that is read, in bytes: as much as containerd takes.
const LARGEST: u64 = 8 << 20;

/// Symbolic links that are followed, as many as Linux does.
const MOST_LINKS: usize = 40;

/// A SHA-256, written as `sha256:` and hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest(pub(super) [u8; 32]);

impl Digest {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::of_digits(text.strip_prefix("sha256:")?)
    }

    /// The digest whose 64 digits are `digits`. Those of the specification are small letters.
    pub(super) fn of_digits(digits: &str) -> Option<Self> {
        let digits = digits.as_bytes();
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut digest = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(digest))
    }

    pub(super) fn digits(self) -> String {
        let text = self.to_string();
        text.trim_start_matches("sha256:").to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a blob should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) digest: Digest,
    /// In bytes, where it is said.
    pub(super) size: Option<u64>,
}

impl Expected {
    /// What `descriptor` of the document `name` refers to.
    pub(super) fn of(descriptor: &Descriptor, name: &str) -> Result<Self, OciError> {
        let digest = Digest::parse(&descriptor.digest).ok_or_else(|| OciError::Algorithm {
            name: name.to_owned(),
            digest: descriptor.digest.clone(),
        })?;
        let size = Some(descriptor.size);
        Ok(Self { digest, size })
    }

    pub(super) fn check_size(&self, name: &str, found: u64) -> Result<(), OciError> {
        match self.size {
            Some(expected) if expected != found => Err(OciError::Size {
                name: name.to_owned(),
                expected,
                found,
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn check_digest(&self, name: &str, found: Digest) -> Result<(), OciError> {
        if found == self.digest {
            return Ok(());
        }
        Err(OciError::Digest {
            name: name.to_owned(),
            expected: self.digest.to_string(),
            found: found.to_string(),
        })
    }
}

/// The files of a layout.
#[derive(Clone, Copy)]
pub(super) struct Store<'a> {
    layout: &'a Tree,
}

impl<'a> Store<'a> {
    pub(super) fn new(layout: &'a Tree) -> Self {
        Self { layout }
    }

    /// The regular file at `path`. Symbolic links within the layout are followed: `docker save` makes some.
    pub(super) fn find(self, path: &str) -> Option<&'a DiskMap> {
        match &self.layout.node(resolve(self.layout, path)?).kind {
            NodeKind::File(content) => Some(content),
            _ => None,
        }
    }

    pub(super) fn file(self, path: &str) -> Result<&'a DiskMap, OciError> {
        self.find(path).ok_or_else(|| OciError::Missing {
            name: path.to_owned(),
        })
    }

    /// The document at `path`, which must be what is expected.
    pub(super) fn document<T: DeserializeOwned>(
        self,
        path: &str,
        expected: Option<&Expected>,
    ) -> Result<T, OciError> {
        let file = self.file(path)?;
        if let Some(expected) = expected {
            expected.check_size(path, file.len())?;
        }
        let bytes = bytes_of(file, path)?;
        if let Some(expected) = expected {
            expected.check_digest(path, Digest(Sha256::digest(&bytes).into()))?;
        }
        serde_json::from_slice(&bytes).map_err(|source| OciError::Json {
            name: path.to_owned(),
            source,
        })
    }
}

/// A small file's bytes.
pub(super) fn bytes_of(file: &DiskMap, name: &str) -> Result<Vec<u8>, OciError> {
    let name = || name.to_owned();
    let size = file.len();
    let small = usize::try_from(size).ok().filter(|_| size <= LARGEST);
    let mut bytes = vec![
        0;
        small.ok_or_else(|| OciError::Large {
            name: name(),
            size,
            limit: LARGEST,
        })?
    ];
    let reader = file.reader();
    let read = reader.read_exact_at(0, &mut bytes);
    read.and_then(|()| reader.close().map_err(std::io::Error::other))
        .map_err(|source| OciError::Read {
            name: name(),
            source,
        })?;
    Ok(bytes)
}

/// The node at `path`, links followed; none where they lead out of the tree or nowhere.
fn resolve(tree: &Tree, path: &str) -> Option<NodeId> {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        let parts = path.split(|byte| *byte == b'/').rev();
        parts.map(<[u8]>::to_vec).collect()
    };
    let mut pending = parts(path.as_bytes());
    let mut at = vec![Tree::ROOT];
    let mut links = 0;
    while let Some(part) = pending.pop() {
        match &part[..] {
            b"" | b"." => {}
            b".." => {
                at.pop();
            }
            name => {
                let node = tree.child(*at.last()?, name)?;
                match &tree.node(node).kind {
                    NodeKind::Symlink(target)
                        if links < MOST_LINKS && target.first() != Some(&b'/') =>
                    {
                        links += 1;
                        pending.extend(parts(target));
                    }
                    NodeKind::Symlink(_) => return None,
                    _ => at.push(node),
                }
            }
        }
    }
    at.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Metadata;

    #[test]
    fn digests_are_small_letters() {
        let text = format!("sha256:{}", "0a".repeat(32));
        let digest = Digest::parse(&text).unwrap();
        assert_eq!((digest.0, digest.to_string()), ([10; 32], text.clone()));
        assert_eq!(digest.digits(), "0a".repeat(32));
        for bad in [
            text.to_uppercase(),
            text[..70].to_owned(),
            text.clone() + "0",
            text.replace("256", "512"),
            format!("sha256:{}", "ä".repeat(32)),
            "../../etc/passwd".to_owned(),
        ] {
            assert_eq!(Digest::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn links_are_followed_within_the_layout_only() {
        let mut tree = Tree::new(Metadata::default());
        let meta = Metadata::default();
        tree.place_file(b"dir/file", meta.clone(), DiskMap::new(7))
            .unwrap();
        let dir = tree.lookup(b"dir").unwrap();
        let links: [(&[u8], &[u8]); 6] = [
            (b"link", b"../dir/./file"),
            (b"twice", b"link"),
            (b"out", b"../../dir/file"),
            (b"absolute", b"/dir/file"),
            (b"loop", b"loop"),
            (b"to-dir", b"."),
        ];
        for (name, target) in links {
            let kind = NodeKind::Symlink(target.into());
            tree.add(dir, name, meta.clone(), kind).unwrap();
        }
        let store = Store::new(&tree);
        let there = [
            "dir/file",
            "dir/link",
            "dir/twice",
            "dir/to-dir/link",
            "./dir//file",
        ];
        assert!(
            there
                .iter()
                .all(|path| store.find(path).is_some_and(|file| file.len() == 7))
        );
        let absent = [
            "dir/out",
            "dir/absolute",
            "dir/loop",
            "dir",
            "dir/file/x",
            "../dir/file",
            "",
        ];
        assert!(absent.iter().all(|path| store.find(path).is_none()));
    }
}
