//! VMware's description of a machine: lines of `key = "value"`.

use std::fmt::Write;

use uuid::Uuid;

use super::hardware::{Card, Choices, Hardware};
use super::ovf::VMWARE_HARDWARE;
use super::{Context, MacBlock, PackageError};
use crate::spec::{DiskController, Firmware, MacAddress, Network, NicModel};

/// What VMware's machines may have. Every Linux has drivers for the first of each.
const CHOICES: Choices = Choices {
    controllers: &[
        DiskController::Sata,
        DiskController::PvScsi,
        DiskController::LsiLogic,
        DiskController::LsiSas,
        DiskController::Nvme,
        DiskController::Ide,
    ],
    nics: &[
        NicModel::E1000,
        NicModel::E1000e,
        NicModel::Vmxnet3,
        NicModel::Pcnet32,
    ],
    macs: MacBlock::Vmware,
};

/// Where the addresses of network cards come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addresses {
    /// The plan.
    Planned,
    /// VMware, where the machine is copied many times.
    Generated,
}

/// The machine's hardware as VMware has it.
pub(super) fn hardware(context: &Context) -> Result<Hardware, PackageError> {
    // As much as virtual hardware 14 has.
    context.check_size(128, 6128)?;
    Hardware::new(context, &CHOICES)
}

/// The machine of `context`, with its disk in the file called `disk`.
pub(super) fn text(
    context: &Context,
    hardware: &Hardware,
    disk: &str,
    addresses: Addresses,
) -> String {
    let mut vmx = Vmx::default();
    general(&mut vmx, context);
    bridges(&mut vmx);
    storage(&mut vmx, hardware.controller, disk);
    for (index, card) in hardware.nics.iter().enumerate() {
        ethernet(&mut vmx, index, *card, addresses);
    }
    if context.machine.serial {
        serial(&mut vmx, &context.plain_name());
    }
    vmx.text
}
const TRUE: &str = "TRUE";
const FALSE: &str = "FALSE";

#[derive(Default)]
struct Vmx {
    text: String,
}

impl Vmx {
    fn set(&mut self, key: &str, value: &str) {
        // Writing to a string doesn't fail.
        let _ = writeln!(self.text, "{key} = \"{}\"", escape(value));
    }
}

/// A value between quotes: what would end it or its line is written as `|` and two digits.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '|' | '\n' | '\t' => {
                let _ = write!(escaped, "|{:02X}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

fn general(vmx: &mut Vmx, context: &Context) {
    let machine = &context.machine;
    vmx.set(".encoding", "UTF-8");
    vmx.set("config.version", "8");
    vmx.set("virtualHW.version", &VMWARE_HARDWARE.to_string());
    vmx.set("displayName", &machine.name);
    if let Some(description) = &machine.description {
        vmx.set("annotation", description);
    }
    vmx.set("guestOS", machine.guest_os.names().vmx);
    // PC BIOS is what a machine has of which nothing is said, and readers know no word for it.
    if machine.firmware == Firmware::Efi {
        vmx.set("firmware", "efi");
        vmx.set("uefi.secureBoot.enabled", FALSE);
    }
    vmx.set("uuid.bios", &bios_uuid(machine.uuid));
    vmx.set("numvcpus", &machine.cpus.to_string());
    vmx.set("memsize", &machine.memory.to_string());
    vmx.set("hpet0.present", TRUE);
    vmx.set("vmci0.present", TRUE);
    vmx.set("powerType.powerOff", "soft");
    vmx.set("powerType.reset", "soft");
    vmx.set("floppy0.present", FALSE);
}

/// Without the root ports there is no slot for PCI Express devices: e1000e, vmxnet3, pvscsi, nvme.
fn bridges(vmx: &mut Vmx) {
    vmx.set("pciBridge0.present", TRUE);
    for bridge in 4..8 {
        vmx.set(&format!("pciBridge{bridge}.present"), TRUE);
        vmx.set(&format!("pciBridge{bridge}.virtualDev"), "pcieRootPort");
        vmx.set(&format!("pciBridge{bridge}.functions"), "8");
    }
}

fn storage(vmx: &mut Vmx, controller: DiskController, disk: &str) {
    let (bus, model) = match controller {
        DiskController::Ide => ("ide", None),
        DiskController::PvScsi => ("scsi", Some("pvscsi")),
        DiskController::LsiLogic => ("scsi", Some("lsilogic")),
        DiskController::LsiSas => ("scsi", Some("lsisas1068")),
        DiskController::Nvme => ("nvme", None),
        // There is no virtio.
        DiskController::Sata | DiskController::VirtioScsi | DiskController::Virtio => {
            ("sata", None)
        }
    };
    if controller == DiskController::Ide {
        // Its controller is always there; on it, what nothing is said of may be a CD-ROM drive.
        vmx.set("ide0:0.deviceType", "ata-hardDisk");
    } else {
        vmx.set(&format!("{bus}0.present"), TRUE);
    }
    if let Some(model) = model {
        vmx.set(&format!("{bus}0.virtualDev"), model);
    }
    vmx.set(&format!("{bus}0:0.present"), TRUE);
    vmx.set(&format!("{bus}0:0.fileName"), disk);
}

fn ethernet(vmx: &mut Vmx, index: usize, card: Card, addresses: Addresses) {
    let mut set = |key: &str, value: &str| vmx.set(&format!("ethernet{index}.{key}"), value);
    set("present", TRUE);
    set(
        "virtualDev",
        match card.model {
            NicModel::E1000e => "e1000e",
            NicModel::Vmxnet3 => "vmxnet3",
            NicModel::Pcnet32 => "vlance",
            // There is no virtio.
            NicModel::E1000 | NicModel::Virtio => "e1000",
        },
    );
    set(
        "connectionType",
        match card.network {
            Network::Nat => "nat",
            Network::Bridged => "bridged",
            Network::HostOnly => "hostonly",
        },
    );
    if addresses == Addresses::Generated {
        set("addressType", "generated");
        return;
    }
    set("addressType", "static");
    set("address", &card.mac.to_string());
    if !is_vmware_static(card.mac) {
        set("checkMACAddress", FALSE);
    }
}

/// A port whose output is kept in a file beside the machine. The last key answers the question what to do with
/// what is in it from the time before.
fn serial(vmx: &mut Vmx, name: &str) {
    vmx.set("serial0.present", TRUE);
    vmx.set("serial0.fileType", "file");
    vmx.set("serial0.fileName", &format!("{name}-serial.txt"));
    vmx.set("answer.msg.serial.file.open", "Append");
}

/// Whether VMware takes the address as one that was set by hand.
fn is_vmware_static(mac: MacAddress) -> bool {
    matches!(mac.0, [0x00, 0x50, 0x56, 0x00..=0x3F, ..])
}

/// Sixteen bytes with spaces, a hyphen in the middle.
fn bios_uuid(uuid: Uuid) -> String {
    let mut text = String::new();
    for (index, byte) in uuid.as_bytes().iter().enumerate() {
        text.push_str(match index {
            0 => "",
            8 => "-",
            _ => " ",
        });
        // Writing to a string doesn't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_value_is_escaped() {
        assert_eq!(escape("a \"b\" | c\nd"), "a |22b|22 |7C c|0Ad");
        assert_eq!(escape("ä"), "ä");
    }

    #[test]
    fn uuids_are_bytes() {
        let uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        assert_eq!(
            bios_uuid(uuid),
            "00 11 22 33 44 55 66 77-88 99 aa bb cc dd ee ff"
        );
    }
}
