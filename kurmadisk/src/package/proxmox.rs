//! Proxmox VE: a qcow2, and a script of `qm` commands that makes a machine of it.

use kurmadisk_formats::image::ImageFormat;

use super::hardware::{Choices, Hardware};
use super::model::{Member, Package};
use super::{Context, MacBlock, PackageError, libvirt, names};
use crate::spec::{DiskController, Firmware, NicModel, Wrap};

/// What Proxmox VE gives its machines.
const CHOICES: Choices = Choices {
    controllers: &[
        DiskController::VirtioScsi,
        DiskController::Virtio,
        DiskController::Sata,
        DiskController::PvScsi,
        DiskController::Ide,
    ],
    nics: &[
        NicModel::Virtio,
        NicModel::E1000,
        NicModel::E1000e,
        NicModel::Vmxnet3,
        NicModel::Pcnet32,
    ],
    macs: MacBlock::Qemu,
};

/// The most bytes of a description.
const DESCRIPTION: usize = 8 << 10;

/// The package for `context`.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    let folder = context.folder();
    let name = context.plain_name();
    let disk = format!("{name}.qcow2");
    let hardware = Hardware::new(context, &CHOICES)?;
    let script = script(context, &hardware, &disk);
    let mut members = vec![
        context.disk(format!("{folder}/{disk}"), ImageFormat::Qcow2),
        Member::text(format!("{folder}/create.sh"), script),
    ];
    members.extend(context.license(&folder));
    let wrap = context.options.wrap.as_ref();
    let wrap = wrap.map_or(Wrap::Folder, |wrap| wrap.value);
    Ok(Package::wrapped(context, wrap, members))
}

/// The script; the disk is beside it.
fn script(context: &Context, hardware: &Hardware, disk: &str) -> String {
    let mut lines = vec![
        "#!/bin/sh",
        "# Makes a virtual machine of the disk beside this script. On a node of Proxmox VE, as root:",
        "# sh create.sh VMID [STORAGE [BRIDGE]]",
        "set -eu",
        "vmid=${1:?the number of the new machine is missing}",
        "storage=${2:-local-lvm}",
    ];
    if !hardware.nics.is_empty() {
        lines.push("bridge=${3:-vmbr0}");
    }
    lines.push("folder=$(cd \"$(dirname \"$0\")\" && pwd)");
    let mut options = system(context, hardware);
    options.extend(devices(context, hardware, disk));
    let create = format!(
        "qm create \"$vmid\" \\\n    {}\n",
        options.join(" \\\n    ")
    );
    lines.push(&create);
    lines.join("\n")
}

/// The options for what the machine is.
fn system(context: &Context, hardware: &Hardware) -> Vec<String> {
    let machine = &context.machine;
    let chipset = match hardware.controller {
        DiskController::Ide => "pc",
        _ => "q35",
    };
    let mut options = vec![
        format!("--name {}", names::label(&machine.name)),
        "--ostype l26".to_owned(),
        format!("--machine {chipset}"),
        format!("--cores {}", machine.cpus),
        format!("--memory {}", machine.memory),
        format!("--smbios1 uuid={}", machine.uuid),
    ];
    match machine.firmware {
        Firmware::Bios => options.push("--bios seabios".to_owned()),
        Firmware::Efi => {
            options.push("--bios ovmf".to_owned());
            let keys = "--efidisk0 \"$storage:1,efitype=4m,pre-enrolled-keys=0\"";
            options.push(keys.to_owned());
        }
    }
    if let Some(description) = &machine.description {
        let description = shortened(description, DESCRIPTION);
        options.push(format!("--description {}", quoted(description)));
    }
    options
}

/// The options for its disk, its network cards and its serial port.
fn devices(context: &Context, hardware: &Hardware, disk: &str) -> Vec<String> {
    let (slot, scsi) = match hardware.controller {
        DiskController::Virtio => ("virtio0", None),
        DiskController::Sata => ("sata0", None),
        DiskController::Ide => ("ide0", None),
        DiskController::PvScsi => ("scsi0", Some("pvscsi")),
        _ => ("scsi0", Some("virtio-scsi-single")),
    };
    let mut options = Vec::new();
    options.extend(scsi.map(|model| format!("--scsihw {model}")));
    options.push(format!(
        "--{slot} \"$storage:0,import-from=$folder/{disk}\""
    ));
    options.push(format!("--boot order={slot}"));
    for (number, card) in hardware.nics.iter().enumerate() {
        let model = libvirt::nic_model(card.model);
        let mac = card.mac.to_string().to_uppercase();
        options.push(format!("--net{number} \"{model}={mac},bridge=$bridge\""));
    }
    if context.machine.serial {
        options.push("--serial0 socket".to_owned());
    }
    options
}

/// The text, or as many whole characters of it as fit into `most` bytes.
fn shortened(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A text in which the shell finds nothing to replace (POSIX.1-2017, XCU 2.2.2).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_shortened() {
        assert_eq!(quoted("it's $x"), "'it'\\''s $x'");
        assert_eq!(shortened("aü", 2), "a");
        assert_eq!(shortened("aü", 3), "aü");
    }
}
