//! Packages as they are written, judged by other programs.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use kurmadisk::ImageFormat;
use kurmadisk::package::{self, Context, Release, Target};
use kurmadisk_fixtures::oracle::{self, Unpacker};
use tempfile::TempDir;

use super::support::{BARE, FULL, plan, spec};

/// Packages of one description in a folder of their own, and the disk as it is.
pub struct Written {
    folder: TempDir,
}

impl Written {
    pub fn new(text: &str, targets: &[Target]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let spec = spec(text);
        let plan = plan(&spec, targets[0]);
        let packages = targets.iter().map(|target| {
            let context = Context::new(&spec, &plan, *target).expect("a context");
            package::package(&context).expect("a package")
        });
        let packages: Vec<_> = packages.collect();
        let disk = plan.disk_map().expect("a disk");
        let options = plan.image_options("disk");
        let progress = &mut |_| ControlFlow::Continue(());
        let mut release = Release::new(folder.path().join("out"), 0).expect("a folder");
        let written = release.write(&disk, &options, &packages, progress);
        written.expect("it is written");
        release.finish().expect("it is complete");
        let it = Self { folder };
        let written = plan.write(ImageFormat::Raw, &it.raw(), progress);
        written.expect("it is written");
        it
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    /// The folder that an archive was unpacked into.
    pub fn unpacked(&self, archive: &str, by: Unpacker) -> PathBuf {
        let folder = self.folder.path().join(format!("{archive} unpacked"));
        fs::create_dir(&folder).expect("a folder");
        by.unpack(&self.file(archive), &folder).expect("an archive");
        folder
    }

    /// The disk as it is.
    pub fn raw(&self) -> PathBuf {
        self.folder.path().join("disk.raw")
    }

    /// Holds an image against the disk.
    pub fn is_the_disk(&self, image: &Path, format: &str) {
        oracle::qemu_img_compare(image, format, &self.raw(), "raw").expect("the same disk");
    }
}

fn said(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

/// What Common OVF Tool reads of [`FULL`].
fn judged_by_cot(package: &Path) {
    let text = oracle::cot_info(package).expect("cot reads it");
    said(
        &text,
        &[
            "Product:  KurmaOS",
            "Vendor:   Kurma <makers>",
            "Version:  0.4.2",
            "Annotation: A \"small\" system | for containers.",
            "harddisk @ SATA 0:0",
            "System types:             vmx-14",
            "None (default)            4     2 GiB    3       0  1 /    69 MiB",
            "Ethernet 1    : NAT",
            "Ethernet 2    : Bridged",
            "Ethernet 3    : HostOnly",
        ],
    );
}

#[test]
fn an_appliance_is_read_as_it_was_described() {
    let written = Written::new(FULL, &[Target::Ova]);
    let appliance = written.file("kurma os.ova");
    // It checks the manifest's digests.
    let text = oracle::virt_v2v_source("ova", &appliance).expect("virt-v2v reads it");
    said(
        &text,
        &[
            "source name: Kurma & Söhne",
            "memory: 2147483648 (bytes)",
            "nr vCPUs: 4",
            "firmware: uefi",
            "0 [sata]",
            "Bridge \"NAT\" [e1000]",
            "Bridge \"HostOnly\" [e1000]",
        ],
    );
    let names = oracle::python_members(&appliance).expect("an archive");
    let names: Vec<_> = names.into_iter().map(|member| member.name).collect();
    assert_eq!(
        names,
        ["kurma_os.ovf", "kurma_os.mf", "kurma_os-disk1.vmdk"]
    );
    let folder = written.unpacked("kurma os.ova", Unpacker::Tar);
    let disk = folder.join("kurma_os-disk1.vmdk");
    written.is_the_disk(&disk, "vmdk");
    oracle::sevenzip_test(&disk).expect("7-Zip reads it");
    let document = folder.join("kurma_os.ovf");
    oracle::xmllint(&document).expect("XML");
    let attribute = |element: &str, name: &str| {
        let expression = format!("//*[local-name()='{element}']/@*[local-name()='{name}']");
        oracle::xpath(&document, &expression).expect("XML")
    };
    let len = fs::metadata(&disk).expect("a file").len();
    assert_eq!(attribute("File", "size"), len.to_string());
    assert_eq!(attribute("Disk", "capacity"), (69 << 20).to_string());
    assert_eq!(attribute("Machine", "name"), "Kurma & Söhne");
    assert_eq!(attribute("Firmware", "type"), "EFI");
    // VirtualBox looks for the image by this.
    let identity = attribute("Disk", "uuid");
    assert_eq!(attribute("Image", "uuid"), format!("{{{identity}}}"));
}

#[test]
fn manifests_have_the_digests_of_the_files() {
    type Judge = fn(&Path) -> Result<String, oracle::OracleError>;
    let judges: [(_, _, Judge); 2] = [
        ("sha256", "SHA256", oracle::sha256),
        ("sha1", "SHA1", oracle::sha1),
    ];
    for (key, digest, judge) in judges {
        let text = format!("{BARE}[target.ova]\nmanifest = \"{key}\"\n");
        let written = Written::new(&text, &[Target::Ova]);
        oracle::virt_v2v_source("ova", &written.file("bare.ova")).expect("virt-v2v reads it");
        let folder = written.unpacked("bare.ova", Unpacker::Bsdtar);
        let found = fs::read_to_string(folder.join("bare.mf")).expect("a manifest");
        let lines = ["bare.ovf", "bare-disk1.vmdk"].map(|name| {
            let told = judge(&folder.join(name)).expect("a digest");
            format!("{digest}({name})= {told}\n")
        });
        assert_eq!(found, lines.concat());
    }
    let text = format!("{BARE}[target.ova]\nmanifest = \"none\"\n");
    let written = Written::new(&text, &[Target::Ova]);
    let names = oracle::python_members(&written.file("bare.ova")).expect("an archive");
    assert_eq!(names.len(), 2);
}

/// Each version with the digest that Common OVF Tool takes for its own.
#[test]
fn both_versions_of_ovf_are_read_by_cot() {
    for (version, digest) in [("1.0", "sha1"), ("2.0", "sha256"), ("1.0", "none")] {
        let text = format!("{FULL}[target.ova]\novf = \"{version}\"\nmanifest = \"{digest}\"\n");
        let written = Written::new(&text, &[Target::Ova]);
        judged_by_cot(&written.file("kurma os.ova"));
    }
}

#[test]
fn vmware_s_machine_is_read_as_it_was_described() {
    let written = Written::new(FULL, &[Target::Vmware]);
    let folder = written.unpacked("kurma os-vmware.zip", Unpacker::Unzip);
    let folder = folder.join("kurma os-vmware");
    written.is_the_disk(&folder.join("kurma_os.vmdk"), "vmdk");
    let machine = folder.join("kurma_os.vmx");
    let text = oracle::virt_v2v_source("vmx", &machine).expect("virt-v2v reads it");
    said(
        &text,
        &[
            "source name: Kurma & Söhne",
            "memory: 2147483648 (bytes)",
            "nr vCPUs: 4",
            "firmware: uefi",
            "0 [sata]",
            "Network \"ethernet0\" [e1000]",
            "Bridge \"ethernet1\"",
        ],
    );
}

#[test]
fn every_controller_of_vmware_s_is_read() {
    for (controller, seen) in [
        ("sata", "0 [sata]"),
        ("scsi-lsilogic", "0 [scsi]"),
        ("scsi-lsisas", "0 [scsi]"),
        ("scsi-pvscsi", "0 [scsi]"),
        ("ide", "0 [ide]"),
        ("nvme", "0 [nvme]"),
    ] {
        let text = format!(
            "{BARE}[machine]\ndisk-controller = \"{controller}\"\n\
             [target.vmware]\nwrap = \"folder\"\n"
        );
        let written = Written::new(&text, &[Target::Vmware, Target::Ova]);
        let machine = written.file("bare-vmware/bare.vmx");
        let text = oracle::virt_v2v_source("vmx", &machine).expect("virt-v2v reads it");
        said(&text, &[seen, "firmware: bios"]);
        written.is_the_disk(&written.file("bare-vmware/bare.vmdk"), "vmdk");
        let text = oracle::virt_v2v_source("ova", &written.file("bare.ova"));
        said(&text.expect("virt-v2v reads it"), &["firmware: bios"]);
    }
}

#[test]
fn virtualbox_s_machine_names_its_disk() {
    let full = FULL.replace("pcnet32", "virtio");
    let text = format!("{full}[target.virtualbox]\nwith = \"vbox\"\nwrap = \"folder\"\n");
    let written = Written::new(&text, &[Target::Virtualbox]);
    let machine = written.file("kurma os-virtualbox/kurma_os.vbox");
    oracle::xmllint(&machine).expect("XML");
    let attribute = |element: &str, name: &str| {
        let expression = format!("//*[local-name()='{element}']/@{name}");
        oracle::xpath(&machine, &expression).expect("XML")
    };
    let disk = written
        .file("kurma os-virtualbox")
        .join(attribute("HardDisk", "location"));
    written.is_the_disk(&disk, "vdi");
    // The image's UUID lies at 0x188, its first three fields with the least byte first.
    let bytes = fs::read(&disk).expect("an image");
    let uuid = uuid::Uuid::from_slice_le(&bytes[0x188..0x198]).expect("sixteen bytes");
    assert_eq!(attribute("HardDisk", "uuid"), format!("{{{uuid}}}"));
    assert_eq!(attribute("Image", "uuid"), format!("{{{uuid}}}"));
}

#[test]
fn virtualbox_s_zip_is_an_ovf() {
    let full = FULL.replace("pcnet32", "virtio");
    let text = format!("{full}[target.virtualbox]\nmanifest = \"sha1\"\n");
    let written = Written::new(&text, &[Target::Virtualbox]);
    let folder = written.unpacked("kurma os-virtualbox.zip", Unpacker::Bsdtar);
    let folder = folder.join("kurma os-virtualbox");
    judged_by_cot(&folder.join("kurma_os.ovf"));
    written.is_the_disk(&folder.join("kurma_os-disk1.vmdk"), "vmdk");
}

#[test]
fn vagrant_adds_the_boxes_from_their_catalogues() {
    let written = Written::new(FULL, &[Target::VagrantVirtualbox, Target::VagrantVmware]);
    for (target, provider) in [
        (Target::VagrantVirtualbox, "virtualbox"),
        (Target::VagrantVmware, "vmware_desktop"),
    ] {
        let catalogue = written.file(&format!("kurma os-{target}.json"));
        let added = oracle::vagrant_box_add(&catalogue, provider).expect("Vagrant takes it");
        assert_eq!(added, format!("kurma_os ({provider}, 0.4.2)\n"));
        let folder = written.unpacked(&format!("kurma os-{target}.box"), Unpacker::Bsdtar);
        if target == Target::VagrantVmware {
            written.is_the_disk(&folder.join("kurma_os.vmdk"), "vmdk");
            let text = oracle::virt_v2v_source("vmx", &folder.join("kurma_os.vmx"));
            said(&text.expect("virt-v2v reads it"), &["firmware: uefi"]);
        } else {
            written.is_the_disk(&folder.join("box-disk1.vmdk"), "vmdk");
            let text = oracle::cot_info(&folder.join("box.ovf"));
            said(&text.expect("cot reads it"), &["harddisk @ SATA 0:0"]);
        }
    }
}

#[test]
fn a_license_comes_with_the_machine() {
    let license = license_file();
    let text = format!("{BARE}[machine]\nlicense = {:?}\n", license.path());
    let written = Written::new(&text, &[Target::Vmware, Target::Ova]);
    let folder = written.unpacked("bare-vmware.zip", Unpacker::Unzip);
    let found = fs::read_to_string(folder.join("bare-vmware/LICENSE")).expect("a license");
    assert_eq!(found, LICENSE);
    let folder = written.unpacked("bare.ova", Unpacker::Tar);
    let document = folder.join("bare.ovf");
    let found = oracle::xpath(&document, "//*[local-name()='License']").expect("XML");
    assert_eq!(found, LICENSE.trim_end_matches('\n').replace('\u{c}', ""));
}

const LICENSE: &str = "Terms & <conditions>\n\u{c}\n  \"as is\"\n";

fn license_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), LICENSE).expect("a text");
    file
}
