//! Digests of what steps are made from: files, folders, texts.
//!
//! A digest says whether a step would do the same again. It is SHA-256 over every field with its length before it, so
//! no two lists of inputs look alike.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// An input can't be read.
#[derive(Debug, Error)]
#[error("cannot read {}", path.display())]
pub struct DigestError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// A SHA-256, which people and JSON have in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no SHA-256: 64 digits of 0-9 and a-f"))
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// What of files counts besides their names, types and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Whether they can be executed: what a compiler could see, and git keeps.
    Source,
    /// Modes, owners, links and times of modification as well: what a disk or an archive gets. Extended attributes don't
    /// count.
    Tree,
}

/// Gathers inputs into one digest.
#[derive(Clone, Debug)]
pub struct Inputs {
    hash: Sha256,
    detail: Detail,
}

impl Inputs {
    /// No inputs yet, of a step of this `kind`.
    #[must_use]
    pub fn new(kind: &str, detail: Detail) -> Self {
        let hash = Sha256::new();
        let mut inputs = Self { hash, detail };
        inputs.bytes(kind.as_bytes());
        inputs
    }

    /// A parameter, by its `key`.
    pub fn text(&mut self, key: &str, value: impl AsRef<[u8]>) {
        self.hash.update(b"t");
        self.bytes(key.as_bytes());
        self.bytes(value.as_ref());
    }

    /// The file or folder at `path`, by its `key`: where it lies doesn't count. A symbolic link at `path` itself is
    /// followed, those within a folder are not.
    pub fn path(&mut self, key: &str, path: &Path) -> Result<(), DigestError> {
        self.hash.update(b"p");
        self.bytes(key.as_bytes());
        let found = fs::metadata(path).map_err(|source| failed(path, source))?;
        self.node(path, &found)
    }

    /// These files and folders below `root`, in any order: as [`path`](Self::path) if `root` had nothing else.
    pub fn some_of(
        &mut self,
        key: &str,
        root: &Path,
        relative: &[PathBuf],
    ) -> Result<(), DigestError> {
        let mut sorted: Vec<_> = relative.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        self.hash.update(b"s");
        self.bytes(key.as_bytes());
        self.number(sorted.len() as u64);
        for name in sorted {
            self.bytes(name.as_os_str().as_bytes());
            let path = root.join(name);
            let found = fs::symlink_metadata(&path).map_err(|source| failed(&path, source))?;
            self.node(&path, &found)?;
        }
        Ok(())
    }

    /// The digest of all that was given.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.hash.finalize().into())
    }

    fn node(&mut self, path: &Path, found: &Metadata) -> Result<(), DigestError> {
        let kind = found.file_type();
        match self.detail {
            Detail::Source => {
                let executable = found.is_file() && found.mode() & 0o111 != 0;
                self.hash.update([u8::from(executable)]);
            }
            Detail::Tree => {
                self.number(u64::from(found.mode()));
                self.number(u64::from(found.uid()));
                self.number(u64::from(found.gid()));
                self.hash.update(found.mtime().to_le_bytes());
                self.hash.update(found.mtime_nsec().to_le_bytes());
                // A directory's links depend on its filesystem.
                self.number(if found.is_dir() { 1 } else { found.nlink() });
            }
        }
        if kind.is_dir() {
            self.hash.update(b"d");
            self.folder(path)
        } else if kind.is_file() {
            self.hash.update(b"f");
            let (len, digest) = file(path)?;
            self.number(len);
            self.hash.update(digest.0);
            Ok(())
        } else if kind.is_symlink() {
            self.hash.update(b"l");
            let target = fs::read_link(path).map_err(|source| failed(path, source))?;
            self.bytes(target.as_os_str().as_bytes());
            Ok(())
        } else {
            let letter = match () {
                () if kind.is_char_device() => b'c',
                () if kind.is_block_device() => b'b',
                () if kind.is_fifo() => b'p',
                () => b'=',
            };
            self.hash.update([letter]);
            self.number(found.rdev());
            Ok(())
        }
    }

    fn folder(&mut self, path: &Path) -> Result<(), DigestError> {
        let names = fs::read_dir(path).and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.file_name()))
                .collect::<io::Result<Vec<_>>>()
        });
        let mut names = names.map_err(|source| failed(path, source))?;
        names.sort_unstable();
        self.number(names.len() as u64);
        for name in names {
            self.bytes(name.as_bytes());
            let path = path.join(name);
            let found = fs::symlink_metadata(&path).map_err(|source| failed(&path, source))?;
            self.node(&path, &found)?;
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.hash.update(bytes);
    }

    fn number(&mut self, number: u64) {
        self.hash.update(number.to_le_bytes());
    }
}

/// Length in bytes and SHA-256 of a file's content: what `sha256sum` says.
pub fn file(path: &Path) -> Result<(u64, Digest), DigestError> {
    let read = || {
        let mut file = File::open(path)?;
        let (mut hash, mut len) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 17];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok((len, Digest(hash.finalize().into()))),
                read => {
                    hash.update(&buffer[..read]);
                    len += read as u64;
                }
            }
        }
    };
    read().map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> DigestError {
    DigestError {
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use kurmadisk_fixtures::oracle;
    use proptest::prelude::*;

    use super::*;

    /// Files by path: content, and whether they can be executed.
    type Files = BTreeMap<String, (Vec<u8>, bool)>;

    fn write(root: &Path, files: &Files) {
        for (name, (content, executable)) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            let mode = if *executable { 0o750 } else { 0o640 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    fn of(path: &Path, detail: Detail) -> Digest {
        let mut inputs = Inputs::new("test", detail);
        inputs.path("tree", path).unwrap();
        inputs.finish()
    }

    fn files() -> impl Strategy<Value = Files> {
        let content = (prop::collection::vec(0..3_u8, 0..4), any::<bool>());
        // Files and folders have other names, so no file is a folder too.
        prop::collection::btree_map("(d[ab]/){0,2}[abc]", content, 1..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn trees_have_one_digest_when_they_are_the_same(one in files(), other in files()) {
            let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
            write(folders[0].path(), &one);
            write(folders[1].path(), &other);
            let [first, second] = folders.each_ref().map(|f| of(f.path(), Detail::Source));
            prop_assert_eq!(first == second, one == other);
            let names: Vec<_> = one.keys().rev().map(PathBuf::from).collect();
            let some = |root: &Path| {
                let mut inputs = Inputs::new("test", Detail::Source);
                inputs.some_of("tree", root, &names).map(|()| inputs.finish())
            };
            let same = names.iter().all(|name| {
                let name = name.to_str().unwrap();
                one.get(name) == other.get(name)
            });
            let (first, second) = (some(folders[0].path()).unwrap(), some(folders[1].path()));
            prop_assert_eq!(second.is_ok_and(|second| second == first), same);
        }

        #[test]
        fn texts_do_not_run_into_each_other(one in texts(), other in texts()) {
            let digest = |texts: &[(String, String)]| {
                let mut inputs = Inputs::new("test", Detail::Source);
                for (key, value) in texts {
                    inputs.text(key, value);
                }
                inputs.finish()
            };
            prop_assert_eq!(digest(&one) == digest(&other), one == other);
        }
    }

    fn texts() -> impl Strategy<Value = Vec<(String, String)>> {
        prop::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..3)
    }

    #[test]
    fn a_tree_has_more_that_counts_than_a_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let with_mode = |mode| {
            fs::write(&path, "same").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let time = std::time::UNIX_EPOCH;
            File::open(&path).unwrap().set_modified(time).unwrap();
            [Detail::Source, Detail::Tree].map(|detail| of(&path, detail))
        };
        let (first, again, second) = (with_mode(0o644), with_mode(0o644), with_mode(0o600));
        assert_eq!(first, again);
        assert_eq!(first[0], second[0]);
        assert_ne!(first[1], second[1]);
        let later = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1);
        File::open(&path).unwrap().set_modified(later).unwrap();
        assert_ne!(of(&path, Detail::Tree), second[1]);
        assert_eq!(of(&path, Detail::Source), second[0]);
    }

    #[test]
    fn links_within_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir(&tree).unwrap();
        symlink("../outside", tree.join("link")).unwrap();
        let before = of(&tree, Detail::Source);
        fs::write(folder.path().join("outside"), "now it leads somewhere").unwrap();
        assert_eq!(of(&tree, Detail::Source), before);
        symlink("tree", folder.path().join("by")).unwrap();
        assert_eq!(of(&folder.path().join("by"), Detail::Source), before);
        fs::remove_file(tree.join("link")).unwrap();
        symlink("../elsewhere", tree.join("link")).unwrap();
        assert_ne!(of(&tree, Detail::Source), before);
    }

    #[test]
    fn a_file_has_the_digest_that_sha256sum_tells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let content: Vec<_> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        fs::write(&path, &content).unwrap();
        let (len, digest) = file(&path).unwrap();
        assert_eq!(len, content.len() as u64);
        assert_eq!(digest.to_string(), oracle::sha256(&path).unwrap());
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("abc".parse::<Digest>().is_err());
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = Inputs::new("test", Detail::Source)
            .path("tree", Path::new("/no/such/tree"))
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot read /no/such/tree");
    }
}
