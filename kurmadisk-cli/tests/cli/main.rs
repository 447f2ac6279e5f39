//! The command line: what it says, what it writes, what it refuses.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod convert;
mod disk_layout;
mod errors;
mod ext4;
mod grub;
mod initrd;
mod layers;
mod options;
mod packages;
mod several;
mod sizes;
mod slot;
mod tree_changes;
mod trees;
mod useless;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

use common::{kurmadisk, names};

/// A folder with a small tree in `tree` and what a test writes, and the command started in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self { folder };
        bench.write("tree/etc/hostname", "kurma\n");
        bench
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file and the folders it lies in.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The command with these arguments, started in the folder.
    fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = kurmadisk(self.path());
        command.args(arguments);
        command
    }

    /// Builds `disk.raw` from this description.
    #[track_caller]
    fn builds(&self, config: &str) -> PathBuf {
        self.write("disk.toml", config);
        let arguments = [
            "build",
            "--config",
            "disk.toml",
            "--format",
            "raw",
            "-o",
            "disk.raw",
        ];
        self.run(arguments).assert().success();
        self.join("disk.raw")
    }

    /// `build` with these arguments exits with 1, says one line that begins with `kurmadisk: ` and
    /// the first part, and holds the others; it leaves the folder as it was.
    #[track_caller]
    fn refuses<'a>(&self, arguments: impl IntoIterator<Item = &'a str>, parts: &[&str]) {
        let before = names(self.path());
        let assert = self
            .run(std::iter::once("build").chain(arguments))
            .assert()
            .code(1);
        let output = assert.get_output();
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        assert!(
            said.starts_with(&format!("kurmadisk: {}", parts[0])),
            "{said}"
        );
        assert_eq!(said.matches('\n').count(), 1, "one line: {said}");
        for part in parts {
            assert!(said.contains(part), "no {part:?} in {said}");
        }
        assert!(output.stdout.is_empty());
        assert_eq!(names(self.path()), before, "something is left behind");
    }
}
