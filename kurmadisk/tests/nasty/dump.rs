//! The finished filesystem as text: names and inode numbers as the kernel lists them, everything in an inode as
//! debugfs prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use kurmadisk_fixtures::nasty::{self, THEMES};
use kurmadisk_fixtures::oracle;

use super::support::{ext4, from_archive};

/// Lines of debugfs's that say nothing of what was asked for, or the same as others.
const LEFT_OUT: [&[u8]; 8] = [
    b"Generation:",
    b"Fragment:",
    b"Size of extra inode fields:",
    b"Inode checksum:",
    b"ctime:",
    b"atime:",
    b"crtime:",
    b"BLOCKS:",
];

/// Every path below `top` with its inode number, in the order of their bytes.
fn listed(top: &Path) -> BTreeMap<Vec<u8>, u64> {
    let mut found = BTreeMap::from([(Vec::new(), fs::metadata(top).expect("there").ino())]);
    let mut pending = vec![top.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).expect("readable") {
            let entry = entry.expect("readable");
            let path = entry.path();
            let below = path
                .strip_prefix(top)
                .expect("below")
                .as_os_str()
                .as_bytes();
            let data = entry.metadata().expect("readable");
            found.insert(below.to_vec(), data.ino());
            if data.is_dir() {
                pending.push(path);
            }
        }
    }
    found
}

/// What debugfs says of an inode, on one line.
fn line(answer: &[u8]) -> String {
    let lines = answer.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let kept = lines
        .filter(|line| !line.is_empty() && !LEFT_OUT.iter().any(|start| line.starts_with(start)));
    let mut text = String::new();
    for line in kept {
        // Behind the seconds in hexadecimal digits, what day that is.
        let line = line
            .split(|byte| *byte == b'-')
            .next()
            .filter(|_| line.starts_with(b"mtime:"))
            .unwrap_or(line);
        let words = line.escape_ascii().to_string();
        let words: Vec<_> = words.split(' ').filter(|word| !word.is_empty()).collect();
        let between = if text.is_empty() { "" } else { "; " };
        // Writing to a string does not fail.
        let _ = write!(text, "{between}{}", words.join(" "));
    }
    text.replace(" Project: 0", "")
}

/// A path with its bytes told apart; of a long one its ends, and how long it is.
fn shown(path: &[u8]) -> String {
    const END: usize = 60;
    let len = path.len();
    if len <= 2 * END {
        return path.escape_ascii().to_string();
    }
    let (start, end) = (&path[..END], &path[len - END..]);
    format!(
        "{}…{} ({len} bytes)",
        start.escape_ascii(),
        end.escape_ascii()
    )
}

#[test]
fn the_filesystem_is_as_it_was() {
    let tree = from_archive(&nasty::cases());
    let work = tempfile::tempdir().expect("a temporary folder");
    let (image, size) = ext4(&tree.tree, work.path(), "image");
    let mount = oracle::mount_loop(&image, 0, size).expect("the kernel mounts it");
    let names = listed(mount.path());
    let inodes: BTreeSet<_> = names.values().collect();
    let commands: Vec<_> = inodes
        .iter()
        .map(|inode| format!("stat <{inode}>"))
        .collect();
    let answers = oracle::debugfs_all(&image, &commands).expect("debugfs knows all inodes");
    let answers: BTreeMap<_, _> = inodes.into_iter().zip(answers).collect();

    let mut texts: BTreeMap<_, String> = BTreeMap::new();
    let mut seen = BTreeMap::new();
    for (path, inode) in &names {
        let theme = path.split(|byte| *byte == b'/').next();
        let theme = THEMES
            .into_iter()
            .find(|known| theme == Some(known.as_bytes()));
        let text = texts.entry(theme.unwrap_or("top")).or_default();
        let shown = shown(path);
        // Writing to a string does not fail.
        let _ = match seen.insert(inode, path) {
            None => writeln!(text, "/{shown}: {}", line(&answers[inode])),
            Some(first) => writeln!(text, "/{shown}: inode {inode} as /{}", self::shown(first)),
        };
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (theme, text) in texts {
            insta::assert_snapshot!(format!("ext4-{theme}"), text);
        }
        insta::assert_snapshot!("ext4-sha256", oracle::sha256(&image).expect("readable"));
        insta::assert_snapshot!(
            "ext4-superblock",
            oracle::dumpe2fs(&image, 0).expect("readable")
        );
        for (name, path) in [
            ("wide", "/directories/wide/indexed"),
            ("one-hash", "/names/one-hash"),
        ] {
            let text = oracle::debugfs(&image, 0, &format!("htree_dump {path}"));
            insta::assert_snapshot!(format!("ext4-index-{name}"), text.expect("it has an index"));
        }
    });
}
