//! OpenStack: a qcow2 for the image service, zipped, and the properties it is registered with.

use kurmadisk_formats::image::ImageFormat;
use serde::Serialize;

use super::hardware::{Choices, Hardware};
use super::model::{Member, Package};
use super::{Context, MacBlock, PackageError, json, libvirt};
use crate::spec::{DiskController, Firmware, GuestOs, NicModel, Wrap};

/// What the libvirt driver of OpenStack's compute service gives its machines.
const CHOICES: Choices = Choices {
    controllers: &[
        DiskController::Virtio,
        DiskController::VirtioScsi,
        DiskController::Sata,
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

/// The package for `context`.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    let folder = context.folder();
    let name = context.plain_name();
    let mut members = vec![
        context.disk(format!("{folder}/{name}.qcow2"), ImageFormat::Qcow2),
        Member::text(
            format!("{folder}/image.json"),
            json::document(&Image::new(context)?)?,
        ),
    ];
    members.extend(context.license(&folder));
    let wrap = context.options.wrap.as_ref();
    let wrap = wrap.map_or(Wrap::Zip, |wrap| wrap.value);
    Ok(Package::wrapped(context, wrap, members))
}

/// The body of `POST /v2/images`, and so the options and `--property` values of `openstack image create`.
#[derive(Serialize)]
struct Image<'a> {
    name: &'a str,
    disk_format: &'a str,
    container_format: &'a str,
    visibility: &'a str,
    /// In GiB.
    min_disk: u64,
    /// In MiB.
    min_ram: u64,
    architecture: &'a str,
    os_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_distro: Option<&'a str>,
    hw_firmware_type: &'a str,
    hw_machine_type: &'a str,
    hw_disk_bus: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hw_scsi_model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hw_vif_model: Option<&'a str>,
    hw_rng_model: &'a str,
}

impl<'a> Image<'a> {
    fn new(context: &'a Context) -> Result<Self, PackageError> {
        let hardware = Hardware::new(context, &CHOICES)?;
        let (hw_disk_bus, hw_scsi_model) = match hardware.controller {
            DiskController::VirtioScsi => ("scsi", Some("virtio-scsi")),
            DiskController::Sata => ("sata", None),
            DiskController::Ide => ("ide", None),
            _ => ("virtio", None),
        };
        let machine = &context.machine;
        Ok(Self {
            name: &machine.name,
            disk_format: "qcow2",
            container_format: "bare",
            visibility: "private",
            min_disk: context.disk_gib(),
            min_ram: machine.memory,
            architecture: "x86_64",
            os_type: "linux",
            os_distro: distribution(machine.guest_os),
            hw_firmware_type: match machine.firmware {
                Firmware::Bios => "bios",
                Firmware::Efi => "uefi",
            },
            // The PC that IDE belongs to, or one with PCI Express.
            hw_machine_type: match hardware.controller {
                DiskController::Ide => "pc",
                _ => "q35",
            },
            hw_disk_bus,
            hw_scsi_model,
            // One model for all, as the image service has it.
            hw_vif_model: hardware
                .nics
                .first()
                .map(|card| libvirt::nic_model(card.model)),
            hw_rng_model: "virtio",
        })
    }
}

/// What OpenStack calls the system, if it has a word for it.
fn distribution(system: GuestOs) -> Option<&'static str> {
    Some(match system {
        GuestOs::Linux64 => return None,
        GuestOs::Debian11x64 | GuestOs::Debian12x64 => "debian",
        GuestOs::Ubuntu64 => "ubuntu",
        GuestOs::Fedora64 => "fedora",
        GuestOs::Rhel8x64 | GuestOs::Rhel9x64 => "rhel",
        GuestOs::Sles15x64 => "sles",
    })
}
