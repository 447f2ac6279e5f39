//! OVA archives and their manifests.

use std::collections::BTreeSet;
use std::fs;

use kurmadisk::verify::{self, Platform};
use kurmadisk_fixtures::oracle;

use crate::support::{Appliance, DISK, MIB, assert_breaks, broken, refused};

#[test]
fn an_appliance_as_it_should_be_breaks_no_rule() {
    let mut appliance = Appliance::new();
    for order in [vec!["a.ovf", DISK, "a.mf"], vec!["a.ovf", "a.mf", DISK]] {
        appliance.order = order;
        let ova = appliance.ova();
        let verified = verify::file(&ova).unwrap();
        assert_eq!(broken(&verified), BTreeSet::new());
        assert_eq!(verified.kind, "ova");
        let disk = &verified.disks[0];
        assert_eq!((disk.file.as_deref(), disk.format), (Some(DISK), "vmdk"));
        assert_eq!(disk.size, Some(64 * MIB));
        for platform in [
            Platform::Vmware,
            Platform::VirtualBox,
            Platform::Aws,
            Platform::Proxmox,
        ] {
            assert!(refused(&ova, platform).is_empty(), "{platform}");
        }
        assert_eq!(refused(&ova, Platform::HyperV), ["package"]);
    }
    // GNU tar's own format is read by all.
    appliance.tar_format = "gnu";
    assert_eq!(
        broken(&verify::file(&appliance.ova()).unwrap()),
        BTreeSet::new()
    );
    appliance.manifest = None;
    appliance.order = vec!["a.ovf", DISK];
    assert_eq!(
        broken(&verify::file(&appliance.ova()).unwrap()),
        BTreeSet::new()
    );
}

#[test]
fn members_have_an_order() {
    let mut appliance = Appliance::new();
    appliance.order = vec![DISK, "a.ovf", "a.mf"];
    assert_breaks(
        &appliance.ova(),
        "ova-order",
        "\"a-disk1.vmdk\" comes before",
    );
    assert_breaks(&appliance.ova(), "package", "an OVA");

    appliance.order = vec!["a.ovf", DISK, "a.mf", "extra"];
    fs::write(appliance.path("extra"), "more").unwrap();
    assert_breaks(
        &appliance.ova(),
        "ova-manifest-place",
        "between \"a-disk1.vmdk\" and \"extra\"",
    );
    assert!(refused(&appliance.ova(), Platform::Vmware).is_empty());

    let mut two = Appliance::new();
    fs::copy(two.path(DISK), two.path("b.vmdk")).unwrap();
    two.edit(
        "  </References>",
        "<File ovf:href=\"b.vmdk\" ovf:id=\"file2\"/></References>",
    );
    two.order = vec!["a.ovf", "b.vmdk", DISK, "a.mf"];
    assert_breaks(&two.ova(), "ova-disk-order", "which comes later");
    two.order = vec!["a.ovf", DISK, "b.vmdk", "a.mf"];
    assert!(!broken(&verify::file(&two.ova()).unwrap()).contains("ova-disk-order"));
}

#[test]
fn the_archive_is_a_plain_one() {
    let mut appliance = Appliance::new();
    appliance.tar_format = "pax";
    assert_breaks(&appliance.ova(), "ova-tar", "extended header");
    appliance.tar_format = "ustar";
    fs::create_dir(appliance.path("folder")).unwrap();
    appliance.order.push("folder");
    assert_breaks(&appliance.ova(), "ova-tar", "no regular file");

    let whole = fs::read(Appliance::new().ova()).unwrap();
    let cut = appliance.path("cut.ova");
    fs::write(&cut, &whole[..whole.len() / 512 / 2 * 512]).unwrap();
    assert_breaks(&cut, "archive-damaged", "without the blocks of zeros");
    let mut without = Appliance::new();
    without.order = vec![DISK];
    assert_breaks(&without.ova(), "ovf-missing", ".ovf");
}

#[test]
fn manifests_are_read_to_the_letter() {
    let mut appliance = Appliance::new();
    let right = appliance.digests();
    let mut with = |text: String| {
        appliance.manifest = Some(("a.mf", Some(text)));
        appliance.ova()
    };
    for (old, new) in [
        ("SHA256(", "SHA256 ("),
        (")= ", ") = "),
        (")= ", ")="),
        ("SHA256(", "sha256("),
        ("SHA256(", "MD5("),
        ("SHA256(", "SHA1("),
    ] {
        assert_breaks(
            &with(right.replace(old, new)),
            "ovf-manifest-syntax",
            "line 1",
        );
    }
    // As `sha256sum` writes it.
    let sums = right.replace("SHA256(a.ovf)= ", "");
    assert_breaks(&with(sums), "ovf-manifest-syntax", "line 1");
    // Capital digits are digits.
    let lines = right.lines().map(|line| {
        let (name, digest) = line.split_once(")= ").unwrap();
        format!("{name})= {}", digest.to_ascii_uppercase())
    });
    let capitals = lines.collect::<Vec<_>>().join("\r\n") + "\r\n";
    assert_eq!(
        broken(&verify::file(&with(capitals)).unwrap()),
        BTreeSet::new()
    );

    let other = "0".repeat(64);
    let wrong = format!("SHA256(a.ovf)= {other}\n{}", right.lines().nth(1).unwrap());
    assert_breaks(&with(wrong), "ovf-manifest-digest", "\"a.ovf\" has");
    let absent = format!("{right}SHA256(b.vmdk)= {other}\n");
    assert_breaks(&with(absent), "ovf-manifest-file", "\"b.vmdk\"");
    let half = right.lines().next().unwrap().to_owned() + "\n";
    assert_breaks(&with(half), "ovf-manifest-incomplete", DISK);

    let mut named = Appliance::new();
    named.manifest = Some(("b.mf", None));
    named.order = vec!["a.ovf", DISK, "b.mf"];
    assert_breaks(&named.ova(), "ovf-manifest-name", "\"a.ovf\"");
}

#[test]
fn other_digests_are_computed_too() {
    use sha1::Digest;
    let mut appliance = Appliance::new();
    appliance.digests();
    let bytes = |name: &str| fs::read(appliance.path(name)).unwrap();
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let text = format!(
        "SHA1(a.ovf)= {}\nSHA512({DISK})= {}\n",
        hex(&sha1::Sha1::digest(bytes("a.ovf"))),
        hex(&sha2::Sha512::digest(bytes(DISK))),
    );
    appliance.manifest = Some(("a.mf", Some(text)));
    assert_eq!(
        broken(&verify::file(&appliance.ova()).unwrap()),
        BTreeSet::new()
    );
}

#[test]
fn a_changed_disk_has_another_digest() {
    let appliance = Appliance::new();
    let ova = appliance.ova();
    let mut bytes = fs::read(&ova).unwrap();
    let grain = bytes.windows(4).position(|at| at == b"KDMV").unwrap() + 128 * 512 + 40;
    bytes[grain..grain + 20].fill(0xFF);
    fs::write(&ova, bytes).unwrap();
    assert_breaks(&ova, "ovf-manifest-digest", DISK);
    // And the grain is damaged, in the file that is named.
    let verified = verify::file(&ova).unwrap();
    let mut seen = verified.observations.iter();
    let grain = seen
        .find(|seen| seen.rule.name == "vmdk-stream-grain")
        .unwrap();
    assert_eq!(grain.place.file.as_deref(), Some(DISK));
}

/// Damage that other programs mind, too: virt-v2v checks the manifest and looks for the files, Common OVF Tool reads
/// the document, xmllint its syntax.
#[test]
fn other_programs_do_not_take_them_either() {
    let whole = Appliance::new();
    oracle::virt_v2v_source("ova", &whole.ova()).unwrap();
    let mut plain = Appliance::new();
    plain.manifest = None;
    plain.order = vec!["a.ovf", DISK];
    oracle::cot_info(&plain.ova()).unwrap();
    oracle::xmllint(&whole.path("a.ovf")).unwrap();

    let mut changed = Appliance::new();
    let wrong = changed.digests().replace(")= ", ")= 0");
    let wrong: String = wrong
        .lines()
        .map(|line| line[..line.len() - 1].to_owned() + "\n")
        .collect();
    changed.manifest = Some(("a.mf", Some(wrong)));
    assert_breaks(&changed.ova(), "ovf-manifest-digest", "a.ovf");
    assert!(oracle::virt_v2v_source("ova", &changed.ova()).is_err());

    let mut absent = Appliance::new();
    absent.manifest = None;
    absent.order = vec!["a.ovf"];
    assert_breaks(&absent.ova(), "ovf-file-missing", DISK);
    assert!(oracle::virt_v2v_source("ova", &absent.ova()).is_err());
    assert!(oracle::cot_info(&absent.ova()).is_err());

    for (rule, old, new) in [
        (
            "ovf-file-ref",
            "ovf:fileRef=\"file1\"",
            "ovf:fileRef=\"file2\"",
        ),
        ("ovf-disk-unknown", "ovf:/disk/vmdisk1", "ovf:/disk/vmdisk2"),
    ] {
        let mut broken = Appliance::new();
        broken.manifest = None;
        broken.order = vec!["a.ovf", DISK];
        broken.edit(old, new);
        assert_breaks(&broken.ova(), rule, "2");
        assert!(
            oracle::virt_v2v_source("ova", &broken.ova()).is_err(),
            "{rule}"
        );
    }
    let mut torn = Appliance::new();
    torn.edit("</Envelope>", "</Envelop>");
    assert_breaks(&torn.loose(), "ovf-xml", "");
    assert!(oracle::xmllint(&torn.loose()).is_err());
}
