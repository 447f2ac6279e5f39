//! Labels by Debian's policy, against setfiles and libselinux's own look-up.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use kurmadisk::adjust::selinux::{FileContexts, XATTR};
use kurmadisk::formats::error::chain;
use kurmadisk::tree::{DeviceNumber, NodeKind, Tree, from_dir};
use kurmadisk_fixtures::oracle::{self, FILE_CONTEXTS};

use super::support::{directory, file, run};

fn policy() -> (&'static Path, FileContexts) {
    let path = FILE_CONTEXTS.require().expect("installed");
    let contexts = FileContexts::read(path);
    (
        path,
        contexts.unwrap_or_else(|error| panic!("{}", chain(&error))),
    )
}

/// Of a folder, no more are taken: some have thousands of one kind.
const MOST: usize = 80;

/// Empty files, folders and links by the names of this machine's: what of `from` is not deeper than `depth`.
fn skeleton(from: &Path, to: &Path, depth: usize) {
    fs::create_dir_all(to).expect("new");
    let entries = fs::read_dir(from).expect("readable");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("readable")).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries.into_iter().take(MOST) {
        let name = entry.file_name();
        // The list of attributes is read by lines, in UTF-8.
        if name
            .to_str()
            .is_none_or(|name| name.contains(['\n', '\\', '"']))
        {
            continue;
        }
        let kind = entry.file_type().expect("known");
        let target = to.join(&name);
        let taken = fs::symlink_metadata(&target).is_ok();
        if taken && !(kind.is_dir() && target.is_dir()) {
            continue;
        }
        if kind.is_symlink() {
            symlink("target", target).expect("new");
        } else if kind.is_file() {
            fs::write(target, "").expect("room");
        } else if kind.is_dir() && depth > 0 {
            skeleton(&entry.path(), &target, depth - 1);
        }
    }
}

/// Names that the policy has something special for.
const SPECIAL: &[&str] = &[
    "home/user/.ssh/authorized_keys",
    "home/user/bin/tool",
    "root/.bashrc",
    "lib64/ld.so",
    "lib/systemd/systemd",
    "usr/lib32/systemd/systemd-journald",
    "etc/init.d/networking",
    "etc/shadow",
    "var/run/sshd.pid",
    "var/log/private/x/wtmp",
    "tmp/file",
    "run/lock/x",
    "srv/www/index.cgi",
    "usr/bin/ping",
    "boot/vmlinuz-6.1.0",
    "opt/a b/lib.so",
];

fn labels(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let listed = oracle::getfattr(folder).expect("readable");
    let labels = listed
        .into_iter()
        .filter_map(|(path, mut attributes)| Some((path, attributes.remove("security.selinux")?)));
    labels.collect()
}

fn labels_of(tree: &Tree) -> BTreeMap<String, Vec<u8>> {
    let all = [(Vec::new(), Tree::ROOT)].into_iter().chain(tree.paths());
    let labels = all.filter_map(|(path, id)| {
        let label = tree.node(id).meta.xattrs.get(XATTR)?;
        Some((String::from_utf8(path).expect("text"), label.to_vec()))
    });
    labels.collect()
}

#[test]
fn a_tree_is_labelled_as_setfiles_labels_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    for path in SPECIAL {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("new");
        fs::write(path, "").expect("room");
    }
    for (name, depth) in [
        ("etc", 4),
        ("usr/bin", 0),
        ("usr/sbin", 0),
        ("usr/lib", 2),
        ("var", 3),
        ("usr/share", 1),
    ] {
        skeleton(&Path::new("/").join(name), &root.join(name), depth);
    }
    let nodes = [
        "null c 1 3",
        "sda b 8 0",
        "initctl p",
        "tty1 c 4 1",
        "ttyS0 c 4 64",
    ];
    fs::create_dir(root.join("dev")).expect("new");
    for node in nodes {
        let arguments: Vec<_> = node.split(' ').collect();
        run(&root.join("dev"), "mknod", &arguments, Stdio::null());
    }
    let (path, contexts) = policy();
    let mut tree = from_dir(root).expect("readable");
    let counts = contexts.label(&mut tree);
    assert_eq!(counts.labelled + counts.left, tree.paths().len() + 1);
    let root = root.as_os_str();
    run(
        folder.path(),
        "setfiles",
        &["-F".as_ref(), "-r".as_ref(), root, path.as_os_str(), root],
        Stdio::null(),
    );
    let (found, expected) = (labels_of(&tree), labels(folder.path()));
    assert!(expected.len() > 2000, "{} labels", expected.len());
    let different: BTreeMap<_, usize> = expected.values().map(|label| (label, 1)).collect();
    assert!(different.len() > 50, "{} different labels", different.len());
    for (path, label) in &expected {
        let label = label.escape_ascii().to_string();
        let found = found
            .get(path)
            .map(|label| label.escape_ascii().to_string());
        assert_eq!(found, Some(label), "/{path}");
    }
    assert_eq!(found.len(), expected.len());
    assert_eq!(found.len(), counts.labelled);
}

#[test]
fn paths_are_looked_up_as_libselinux_does() {
    let (path, contexts) = policy();
    let device = DeviceNumber { major: 1, minor: 1 };
    // The judge takes the type as the number that a mode has it by.
    let kinds = [
        (0o100_000, file(0)),
        (0o040_000, directory()),
        (0o120_000, NodeKind::Symlink(b"x".as_slice().into())),
        (0o020_000, NodeKind::CharDevice(device)),
        (0o060_000, NodeKind::BlockDevice(device)),
        (0o010_000, NodeKind::Fifo),
        (0o140_000, NodeKind::Socket),
    ];
    let judge = oracle::tool("selabel_lookup").expect("a known tool");
    let cases = [
        "/dev/sda1",
        "/run/dbus/system_bus_socket",
        "/usr/lib64/libc.so.6",
        "/",
        "/no/such",
        "/mnt/a",
    ];
    for each in cases {
        for (mode, kind) in &kinds {
            let mut command = judge.command().expect("installed");
            command.args(["-b", "file", "-f"]).arg(path);
            let output = command
                .args(["-k", each, "-t", &format!("{mode}")])
                .output();
            let output = output.expect("started");
            let printed = String::from_utf8(output.stdout).expect("text");
            let expected = printed.trim().strip_prefix("Default context: ");
            assert_eq!(expected.is_some(), output.status.success(), "{printed}");
            assert_eq!(
                contexts.lookup(each.as_bytes(), kind),
                expected,
                "{each} {mode:o}"
            );
        }
    }
}

#[test]
fn files_beside_the_policy_are_read_with_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let main = folder.path().join("contexts");
    let files = [
        ("contexts", "/.* a:a:a\n/home/x a:a:x\n"),
        ("contexts.homedirs", "/home/.* b:b:b\n"),
        ("contexts.local", "/home/l.* c:c:c\n"),
        ("contexts.subs", "/mine /alias/l\n"),
        ("contexts.subs_dist", "/alias /home\n"),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("room");
    }
    let contexts = FileContexts::read(&main).expect("readable");
    let judge = oracle::tool("selabel_lookup").expect("a known tool");
    for (path, expected) in [
        ("/etc", "a:a:a"),
        ("/home/x", "a:a:x"),
        ("/home/u", "b:b:b"),
        ("/home/local", "c:c:c"),
        ("/alias/local", "c:c:c"),
        ("/mine/z", "c:c:c"),
    ] {
        assert_eq!(contexts.lookup(path.as_bytes(), &file(0)), Some(expected));
        let mut command = judge.command().expect("installed");
        command.args(["-r", "-b", "file", "-f"]).arg(&main);
        let output = command.args(["-k", path]).output().expect("started");
        let printed = String::from_utf8(output.stdout).expect("text");
        assert_eq!(
            printed.trim(),
            format!("Default context: {expected}"),
            "{path}"
        );
    }
    fs::write(folder.path().join("contexts.local"), "/x\n").expect("room");
    let error = FileContexts::read(&main).expect_err("no rule").to_string();
    assert!(
        error.contains("contexts.local:1:1: a rule is an expression"),
        "{error}"
    );
    let error = FileContexts::read(&folder.path().join("missing")).expect_err("no file");
    assert!(error.to_string().starts_with("cannot read "), "{error}");
}
