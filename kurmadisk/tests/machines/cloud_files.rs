//! Packages for clouds and servers as they are written: the disk in each, by other programs.

use kurmadisk::package::Target;
use kurmadisk_fixtures::oracle::{self, Unpacker};

use super::judged::Written;
use super::support::FULL;

/// A machine that all of these targets have, with a disk that all clouds take.
fn text() -> String {
    format!("size = \"1 GiB\"\n{}", FULL.replace("pcnet32", "e1000"))
}

/// All of them in one pass.
#[test]
fn every_package_has_the_disk() {
    let written = Written::new(
        &text(),
        &[
            Target::Openstack,
            Target::Aws,
            Target::Gce,
            Target::Azure,
            Target::Hyperv,
            Target::Proxmox,
            Target::Libvirt,
            Target::VagrantLibvirt,
        ],
    );
    let openstack = written.unpacked("kurma os-openstack.zip", Unpacker::Unzip);
    let folder = openstack.join("kurma os-openstack");
    written.is_the_disk(&folder.join("kurma_os.qcow2"), "qcow2");
    assert!(folder.join("image.json").is_file());

    written.is_the_disk(&written.file("kurma os-aws/kurma_os.vmdk"), "vmdk");

    for tar in [Unpacker::Tar, Unpacker::Bsdtar] {
        let gce = written
            .unpacked("kurma os-gce.tar.gz", tar)
            .join("disk.raw");
        written.is_the_disk(&gce, "raw");
        let parent = gce.parent().unwrap();
        assert_eq!(parent.read_dir().unwrap().count(), 1);
        std::fs::remove_dir_all(parent).unwrap();
    }

    let azure = written.file("kurma os-azure.vhd");
    written.is_the_disk(&azure, "vpc");
    assert_eq!(azure.metadata().unwrap().len(), (1 << 30) + 512);

    let hyperv = written.unpacked("kurma os-hyperv.zip", Unpacker::Bsdtar);
    written.is_the_disk(&hyperv.join("kurma os-hyperv/kurma_os.vhdx"), "vhdx");

    for target in [Target::Proxmox, Target::Libvirt] {
        let disk = format!("kurma os-{target}/kurma_os.qcow2");
        written.is_the_disk(&written.file(&disk), "qcow2");
    }

    let vagrant = written.unpacked("kurma os-vagrant-libvirt.box", Unpacker::Tar);
    written.is_the_disk(&vagrant.join("box.img"), "qcow2");
    oracle::ruby_syntax(&vagrant.join("Vagrantfile")).unwrap();
    let catalogue = written.file("kurma os-vagrant-libvirt.json");
    let added = oracle::vagrant_box_add(&catalogue, "libvirt").unwrap();
    assert_eq!(added, "kurma_os (libvirt, 0.4.2)\n");

    let folder = written.file("");
    let listed = oracle::sha256sum_check(&folder, "SHA256SUMS").unwrap();
    assert_eq!(listed, 1 + 4 + 2 + 1 + 1 + 2 + 2 + 2);
}

#[test]
fn amazon_imports_other_formats() {
    for (format, ending, name) in [("vhd", "vhd", "vpc"), ("raw", "raw", "raw")] {
        let asked = format!("{}[target.aws]\nformat = \"{format}\"\n", text());
        let written = Written::new(&asked, &[Target::Aws]);
        let disk = written.file(&format!("kurma os-aws/kurma_os.{ending}"));
        written.is_the_disk(&disk, name);
    }
}
