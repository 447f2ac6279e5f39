//! Archives for GCE, .vmx files, and what is none of these.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kurmadisk::ImageFormat;
use kurmadisk::verify::{self, Platform};
use kurmadisk_fixtures::oracle;

use crate::support::{MIB, assert_breaks, image, refused};

const GIB: u64 = 1 << 30;

/// An archive made with tar, of a file of `len` bytes that is mostly a hole.
fn tar(folder: &Path, name: &str, len: u64, arguments: &[&str]) -> PathBuf {
    let file = File::create(folder.join(name)).unwrap();
    file.set_len(len).unwrap();
    let noise: Vec<u8> = (0..4096_u32)
        .map(|n| n.wrapping_mul(0x9E37_79B9).to_le_bytes()[3])
        .collect();
    std::os::unix::fs::FileExt::write_all_at(&file, &noise, len / 2).unwrap();
    let archive = folder.join("disk.tar.gz");
    let mut tar = oracle::tool("tar").unwrap().command().unwrap();
    tar.args(arguments)
        .arg("-f")
        .arg(&archive)
        .arg("-C")
        .arg(folder)
        .arg(name);
    let done = tar.output().unwrap();
    assert!(done.status.success(), "{done:?}");
    archive
}

#[test]
fn google_takes_one_kind_of_archive() {
    let dir = tempfile::tempdir().unwrap();
    let archive = |name: &str, len: u64, arguments: &[&str]| tar(dir.path(), name, len, arguments);
    let right = ["--format=oldgnu", "-S", "-z", "-c"];
    let good = archive("disk.raw", GIB, &right);
    assert!(refused(&good, Platform::Gce).is_empty());
    let verified = verify::file(&good).unwrap();
    assert_eq!((verified.kind, verified.disks[0].size), ("gce", Some(GIB)));
    assert_eq!(refused(&good, Platform::Azure), ["package"]);
    // Without holes it is right, too.
    assert!(
        refused(
            &archive("disk.raw", GIB, &["--format=oldgnu", "-z", "-c"]),
            Platform::Gce
        )
        .is_empty()
    );

    assert_breaks(
        &archive("disk.raw", GIB + MIB, &right),
        "gce-size",
        "1048576 more",
    );
    assert_breaks(
        &archive("other.raw", GIB, &right),
        "gce-disk",
        "not the file disk.raw",
    );
    assert_breaks(
        &archive("disk.raw", GIB, &["--format=pax", "-S", "-z", "-c"]),
        "gce-tar",
        "pax",
    );
    assert_breaks(
        &archive("disk.raw", MIB, &["--format=ustar", "-z", "-c"]),
        "gce-tar",
        "ustar",
    );
    assert_breaks(
        &archive("disk.raw", GIB, &["--format=oldgnu", "-S", "-c"]),
        "gce-gzip",
        "not compressed",
    );
    let whole = fs::read(archive("disk.raw", GIB, &right)).unwrap();
    let cut = dir.path().join("cut.tar.gz");
    fs::write(&cut, &whole[..whole.len() - 30]).unwrap();
    assert_breaks(&cut, "archive-damaged", "tar archive");
}

#[test]
fn other_archives_are_to_be_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk");
    for (bytes, name) in [
        (&b"PK\x03\x04 and so on"[..], "zip"),
        (&[0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0], "zstd"),
        (&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3], "gzip"),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_breaks(&path, "archive", name);
        for &platform in Platform::ALL {
            assert_eq!(refused(&path, platform), ["archive"]);
        }
    }
    let archive = tar(dir.path(), "note.txt", 5000, &["-c"]);
    assert_breaks(&archive, "archive", "tar");
}

#[test]
fn images_by_themselves_are_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk.vhd");
    image(&path, ImageFormat::Vhd, 64 * MIB);
    let verified = verify::file(&path).unwrap();
    assert_eq!(
        (verified.kind, verified.disks[0].size),
        ("vhd", Some(64 * MIB))
    );
    assert_eq!(refused(&path, Platform::Azure), ["vhd-not-fixed"]);
    let absent = verify::file(&dir.path().join("absent")).unwrap_err();
    assert!(absent.to_string().contains("absent"));
    assert!(verify::file(dir.path()).is_err());
}

#[test]
fn machines_of_vmware() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.vmx");
    image(&dir.path().join("a.vmdk"), ImageFormat::Vmdk, 64 * MIB);
    image(&dir.path().join("a.vdi"), ImageFormat::Vdi, 64 * MIB);
    let good = "#!/usr/bin/vmware\n.encoding = \"UTF-8\"\n\nsata0.present = \"TRUE\"\nsata0:0.present = \"TRUE\"\n\
        sata0:0.fileName = \"a.vmdk\"\nide1:0.deviceType = \"cdrom-raw\"\nide1:0.fileName = \"auto detect\"\n";
    let write = |text: &str| {
        fs::write(&path, text).unwrap();
        path.clone()
    };
    assert!(refused(&write(good), Platform::Vmware).is_empty());
    let verified = verify::file(&path).unwrap();
    assert_eq!(
        (verified.kind, verified.disks[0].size),
        ("vmx", Some(64 * MIB))
    );
    assert_eq!(refused(&path, Platform::VirtualBox), ["package"]);
    for (old, new, rule, words) in [
        ("\"UTF-8\"", "UTF-8", "vmx-syntax", "line 2"),
        ("\"UTF-8\"", "\"UTF-\"8\"", "vmx-syntax", "line 2"),
        (
            "\nide1",
            "\nSATA0.present = \"FALSE\"\nide1",
            "vmx-syntax",
            "second time",
        ),
        ("a.vmdk", "b.vmdk", "vmx-disk", "no file \"b.vmdk\""),
        ("a.vmdk", "../a.vmdk", "vmx-disk", "no file"),
        ("a.vmdk", "a.vdi", "vmx-disk", "vdi image"),
        (
            "sata0:0.present = \"TRUE\"",
            "sata0:0.present = \"FALSE\"",
            "vmx-disk",
            "no disk",
        ),
    ] {
        assert!(good.contains(old));
        assert_breaks(&write(&good.replacen(old, new, 1)), rule, words);
    }
    // What is wrong with the disk is told of it.
    let mut bytes = fs::read(dir.path().join("a.vmdk")).unwrap();
    let adapter = bytes.windows(8).position(|at| at == b"lsilogic").unwrap();
    bytes[adapter..adapter + 8].copy_from_slice(b"pvscsi\"\n");
    fs::write(dir.path().join("a.vmdk"), bytes).unwrap();
    assert_eq!(
        refused(&write(good), Platform::Vmware),
        ["vmdk-adapter-type"]
    );
}

#[test]
fn what_holds_no_disk_is_no_image() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("empty.raw", 0), ("blank.raw", 2 << 20), ("short", 5000)] {
        let path = folder.path().join(name);
        fs::write(&path, vec![0x5A; bytes]).unwrap();
        assert_breaks(&path, "no-disk", "neither is there");
    }
}

#[test]
fn a_box_of_vagrant_is_to_be_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["metadata.json", "box.ovf"] {
        fs::write(folder.path().join(name), "{}").unwrap();
    }
    let mut tar = oracle::tool("tar").unwrap().command().unwrap();
    let tar = tar.current_dir(folder.path());
    let made = tar
        .args(["-cf", "x.box", "metadata.json", "box.ovf"])
        .status();
    assert!(made.unwrap().success());
    assert_breaks(&folder.path().join("x.box"), "archive", "it is tar data");
}
