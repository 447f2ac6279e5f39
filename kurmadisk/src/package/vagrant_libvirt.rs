//! Vagrant's provider `libvirt`: a box with a qcow2 and the settings of its machine.

use std::fmt::Write as _;

use kurmadisk_formats::image::ImageFormat;
use serde::Serialize;

use super::hardware::{Choices, Hardware};
use super::model::{ArchiveKind, Package};
use super::vagrant::{Provider, boxed, metadata, vagrantfile};
use super::{Context, PackageError, libvirt};
use crate::spec::{DiskController, Firmware};

const CHOICES: Choices = Choices {
    controllers: &[
        DiskController::Virtio,
        DiskController::VirtioScsi,
        DiskController::Sata,
        DiskController::Ide,
    ],
    ..libvirt::CHOICES
};

/// Where distributions put the UEFI firmware of QEMU.
const LOADERS: [&str; 5] = [
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/OVMF/OVMF_CODE.fd",
    "/usr/share/edk2/ovmf/OVMF_CODE.fd",
    "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
    "/usr/share/qemu/ovmf-x86_64-code.bin",
];

/// The package for `context`.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    let hardware = Hardware::new(context, &CHOICES)?;
    let members = vec![
        metadata(&Metadata {
            provider: Provider::new("libvirt"),
            format: "qcow2",
            virtual_size: context.disk_gib(),
        })?,
        vagrantfile(&settings(context, &hardware)),
        context.disk("box.img", ImageFormat::Qcow2),
    ];
    boxed(context, "libvirt", ArchiveKind::TarGz, members)
}

/// What the provider wants to know of a box.
#[derive(Serialize)]
struct Metadata {
    #[serde(flatten)]
    provider: Provider,
    format: &'static str,
    /// In GiB, rounded up: the machine's disk gets that size.
    virtual_size: u64,
}

/// The block of settings for the provider. The network is Vagrant's own affair.
fn settings(context: &Context, hardware: &Hardware) -> String {
    let machine = &context.machine;
    let (bus, chipset) = match hardware.controller {
        DiskController::VirtioScsi => ("scsi", "q35"),
        DiskController::Sata => ("sata", "q35"),
        DiskController::Ide => ("ide", "pc"),
        _ => ("virtio", "q35"),
    };
    let mut lines = vec![
        "libvirt.driver = \"kvm\"".to_owned(),
        format!("libvirt.machine_type = \"{chipset}\""),
        format!("libvirt.cpus = {}", machine.cpus),
        format!("libvirt.memory = {}", machine.memory),
        format!("libvirt.disk_bus = \"{bus}\""),
    ];
    if let Some(card) = hardware.nics.first() {
        let model = libvirt::nic_model(card.model);
        lines.push(format!("libvirt.nic_model_type = \"{model}\""));
    }
    if machine.firmware == Firmware::Efi {
        let loaders = LOADERS.map(|path| format!("\"{path}\"")).join(", ");
        lines.push(format!("loaders = [{loaders}]"));
        lines.push("libvirt.loader = loaders.find { |path| File.exist?(path) }".to_owned());
    }
    let mut text = "config.vm.provider :libvirt do |libvirt|\n".to_owned();
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {line}");
    }
    text + "  end"
}
