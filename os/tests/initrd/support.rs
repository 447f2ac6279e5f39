//! Descriptions built in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};

use kurmadisk_os::initrd::{InitrdReport, InitrdSpec, Report, inspect};
use tempfile::TempDir;

/// A folder with a description in it.
pub struct Case {
    dir: TempDir,
}

impl Case {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Reads the description `text`, a file `spec.toml` of this folder.
    pub fn spec(&self, text: &str) -> InitrdSpec {
        InitrdSpec::from_file(&self.write("spec.toml", text)).unwrap()
    }

    /// Builds it into the file `name` of this folder.
    pub fn build(&self, text: &str, name: &str) -> Report {
        let out = self.path(name);
        let report = self.spec(text).build(&out);
        report.unwrap_or_else(|error| panic!("{}", kurmadisk::formats::error::chain(&error)))
    }

    /// What is said of a description that can't be built; nothing is left behind.
    pub fn refusal(&self, text: &str) -> String {
        let path = self.write("spec.toml", text);
        let out = self.path("refused");
        let built = InitrdSpec::from_file(&path).and_then(|spec| spec.build(&out));
        assert!(!out.exists());
        let said = kurmadisk::formats::error::chain(&built.expect_err("it is refused"));
        let folder = format!("{}/", self.dir.path().display());
        said.replace(&folder, "")
    }

    pub fn inspect(&self, name: &str) -> InitrdReport {
        inspect(&self.path(name), &kurmadisk::source::Scratch::Memory).unwrap()
    }

    /// The paths in the pieces of a file, in their order.
    pub fn paths(&self, name: &str) -> Vec<String> {
        let pieces = self.inspect(name).pieces.into_iter();
        pieces
            .flat_map(|piece| piece.entries)
            .map(|entry| entry.path)
            .collect()
    }

    /// Unpacks an archive that is not compressed with GNU cpio into the folder `into`.
    pub fn extract(&self, name: &str, into: &str) -> PathBuf {
        let folder = self.path(into);
        fs::create_dir_all(&folder).unwrap();
        kurmadisk_fixtures::oracle::cpio_extract(&self.path(name), &folder).unwrap();
        folder
    }
}

pub fn link(target: &str, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(target, path).unwrap();
}
