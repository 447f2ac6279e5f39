//! What qemu writes, and what is known of it.

use std::collections::BTreeSet;
use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::lint::{self, Platform};

use super::{broken, refused, sample};
use crate::support::image_file;

fn qemu_img(arguments: &[&str], files: &[&Path]) {
    let mut command = oracle::tool("qemu-img").unwrap().command().unwrap();
    let done = command.args(arguments).args(files).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// The rules that the sample breaks when qemu converts it, but for those of the format.
fn converted(options: &[&str]) -> (BTreeSet<&'static str>, lint::Linted) {
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, &sample());
    let image = dir.path().join("by-qemu");
    qemu_img(
        &[&["convert", "-f", "raw"], options].concat(),
        &[&raw, &image],
    );
    let linted = lint::file(&image).unwrap();
    let mut rules = broken(&linted);
    for general in ["format", "format-detour", "host-sparse"] {
        rules.remove(general);
    }
    (rules, linted)
}

#[test]
fn streams_of_qemu_have_no_proper_end() {
    let (rules, linted) = converted(&["-O", "vmdk", "-o", "subformat=streamOptimized"]);
    let ends = ["vmdk-stream-no-end", "vmdk-stream-trailing"];
    assert!(ends.iter().any(|rule| rules.contains(rule)), "{rules:?}");
    assert!(!refused(&linted, Platform::Vmware).is_empty());
}

#[test]
fn other_vmdks_of_qemu() {
    let (rules, _) = converted(&["-O", "vmdk"]);
    assert!(rules.contains("vmdk-not-stream"), "{rules:?}");
    let (rules, linted) = converted(&["-O", "vmdk", "-o", "zeroed_grain=on"]);
    assert!(rules.contains("vmdk-version-2"), "{rules:?}");
    assert!(!refused(&linted, Platform::VirtualBox).is_empty());
    let (rules, _) = converted(&["-O", "vmdk", "-o", "subformat=monolithicFlat"]);
    assert!(rules.contains("vmdk-subformat"), "{rules:?}");
    assert!(!rules.contains("vmdk-extent-missing"), "{rules:?}");
    let (rules, _) = converted(&["-O", "vmdk", "-o", "adapter_type=buslogic"]);
    assert!(!rules.contains("vmdk-adapter-type"), "{rules:?}");
}

#[test]
fn disks_that_qemu_rounds_to_a_geometry() {
    let (rules, linted) = converted(&["-O", "vpc", "-o", "subformat=fixed"]);
    assert!(rules.contains("vhd-chs-rounded"), "{rules:?}");
    let azure = refused(&linted, Platform::Azure);
    assert!(azure[0].starts_with("vhd-size-not-mib"), "{azure:?}");
    let (rules, _) = converted(&["-O", "vpc", "-o", "subformat=fixed,force_size=on"]);
    let taken_for_raw = "vhd-taken-for-raw";
    assert_eq!(rules, BTreeSet::from(["vhd-size-not-mib", taken_for_raw]));
    let (rules, _) = converted(&["-O", "vpc"]);
    assert!(rules.contains("vhd-not-fixed"), "{rules:?}");
}

#[test]
fn regions_of_qemu_are_not_required() {
    let (rules, linted) = converted(&["-O", "vhdx"]);
    assert_eq!(rules, BTreeSet::from(["vhdx-required"]));
    let virtualbox = refused(&linted, Platform::VirtualBox);
    assert!(virtualbox[0].starts_with("vhdx-required"), "{virtualbox:?}");
    assert!(refused(&linted, Platform::HyperV).is_empty());
}

#[test]
fn vdi_of_qemu_is_sound() {
    assert_eq!(converted(&["-O", "vdi"]).0, BTreeSet::new());
}

#[test]
fn features_of_qcow2() {
    for (options, rule) in [
        ("compat=0.10", None),
        ("compat=1.1,lazy_refcounts=on", None),
        ("compression_type=zstd", Some("qcow2-zstd")),
        ("extended_l2=on", Some("qcow2-extended-l2")),
    ] {
        let (rules, linted) = converted(&["-O", "qcow2", "-o", options]);
        assert_eq!(rules, rule.into_iter().collect(), "{options}");
        let refused = refused(&linted, Platform::VirtualBox);
        assert_eq!(refused.is_empty(), rule.is_none(), "{options}: {refused:?}");
    }
}

#[test]
fn qcow2_that_is_not_all_of_a_disk() {
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, &sample());
    let image = dir.path().join("image");
    let size = Path::new("10M");
    let create = ["create", "-q", "-f", "qcow2"];
    let look = || broken(&lint::file(&image).unwrap());

    let backing = ["-F", "raw", "-b", raw.to_str().unwrap()];
    qemu_img(&[&create[..], &backing].concat(), &[&image]);
    assert!(look().contains("qcow2-backing-file"));

    let secret = ["--object", "secret,id=s,data=abc", "-o"];
    let luks = ["encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"];
    qemu_img(&[&create[..], &secret, &luks].concat(), &[&image, size]);
    assert!(look().contains("qcow2-encrypted"));

    let data = format!("data_file={}", dir.path().join("data").display());
    qemu_img(&[&create[..], &["-o", &data]].concat(), &[&image, size]);
    assert!(look().contains("qcow2-data-file"));

    qemu_img(&["convert", "-f", "raw", "-O", "qcow2"], &[&raw, &image]);
    qemu_img(&["snapshot", "-c", "one"], &[&image]);
    assert!(look().contains("qcow2-snapshots"));
}
