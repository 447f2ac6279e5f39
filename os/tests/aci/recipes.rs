//! The containers of KurmaOS, as its manifest describes them, of programs that stand for the real ones.

use std::fs;
use std::path::Path;

use kurmadisk::formats::error::chain;
use kurmadisk_fixtures::oracle::{self, Appc, actool_validate};
use kurmadisk_fixtures::workspace_root;
use kurmadisk_os::aci::{AciSpec, render};
use kurmadisk_os::manifest::Manifest;

use super::support::{files, read, run};

/// Programs of a base system.
const PROGRAMS: [&str; 12] = [
    "busybox",
    "cgpt",
    "cni-netplugin-setup",
    "cni/bridge",
    "cni/host-local",
    "cni/loopback",
    "kexec",
    "kurma-upgrader",
    "stager-container-init",
    "stager-container-main",
    "udevadm",
    "udevd",
];

/// A copy of the manifest and of what it reads, with what earlier steps of a whole build would have made.
fn copy(folder: &Path) {
    let target = folder.as_os_str();
    let arguments = [
        "-r".as_ref(),
        "aci".as_ref(),
        "kurmaos.toml".as_ref(),
        target,
    ];
    run(workspace_root(), "cp", &arguments);

    for program in PROGRAMS {
        files(&folder.join("components"), &[(program, program)]);
    }
    for component in ["kurma-api", "kurma-cli"] {
        let made = folder.join("output/components").join(component);
        files(&made, &[(component, component)]);
    }
    files(
        &folder.join("base/udev"),
        &[
            ("rules.d/50-default.rules", "rule"),
            ("hwdb.d/usb.hwdb", ""),
        ],
    );
    let system = files(
        &folder.join("system"),
        &[
            ("bin/busybox", "busybox"),
            ("bin/sh", "-> busybox"),
            ("etc/resolv.conf", "host's"),
            ("etc/hosts", "host's"),
            ("tmp/", ""),
        ],
    );
    run(&system, "mknod", &["dev-null", "c", "1", "3"]);
    fs::create_dir(system.join("dev")).unwrap();
    fs::rename(system.join("dev-null"), system.join("dev/null")).unwrap();
    run(&system, "tar", &["-czf", "../base/buildroot.tar.gz", "."]);
    fs::create_dir(folder.join("output/aci")).unwrap();
    files(
        &folder.join("init"),
        &[("bzImage", "kernel"), ("initrd", "initrd")],
    );
    run(
        &folder.join("init"),
        "tar",
        &["-czf", "../output/kurma-init.tar.gz", "bzImage", "initrd"],
    );
}

/// The images of the manifest, in their order.
fn images(folder: &Path) -> Vec<AciSpec> {
    let manifest = Manifest::from_file(&folder.join("kurmaos.toml"), None);
    manifest
        .unwrap_or_else(|error| panic!("{}", chain(&error)))
        .acis
}

/// A manifest without isolators that are Kurma's own, which actool refuses.
fn without_isolators(text: &str) -> String {
    let mut lines = Vec::new();
    let mut within = false;
    for line in text.lines() {
        within = line == "  isolators:" || (within && line.starts_with("    "));
        if !within {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn every_recipe_becomes_an_image() {
    let folder = tempfile::tempdir().unwrap();
    copy(folder.path());
    let specs = images(folder.path());
    assert_eq!(specs.len(), 8);
    for spec in &specs {
        let name = &spec.name.as_ref().unwrap().value;
        for input in spec.inputs() {
            assert!(input.exists(), "{}", input.display());
        }
        let out = folder.path().join(format!("output/aci/{name}.aci"));
        let report = spec
            .build(&out)
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        let image = read(&out);
        assert_eq!(report.id, image.id.to_string());
        let verdict = kurmadisk_os::aci::verify(&out, &kurmadisk::source::Scratch::Memory).unwrap();
        assert!(
            verdict.refusals.is_empty(),
            "{name}: {:?}",
            verdict.refusals
        );
        assert!(
            verdict
                .notes
                .iter()
                .all(|note| note.contains("no isolator of the specification")),
            "{name}: {:?}",
            verdict.notes
        );
    }
    let image = |name: &str| read(&folder.path().join(format!("output/aci/{name}.aci")));
    let tree = render(&image("console"), &[image("busybox")]).unwrap();
    let has = |path: &str| tree.lookup(path.as_bytes()).is_some();
    assert!(has("usr/bin/kurma-cli") && has("bin/sh") && has("dev") && has("start.sh"));
    assert!(!has("dev/null") && !has("etc/resolv.conf"));
    let upgrader = image("kurma-upgrader");
    assert!(upgrader.rootfs.lookup(b"bzImage").is_some());
}

#[test]
fn the_specifications_own_program_takes_them_without_kurmas_isolators() {
    let folder = tempfile::tempdir().unwrap();
    copy(folder.path());
    for entry in fs::read_dir(folder.path().join("aci")).unwrap() {
        let path = entry.unwrap().path().join("manifest.yaml");
        if let Ok(text) = fs::read_to_string(&path) {
            fs::write(&path, without_isolators(&text)).unwrap();
        }
    }
    let specs = images(folder.path());
    for spec in &specs {
        let name = &spec.name.as_ref().unwrap().value;
        let out = folder.path().join(format!("output/aci/{name}.aci"));
        let report = spec
            .build(&out)
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert!(report.notes.is_empty(), "{:?}", report.notes);
        actool_validate(Appc::Image, &out).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn their_scripts_are_sound() {
    let mut count = 0;
    for entry in fs::read_dir(workspace_root().join("aci")).unwrap() {
        let folder = entry.unwrap().path();
        for script in fs::read_dir(&folder).into_iter().flatten() {
            let path = script.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "sh") {
                oracle::shellcheck(&path).unwrap_or_else(|error| panic!("{error}"));
                count += 1;
            }
        }
    }
    assert_eq!(count, 5);
}
