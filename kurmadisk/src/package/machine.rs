//! The machine around the disk, every default decided.

use std::io::Read;
use std::path::Path;

use uuid::Uuid;

use super::error::PackageError;
use crate::layout::{PartitionType, Scheme, SectorSize};
use crate::plan::{Plan, PlannedPartition};
use crate::spec::{
    DiskController, Firmware, GuestOs, ImageSpec, Located, MacAddress, MachineSpec, Network,
    NicModel, NicSpec,
};

/// The unit of memory: what every hypervisor takes is a multiple of it.
const MEMORY_UNIT: u64 = 4 << 20;

/// As much memory as 6 TiB, what VMware gives a machine at most, and others about so.
const MAX_MEMORY: u64 = 6 << 40;

/// As many processors as VMware gives a machine at most.
const MAX_CPUS: u32 = 768;

/// As many network cards as VMware and Vagrant's providers give a machine; VirtualBox's usual chipset has eight.
const MAX_NICS: usize = 8;

/// More than any license has.
const MAX_LICENSE: u64 = 4 << 20;

/// The machine around the disk, every default decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What the hypervisor calls it.
    pub name: String,
    /// What it is, in lines of text.
    pub description: Option<String>,
    /// The product that is in it.
    pub product: Option<String>,
    /// Where the product is described.
    pub product_url: Option<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Where the vendor is found.
    pub vendor_url: Option<String>,
    /// The product's version.
    pub version: Option<String>,
    /// The license that comes with it.
    pub license: Option<String>,
    /// Processors.
    pub cpus: u32,
    /// Memory in MiB, a multiple of 4.
    pub memory: u64,
    /// What starts it.
    pub firmware: Firmware,
    /// What runs in it.
    pub guest_os: GuestOs,
    /// What the disk is attached to; without it each target takes what suits it.
    pub disk_controller: Option<Located<DiskController>>,
    /// Whether it has a serial port.
    pub serial: bool,
    /// Its UUID.
    pub uuid: Uuid,
    /// Its network cards.
    pub nics: Vec<Nic>,
}

/// A network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// What it looks like; without it each target takes what suits it.
    pub model: Option<Located<NicModel>>,
    /// What it is connected to.
    pub network: Network,
    /// Its address, if the description says one.
    pub mac: Option<MacAddress>,
    /// What its address is derived from.
    serial: [u8; 3],
}

/// Whose addresses a network card may have; the others' some hypervisors refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacBlock {
    /// 00:50:56:00 to 00:50:56:3F, VMware's for addresses that are set by hand.
    Vmware,
    /// 08:00:27, VirtualBox's.
    Virtualbox,
    /// 52:54:00, QEMU's.
    Qemu,
}

impl Nic {
    /// Its address on a hypervisor: the description's, or one of its block, always the same for the same plan.
    #[must_use]
    pub fn address(&self, block: MacBlock) -> MacAddress {
        let [a, b, c] = self.serial;
        self.mac.unwrap_or(MacAddress(match block {
            MacBlock::Vmware => [0x00, 0x50, 0x56, a & 0x3F, b, c],
            MacBlock::Virtualbox => [0x08, 0x00, 0x27, a, b, c],
            MacBlock::Qemu => [0x52, 0x54, 0x00, a, b, c],
        }))
    }
}

impl Machine {
    /// The machine that `spec` describes around the disk of `plan`. Its license is read.
    pub fn new(spec: &ImageSpec, plan: &Plan) -> Result<Self, PackageError> {
        let image = spec.clone().with_layout()?;
        let spec = &image.machine;
        let text = |field: &Option<Located<String>>, name, lines| match field {
            Some(text) => checked_text(text, name, lines).map(Some),
            None => Ok(None),
        };
        let license = spec.license.as_ref().map(|path| {
            let license = read_license(&path.value);
            license.map_err(|error| error.near(Some(path), "license"))
        });
        let nics = match &spec.nic {
            Some(nics) => nics.clone(),
            None => vec![NicSpec::default()],
        };
        if nics.len() > MAX_NICS {
            return Err(PackageError::Value(format!(
                "machine.nic: {} network cards; the most are {MAX_NICS}",
                nics.len()
            )));
        }
        let nics = nics.into_iter().enumerate();
        Ok(Self {
            name: match spec.name.as_ref().or(image.name.as_ref()) {
                Some(name) => checked_text(name, "name", Lines::One)?,
                None => plan.name().to_owned(),
            },
            description: text(&spec.description, "description", Lines::Many)?,
            product: text(&spec.product, "product", Lines::One)?,
            product_url: text(&spec.product_url, "product-url", Lines::One)?,
            vendor: text(&spec.vendor, "vendor", Lines::One)?,
            vendor_url: text(&spec.vendor_url, "vendor-url", Lines::One)?,
            version: text(&spec.version, "version", Lines::One)?,
            license: license.transpose()?,
            cpus: cpus(spec.cpus.as_ref())?,
            memory: memory(spec, plan.layout().sector_size)?,
            firmware: value(spec.firmware.as_ref()).unwrap_or_else(|| usual_firmware(plan)),
            guest_os: value(spec.guest_os.as_ref()).unwrap_or(GuestOs::Linux64),
            disk_controller: spec.disk_controller.clone(),
            serial: value(spec.serial.as_ref()).unwrap_or(true),
            uuid: value(spec.uuid.as_ref())
                .unwrap_or_else(|| Uuid::new_v5(&plan.identity(), b"machine")),
            nics: nics
                .map(|(index, nic)| resolve_nic(&nic, index, plan.identity()))
                .collect(),
        })
    }
}

fn value<T: Copy>(located: Option<&Located<T>>) -> Option<T> {
    located.map(|located| located.value)
}

/// What the disk is made to start by: an MBR is for PC BIOS, though UEFI may start its boot partition too.
fn usual_firmware(plan: &Plan) -> Firmware {
    let is_esp = |partition: &PlannedPartition| partition.entry.kind == PartitionType::ESP;
    match plan.layout().scheme {
        Scheme::Gpt(_) if plan.partitions().iter().any(is_esp) => Firmware::Efi,
        _ => Firmware::Bios,
    }
}

fn resolve_nic(spec: &NicSpec, index: usize, identity: Uuid) -> Nic {
    let derived = Uuid::new_v5(&identity, format!("network card {index}").as_bytes());
    let [a, b, c, ..] = *derived.as_bytes();
    Nic {
        model: spec.model.clone(),
        network: value(spec.network.as_ref()).unwrap_or(Network::Nat),
        mac: value(spec.mac.as_ref()),
        serial: [a, b, c],
    }
}

fn cpus(spec: Option<&Located<u32>>) -> Result<u32, PackageError> {
    match value(spec).unwrap_or(2) {
        cpus @ 1..=MAX_CPUS => Ok(cpus),
        cpus => {
            let reason = format!("{cpus} processors; a machine has 1 to {MAX_CPUS}");
            Err(PackageError::Value(reason).near(spec, "cpus"))
        }
    }
}

/// In MiB.
fn memory(spec: &MachineSpec, sector_size: SectorSize) -> Result<u64, PackageError> {
    let Some(size) = &spec.memory else {
        return Ok(1024);
    };
    let refuse = |reason: &str| {
        let reason = format!("{} of memory; {reason}", size.value);
        PackageError::Value(reason).near(Some(size), "memory")
    };
    match size.value.bytes(sector_size) {
        Some(bytes) if bytes == 0 || !bytes.is_multiple_of(MEMORY_UNIT) => {
            Err(refuse("hypervisors take multiples of 4 MiB"))
        }
        Some(bytes) if bytes <= MAX_MEMORY => Ok(bytes >> 20),
        _ => Err(refuse("a machine has 6 TiB at most")),
    }
}

/// How many lines a text has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

/// A text that every description can hold: XML has no control characters at all.
fn checked_text(text: &Located<String>, field: &str, lines: Lines) -> Result<String, PackageError> {
    let allowed = |c: char| !is_control(c) || (lines == Lines::Many && matches!(c, '\n' | '\t'));
    match text.value.chars().find(|c| !allowed(*c)) {
        Some(c) => {
            let reason = format!("{:?} has the control character {c:?}", text.value);
            Err(PackageError::Value(reason).near(Some(text), field))
        }
        None if text.value.is_empty() => {
            let reason = "an empty text says nothing; leave it out".to_owned();
            Err(PackageError::Value(reason).near(Some(text), field))
        }
        None => Ok(text.value.clone()),
    }
}

/// Also the two code points that XML 1.0 (section 2.2) has no place for.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

fn read_license(path: &Path) -> Result<String, PackageError> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(MAX_LICENSE + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| PackageError::File {
        path: path.to_path_buf(),
        source,
    })?;
    let refuse = |reason: &str| PackageError::Value(format!("{} {reason}", path.display()));
    if bytes.len() as u64 > MAX_LICENSE {
        return Err(refuse("has more than 4 MiB; that is no license"));
    }
    let text = String::from_utf8(bytes).map_err(|_| refuse("is no text in UTF-8"))?;
    let is_text = |c: char| !is_control(c) || matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    if text.chars().all(is_text) {
        Ok(text.replace("\r\n", "\n"))
    } else {
        Err(refuse("has control characters; it is no text"))
    }
}
