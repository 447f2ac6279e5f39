//! VirtualBox's own description of a machine, as the file it opens and as a part of an OVF.
//!
//! Its elements and values are those of `VirtualBox-settings.xsd`. The version of the settings decides what
//! VirtualBox looks for where: 1.15 is VirtualBox 5.0's, which every later one reads.

use uuid::Uuid;

use super::hardware::{Card, Hardware};
use super::xml::Xml;
use super::{Context, MacAddress};
use crate::spec::{DiskController, Firmware, Network, NicModel};

/// The disk that is attached.
#[derive(Clone, Copy, Debug)]
pub(super) struct DiskImage<'a> {
    /// The UUID by which VirtualBox knows it.
    pub uuid: Uuid,
    /// The VDI that it is, where it is registered with the machine.
    pub file: Option<&'a str>,
}

/// The file that VirtualBox opens as a machine.
pub(super) fn file(context: &Context, hardware: &Hardware, disk: &DiskImage<'_>) -> String {
    let mut xml = Xml::new();
    let attributes = [
        ("xmlns", "http://www.virtualbox.org/"),
        ("version", version(hardware.controller)),
    ];
    xml.element("VirtualBox", &attributes, |xml| {
        let attributes = Machine::new(context);
        xml.element("Machine", &attributes.list(&[]), |xml| {
            machine(xml, context, hardware, disk);
        });
    });
    xml.finish()
}

/// The machine as a section of an OVF's virtual system; programs that don't know it pass over it.
pub(super) fn in_ovf(xml: &mut Xml, context: &Context, hardware: &Hardware, disk: &DiskImage<'_>) {
    let own = [
        ("ovf:required", "false"),
        ("version", version(hardware.controller)),
    ];
    let attributes = Machine::new(context);
    xml.element("vbox:Machine", &attributes.list(&own), |xml| {
        xml.leaf("ovf:Info", &[], "The machine in VirtualBox's own words");
        machine(xml, context, hardware, disk);
    });
}

/// The version of settings that knows the controller.
fn version(controller: DiskController) -> &'static str {
    match controller {
        DiskController::Nvme => "1.16-linux",
        DiskController::VirtioScsi => "1.18-linux",
        _ => "1.15-linux",
    }
}

/// The attributes of a machine.
struct Machine<'a> {
    uuid: String,
    name: &'a str,
    os: &'static str,
}

impl<'a> Machine<'a> {
    fn new(context: &'a Context) -> Self {
        Self {
            uuid: braced(context.machine.uuid),
            name: &context.machine.name,
            os: context.machine.guest_os.names().virtualbox,
        }
    }

    fn list<'b>(&'b self, first: &[(&'b str, &'b str)]) -> Vec<(&'b str, &'b str)> {
        let own = [
            ("uuid", self.uuid.as_str()),
            ("name", self.name),
            ("OSType", self.os),
            ("snapshotFolder", "Snapshots"),
        ];
        [first, &own].concat()
    }
}

fn machine(xml: &mut Xml, context: &Context, hardware: &Hardware, disk: &DiskImage<'_>) {
    let uuid = braced(disk.uuid);
    if let Some(file) = disk.file {
        xml.element("MediaRegistry", &[], |xml| {
            xml.element("HardDisks", &[], |xml| {
                let attributes = [
                    ("uuid", uuid.as_str()),
                    ("location", file),
                    ("format", "VDI"),
                    ("type", "Normal"),
                ];
                xml.empty("HardDisk", &attributes);
            });
        });
    }
    xml.leaf_if("Description", context.machine.description.as_deref());
    devices(xml, context, hardware);
    let (name, kind, ports) = controller(hardware.controller);
    let attributes = [
        ("name", name),
        ("type", kind),
        ("PortCount", ports),
        ("useHostIOCache", "false"),
        ("Bootable", "true"),
    ];
    xml.element("StorageControllers", &[], |xml| {
        xml.element("StorageController", &attributes, |xml| {
            let attributes = [("type", "HardDisk"), ("port", "0"), ("device", "0")];
            xml.element("AttachedDevice", &attributes, |xml| {
                xml.empty("Image", &[("uuid", &uuid)]);
            });
        });
    });
}

fn devices(xml: &mut Xml, context: &Context, hardware: &Hardware) {
    let machine = &context.machine;
    let (cpus, memory) = (machine.cpus.to_string(), machine.memory.to_string());
    let firmware = match machine.firmware {
        Firmware::Bios => "BIOS",
        Firmware::Efi => "EFI",
    };
    let on = [("enabled", "true")];
    xml.element("Hardware", &[], |xml| {
        xml.element("CPU", &[("count", &cpus)], |xml| {
            xml.empty("PAE", &on);
            xml.empty("LongMode", &on);
        });
        xml.empty("Memory", &[("RAMSize", &memory)]);
        xml.empty("Firmware", &[("type", firmware)]);
        xml.element("Boot", &[], |xml| {
            xml.empty("Order", &[("position", "1"), ("device", "HardDisk")]);
            xml.empty("Order", &[("position", "2"), ("device", "None")]);
        });
        xml.empty("Display", &[("VRAMSize", "16")]);
        // Of these settings, what is not said means that both are there.
        xml.empty("RemoteDisplay", &[("enabled", "false")]);
        let audio = [
            ("controller", "AC97"),
            ("driver", "Null"),
            ("enabled", "false"),
        ];
        xml.empty("AudioAdapter", &audio);
        // Without an I/O APIC there is one processor.
        xml.element("BIOS", &[], |xml| xml.empty("IOAPIC", &on));
        xml.element("Network", &[], |xml| {
            for (slot, card) in hardware.nics.iter().enumerate() {
                adapter(xml, slot, *card);
            }
        });
        if machine.serial {
            xml.element("UART", &[], |xml| {
                let port = [
                    ("slot", "0"),
                    ("enabled", "true"),
                    ("IOBase", "0x3f8"),
                    ("IRQ", "4"),
                    ("hostMode", "Disconnected"),
                ];
                xml.empty("Port", &port);
            });
        }
        xml.empty("RTC", &[("localOrUTC", "UTC")]);
    });
}

fn adapter(xml: &mut Xml, slot: usize, card: Card) {
    // What VirtualBox does not have becomes what it takes for the same in an OVF.
    let model = match card.model {
        NicModel::E1000 | NicModel::E1000e | NicModel::Vmxnet3 => "82545EM",
        NicModel::Virtio => "virtio",
        NicModel::Pcnet32 => "Am79C973",
    };
    let network = match card.network {
        Network::Nat => "NAT",
        Network::Bridged => "BridgedInterface",
        Network::HostOnly => "HostOnlyInterface",
    };
    let (slot, mac) = (slot.to_string(), digits(card.mac));
    let attributes = [
        ("slot", slot.as_str()),
        ("enabled", "true"),
        // What it means that nothing is said of the cable depends on the version.
        ("cable", "true"),
        ("MACAddress", &mac),
        ("type", model),
    ];
    xml.element("Adapter", &attributes, |xml| xml.empty(network, &[]));
}

/// Name, type and number of ports.
fn controller(controller: DiskController) -> (&'static str, &'static str, &'static str) {
    match controller {
        DiskController::Ide => ("IDE Controller", "PIIX4", "2"),
        DiskController::LsiLogic | DiskController::PvScsi => ("SCSI Controller", "LsiLogic", "16"),
        DiskController::LsiSas => ("SAS Controller", "LsiLogicSas", "8"),
        DiskController::VirtioScsi => ("VirtIO Controller", "VirtioSCSI", "1"),
        DiskController::Nvme => ("NVMe Controller", "NVMe", "1"),
        // No target of VirtualBox's has virtio-blk.
        DiskController::Sata | DiskController::Virtio => ("SATA Controller", "AHCI", "1"),
    }
}

/// An address as VirtualBox and Vagrant write it: twelve digits.
pub(super) fn digits(mac: MacAddress) -> String {
    data_encoding::HEXUPPER.encode(&mac.0)
}

fn braced(uuid: Uuid) -> String {
    format!("{{{uuid}}}")
}
