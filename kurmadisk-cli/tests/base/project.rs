//! Sources of components, in git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fake::Workplace;

/// The time of the commits, in seconds since 1970.
pub const TIME: i64 = 1_700_000_000;

const GREETING: &str =
    "#include <stdio.h>\nint main(void) { puts(\"I am \" VERSION); return 0; }\n";
/// It refuses to build where anything was built before: every build begins anew.
const MAKEFILE: &str =
    "bin/greet: greet.c\n\ttest ! -e bin\n\tmkdir bin\n\tcc -DVERSION='\"$(VERSION)\"' -o $@ $<\n";

/// A source in the folder `project`, with one commit and the tag `v1.2`.
pub fn project(place: &Workplace) -> PathBuf {
    let folder = place.path().join("project");
    for (name, text) in [
        ("greet.c", GREETING),
        ("Makefile", MAKEFILE),
        ("LICENSE", "Do what you like.\n"),
        (".gitignore", "/ignored\n"),
        ("ignored/large", "not a part of the source\n"),
    ] {
        write(&folder.join(name), text);
    }
    git(&folder, &["init", "--quiet"]);
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "-m", "All of it"]);
    git(&folder, &["tag", "v1.2"]);
    folder
}

pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub fn git(folder: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args([
        "-c",
        "user.name=Tester",
        "-c",
        "user.email=tester@example.org",
    ]);
    git.args(arguments).current_dir(folder);
    let time = format!("{TIME} +0000");
    git.env("GIT_AUTHOR_DATE", &time)
        .env("GIT_COMMITTER_DATE", &time);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = git.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Writes the manifest that commands read when none is named.
pub fn manifest(place: &Workplace, text: &str) {
    write(&place.path().join("kurmaos.toml"), text);
}
