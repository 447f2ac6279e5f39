//! kurmaboot as the stub.

use std::fs;
use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::Firmware;

use crate::common::{demo_initrd, demo_kernel, efi_stub, json, judged, kurmadisk, section};
use crate::{boots, disk, machine, managed_disk, manager, said};

fn build(folder: &Path) -> assert_cmd::Command {
    let mut build = kurmadisk(folder);
    build.args(["uki", "build", "-o", "image.efi", "--kernel"]);
    build.arg(demo_kernel());
    build
}

#[test]
fn an_image_without_another_stub_is_one_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    build(folder)
        .arg("--initrd")
        .arg(demo_initrd())
        .args(["--cmdline", "kurma=1", "--sbat", "kurma.test,1,T,t,1,u\n"])
        .assert()
        .success();
    let image = folder.join("image.efi");
    let found = judged(oracle::pefile_sections(&image));
    let names: Vec<_> = found.iter().map(|row| row.0.as_str()).collect();
    let own = [".text", ".sbat", ".cmdline", ".uname", ".initrd", ".linux"];
    assert_eq!(names, own);
    assert_eq!(
        section(&image, ".linux")[..],
        fs::read(demo_kernel()).unwrap()
    );
    let sbat = String::from_utf8(section(&image, ".sbat")).unwrap();
    let lines: Vec<_> = sbat.trim_end_matches('\0').lines().collect();
    assert_eq!(lines.len(), 3, "{sbat}");
    assert!(lines[1].starts_with("kurmaboot,1,"), "{sbat}");
    assert_eq!(lines[2], "kurma.test,1,T,t,1,u");

    // By its name it is the same, and a file of that name is another stub.
    let bytes = fs::read(&image).unwrap();
    build(folder)
        .arg("--initrd")
        .arg(demo_initrd())
        .args(["--cmdline", "kurma=1", "--sbat", "kurma.test,1,T,t,1,u\n"])
        .args(["--efi-stub", "kurmaboot"])
        .assert()
        .success();
    assert!(fs::read(&image).unwrap() == bytes);
    fs::copy(efi_stub(), folder.join("kurmaboot")).unwrap();
    build(folder)
        .args(["--efi-stub", "./kurmaboot"])
        .assert()
        .success();
    let found = judged(oracle::pefile_sections(&image));
    assert!(found.iter().any(|row| row.0 == ".sdmagic"));
}

#[test]
fn a_disk_is_made_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("kurmadisk.toml"),
        "layout = \"efi\"\nsize = \"128M\"\nefi-stub = \"kurmaboot\"\ncmdline = \"kurma=2\"\n",
    )
    .unwrap();
    let mut build = kurmadisk(folder);
    build
        .args(["build", "-o", "disk.raw", "--json", "--kernel"])
        .arg(demo_kernel());
    let made = json(build.arg("--initrd").arg(demo_initrd()));
    assert_eq!(made["plan"]["boot"], "unified-image", "{made}");
    let report = boots(&folder.join("disk.raw"), Firmware::Uefi);
    let initrd = fs::read(demo_initrd()).unwrap();
    let (len, crc) = (initrd.len(), crc32fast::hash(&initrd));
    said(&report, "kurmaboot: starting Linux");
    said(&report, "kurmadisk demo: entered by UEFI");
    said(&report, "command line: kurma=2");
    said(&report, "initrd source: LoadFile2");
    said(&report, &format!("initrd: {len} bytes, CRC-32 {crc:08x}"));
}

#[test]
fn microcode_comes_before_all_initrds() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let parts = [&b"microcode"[..], &vec![3; 100_001], &vec![4; 50_003]];
    for (name, content) in ["ucode", "first", "second"].into_iter().zip(parts) {
        fs::write(folder.join(name), content).unwrap();
    }
    fs::write(folder.join("cmdline"), "one=\u{e9}\ntwo \n").unwrap();
    build(folder)
        .args([
            "--microcode",
            "ucode",
            "--initrd",
            "first",
            "--initrd",
            "second",
        ])
        .args(["--section", ".other:x"])
        .assert()
        .success();
    let report = boots(&disk(folder), Firmware::Uefi);
    let mut all = Vec::new();
    for part in parts {
        all.resize(all.len().next_multiple_of(4), 0);
        all.extend(part);
    }
    let (len, crc) = (all.len(), crc32fast::hash(&all));
    said(&report, &format!("initrd: {len} bytes, CRC-32 {crc:08x}"));
    said(&report, "command line: none");
}

/// A boot entry's options count more than the image's command line, but where Secure Boot vouches for that.
#[test]
fn given_options_count_unless_the_image_is_vouched_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    judged(oracle::openssl_convert_key(
        judged(oracle::SNAKEOIL_KEY.require()),
        &folder.join("snakeoil.key"),
        "snakeoil",
        false,
    ));
    let certificate = judged(oracle::SNAKEOIL_CERTIFICATE.require());
    build(folder)
        .args(["--cmdline", "kurma=own", "--sign-key", "snakeoil.key"])
        .arg("--sign-certificate")
        .arg(certificate)
        .assert()
        .success();
    let signed = folder.join("manager.efi");
    judged(oracle::sbsign(
        manager(),
        &folder.join("snakeoil.key"),
        certificate,
        &signed,
    ));
    let disk = managed_disk(folder, &signed, "kurma=given two");
    let report = boots(&disk, Firmware::Uefi);
    said(&report, "command line: kurma=given two");
    let report = boots(&disk, Firmware::UefiSecure);
    said(&report, "command line: kurma=own");
}

/// The firmware's shell hands on the program's name too, which is no option.
#[test]
fn the_shells_arguments_are_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    build(folder)
        .args(["--cmdline", "kurma=own"])
        .assert()
        .success();
    fs::write(
        folder.join("startup.nsh"),
        "fs0:\r\nimage.efi kurma=1 \"two words\"\r\n",
    )
    .unwrap();
    let disk = crate::disk_of(
        folder,
        &[("/image.efi", "image.efi"), ("/startup.nsh", "startup.nsh")],
    );
    said(
        &boots(&disk, Firmware::Uefi),
        "command line: kurma=1 two words",
    );
}

#[test]
fn what_is_wrong_with_an_image_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    build(folder)
        .args(["--cmdline", "kurma=1"])
        .assert()
        .success();
    let image = folder.join("image.efi");
    let bytes = fs::read(&image).unwrap();
    let kernel = fs::read(demo_kernel()).unwrap();
    let linux = bytes
        .windows(kernel.len())
        .position(|window| window == kernel)
        .unwrap();
    let row = bytes
        .windows(7)
        .position(|window| window == b".linux\0")
        .unwrap();
    for (at, told) in [
        (row + 1, "this image has no kernel (.linux)"),
        // The place of the PE signature.
        (linux + 0x3e, "the image's kernel is none that UEFI starts"),
    ] {
        let mut changed = bytes.clone();
        changed[at] = 0x7e;
        fs::write(&image, changed).unwrap();
        let mut running = machine(&disk(folder), Firmware::Uefi).start().unwrap();
        running
            .wait_for(told)
            .unwrap_or_else(|error| panic!("{error}"));
        running
            .wait_for("kurmaboot: back to the firmware")
            .unwrap_or_else(|error| panic!("{error}"));
    }
}
