//! The Open Virtualization Format: a machine in XML, for VMware, VirtualBox and others (DMTF DSP0243, ISO 17203).
//!
//! What the standard has no words for, each hypervisor has in its own namespace: `vmw:Config` says the firmware to
//! VMware. VirtualBox reads that nowhere but in a complete description of its own, `vbox:Machine`; where it finds
//! one, it takes the hardware from there. Both are marked as not required, so that others pass over them.
//!
//! | file | holds |
//! |---|---|
//! | `items` | the virtual hardware, item by item |
//! | `manifest` | the digests of a package's files |

mod items;
mod manifest;

pub(super) use manifest::Manifest;

use kurmadisk_formats::image::ImageFormat;

use super::hardware::{Choices, Hardware};
use super::model::{Derive, Member};
use super::vbox::{self, DiskImage};
use super::xml::Xml;
use super::{Context, MacBlock, PackageError};
use crate::spec::{DiskController, Network, NicModel, OvfVersion};

/// What an appliance for VMware and VirtualBox may have. AHCI and the e1000 both have, and so has every Linux.
pub(super) const CHOICES: Choices = Choices {
    controllers: &[
        DiskController::Sata,
        DiskController::LsiLogic,
        DiskController::LsiSas,
        DiskController::PvScsi,
        DiskController::Ide,
        DiskController::Nvme,
    ],
    nics: &[
        NicModel::E1000,
        NicModel::E1000e,
        NicModel::Vmxnet3,
        NicModel::Pcnet32,
    ],
    macs: MacBlock::Virtualbox,
};

/// The hardware that VMware shall give the machine: ESXi 6.7, Workstation 14, Fusion 10 and later have it.
pub(super) const VMWARE_HARDWARE: u32 = 14;

/// The format of the disk, as VMware names it and all others know it. The fragment says which of a VMDK's kinds.
const DISK_FORMAT: &str =
    "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";

/// The disk's name within the document.
const DISK_ID: &str = "vmdisk1";

/// The document of one machine with one disk.
#[derive(Clone, Debug)]
pub(super) struct Ovf {
    context: Context,
    hardware: Hardware,
    version: OvfVersion,
    disk: String,
    /// What stands before the names of files in the package.
    folder: String,
}

impl Ovf {
    /// The machine of `context`, with its disk in the file called `disk`.
    pub fn new(
        context: &Context,
        choices: &Choices,
        disk: impl Into<String>,
    ) -> Result<Self, PackageError> {
        // As much as VMware's virtual hardware 14 has; VirtualBox takes what it has of it.
        context.check_size(128, 6128)?;
        let version = context.options.ovf.as_ref();
        Ok(Self {
            context: context.clone(),
            hardware: Hardware::new(context, choices)?,
            version: version.map_or(OvfVersion::V1, |version| version.value),
            disk: disk.into(),
            folder: String::new(),
        })
    }

    /// The same where the document and the disk lie in `folder`.
    #[must_use]
    pub fn within(self, folder: &str) -> Self {
        Self {
            folder: format!("{folder}/"),
            ..self
        }
    }

    /// The disk's file: compressed, as appliances have it.
    pub fn disk(&self, context: &Context) -> Member {
        let name = format!("{}{}", self.folder, self.disk);
        context.vmdk(name, ImageFormat::VmdkStream, self.hardware.controller)
    }

    /// The document in the file called `name`: it tells the length of the disk's, which is known only when that is complete, so
    /// space behind the root element fills up what a shorter number leaves.
    pub fn member(self, name: impl Into<String>) -> Member {
        let room = self.text(u64::MAX).len();
        let name = format!("{}{}", self.folder, name.into());
        let disk = format!("{}{}", self.folder, self.disk);
        let make = move |facts: &super::Facts| {
            let mut text = self.text(facts.get(&disk)?.len).into_bytes();
            text.resize(room, b'\n');
            Ok(text)
        };
        Member::Derived {
            name,
            room: room as u64,
            make: Derive::new(make),
        }
    }

    /// The document, for a disk's file of so many bytes.
    fn text(&self, disk_file_len: u64) -> String {
        let (version, storage, ethernet) = match self.version {
            OvfVersion::V1 => ("1", None, None),
            OvfVersion::V2 => (
                "2",
                Some(
                    "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_StorageAllocationSettingData.xsd",
                ),
                Some(
                    "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_EthernetPortAllocationSettingData.xsd",
                ),
            ),
        };
        let envelope = format!("http://schemas.dmtf.org/ovf/envelope/{version}");
        let mut attributes = vec![
            ("xmlns", envelope.as_str()),
            ("xmlns:ovf", envelope.as_str()),
            (
                "xmlns:rasd",
                "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData",
            ),
            (
                "xmlns:vssd",
                "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData",
            ),
            ("xmlns:vmw", "http://www.vmware.com/schema/ovf"),
            ("xmlns:vbox", "http://www.virtualbox.org/ovf/machine"),
        ];
        attributes.extend(storage.map(|namespace| ("xmlns:sasd", namespace)));
        attributes.extend(ethernet.map(|namespace| ("xmlns:epasd", namespace)));
        attributes.extend([("xml:lang", "en-US"), ("ovf:version", self.version.name())]);
        let mut xml = Xml::new();
        xml.element("Envelope", &attributes, |xml| {
            self.references(xml, disk_file_len);
            self.disk_section(xml);
            self.network_section(xml);
            let id = self.context.plain_name();
            xml.element("VirtualSystem", &[("ovf:id", &id)], |xml| self.system(xml));
        });
        xml.finish()
    }

    /// DSP0243, section 7.1: the files beside the document.
    fn references(&self, xml: &mut Xml, disk_file_len: u64) {
        let len = disk_file_len.to_string();
        xml.element("References", &[], |xml| {
            let attributes = [
                ("ovf:href", self.disk.as_str()),
                ("ovf:id", "file1"),
                ("ovf:size", &len),
            ];
            xml.empty("File", &attributes);
        });
    }

    /// DSP0243, section 9.1. The capacity is in bytes, and says so by the one form of unit that all readers take.
    fn disk_section(&self, xml: &mut Xml) {
        let capacity = self.context.disk_len.to_string();
        let identity = self.context.disk_identity().to_string();
        xml.element("DiskSection", &[], |xml| {
            xml.leaf("Info", &[], "The virtual disks");
            let attributes = [
                ("ovf:capacity", capacity.as_str()),
                ("ovf:capacityAllocationUnits", "byte * 2^0"),
                ("ovf:diskId", DISK_ID),
                ("ovf:fileRef", "file1"),
                ("ovf:format", DISK_FORMAT),
                ("vbox:uuid", &identity),
            ];
            xml.empty("Disk", &attributes);
        });
    }

    /// DSP0243, section 9.2.
    fn network_section(&self, xml: &mut Xml) {
        let networks = Network::ALL.iter().filter(|network| {
            let mut cards = self.hardware.nics.iter();
            cards.any(|card| card.network == **network)
        });
        let networks: Vec<_> = networks.collect();
        if networks.is_empty() {
            return;
        }
        xml.element("NetworkSection", &[], |xml| {
            xml.leaf("Info", &[], "The networks that the machine is connected to");
            for network in networks {
                let (name, description) = match network {
                    Network::Nat => ("NAT", "The host's network, by address translation"),
                    Network::Bridged => ("Bridged", "The host's network itself"),
                    Network::HostOnly => ("HostOnly", "The host alone"),
                };
                xml.element("Network", &[("ovf:name", name)], |xml| {
                    xml.leaf("Description", &[], description);
                });
            }
        });
    }

    fn system(&self, xml: &mut Xml) {
        let machine = &self.context.machine;
        xml.leaf("Info", &[], "A virtual machine");
        xml.leaf("Name", &[], &machine.name);
        self.operating_system(xml);
        self.hardware_section(xml);
        self.product_section(xml);
        if let Some(description) = &machine.description {
            xml.element("AnnotationSection", &[("ovf:required", "false")], |xml| {
                xml.leaf("Info", &[], "What the machine is");
                xml.leaf("Annotation", &[], description);
            });
        }
        if let Some(license) = &machine.license {
            xml.element("EulaSection", &[], |xml| {
                xml.leaf("Info", &[], "The license of what is in the machine");
                // Texts for printers have form feeds, for which XML has no place.
                xml.leaf("License", &[], &license.replace('\u{c}', ""));
            });
        }
        let image = DiskImage {
            uuid: self.context.disk_identity(),
            file: None,
        };
        vbox::in_ovf(xml, &self.context, &self.hardware, &image);
    }

    /// DSP0243, section 9.10; the number is CIM's.
    fn operating_system(&self, xml: &mut Xml) {
        let names = self.context.machine.guest_os.names();
        let cim = names.cim.to_string();
        let attributes = [("ovf:id", cim.as_str()), ("vmw:osType", names.vmware)];
        xml.element("OperatingSystemSection", &attributes, |xml| {
            xml.leaf("Info", &[], "The system that runs in the machine");
            xml.leaf("Description", &[], names.title);
        });
    }

    /// DSP0243, section 9.7.
    fn product_section(&self, xml: &mut Xml) {
        let machine = &self.context.machine;
        let told = [
            ("Product", &machine.product),
            ("Vendor", &machine.vendor),
            ("Version", &machine.version),
            ("ProductUrl", &machine.product_url),
            ("VendorUrl", &machine.vendor_url),
        ];
        if told.iter().all(|(_, text)| text.is_none()) {
            return;
        }
        xml.element("ProductSection", &[("ovf:required", "false")], |xml| {
            xml.leaf("Info", &[], "The product in the machine");
            for (name, text) in told {
                xml.leaf_if(name, text.as_deref());
            }
        });
    }
}
