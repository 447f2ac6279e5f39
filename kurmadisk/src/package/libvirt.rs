//! libvirt with QEMU: a qcow2, and the machine as a domain (<https://libvirt.org/formatdomain.html>).

use kurmadisk_formats::image::ImageFormat;

use super::hardware::{Card, Choices, Hardware};
use super::model::{Member, Package};
use super::xml::Xml;
use super::{Context, MacBlock, PackageError};
use crate::spec::{DiskController, Firmware, Network, NicModel, Wrap};

/// What QEMU gives libvirt's machines.
pub(super) const CHOICES: Choices = Choices {
    controllers: &[
        DiskController::Virtio,
        DiskController::VirtioScsi,
        DiskController::Sata,
        DiskController::LsiSas,
        DiskController::Ide,
    ],
    nics: &[
        NicModel::Virtio,
        NicModel::E1000e,
        NicModel::E1000,
        NicModel::Vmxnet3,
        NicModel::Pcnet32,
    ],
    macs: MacBlock::Qemu,
};

/// The folder of libvirt's usual pool: the disk's path has to be absolute.
const POOL: &str = "/var/lib/libvirt/images";

/// The namespace of libosinfo's metadata.
const OSINFO: &str = "http://libosinfo.org/xmlns/libvirt/domain/1.0";

/// The package for `context`.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    let folder = context.folder();
    let name = context.plain_name();
    let disk = format!("{name}.qcow2");
    let hardware = Hardware::new(context, &CHOICES)?;
    let domain = domain(context, &hardware, &disk);
    let mut members = vec![
        context.disk(format!("{folder}/{disk}"), ImageFormat::Qcow2),
        Member::text(format!("{folder}/{name}.xml"), domain),
    ];
    members.extend(context.license(&folder));
    let wrap = context.options.wrap.as_ref();
    let wrap = wrap.map_or(Wrap::Folder, |wrap| wrap.value);
    Ok(Package::wrapped(context, wrap, members))
}

/// The machine, with its disk in the pool's file `disk`.
fn domain(context: &Context, hardware: &Hardware, disk: &str) -> String {
    let machine = &context.machine;
    let mut xml = Xml::new();
    xml.element("domain", &[("type", "kvm")], |xml| {
        xml.leaf("name", &[], &context.plain_name());
        xml.leaf("uuid", &[], &machine.uuid.to_string());
        xml.leaf("title", &[], &machine.name);
        xml.leaf_if("description", machine.description.as_deref());
        xml.element("metadata", &[], |xml| {
            xml.element(
                "libosinfo:libosinfo",
                &[("xmlns:libosinfo", OSINFO)],
                |xml| {
                    xml.empty("libosinfo:os", &[("id", machine.guest_os.names().osinfo)]);
                },
            );
        });
        xml.leaf("memory", &[("unit", "MiB")], &machine.memory.to_string());
        xml.leaf("vcpu", &[], &machine.cpus.to_string());
        system(xml, machine.firmware, hardware.controller);
        xml.element("features", &[], |xml| {
            xml.empty("acpi", &[]);
            xml.empty("apic", &[]);
        });
        xml.empty("cpu", &[("mode", "host-model")]);
        xml.empty("clock", &[("offset", "utc")]);
        xml.element("devices", &[], |xml| devices(xml, context, hardware, disk));
    });
    xml.finish()
}

/// The PC that IDE belongs to, or one with PCI Express.
fn chipset(controller: DiskController) -> &'static str {
    match controller {
        DiskController::Ide => "pc",
        _ => "q35",
    }
}

fn system(xml: &mut Xml, firmware: Firmware, controller: DiskController) {
    let efi: &[_] = match firmware {
        Firmware::Bios => &[],
        Firmware::Efi => &[("firmware", "efi")],
    };
    xml.element("os", efi, |xml| {
        let machine = chipset(controller);
        xml.leaf("type", &[("arch", "x86_64"), ("machine", machine)], "hvm");
        if firmware == Firmware::Efi {
            xml.element("firmware", &[], |xml| {
                let no = ("enabled", "no");
                xml.empty("feature", &[no, ("name", "enrolled-keys")]);
                xml.empty("feature", &[no, ("name", "secure-boot")]);
            });
        }
        xml.empty("boot", &[("dev", "hd")]);
    });
}

fn devices(xml: &mut Xml, context: &Context, hardware: &Hardware, disk: &str) {
    let (bus, device) = match hardware.controller {
        DiskController::VirtioScsi | DiskController::LsiSas => ("scsi", "sda"),
        DiskController::Sata => ("sata", "sda"),
        DiskController::Ide => ("ide", "hda"),
        _ => ("virtio", "vda"),
    };
    let file = ("type", "file");
    xml.element("disk", &[file, ("device", "disk")], |xml| {
        let driver = [("name", "qemu"), ("type", "qcow2"), ("discard", "unmap")];
        xml.empty("driver", &driver);
        xml.empty("source", &[("file", &format!("{POOL}/{disk}"))]);
        xml.empty("target", &[("dev", device), ("bus", bus)]);
    });
    let scsi = match hardware.controller {
        DiskController::VirtioScsi => Some("virtio-scsi"),
        DiskController::LsiSas => Some("lsisas1068"),
        _ => None,
    };
    if let Some(model) = scsi {
        let controller = [("type", "scsi"), ("index", "0"), ("model", model)];
        xml.empty("controller", &controller);
    }
    for &card in &hardware.nics {
        network_card(xml, card);
    }
    if context.machine.serial {
        xml.empty("serial", &[("type", "pty")]);
        xml.empty("console", &[("type", "pty")]);
    }
    xml.empty("graphics", &[("type", "vnc"), ("autoport", "yes")]);
    xml.element("video", &[], |xml| {
        // All firmware and every kernel draws on it.
        xml.empty("model", &[("type", "vga")]);
    });
    xml.element("rng", &[("model", "virtio")], |xml| {
        xml.leaf("backend", &[("model", "random")], "/dev/urandom");
    });
}

fn network_card(xml: &mut Xml, card: Card) {
    // libvirt's own network, and names for those that an administrator makes.
    let (kind, source) = match card.network {
        Network::Nat => ("network", ("network", "default")),
        Network::HostOnly => ("network", ("network", "isolated")),
        Network::Bridged => ("bridge", ("bridge", "br0")),
    };
    xml.element("interface", &[("type", kind)], |xml| {
        xml.empty("mac", &[("address", &card.mac.to_string())]);
        xml.empty("source", &[source]);
        xml.empty("model", &[("type", nic_model(card.model))]);
    });
}

/// What libvirt calls a network card.
pub(super) fn nic_model(model: NicModel) -> &'static str {
    match model {
        NicModel::Virtio => "virtio",
        NicModel::E1000 => "e1000",
        NicModel::E1000e => "e1000e",
        NicModel::Vmxnet3 => "vmxnet3",
        NicModel::Pcnet32 => "pcnet",
    }
}
