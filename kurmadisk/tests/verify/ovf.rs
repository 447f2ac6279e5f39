//! OVF documents, and files beside them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use kurmadisk::ImageFormat;
use kurmadisk::verify::{self, Platform, judge};

use crate::support::{Appliance, DISK, MIB, assert_breaks, broken, image, refused};

#[test]
fn a_document_with_files_beside_it() {
    let appliance = Appliance::new();
    let path = appliance.loose();
    let verified = verify::file(&path).unwrap();
    assert_eq!(broken(&verified), BTreeSet::new());
    assert_eq!(verified.kind, "ovf");
    assert_eq!(refused(&path, Platform::Aws), ["package"]);
    fs::remove_file(appliance.path(DISK)).unwrap();
    assert_breaks(&path, "ovf-file-missing", DISK);
    assert_breaks(&path, "ovf-manifest-file", DISK);
}

#[test]
fn each_field_that_platforms_stumble_over() {
    for (rule, words, old, new) in [
        ("ovf-xml", "expected", "</Envelope>", "</Envelop>"),
        ("ovf-xml", "root element", "ovf/envelope/1", "ovf/other/1"),
        (
            "ovf-version",
            "version 2",
            "ovf/envelope/1",
            "ovf/envelope/2",
        ),
        ("ovf-capacity", "says 67108865", "67108864", "67108865"),
        ("ovf-capacity", "no number", "67108864", "${size}"),
        ("ovf-capacity-units", "GigaBytes", "byte * 2^0", "GigaBytes"),
        ("ovf-format", "vmdk.html\"", "#streamOptimized", ""),
        (
            "ovf-format",
            "http://x",
            "http://www.vmware.com/interfaces/specifications/vmdk.html",
            "http://x",
        ),
        ("ovf-file-missing", "b.vmdk", "a-disk1.vmdk", "b.vmdk"),
        ("ovf-file-missing", "passwd", "a-disk1.vmdk", "/etc/passwd"),
        ("ovf-file-missing", "..", "a-disk1.vmdk", "../a-disk1.vmdk"),
        ("ovf-file-name", "a disk", "a-disk1.vmdk", "a disk.vmdk"),
        (
            "ovf-file-size",
            "says \"1\"",
            "ovf:size=\"",
            "ovf:size=\"1\" x=\"",
        ),
        (
            "ovf-file-ref",
            "file2",
            "ovf:fileRef=\"file1\"",
            "ovf:fileRef=\"file2\"",
        ),
        (
            "ovf-compression",
            "gzip",
            "ovf:id=\"file1\"",
            "ovf:id=\"file1\" ovf:compression=\"gzip\"",
        ),
        (
            "ovf-compression",
            "chunkSize",
            "ovf:id=\"file1\"",
            "ovf:id=\"file1\" ovf:chunkSize=\"99\"",
        ),
        ("ovf-host-resource", "ovf://", "ovf:/disk", "ovf://disk"),
        (
            "ovf-disk-unknown",
            "vmdisk2",
            "ovf:/disk/vmdisk1",
            "ovf:/disk/vmdisk2",
        ),
        (
            "ovf-controller",
            "\"9\"",
            "<rasd:Parent>3<",
            "<rasd:Parent>9<",
        ),
        ("ovf-controller", "\"\"", "<rasd:Parent>3</rasd:Parent>", ""),
        (
            "ovf-no-disk",
            "no drive",
            "<rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>",
            "",
        ),
        ("ovf-memory-units", "2^30", "byte * 2^20", "byte * 2^30"),
        (
            "ovf-firmware",
            "vmw:Config alone",
            "type=\"EFI\"",
            "type=\"BIOS\"",
        ),
        (
            "ovf-firmware",
            "vbox:Machine alone",
            "vmw:value=\"efi\"",
            "vmw:value=\"bios\"",
        ),
        (
            "ovf-boot-order",
            "is there",
            "<Name>a</Name>",
            "<Name>a</Name><vmw:BootOrderSection/>",
        ),
    ] {
        let mut appliance = Appliance::new();
        appliance.edit(old, new);
        assert_breaks(&appliance.loose(), rule, words);
        // Nothing else is wrong with the archive.
        let archived = verify::file(&appliance.ova()).unwrap();
        assert!(broken(&archived).contains(rule), "{rule} in an archive");
    }
}

#[test]
fn firmware_concerns_who_is_not_told() {
    let mut appliance = Appliance::new();
    appliance.edit("type=\"EFI\"", "type=\"BIOS\"");
    let verified = verify::file(&appliance.loose()).unwrap();
    assert!(judge(&verified.observations, &[Platform::Vmware]).is_empty());
    let findings = judge(&verified.observations, &[Platform::VirtualBox]);
    assert_eq!(findings[0].rule.name, "ovf-firmware");
}

#[test]
fn disks_are_streams() {
    let mut appliance = Appliance::new();
    let path = appliance.path(DISK);
    image(&path, ImageFormat::Vmdk, 64 * MIB);
    let len = fs::metadata(&path).unwrap().len().to_string();
    let at = appliance.ovf.find("ovf:size=\"").unwrap();
    let end = at + appliance.ovf[at + 10..].find('"').unwrap() + 11;
    appliance
        .ovf
        .replace_range(at..end, &format!("ovf:size=\"{len}\""));
    assert_breaks(&appliance.loose(), "ovf-disk", "no streamOptimized");
    assert_eq!(refused(&appliance.loose(), Platform::Vmware), ["ovf-disk"]);
}

#[test]
fn documents_can_do_no_harm() {
    let mut appliance = Appliance::new();
    // Entities that multiply, and one that names a file.
    appliance.ovf =
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;&b;\">\
        <!ENTITY f SYSTEM \"/etc/passwd\">]><Envelope>&c;&f;</Envelope>"
            .to_owned();
    assert_breaks(&appliance.loose(), "ovf-xml", "DTD");
    appliance.ovf = "<a>".repeat(200_000);
    assert_breaks(&appliance.loose(), "ovf-xml", "");
    // What is no file is not read.
    let linked = Appliance::new();
    fs::remove_file(linked.path(DISK)).unwrap_or_default();
    symlink("/dev/zero", linked.path(DISK)).unwrap();
    fs::write(linked.path("a.ovf"), &linked.ovf).unwrap();
    assert_breaks(&linked.path("a.ovf"), "ovf-file-missing", DISK);
}
