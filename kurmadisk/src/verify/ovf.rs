//! The OVF document: files, disks, and the virtual hardware (DSP0243, sections 7 to 9).

use std::io;

use kurmadisk_formats::read_at::ReadAt;
use roxmltree::{Document, Node, ParsingOptions};

use super::package::Files;
use super::rules::{
    OVF_BOOT_ORDER, OVF_CAPACITY, OVF_CAPACITY_UNITS, OVF_COMPRESSION, OVF_CONTROLLER, OVF_DISK,
    OVF_DISK_UNKNOWN, OVF_FILE_MISSING, OVF_FILE_NAME, OVF_FILE_REF, OVF_FILE_SIZE, OVF_FIRMWARE,
    OVF_FORMAT, OVF_HOST_RESOURCE, OVF_MEMORY_UNITS, OVF_NO_DISK, OVF_VERSION, OVF_XML,
};
use super::{Observations, Place, Platform, VerifiedDisk};

/// Elements and attributes of a document at most; an appliance has hundreds.
const MAX_NODES: u32 = 100_000;

/// Begins the namespace of the envelope; its major version follows.
const NAMESPACE: &str = "http://schemas.dmtf.org/ovf/envelope/";

/// CIM's numbers of kinds of devices (`ResourceType`).
const MEMORY: &str = "4";
const DISK_DRIVE: &str = "17";

/// What a document describes.
#[derive(Default)]
pub(super) struct Described {
    /// The files that it refers to, in its order.
    pub(super) files: Vec<String>,
    /// Those of them that are disks and are there.
    pub(super) disks: Vec<VerifiedDisk>,
}

/// Looks at the document called `name`, and at the disks that it refers to.
pub(super) fn lint(
    name: &str,
    text: &str,
    files: &Files,
    seen: &mut Observations,
) -> io::Result<Described> {
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = match Document::parse_with_options(text, options) {
        Ok(document) => document,
        Err(error) => {
            let place = Place {
                file: Some(name.to_owned()),
                ..Place::of("document")
            };
            seen.add(OVF_XML, place, || error.to_string());
            return Ok(Described::default());
        }
    };
    let mut lint = Lint {
        name,
        root: document.root_element(),
        files,
        seen,
        described: Described::default(),
    };
    if lint.envelope() {
        lint.references()?;
        lint.disks()?;
        lint.items();
        lint.firmware();
    }
    Ok(lint.described)
}

/// The look at a document.
struct Lint<'a, 'd> {
    name: &'a str,
    root: Node<'d, 'd>,
    files: &'a Files,
    seen: &'a mut Observations,
    described: Described,
}

impl<'d> Lint<'_, 'd> {
    fn place(&self, field: impl Into<String>) -> Place {
        Place {
            file: Some(self.name.to_owned()),
            ..Place::of(field)
        }
    }

    /// The elements of this name, wherever they are.
    fn all(&self, name: &'static str) -> impl Iterator<Item = Node<'d, 'd>> + use<'d> {
        let root = self.root;
        root.descendants()
            .filter(move |node| node.is_element() && node.tag_name().name() == name)
    }

    /// Whether the root is an envelope.
    fn envelope(&mut self) -> bool {
        let tag = self.root.tag_name();
        let version = tag
            .namespace()
            .and_then(|name| name.strip_prefix(NAMESPACE));
        let is_envelope = tag.name() == "Envelope";
        let Some(version) = version.filter(|_| is_envelope) else {
            let place = self.place("root element");
            self.seen.add(OVF_XML, place, || {
                format!(
                    "it is {:?} of {:?}",
                    tag.name(),
                    tag.namespace().unwrap_or("")
                )
            });
            return false;
        };
        if version != "1" {
            let place = self.place("Envelope");
            self.seen
                .add(OVF_VERSION, place, || format!("version {version}"));
        }
        if let Some(section) = self.all("BootOrderSection").next() {
            let place = self.place(section.tag_name().name());
            self.seen
                .add(OVF_BOOT_ORDER, place, || "it is there".to_owned());
        }
        true
    }

    fn references(&mut self) -> io::Result<()> {
        for file in self.all("File") {
            let id = attribute(file, "id").unwrap_or_default();
            let href = attribute(file, "href").unwrap_or_default();
            let place = self.place(format!("File {id:?}"));
            let safe = |c: char| c.is_ascii_alphanumeric() || "-._+=".contains(c);
            if !href.chars().all(safe) || href.is_empty() {
                self.seen
                    .add(OVF_FILE_NAME, place.clone(), || format!("{href:?}"));
            }
            for name in ["compression", "chunkSize"] {
                let value = attribute(file, name).filter(|value| *value != "identity");
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    self.seen.add(OVF_COMPRESSION, place.clone(), || {
                        format!("{name} is {value:?}")
                    });
                }
            }
            let found = self.files.open(href)?;
            let len = found.map(|file| file.len());
            match (len, attribute(file, "size")) {
                (None, _) => self.seen.add(OVF_FILE_MISSING, place, || {
                    format!("there is no file {href:?}")
                }),
                (Some(len), Some(size)) if size.parse() != Ok(len) => {
                    self.seen.add(OVF_FILE_SIZE, place, || {
                        format!("it says {size:?}, and {href:?} has {len} bytes")
                    });
                }
                _ => {}
            }
            self.described.files.push(href.to_owned());
        }
        Ok(())
    }

    fn disks(&mut self) -> io::Result<()> {
        let files: Vec<_> = self.all("File").collect();
        for disk in self.all("Disk") {
            let id = attribute(disk, "diskId").unwrap_or_default();
            let place = self.place(format!("Disk {id:?}"));
            // Without one it is empty.
            let Some(reference) = attribute(disk, "fileRef") else {
                continue;
            };
            self.format(disk, &place);
            let capacity = self.capacity(disk, &place);
            let named = files
                .iter()
                .find(|file| attribute(**file, "id") == Some(reference));
            let Some(href) = named.and_then(|file| attribute(*file, "href")) else {
                self.seen.add(OVF_FILE_REF, place, || {
                    format!("there is no file with the id {reference:?}")
                });
                continue;
            };
            let Some(found) = self.files.disk(href, self.seen)? else {
                continue;
            };
            if let (Some(size), Some(capacity)) = (found.size, capacity)
                && size != capacity
            {
                self.seen.add(OVF_CAPACITY, place.clone(), || {
                    format!("it says {capacity} bytes, and the disk in {href:?} has {size}")
                });
            }
            if !is_stream(self.files, href, &found)? {
                self.seen.add(OVF_DISK, place, || {
                    format!("{href:?} is no streamOptimized VMDK")
                });
            }
            self.described.disks.push(found);
        }
        Ok(())
    }

    /// Looks at the URI of a disk's format.
    fn format(&mut self, disk: Node<'_, '_>, place: &Place) {
        const KINDS: [&str; 3] = ["streamOptimized", "sparse", "compressed"];
        let uri = attribute(disk, "format").unwrap_or_default();
        let (base, fragment) = uri.split_once('#').unwrap_or((uri, ""));
        let what = || format!("its format is {uri:?}");
        if !base.ends_with("/vmdk.html") && !uri.is_empty() {
            self.seen
                .add_for(Platform::Vmware, OVF_FORMAT, place.clone(), what);
        } else if !KINDS.contains(&fragment) {
            self.seen.add(OVF_FORMAT, place.clone(), what);
        }
    }

    /// The disk's bytes as the document has them.
    fn capacity(&mut self, disk: Node<'_, '_>, place: &Place) -> Option<u64> {
        let capacity = attribute(disk, "capacity").unwrap_or_default();
        let unit = attribute(disk, "capacityAllocationUnits");
        if unit.is_some_and(|unit| power_of(unit).is_none()) {
            self.seen.add(OVF_CAPACITY_UNITS, place.clone(), || {
                format!("the unit is {:?}", unit.unwrap_or_default())
            });
        }
        let Ok(number) = capacity.trim().parse::<u64>() else {
            self.seen.add(OVF_CAPACITY, place.clone(), || {
                format!("the capacity is {capacity:?}, no number")
            });
            return None;
        };
        number.checked_mul(unit.map_or(Some(1), bytes_of)?)
    }

    /// Looks at the virtual hardware.
    fn items(&mut self) {
        let items: Vec<_> = self.all("Item").chain(self.all("StorageItem")).collect();
        let instances: Vec<_> = items
            .iter()
            .map(|item| child(*item, "InstanceID"))
            .collect();
        let disks: Vec<_> = self
            .all("Disk")
            .map(|disk| attribute(disk, "diskId"))
            .collect();
        let mut drives = 0;
        for item in &items {
            let kind = child(*item, "ResourceType");
            let instance = child(*item, "InstanceID");
            let place = self.place(format!("Item {:?}", instance.unwrap_or_default()));
            if kind == Some(MEMORY) {
                let unit = child(*item, "AllocationUnits").unwrap_or_default();
                if bytes_of(unit) != Some(1 << 20) {
                    self.seen
                        .add(OVF_MEMORY_UNITS, place, || format!("the unit is {unit:?}"));
                }
                continue;
            }
            if kind != Some(DISK_DRIVE) {
                continue;
            }
            let resource = child(*item, "HostResource").unwrap_or_default();
            drives += u32::from(!resource.is_empty());
            let parent = child(*item, "Parent");
            if parent.is_none() || !instances.contains(&parent) {
                self.seen.add(OVF_CONTROLLER, place.clone(), || {
                    let parent = parent.unwrap_or_default();
                    format!("its parent is {parent:?}, no item's instance")
                });
            }
            let is_plain = resource
                .strip_prefix("ovf:/")
                .is_some_and(|path| path.split('/').count() == 2 && !path.starts_with('/'));
            if !is_plain {
                self.seen
                    .add(OVF_HOST_RESOURCE, place.clone(), || format!("{resource:?}"));
            }
            let id = resource.rsplit('/').next();
            if resource.contains("disk/") && !disks.contains(&id) {
                self.seen
                    .add(OVF_DISK_UNKNOWN, place, || format!("{resource:?}"));
            }
        }
        if drives == 0 {
            let place = self.place("VirtualHardwareSection");
            self.seen.add(OVF_NO_DISK, place, || {
                "there is no drive with a disk".to_owned()
            });
        }
    }

    /// Whether VMware and VirtualBox are told the same firmware.
    fn firmware(&mut self) {
        let efi = |text: &str| text.to_ascii_lowercase().starts_with("efi");
        let mut configs = self.all("Config");
        let config = configs.find(|config| attribute(*config, "key") == Some("firmware"));
        let vmware = config
            .and_then(|config| attribute(config, "value"))
            .is_some_and(efi);
        let element = self.all("Firmware").next();
        let virtualbox = element
            .and_then(|element| attribute(element, "type"))
            .is_some_and(efi);
        if vmware && !virtualbox {
            let place = self.place("vbox:Machine");
            self.seen
                .add_for(Platform::VirtualBox, OVF_FIRMWARE, place, || {
                    "EFI is said in vmw:Config alone".to_owned()
                });
        }
        if virtualbox && !vmware {
            for platform in [Platform::Vmware, Platform::Proxmox] {
                let place = self.place("vmw:Config");
                self.seen.add_for(platform, OVF_FIRMWARE, place, || {
                    "EFI is said in vbox:Machine alone".to_owned()
                });
            }
        }
    }
}

/// Whether a disk is a VMDK whose header says that it is compressed.
fn is_stream(files: &Files, href: &str, disk: &VerifiedDisk) -> io::Result<bool> {
    let Some(file) = files
        .open(href)?
        .filter(|file| disk.format == "vmdk" && file.len() >= 512)
    else {
        return Ok(false);
    };
    let mut flags = [0; 4];
    file.read_exact_at(8, &mut flags)?;
    Ok(u32::from_le_bytes(flags) & 1 << 16 != 0)
}

/// An attribute's value, whatever its namespace.
fn attribute<'d>(node: Node<'d, 'd>, name: &str) -> Option<&'d str> {
    let mut attributes = node.attributes();
    let found = attributes.find(|attribute| attribute.name() == name);
    found.map(|attribute| attribute.value())
}

/// The text of the child of this name, whatever its namespace.
fn child<'d>(node: Node<'d, 'd>, name: &str) -> Option<&'d str> {
    let mut children = node.children();
    let found = children.find(|child| child.is_element() && child.tag_name().name() == name);
    found.and_then(|child| child.text()).map(str::trim)
}

/// The bytes of a unit: `byte`, `byte * 2^20`, or what OVF 0.9 had.
fn bytes_of(unit: &str) -> Option<u64> {
    match unit.trim() {
        "byte" => Some(1),
        "KiloBytes" => Some(1 << 10),
        "MegaBytes" => Some(1 << 20),
        "GigaBytes" => Some(1 << 30),
        unit => power_of(unit),
    }
}

/// The bytes of a unit of the form `byte * 2^20`.
fn power_of(unit: &str) -> Option<u64> {
    let (byte, power) = unit.split_once('*')?;
    let (base, exponent) = power.split_once('^')?;
    let base: u64 = base.trim().parse().ok()?;
    let exponent: u32 = exponent.trim().parse().ok()?;
    base.checked_pow(exponent).filter(|_| byte.trim() == "byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(power_of("byte * 2^0"), Some(1));
        assert_eq!(power_of("byte*2 ^30"), Some(1 << 30));
        assert_eq!(power_of("byte * 10^6"), Some(1_000_000));
        assert_eq!(power_of("byte"), None);
        assert_eq!(power_of("bit * 2^3"), None);
        assert_eq!(power_of("byte * 2^64"), None);
        assert_eq!(bytes_of("MegaBytes"), Some(1 << 20));
        assert_eq!(bytes_of("hertz"), None);
    }
}
