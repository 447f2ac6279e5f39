//! The virtual hardware of an OVF (DSP0243, section 8): an item for each device, its properties those of CIM's
//! `ResourceAllocationSettingData`, in the order of their names.

use super::{DISK_ID, Ovf, VMWARE_HARDWARE};
use crate::package::xml::Xml;
use crate::spec::{DiskController, Firmware, Network, NicModel, OvfVersion};

/// CIM's numbers of kinds of devices (`ResourceType`).
mod resource {
    pub const PROCESSOR: u32 = 3;
    pub const MEMORY: u32 = 4;
    pub const IDE_CONTROLLER: u32 = 5;
    pub const SCSI_CONTROLLER: u32 = 6;
    pub const ETHERNET: u32 = 10;
    pub const DISK: u32 = 17;
    /// Other storage devices: controllers that CIM has no number for.
    pub const STORAGE_CONTROLLER: u32 = 20;
}

/// The instances that others refer to, or that come first.
const PROCESSOR: u32 = 1;
const MEMORY: u32 = 2;
const CONTROLLER: u32 = 3;
const DISK: u32 = 4;
const FIRST_CARD: u32 = 5;

/// VMware numbers network cards by their place on the PCI bus, which begins with this one.
const FIRST_CARD_ADDRESS: u32 = 7;

/// A device.
struct Item<'a> {
    instance: u32,
    name: &'a str,
    resource: u32,
    /// The other properties.
    properties: &'a [(&'a str, &'a str)],
}

impl Ovf {
    pub(super) fn hardware_section(&self, xml: &mut Xml) {
        let id = self.context.plain_name();
        xml.element("VirtualHardwareSection", &[], |xml| {
            xml.leaf("Info", &[], "The virtual hardware");
            xml.element("System", &[], |xml| {
                xml.leaf("vssd:ElementName", &[], "Virtual Hardware Family");
                xml.leaf("vssd:InstanceID", &[], "0");
                xml.leaf("vssd:VirtualSystemIdentifier", &[], &id);
                let family = format!("vmx-{VMWARE_HARDWARE:02}");
                xml.leaf("vssd:VirtualSystemType", &[], &family);
            });
            self.processors_and_memory(xml);
            self.storage(xml);
            self.cards(xml);
            self.vmware_settings(xml);
        });
    }

    fn processors_and_memory(&self, xml: &mut Xml) {
        let machine = &self.context.machine;
        let cpus = machine.cpus.to_string();
        self.item(
            xml,
            &Item {
                instance: PROCESSOR,
                name: &format!("{cpus} virtual CPU(s)"),
                resource: resource::PROCESSOR,
                properties: &[
                    ("AllocationUnits", "hertz * 10^6"),
                    ("Description", "Number of Virtual CPUs"),
                    ("VirtualQuantity", &cpus),
                ],
            },
        );
        let memory = machine.memory.to_string();
        self.item(
            xml,
            &Item {
                instance: MEMORY,
                name: &format!("{memory} MiB of memory"),
                resource: resource::MEMORY,
                properties: &[
                    ("AllocationUnits", "byte * 2^20"),
                    ("Description", "Memory Size"),
                    ("VirtualQuantity", &memory),
                ],
            },
        );
    }

    fn storage(&self, xml: &mut Xml) {
        let (name, resource, kind) = match self.hardware.controller {
            DiskController::Ide => ("IDE Controller 0", resource::IDE_CONTROLLER, None),
            DiskController::LsiLogic => {
                let kind = Some("lsilogic");
                ("SCSI Controller 0", resource::SCSI_CONTROLLER, kind)
            }
            DiskController::LsiSas => {
                let kind = Some("lsilogicsas");
                ("SCSI Controller 0", resource::SCSI_CONTROLLER, kind)
            }
            // VMware's name for it; VirtualBox, which has none, takes LSI Logic's.
            DiskController::PvScsi => {
                let kind = Some("VirtualSCSI");
                ("SCSI Controller 0", resource::SCSI_CONTROLLER, kind)
            }
            DiskController::Nvme => {
                let kind = Some("vmware.nvme.controller");
                ("NVMe Controller 0", resource::STORAGE_CONTROLLER, kind)
            }
            DiskController::VirtioScsi => {
                let kind = Some("VirtioSCSI");
                ("SCSI Controller 0", resource::STORAGE_CONTROLLER, kind)
            }
            // No target with an OVF has virtio-blk.
            DiskController::Sata | DiskController::Virtio => {
                let kind = Some("vmware.sata.ahci");
                ("SATA Controller 0", resource::STORAGE_CONTROLLER, kind)
            }
        };
        let mut properties = vec![("Address", "0")];
        properties.extend(kind.map(|kind| ("ResourceSubType", kind)));
        self.item(
            xml,
            &Item {
                instance: CONTROLLER,
                name,
                resource,
                properties: &properties,
            },
        );
        self.item(
            xml,
            &Item {
                instance: DISK,
                name: "Hard Disk 1",
                resource: resource::DISK,
                properties: &[
                    ("AddressOnParent", "0"),
                    // With one slash: Proxmox passes over the form with two.
                    ("HostResource", &format!("ovf:/disk/{DISK_ID}")),
                    ("Parent", &CONTROLLER.to_string()),
                ],
            },
        );
    }

    fn cards(&self, xml: &mut Xml) {
        for (index, card) in (0..).zip(&self.hardware.nics) {
            let connection = match card.network {
                Network::Nat => "NAT",
                Network::Bridged => "Bridged",
                Network::HostOnly => "HostOnly",
            };
            let model = match card.model {
                NicModel::E1000 => "E1000",
                NicModel::E1000e => "E1000e",
                NicModel::Vmxnet3 => "VmxNet3",
                NicModel::Virtio => "virtio",
                NicModel::Pcnet32 => "PCNet32",
            };
            self.item(
                xml,
                &Item {
                    instance: FIRST_CARD + index,
                    name: &format!("Ethernet {}", index + 1),
                    resource: resource::ETHERNET,
                    properties: &[
                        ("AddressOnParent", &(FIRST_CARD_ADDRESS + index).to_string()),
                        ("AutomaticAllocation", "true"),
                        ("Connection", connection),
                        ("ResourceSubType", model),
                    ],
                },
            );
        }
    }

    /// What the standard has no words for, in VMware's own.
    fn vmware_settings(&self, xml: &mut Xml) {
        let firmware = match self.context.machine.firmware {
            Firmware::Bios => "bios",
            Firmware::Efi => "efi",
        };
        for (key, value) in [
            ("firmware", firmware),
            ("bootOptions.efiSecureBootEnabled", "false"),
        ] {
            let attributes = [
                ("ovf:required", "false"),
                ("vmw:key", key),
                ("vmw:value", value),
            ];
            xml.empty("vmw:Config", &attributes);
        }
    }

    /// OVF 2 has elements of their own for disks and network cards, with the same properties in another namespace.
    fn item(&self, xml: &mut Xml, item: &Item<'_>) {
        let (element, prefix) = match (self.version, item.resource) {
            (OvfVersion::V2, resource::DISK) => ("StorageItem", "sasd"),
            (OvfVersion::V2, resource::ETHERNET) => ("EthernetPortItem", "epasd"),
            _ => ("Item", "rasd"),
        };
        let (instance, resource) = (item.instance.to_string(), item.resource.to_string());
        let mut properties = vec![
            ("ElementName", item.name),
            ("InstanceID", &instance),
            ("ResourceType", &resource),
        ];
        properties.extend(item.properties);
        properties.sort_unstable();
        xml.element(element, &[], |xml| {
            for (name, value) in properties {
                xml.leaf(&format!("{prefix}:{name}"), &[], value);
            }
        });
    }
}
