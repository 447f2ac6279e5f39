//! What clouds and servers are told, judged by their own schemas and clients.

use std::path::{Path, PathBuf};

use kurmadisk::package::{Member, PackageFile, Target};
use kurmadisk_fixtures::oracle;

use super::golden::golden;
use super::support::{BARE, FULL, package, refusal, text_of};

/// What these targets have of [`FULL`]'s second network card.
fn full() -> String {
    FULL.replace("pcnet32", "e1000")
}

/// The same with a disk of a size that every cloud takes.
fn gib(text: &str) -> String {
    format!("size = \"2 GiB\"\n{text}")
}

/// A machine with `lines` in its description, and in that of the image `head`.
fn with(head: &str, lines: &str) -> String {
    format!("{head}\n{BARE}[machine]\n{lines}\n")
}

#[test]
fn every_description() {
    for target in [
        Target::Openstack,
        Target::Hyperv,
        Target::Proxmox,
        Target::Libvirt,
    ] {
        golden(target.name(), &full(), target);
        golden(&format!("{target}-bare"), BARE, target);
    }
    golden("vagrant-libvirt", &full(), Target::VagrantLibvirt);
    golden("vagrant-libvirt-bare", BARE, Target::VagrantLibvirt);
    for target in [Target::Aws, Target::Gce, Target::Azure] {
        golden(target.name(), &gib(&full()), target);
    }
    let asked = "[target.aws]\nformat = \"vhd\"\nbucket = \"kurma.images\"\n";
    golden("aws-vhd", &gib(&format!("{BARE}{asked}")), Target::Aws);
    let asked = "[target.gce]\nbucket = \"kurma_images\"\n";
    golden("gce-bare", &gib(&format!("{BARE}{asked}")), Target::Gce);
}

struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder }
    }

    /// A file with this text.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        path
    }
}

#[test]
fn amazon_takes_its_requests() {
    let written = Written::new();
    let vhd = "[target.aws]\nformat = \"vhd\"\n";
    let raw = "[target.aws]\nformat = \"raw\"\nbucket = \"a-bucket\"\n";
    let odd = with("", "name = \"ü\"\ndescription = \"ä\"");
    for text in [
        full(),
        BARE.to_owned(),
        format!("{BARE}{vhd}"),
        format!("{BARE}{raw}"),
        odd,
    ] {
        let package = package(&text, Target::Aws);
        let request = |file: &str| written.file(file, &text_of(&package, file));
        oracle::aws_requests(&[
            (&request("import-snapshot.json"), "ImportSnapshot"),
            (&request("import-image.json"), "ImportImage"),
            (&request("register-image.json"), "RegisterImage"),
        ])
        .unwrap();
    }
}

#[test]
fn glance_takes_its_properties() {
    let written = Written::new();
    let mut texts = vec![full(), BARE.to_owned()];
    for controller in ["virtio", "scsi-virtio", "sata", "ide"] {
        texts.push(with(
            "",
            &format!("disk-controller = \"{controller}\"\nnic = []"),
        ));
    }
    for model in ["virtio", "e1000", "e1000e", "vmxnet3", "pcnet32"] {
        texts.push(with("", &format!("nic = [{{ model = \"{model}\" }}]")));
    }
    for system in ["ubuntu-64", "fedora-64", "rhel-9-64", "sles-15-64"] {
        texts.push(with("", &format!("guest-os = \"{system}\"")));
    }
    for text in texts {
        let package = package(&text, Target::Openstack);
        let image = written.file("image.json", &text_of(&package, "image.json"));
        oracle::glance_image(&image).unwrap();
    }
}

#[test]
fn libvirt_takes_its_domains() {
    let written = Written::new();
    let mut texts = vec![full(), BARE.to_owned()];
    for firmware in ["bios", "efi"] {
        for controller in ["virtio", "scsi-virtio", "scsi-lsisas", "sata", "ide"] {
            let lines = format!("disk-controller = \"{controller}\"\nfirmware = \"{firmware}\"");
            texts.push(with("", &format!("{lines}\nserial = false\nnic = []")));
        }
    }
    for model in ["virtio", "e1000", "e1000e", "vmxnet3", "pcnet32"] {
        let nic = format!("nic = [{{ model = \"{model}\", network = \"bridged\" }}]");
        texts.push(with("", &nic));
    }
    texts.push(with(
        "",
        "name = \"a/b <&> c\"\ndescription = '''\n<]]>\n&amp;'''",
    ));
    for text in texts {
        let package = package(&text, Target::Libvirt);
        let domain = written.file("domain.xml", &text_of(&package, ".xml"));
        oracle::libvirt_domain(&domain).unwrap();
    }
}

/// What the script makes `qm create` be called with.
fn qm(script: &Path) -> Vec<String> {
    oracle::shellcheck(script).unwrap();
    let told = oracle::called_by_script(script, &["123", "local-zfs"], "qm").unwrap();
    assert_eq!(told[..2], ["create", "123"]);
    told[2..].to_vec()
}

/// The value behind an option.
fn option<'a>(told: &'a [String], name: &str) -> Option<&'a str> {
    let at = told.iter().position(|word| word == name)?;
    told.get(at + 1).map(String::as_str)
}

#[test]
fn proxmox_scripts_are_read_by_a_shell() {
    let written = Written::new();
    let description = "it's \"$x\" `date` \\ %s\n\ttwo lines";
    let text = with("", &format!("description = '''\n{description}'''"));
    let script = text_of(&package(&text, Target::Proxmox), "create.sh");
    let told = qm(&written.file("create.sh", &script));
    assert_eq!(option(&told, "--description"), Some(description));
    assert_eq!(option(&told, "--bios"), Some("seabios"));
    let folder = written.folder.path().canonicalize().unwrap();
    let disk = format!("local-zfs:0,import-from={}/bare.qcow2", folder.display());
    assert_eq!(option(&told, "--scsi0"), Some(&*disk));
    assert_eq!(option(&told, "--scsihw"), Some("virtio-scsi-single"));
    assert_eq!(option(&told, "--boot"), Some("order=scsi0"));
    let nic = option(&told, "--net0").unwrap();
    assert!(
        nic.starts_with("virtio=52:54:00:") && nic.ends_with(",bridge=vmbr0"),
        "{nic}"
    );

    let script = text_of(&package(&full(), Target::Proxmox), "create.sh");
    let told = qm(&written.file("create.sh", &script));
    assert_eq!(option(&told, "--name"), Some("kurma-s-hne"));
    assert_eq!(option(&told, "--bios"), Some("ovmf"));
    let keys = "local-zfs:1,efitype=4m,pre-enrolled-keys=0";
    assert_eq!(option(&told, "--efidisk0"), Some(keys));
    for (controller, slot, scsi) in [
        ("virtio", "virtio0", None),
        ("sata", "sata0", None),
        ("ide", "ide0", None),
        ("scsi-pvscsi", "scsi0", Some("pvscsi")),
    ] {
        let text = with(
            "",
            &format!("disk-controller = \"{controller}\"\nnic = []\nserial = false"),
        );
        let script = text_of(&package(&text, Target::Proxmox), "create.sh");
        let told = qm(&written.file("create.sh", &script));
        assert!(option(&told, &format!("--{slot}")).is_some(), "{told:?}");
        assert_eq!(option(&told, "--scsihw"), scsi);
        assert_eq!(option(&told, "--net0"), None);
        assert_eq!(option(&told, "--serial0"), None);
    }
}

/// No PowerShell reads the script here: that quotes and brackets are in pairs, and the order of what depends on each
/// other, is all that is shown.
#[test]
fn hyperv_scripts_have_their_shape() {
    let text = with("", "name = \"it's\"\ndescription = '''\n‘a’ $b\n'''");
    let script = text_of(&package(&text, Target::Hyperv), ".ps1");
    assert!(script.starts_with('\u{FEFF}'));
    let lines: Vec<_> = script.trim_end().split("\r\n").collect();
    assert!(script.contains("[string] $Name = 'it''s',"));
    assert!(script.contains("-Notes '‘‘a’’ $b\r\n'"));
    assert!(
        lines
            .iter()
            .any(|line| line.contains("-Generation 1 -MemoryStartupBytes 1024MB"))
    );
    for (open, close) in [('(', ')'), ('[', ']')] {
        let count = |c| script.matches(c).count();
        assert_eq!(count(open), count(close));
    }
    assert!(script.matches('\'').count().is_multiple_of(2));
    assert!(
        !script.contains("Set-VMFirmware"),
        "the first generation has none"
    );

    let script = text_of(&package(&full(), Target::Hyperv), ".ps1");
    let at = |word: &str| {
        script
            .find(word)
            .unwrap_or_else(|| panic!("no {word} in {script}"))
    };
    assert!(at("New-VM") < at("Set-VMFirmware -VM $vm -EnableSecureBoot Off"));
    assert!(at("Remove-VMNetworkAdapter") < at("Add-VMNetworkAdapter"));
    assert!(at("-Generation 2") < at("-StaticMacAddress '020000123456'"));
    assert_eq!(script.matches("Add-VMNetworkAdapter").count(), 3);
    assert_eq!(script.matches("-StaticMacAddress").count(), 1);
}

#[test]
fn disks_that_a_cloud_refuses() {
    let whole = "size = \"1 GiB\"";
    assert_eq!(package(&with(whole, ""), Target::Gce).files.len(), 2);
    let error = refusal(&with("size = \"1025 MiB\"", ""), Target::Gce);
    assert!(
        error.contains("multiples of 1 GiB; size = \"2 GiB\" is one"),
        "{error}"
    );
    let small = "name = \"small\"\nsize = \"19 MiB\"\n[disk]\ntable = \"mbr\"\n[[partition]]\nnumber = 1\n\
                 type = \"linux\"\nsize = \"1 MiB\"\n";
    let error = refusal(small, Target::Azure);
    assert!(error.contains("size = \"20 MiB\" is one"), "{error}");
    for name in ["Kurma", "a/b", ""] {
        let asked = format!("{BARE}[target.aws]\nbucket = \"{name}\"\n");
        let error = refusal(&asked, Target::Aws);
        assert!(error.contains("test.toml:4:10: bucket: "), "{error}");
    }
}

#[test]
fn wrapped_as_asked() {
    for (target, default) in [
        (Target::Openstack, true),
        (Target::Proxmox, false),
        (Target::Libvirt, false),
        (Target::Hyperv, true),
        (Target::Aws, false),
    ] {
        let is_zip = |text: &str| match &package(text, target).files[..] {
            [PackageFile::Archive(_)] => true,
            files => {
                let plain = |file: &PackageFile| matches!(file, PackageFile::Plain(_));
                assert!(files.iter().all(plain));
                false
            }
        };
        assert_eq!(is_zip(BARE), default, "{target}");
        if ![Target::Hyperv, Target::Aws].contains(&target) {
            for (wrap, zip) in [("zip", true), ("folder", false)] {
                let text = format!("{BARE}[target.{target}]\nwrap = \"{wrap}\"\n");
                assert_eq!(is_zip(&text), zip, "{target}");
            }
        }
    }
}

/// A license is beside the disk in each package that is a folder.
#[test]
fn licenses_come_along() {
    let written = Written::new();
    let license = written.file("LICENSE", "Do as you like.\n");
    let text = with("", &format!("license = \"{}\"", license.display()));
    for target in [
        Target::Openstack,
        Target::Aws,
        Target::Hyperv,
        Target::Proxmox,
        Target::Libvirt,
    ] {
        let package = package(&text, target);
        let found =
            super::support::members(&package).find(|member| member.name().ends_with("/LICENSE"));
        assert!(matches!(found, Some(Member::Text { .. })), "{target}");
    }
}
