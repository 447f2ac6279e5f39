//! The machine that packages describe around the disk (`[machine]`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use uuid::Uuid;

use super::layer::{Layer, layered};
use super::located::Located;
use super::parse::Document;
use super::value::{deserialize_by_text, named};
use crate::layout::Size;

/// The machine that packages describe around the disk (`[machine]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MachineSpec {
    /// What the hypervisor calls it; the image's name without it.
    pub name: Option<Located<String>>,
    /// What it is, in a few lines of text.
    pub description: Option<Located<String>>,
    /// The product that is in it.
    pub product: Option<Located<String>>,
    /// Where the product is described.
    pub product_url: Option<Located<String>>,
    /// Who makes it.
    pub vendor: Option<Located<String>>,
    /// Where the vendor is found.
    pub vendor_url: Option<Located<String>>,
    /// The product's version.
    pub version: Option<Located<String>>,
    /// The file with the license that comes with it.
    pub license: Option<Located<PathBuf>>,
    /// Processors.
    pub cpus: Option<Located<u32>>,
    /// Memory.
    pub memory: Option<Located<Size>>,
    /// The firmware; without it, what the disk boots with.
    pub firmware: Option<Located<Firmware>>,
    /// What the hypervisor is told that runs in it.
    pub guest_os: Option<Located<GuestOs>>,
    /// What the disk is attached to; each target's own choice without it.
    pub disk_controller: Option<Located<DiskController>>,
    /// Whether it has a serial port.
    pub serial: Option<Located<bool>>,
    /// Its UUID; derived from the image's identity without it.
    pub uuid: Option<Located<Uuid>>,
    /// Its network cards (`[[machine.nic]]`); one on a NAT network without any, none for an empty list.
    pub nic: Option<Vec<NicSpec>>,
}

layered!(MachineSpec {
    name,
    description,
    product,
    product_url,
    vendor,
    vendor_url,
    version,
    license,
    cpus,
    memory,
    firmware,
    guest_os,
    disk_controller,
    serial,
    uuid,
    nic,
});

impl MachineSpec {
    /// Makes relative paths relative to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        if let Some(path) = &mut self.license {
            path.value = folder.join(&path.value);
        }
    }
}

/// A network card (`[[machine.nic]]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct NicSpec {
    /// What it looks like to the guest; each target's own choice without it.
    pub model: Option<Located<NicModel>>,
    /// What it is connected to; a NAT network without it.
    pub network: Option<Located<Network>>,
    /// Its address; derived from the image's identity without it.
    pub mac: Option<Located<MacAddress>>,
}

/// The upper layer's cards are all there are.
impl Layer for Option<Vec<NicSpec>> {
    fn over(self, below: Self) -> Self {
        self.or(below)
    }

    fn locate(&mut self, document: &Document) {
        for nic in self.iter_mut().flatten() {
            nic.model.locate(document);
            nic.network.locate(document);
            nic.mac.locate(document);
        }
    }
}

/// What starts the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// PC BIOS.
    Bios,
    /// UEFI without Secure Boot.
    Efi,
}

named! {
    /// What a disk is attached to.
    DiskController: "disk controller" {
        /// IDE, as the PIIX4 chip has it.
        Ide = "ide",
        /// SATA: AHCI.
        Sata = "sata",
        /// SCSI: LSI Logic 53C1030, with the driver `mptspi`.
        LsiLogic = "scsi-lsilogic",
        /// SCSI: LSI Logic SAS1068, with the driver `mptsas`.
        LsiSas = "scsi-lsisas",
        /// SCSI: VMware's paravirtual one.
        PvScsi = "scsi-pvscsi",
        /// SCSI: virtio-scsi.
        VirtioScsi = "scsi-virtio",
        /// NVM Express.
        Nvme = "nvme",
        /// virtio-blk.
        Virtio = "virtio",
    }
}

named! {
    /// What a network card looks like to the guest.
    NicModel: "network card" {
        /// Intel 82545EM.
        E1000 = "e1000",
        /// Intel 82574L.
        E1000e = "e1000e",
        /// VMware's paravirtual one.
        Vmxnet3 = "vmxnet3",
        /// virtio-net.
        Virtio = "virtio",
        /// AMD's PC-net.
        Pcnet32 = "pcnet32",
    }
}

named! {
    /// What a network card is connected to.
    Network: "network" {
        /// The host's network, by address translation.
        Nat = "nat",
        /// The host's network itself.
        Bridged = "bridged",
        /// The host alone.
        HostOnly = "host-only",
    }
}

named! {
    /// What runs in the machine, for what a hypervisor sets up or recommends by it.
    GuestOs: "guest system" {
        /// Any Linux, x86-64.
        Linux64 = "linux-64",
        /// Debian 11, x86-64.
        Debian11x64 = "debian-11-64",
        /// Debian 12, x86-64.
        Debian12x64 = "debian-12-64",
        /// Ubuntu, x86-64.
        Ubuntu64 = "ubuntu-64",
        /// Fedora, x86-64.
        Fedora64 = "fedora-64",
        /// Red Hat Enterprise Linux 8, x86-64.
        Rhel8x64 = "rhel-8-64",
        /// Red Hat Enterprise Linux 9, x86-64.
        Rhel9x64 = "rhel-9-64",
        /// SUSE Linux Enterprise Server 15, x86-64.
        Sles15x64 = "sles-15-64",
    }
}

/// The address of a network card: six bytes, written `00:50:56:12:34:56`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl FromStr for MacAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is no address such as \"00:50:56:12:34:56\"");
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2);
            let part = part.filter(|part| part.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let part = part.and_then(|part| u8::from_str_radix(part, 16).ok());
            *byte = part.ok_or_else(refuse)?;
        }
        if parts.next().is_some() {
            return Err(refuse());
        }
        // The lowest bit of the first byte marks groups (IEEE 802-2014, section 8.2.2).
        if bytes[0] & 1 != 0 || bytes == [0; 6] {
            return Err(format!("{text:?} is the address of no single card"));
        }
        Ok(Self(bytes))
    }
}

/// With colons and small letters.
impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

deserialize_by_text! {
    MacAddress => "an address such as \"00:50:56:12:34:56\"",
}
