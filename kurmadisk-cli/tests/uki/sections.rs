//! The sections of an image with systemd's stub.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::Firmware;

use crate::common::{demo_initrd, demo_kernel, efi_stub, json, judged, kurmadisk, section};
use crate::{boots, disk};

const SBAT: &str = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n\
                    kurmadisk.test,3,Test,test,1,https://example.org/\n";

/// Sections of an image that was given everything, but for the stub's own, in their order.
const ORDER: [&str; 12] = [
    ".profile", ".osrel", ".cmdline", ".dtb", ".uname", ".splash", ".pcrpkey", ".initrd", ".ucode",
    ".sbom", ".kurma", ".linux",
];

fn build(folder: &Path) -> Command {
    let mut build = kurmadisk(folder);
    build.args(["uki", "build", "-o", "image.efi", "--efi-stub"]);
    build.arg(efi_stub()).arg("--kernel").arg(demo_kernel());
    build
}

/// Of a length that fits no alignment.
fn splash() -> Vec<u8> {
    vec![7; 70_001]
}

/// An image with every section there is an option for.
fn full(folder: &Path) {
    for (name, content) in [
        ("cmdline", &b"console=ttyS0 kurma=1\n"[..]),
        ("os-release", b"ID=test\nPRETTY_NAME=\"A test\"\n"),
        ("dtb", b"\xd0\x0d\xfe\xed not a real tree"),
        ("splash", &splash()),
        ("ucode", b"070701 microcode"),
        ("key.pem", b"-----BEGIN PUBLIC KEY-----\n"),
        ("second", b"second initrd"),
        ("sbat", SBAT.as_bytes()),
    ] {
        fs::write(folder.join(name), content).unwrap();
    }
    build(folder)
        .arg("--initrd")
        .arg(demo_initrd())
        .args(["--initrd", "second", "--cmdline", "@cmdline"])
        .args(["--os-release", "@os-release", "--uname", "6.1.0-test"])
        .args(["--devicetree", "dtb", "--splash", "splash"])
        .args(["--microcode", "ucode", "--pcrpkey", "key.pem"])
        .args(["--profile", "ID=main\nTITLE=Main", "--sbat", "@sbat"])
        .args(["--section", ".sbom:{}", "--section", ".kurma:@second"])
        .assert()
        .success();
}

#[test]
fn all_sections_are_there_in_their_order_with_their_contents() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    full(folder);
    let image = folder.join("image.efi");
    let initrd = fs::read(demo_initrd()).unwrap();
    let joined = [
        initrd.clone(),
        vec![0; initrd.len().next_multiple_of(4) - initrd.len()],
        b"second initrd".to_vec(),
    ];
    for (name, content) in [
        (".profile", b"ID=main\nTITLE=Main".to_vec()),
        (".osrel", fs::read(folder.join("os-release")).unwrap()),
        (".cmdline", b"console=ttyS0 kurma=1".to_vec()),
        (".dtb", fs::read(folder.join("dtb")).unwrap()),
        (".uname", b"6.1.0-test".to_vec()),
        (".splash", splash()),
        (".pcrpkey", fs::read(folder.join("key.pem")).unwrap()),
        (".initrd", joined.concat()),
        (".ucode", b"070701 microcode".to_vec()),
        (".sbom", b"{}".to_vec()),
        (".kurma", b"second initrd".to_vec()),
        (".linux", fs::read(demo_kernel()).unwrap()),
    ] {
        let found = section(&image, name);
        assert!(found.starts_with(&content), "{name}");
        assert!(
            found[content.len()..].iter().all(|byte| *byte == 0),
            "{name}"
        );
    }
    // Generations of the stub stay, and ours are behind them; the format's own line is there once.
    let sbat = String::from_utf8(section(&image, ".sbat")).unwrap();
    let of_stub = String::from_utf8(section(efi_stub(), ".sbat")).unwrap();
    let lines: Vec<_> = sbat.trim_end_matches('\0').lines().collect();
    let own: Vec<_> = of_stub.trim_end_matches('\0').lines().collect();
    assert!(own.len() >= 2, "{of_stub}");
    assert_eq!(lines[..own.len()], own);
    assert_eq!(lines[own.len()..], [SBAT.lines().nth(1).unwrap()]);
}

#[test]
fn inspect_tells_what_pefile_finds() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    full(folder);
    for image in [folder.join("image.efi").as_path(), efi_stub()] {
        let mut inspect = kurmadisk(folder);
        let report = json(inspect.args(["uki", "inspect", "--json"]).arg(image));
        let sections = report["sections"].as_array().unwrap();
        let found: Vec<_> = sections
            .iter()
            .map(|row| {
                let text = |key: &str| row[key].as_str().unwrap().to_owned();
                (text("name"), row["size"].as_u64().unwrap(), text("sha256"))
            })
            .collect();
        assert_eq!(found, judged(oracle::pefile_sections(image)));
        let unified = report["unified"].as_bool().unwrap();
        assert_eq!(unified, image != efi_stub());
        if unified {
            let names = found.iter().map(|row| row.0.as_str());
            let added: Vec<_> = names.skip(found.len() - ORDER.len()).collect();
            assert_eq!(added, ORDER);
        }
    }
    let output = kurmadisk(folder)
        .args(["uki", "inspect", "image.efi"])
        .assert()
        .success();
    let said = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    for told in [
        "image.efi: a unified kernel image of ",
        "\n.cmdline:\n  console=ttyS0 kurma=1\n",
        "\n.osrel:\n  ID=test\n",
        "  kurmadisk.test,3,Test",
    ] {
        assert!(said.contains(told), "no {told:?} in {said}");
    }
}

#[test]
fn an_image_with_every_section_starts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    full(folder);
    let said = boots(&disk(folder), Firmware::Uefi);
    assert!(said.contains("kurmadisk demo: entered by UEFI"), "{said}");
    assert!(
        said.contains("command line: console=ttyS0 kurma=1"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_a_section_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let long = format!("kurmadisk,1,{}", "x".repeat(4096));
    for (arguments, told) in [
        (
            &["--section", ".much-too-long:x"][..],
            "at most eight characters",
        ),
        (&["--section", ".dtb"], "NAME:TEXT or NAME:@FILE"),
        (&["--section", ".linux:x"], "it has an option of its own"),
        (&["--section", ".dtb:"], "it is empty"),
        (&["--section", ".a:x", "--section", ".a:y"], "given twice"),
        (
            &["--section", ".sdmagic:x"],
            "has a section .sdmagic already",
        ),
        (&["--sbat", &long], "no room for so much"),
        (&["--cmdline", "@none"], "cannot read none"),
        (&["--microcode", "none"], "none"),
        (&["--uname", "two words"], "one word of ASCII"),
    ] {
        let output = build(folder).args(arguments).assert().failure();
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(said.contains(told), "{said}");
        assert!(!folder.join("image.efi").exists());
    }
    fs::write(folder.join("image.efi"), "text").unwrap();
    let mut inspect = kurmadisk(folder);
    let output = inspect
        .args(["uki", "inspect", "image.efi"])
        .assert()
        .failure();
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(said.contains("it is not a PE image"), "{said}");
}
