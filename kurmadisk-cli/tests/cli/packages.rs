//! `kurmadisk package` and `build --package`: one reading, several packages, and what is refused.

use std::fs;

use kurmadisk_fixtures::oracle;
use serde_json::Value;

use crate::Bench;
use crate::common::{json, judged, names};

const CONFIG: &str = "name = \"box\"\nlayout = \"efi\"\nroot = \"tree\"\n";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("kurmadisk.toml", CONFIG);
    bench
}

fn outputs(made: &Value) -> Vec<String> {
    let outputs = made["outputs"].as_array().unwrap();
    let paths = outputs
        .iter()
        .map(|output| output["output"].as_str().unwrap());
    paths.map(str::to_owned).collect()
}

#[test]
fn every_target_is_made_at_once() {
    const TARGETS: &str = "vmware,ova,virtualbox,openstack,aws,azure,hyperv,proxmox,libvirt,\
                           vagrant-virtualbox,vagrant-vmware,vagrant-libvirt,gce";
    let bench = bench();
    let arguments = ["package", TARGETS, "-o", "out", "--json"];
    let made = json(&mut bench.run(arguments));
    let files = outputs(&made);
    for target in TARGETS.split(',') {
        let told = made["outputs"].as_array().unwrap().iter();
        assert!(
            told.clone().any(|output| output["target"] == target),
            "{target} is not told"
        );
    }
    assert_eq!(files.last().map(String::as_str), Some("out/SHA256SUMS"));
    let checked = judged(oracle::sha256sum_check(&bench.join("out"), "SHA256SUMS"));
    assert_eq!(checked, files.len() - 1);
}

#[test]
fn the_same_description_gives_the_same_bytes_and_another_name_other_identifiers() {
    const TARGETS: &str = "vmware,ova,virtualbox,vagrant-virtualbox,vagrant-vmware";
    let bench = bench();
    let sums = |folder: &str, name: &str| {
        let arguments = ["package", TARGETS, "--name", name, "-o", folder];
        bench.run(arguments).assert().success();
        fs::read_to_string(bench.join(folder).join("SHA256SUMS")).unwrap()
    };
    let first = sums("one", "box");
    assert_eq!(first, sums("two", "box"));
    assert_eq!(first.lines().count(), 7);
    assert_ne!(first, sums("three", "bix").replace("bix", "box"));
}

/// By the command's own rules, which come from what the platforms' programs do.
#[test]
fn an_appliance_is_refused_by_no_platform_that_takes_one() {
    let bench = bench();
    bench.run(["package", "ova"]).assert().success();
    for platform in ["vmware", "virtualbox", "proxmox", "aws"] {
        let verify = ["verify", "--for", platform, "box.ova"];
        bench.run(verify).assert().success();
    }
}

#[test]
fn packages_and_images_are_those_made_alone() {
    let bench = bench();
    let formats = "vdi,qcow2";
    let arguments = [
        "build",
        "--package",
        "ova,vmware",
        "--format",
        formats,
        "-o",
        "all",
    ];
    bench.run(arguments).assert().success();
    bench
        .run(["package", "ova", "-o", "ova"])
        .assert()
        .success();
    let alone = ["build", "--format", formats, "-o", "alone"];
    bench.run(alone).assert().success();
    assert_eq!(
        names(&bench.join("all")),
        [
            "SHA256SUMS",
            "box-vmware.zip",
            "box.ova",
            "box.qcow2",
            "box.vdi"
        ]
    );
    for (file, folder) in [
        ("box.ova", "ova"),
        ("box.vdi", "alone"),
        ("box.qcow2", "alone"),
    ] {
        let [one, other] = ["all", folder].map(|folder| bench.join(folder).join(file));
        assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{file}");
    }
}

#[test]
fn a_target_s_own_oem_tree_and_command_line_are_in_its_disk_alone() {
    let bench = bench();
    bench.write("oem-vmware/grub.cfg", "set oem_id=vmware\n");
    let config = "name = \"box\"\nlayout = \"kurmaos\"\nroot = \"tree\"\n\
                  [target.vmware]\noem = \"oem-vmware\"\nwrap = \"folder\"\n\
                  [target.virtualbox]\nwith = \"vbox\"\nwrap = \"folder\"\n";
    bench.write("kurmadisk.toml", config);
    let arguments = [
        "build",
        "--package",
        "vmware,virtualbox",
        "--format",
        "raw",
        "-o",
        "out",
    ];
    bench.run(arguments).assert().success();
    let (vmdk, vdi) = ("out/box-vmware/box.vmdk", "out/box-virtualbox/box.vdi");
    let raw = bench.join("out/box.raw");
    judged(oracle::qemu_img_compare(
        &bench.join(vdi),
        "vdi",
        &raw,
        "raw",
    ));
    oracle::qemu_img_compare(&bench.join(vmdk), "vmdk", &raw, "raw").unwrap_err();
    let oem = |image: &str| {
        let path = bench.join("oem.raw");
        let convert = ["convert", image, "oem.raw"];
        bench.run(convert).assert().success();
        let disk = judged(oracle::sgdisk_print(&path));
        let partition = disk.partition(5).unwrap();
        let found = oracle::debugfs(&path, partition.first * 512, "cat /grub.cfg");
        fs::remove_file(path).unwrap();
        found
    };
    assert_eq!(judged(oem(vmdk)), "set oem_id=vmware\n");
    let none = oem(vdi).unwrap_err().to_string();
    assert!(none.contains("File not found"), "{none}");
}

#[test]
fn a_configuration_s_format_is_not_for_packages() {
    let bench = bench();
    bench.write(
        "kurmadisk.toml",
        &format!("format = \"vdi\"\noutput = \"x.vdi\"\n{CONFIG}"),
    );
    bench
        .run(["package", "azure", "-o", "out/"])
        .assert()
        .success();
    assert!(!names(&bench.join("out")).contains(&"box.vdi".to_owned()));
    let arguments = ["build", "--package", "azure", "-o", "more"];
    bench.run(arguments).assert().success();
    assert!(names(&bench.join("more")).contains(&"box.vdi".to_owned()));
}

/// One line with these parts, and nothing is left behind.
#[track_caller]
fn refused(bench: &Bench, arguments: &[&str], parts: &[&str]) {
    let before = names(bench.path());
    let assert = bench.run(arguments.iter().copied()).assert().failure();
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    for part in parts {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert_eq!(names(bench.path()), before);
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let bench = bench();
    refused(&bench, &["package"], &["TARGET"]);
    refused(
        &bench,
        &["package", "vmwrae"],
        &["\"vmwrae\" is no target; there are: vmware, ova"],
    );
    refused(
        &bench,
        &["package", "ova", "-o", "-"],
        &["takes no packages"],
    );
    for file in ["x.vdi", "x.ova", "x.zip"] {
        refused(
            &bench,
            &["package", "ova", "-o", file],
            &[&format!("{file} is a file; packages need a folder")],
        );
    }
    refused(
        &bench,
        &["package", "ova", "-o", "tree"],
        &["lies in tree, whose content goes into the image"],
    );
    bench.write("LICENSE", "free\n");
    bench.write(
        "kurmadisk.toml",
        &format!("{CONFIG}[machine]\nlicense = \"missing\"\n"),
    );
    refused(
        &bench,
        &["package", "vmware", "-o", "out"],
        &["kurmadisk.toml:5:11: license: cannot read missing"],
    );
    let config = format!("{CONFIG}[machine]\ndisk-controller = \"virtio\"\n");
    bench.write("kurmadisk.toml", &config);
    refused(
        &bench,
        &["package", "libvirt,ova", "-o", "out"],
        &["kurmadisk.toml:5:19: disk-controller: the target ova has no virtio; it has: sata"],
    );
}
