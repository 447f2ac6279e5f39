//! Images with several profiles.

use std::fs;
use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::Firmware;
use serde_json::Value;

use crate::common::{demo_initrd, demo_kernel, json, judged, kurmadisk};
use crate::{boots, disk, machine, managed_disk, manager, said};

fn build(folder: &Path) -> assert_cmd::Command {
    let mut build = kurmadisk(folder);
    build.args(["uki", "build", "-o", "image.efi", "--cmdline", "kurma=base"]);
    build
        .arg("--kernel")
        .arg(demo_kernel())
        .arg("--initrd")
        .arg(demo_initrd());
    build
}

/// The second profile has an own command line, the third an own initrd.
fn three(folder: &Path) {
    fs::write(folder.join("small"), "small initrd").unwrap();
    fs::write(folder.join("third"), "ID=third\nTITLE=\"Third\"\n").unwrap();
    build(folder)
        .args([
            "--profile",
            "ID=main\nTITLE=\"Main\"",
            "--profile",
            "ID=reset",
            "--profile",
            "@third",
        ])
        .args(["--profile-section", "1:.cmdline:kurma=reset: all"])
        .args(["--profile-section", "2:.initrd:@small"])
        .args(["--profile-section", "2:.osrel:ID=test"])
        .assert()
        .success();
}

#[test]
fn sections_of_profiles_lie_behind_those_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    let mut inspect = kurmadisk(folder);
    let report = json(inspect.args(["uki", "inspect", "--json", "image.efi"]));
    let sections = report["sections"].as_array().unwrap();
    let found: Vec<_> = sections
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["profile"].as_u64()))
        .collect();
    assert_eq!(
        found,
        [
            (".text", None),
            (".sbat", None),
            (".cmdline", None),
            (".uname", None),
            (".initrd", None),
            (".linux", None),
            (".profile", Some(0)),
            (".profile", Some(1)),
            (".cmdline", Some(1)),
            (".profile", Some(2)),
            (".osrel", Some(2)),
            (".initrd", Some(2)),
        ]
    );
    assert_eq!(sections[8]["text"], Value::from("kurma=reset: all"));
    let rows = sections.iter().map(|row| {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("name"), row["size"].as_u64().unwrap(), text("sha256"))
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(
        rows,
        judged(oracle::pefile_sections(&folder.join("image.efi")))
    );
    let output = kurmadisk(folder)
        .args(["uki", "inspect", "image.efi"])
        .assert()
        .success();
    let said = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    for told in [
        "\n.cmdline:\n  kurma=base\n",
        "\n.cmdline @1:\n  kurma=reset: all\n",
        "\n.profile @2:\n  ID=third\n",
    ] {
        assert!(said.contains(told), "no {told:?} in {said}");
    }
}

#[test]
fn each_profile_is_started_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    let initrd = fs::read(demo_initrd()).unwrap();
    let whole = format!(
        "initrd: {} bytes, CRC-32 {:08x}",
        initrd.len(),
        crc32fast::hash(&initrd)
    );
    let small = format!(
        "initrd: 12 bytes, CRC-32 {:08x}",
        crc32fast::hash(b"small initrd")
    );
    let report = boots(&disk(folder), Firmware::Uefi);
    said(&report, "command line: kurma=base");
    said(&report, &whole);
    for (options, cmdline, initrd) in [
        ("@1", "kurma=reset: all", &whole),
        ("@2  kurma=given", "kurma=given", &small),
    ] {
        let report = boots(&managed_disk(folder, manager(), options), Firmware::Uefi);
        said(&report, &format!("command line: {cmdline}"));
        said(&report, initrd);
    }
    let disk = managed_disk(folder, manager(), "@3");
    let mut running = machine(&disk, Firmware::Uefi).start().unwrap();
    running
        .wait_for("kurmaboot: this image has no profile @3")
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_no_profile_has_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let long = format!("0:.cmdline:{}", "x".repeat(2048));
    for (section, told) in [
        (".cmdline:x", "it is N:NAME:TEXT or N:NAME:@FILE"),
        ("1:.cmdline", "it is N:NAME:TEXT or N:NAME:@FILE"),
        (
            "2:.cmdline:x",
            "2 profiles are given by --profile, counted from 0",
        ),
        ("0:.linux:x", "no profile has one of its own"),
        ("0:.profile:x", "no profile has one of its own"),
        ("0:.cmdline:", "it is empty"),
        (&long, "longer than the 2047 bytes"),
    ] {
        let mut build = build(folder);
        build.args([
            "--profile",
            "ID=a",
            "--profile",
            "ID=b",
            "--profile-section",
            section,
        ]);
        let output = build.assert().failure();
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(said.contains(told), "{said}");
        assert!(!folder.join("image.efi").exists());
    }
    let mut twice = build(folder);
    twice.args([
        "--profile",
        "ID=a",
        "--profile",
        "ID=b",
        "--section",
        ".profile:ID=c",
    ]);
    let output = twice.assert().failure();
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(said.contains("given twice"), "{said}");
    let mut build = build(folder);
    let output = build
        .args(["--profile-section", "0:.cmdline:x"])
        .assert()
        .failure();
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(said.contains("0 profiles are given"), "{said}");
}
