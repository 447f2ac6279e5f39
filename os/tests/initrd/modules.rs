//! Modules, and their lists as depmod makes them and modprobe reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle;

use crate::support::Case;

const WANTED: &str =
    r#"["ext4", "btrfs", "virtio-net", "virtio_pci", "nfnetlink*", "kernel/drivers/md/", "fuse"]"#;

fn release() -> String {
    let kernel = debian_root().kernel.file_name().unwrap().to_str().unwrap();
    kernel.trim_start_matches("vmlinuz-").to_owned()
}

fn build(case: &Case, more: &str) {
    let root = debian_root().tree.display().to_string();
    let text =
        format!("sysroot = {root:?}\ncompression = \"none\"\n[modules]\nnames = {WANTED}\n{more}");
    case.build(&text, "out");
}

/// `modules.dep` as what each module needs, whatever the order.
fn needs(folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(folder.join("modules.dep")).unwrap();
    let lines = text.lines().map(|line| line.split_once(':').unwrap());
    lines
        .map(|(path, needs)| {
            (
                path.to_owned(),
                needs.split_whitespace().map(str::to_owned).collect(),
            )
        })
        .collect()
}

fn sorted(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn the_lists_are_those_of_depmod() {
    let case = Case::new();
    build(&case, "");
    let release = release();
    let ours = case
        .extract("out", "ours")
        .join("lib/modules")
        .join(&release);
    let copy = case.path("theirs");
    assert!(
        Command::new("cp")
            .arg("-a")
            .arg(case.path("ours"))
            .arg(&copy)
            .status()
            .unwrap()
            .success()
    );
    let theirs = copy.join("lib/modules").join(&release);
    for list in fs::read_dir(&theirs).unwrap() {
        let path = list.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // Those that the kernel's build makes are depmod's input.
        if path.is_file()
            && ![
                "modules.order",
                "modules.builtin",
                "modules.builtin.modinfo",
            ]
            .contains(&name.as_str())
        {
            fs::remove_file(path).unwrap();
        }
    }
    oracle::depmod(&copy, &release).unwrap();
    assert!(needs(&ours).len() > 20);
    assert_eq!(needs(&ours), needs(&theirs));
    for list in [
        "modules.alias",
        "modules.symbols",
        "modules.softdep",
        "modules.devname",
    ] {
        assert_eq!(
            sorted(&ours.join(list)),
            sorted(&theirs.join(list)),
            "{list}"
        );
    }
    // Indices have an order of their own, so they are the same to the byte.
    for list in [
        "modules.alias.bin",
        "modules.symbols.bin",
        "modules.builtin.bin",
        "modules.builtin.alias.bin",
    ] {
        let [ours, theirs] = [&ours, &theirs].map(|folder| fs::read(folder.join(list)).unwrap());
        assert!(
            ours == theirs,
            "{list}: {} and {} bytes",
            ours.len(),
            theirs.len()
        );
    }
    // Any order in which what is needed comes first will do; modprobe takes ours and loads as many.
    for name in [
        "btrfs",
        "dm-crypt",
        "virtio_net",
        "pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00",
        "devname:fuse",
        "fs-btrfs",
    ] {
        let plans = [&case.path("ours"), &copy].map(|root| {
            let plan = oracle::modprobe_plan(root, &release, name).unwrap();
            let root = root.display().to_string();
            plan.lines()
                .map(|line| line.replace(&root, "").trim().to_owned())
                .collect::<Vec<_>>()
        });
        let [mut ours, mut theirs] = plans;
        assert_eq!(ours.last(), theirs.last(), "{name}");
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn what_modules_need_comes_along_and_nothing_else() {
    let case = Case::new();
    build(&case, "");
    let release = release();
    let root = debian_root().tree.join("lib/modules").join(&release);
    let needed = needs(&root);
    let paths = case.paths("out");
    let base = format!("/usr/lib/modules/{release}/");
    let base = if paths.iter().any(|path| path.starts_with(&base)) {
        base
    } else {
        base.replace("/usr", "")
    };
    let found: BTreeSet<_> = paths
        .iter()
        .filter_map(|path| path.strip_prefix(&base))
        .filter(|path| path.strip_suffix(".ko").is_some())
        .collect();
    for path in &found {
        for needs in &needed[*path] {
            assert!(found.contains(needs.as_str()), "{path} needs {needs}");
        }
    }
    assert!(
        found.contains("kernel/fs/btrfs/btrfs.ko") && found.contains("kernel/drivers/md/dm-mod.ko")
    );
    assert!(!found.contains("kernel/fs/xfs/xfs.ko"));
}

#[test]
fn compressed_modules_stay_so_or_not() {
    let case = Case::new();
    let release = release();
    let from = debian_root()
        .tree
        .join("lib/modules")
        .join(&release)
        .join("kernel");
    let module = |name: &str, path: &str| {
        let bytes = fs::read(from.join(path)).unwrap();
        case.write(&format!("root/lib/modules/6.1-own/kernel/{name}"), bytes)
    };
    let crc = module("crc.ko", "lib/libcrc32c.ko");
    let stored = fs::read(&crc).unwrap();
    assert!(
        Command::new("xz")
            .arg("--check=crc32")
            .arg(&crc)
            .status()
            .unwrap()
            .success()
    );
    let text = "sysroot = \"root\"\n[modules]\nnames = [\"crc\"]\n";
    case.build(text, "out");
    let path = |name: &str| format!("/lib/modules/6.1-own/{name}");
    assert!(case.paths("out").contains(&path("kernel/crc.ko")));
    case.build(&format!("compression = \"none\"\n{text}"), "plain");
    let unpacked = case.extract("plain", "plain.d");
    assert!(fs::read(unpacked.join(&path("kernel/crc.ko")[1..])).unwrap() == stored);
    case.build(&format!("{text}compressed = true"), "kept");
    assert!(case.paths("kept").contains(&path("kernel/crc.ko.xz")));
}
