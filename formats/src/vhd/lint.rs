//! What platforms refuse of VHD files.

use std::io;

use super::spec::{self, Checksummed, DynamicHeader, Footer, SECTOR};
use crate::lint::read::read;
use crate::lint::{Observations, Place};
use crate::read_at::ReadAt;

crate::lint_rules! {
    CHECKSUM = "vhd-checksum",
        refused [Azure HyperV VirtualBox Aws], warned [OpenStack Proxmox Gce],
        "footer and header carry a checksum, and a structure with a wrong one counts as damaged",
        "make or copy the image anew";
    NO_FOOTER = "vhd-footer",
        refused [Azure HyperV VirtualBox Aws], warned [OpenStack Proxmox Gce],
        "the last sector must be the footer: the file was cut off, or something was appended",
        "copy the image anew, or cut off what follows the footer";
    FOOTER_COPY = "vhd-footer-copy",
        refused [], warned [HyperV VirtualBox],
        "the footer in the first sector of a dynamic disk must be that in the last one; else it was not closed",
        "convert it with kurmadisk";
    PARENT = "vhd-parent",
        refused [Azure HyperV VirtualBox Aws OpenStack Proxmox], warned [Gce],
        "the image holds only what differs from another one",
        "merge both: `Merge-VHD`";
    NOT_FIXED = "vhd-not-fixed",
        refused [Azure], warned [],
        "Azure's disks are page blobs with the disk's bytes and a footer",
        "`kurmadisk convert --format vhd-fixed`";
    TAKEN_FOR_RAW = "vhd-taken-for-raw",
        refused [], warned [OpenStack],
        "OpenStack's checker knows a VHD by the copy of its footer in the first sector, so it takes a fixed one for a raw disk, and refuses it where it was announced as VHD",
        "use a dynamic VHD or qcow2, or announce it as raw";
    NOT_MIB = "vhd-size-not-mib",
        refused [Azure], warned [],
        "Azure makes disks of whole MiB only",
        "make the disk a multiple of 1 MiB; from raw: `qemu-img resize`, and `qemu-img convert -O vpc -o subformat=fixed,force_size`";
    SIZE_RANGE = "vhd-size-range",
        refused [Azure], warned [],
        "Azure takes disks from 20 MiB to 32 TiB",
        "make the disk larger or smaller";
    FILE_SIZE = "vhd-file-size",
        refused [Azure], warned [HyperV],
        "a fixed image is the disk and a footer of 512 bytes, nothing else",
        "`kurmadisk convert --format vhd-fixed`";
    TOO_LARGE = "vhd-too-large",
        refused [HyperV VirtualBox], warned [],
        "2040 GiB are the most that the format's programs take",
        "use VHDX";
    CHS_SIZE = "vhd-chs-size",
        refused [OpenStack Proxmox], warned [VirtualBox],
        "of images of this creator QEMU takes the geometry for the disk's size, so that the machine has another disk",
        "convert it with kurmadisk, or `qemu-img convert -O vpc -o force_size=on`";
    CHS_ROUNDED = "vhd-chs-rounded",
        refused [], warned [Azure HyperV VirtualBox Aws],
        "the disk's size is that of a geometry: it was probably rounded up to one, and a GPT's backup is no longer at its end",
        "convert from the original with kurmadisk, or `qemu-img convert -O vpc -o force_size=on`";
    NULL_UUID = "vhd-null-uuid",
        refused [], warned [HyperV VirtualBox Aws],
        "XenServer refuses images without identifier, and others can't tell two of them apart",
        "convert it with kurmadisk";
    CREATOR_OS = "vhd-creator-os",
        refused [], warned [Azure],
        "Azure has been seen to refuse images whose creator is not on Windows",
        "convert it with kurmadisk, or `qemu-img convert`, which say `Wi2k`";
    SAVED_STATE = "vhd-saved-state",
        refused [], warned [Azure HyperV VirtualBox Aws],
        "a machine is suspended on the disk, so it may be in the middle of something",
        "shut the machine down, and copy the disk then";
    HEADER_OFFSET = "vhd-header-offset",
        refused [], warned [HyperV],
        "the dynamic header's unused offset must be all ones in 64 bits",
        "convert it with kurmadisk";
}

const MIB: u64 = 1 << 20;
/// Azure's limits.
const AZURE_SIZES: std::ops::RangeInclusive<u64> = 20 * MIB..=32 << 40;

/// Creators whose size QEMU takes from the geometry.
const CHS_CREATORS: [&[u8; 4]; 2] = [b"vpc ", b"qemu"];

/// Observes what footer and header have.
///
/// Fails when the file can't be read, or is shorter than a footer.
pub(crate) fn lint(file: &dyn ReadAt, seen: &mut Observations) -> io::Result<()> {
    let last = file.len().saturating_sub(SECTOR);
    let mut at = last;
    let mut footer: Footer = read(file, at)?;
    if footer.cookie != *spec::COOKIE {
        seen.add(NO_FOOTER, Place::at("footer", at), || {
            "the last sector is none".to_owned()
        });
        at = 0;
        footer = read(file, at)?;
    }
    check_sum("footer", footer, at, seen);
    identity(&footer, at, seen);
    match footer.kind.get() {
        spec::KIND_FIXED => fixed(file.len(), &footer, at, seen),
        spec::KIND_DYNAMIC => dynamic(file, &footer, at, seen)?,
        spec::KIND_DIFFERENCING => seen.add(PARENT, Place::at("type", at + 60), || {
            "it is differencing (4)".to_owned()
        }),
        _ => {}
    }
    sizes(&footer, at, seen);
    Ok(())
}

fn check_sum(name: &str, structure: impl Checksummed, at: u64, seen: &mut Observations) {
    if !structure.is_sealed() {
        seen.add(
            CHECKSUM,
            Place::at(format!("checksum of the {name}"), at),
            || format!("it should be {:#010x}", structure.expected().get()),
        );
    }
}

fn identity(footer: &Footer, at: u64, seen: &mut Observations) {
    if footer.uuid == [0; 16] {
        seen.add(NULL_UUID, Place::at("UUID", at + 68), || {
            "it is null".to_owned()
        });
    }
    if footer.creator_os != spec::CREATOR_OS {
        seen.add(CREATOR_OS, Place::at("creator's system", at + 36), || {
            let found = footer.creator_os.escape_ascii();
            format!("\"{found}\", not \"{}\"", spec::CREATOR_OS.escape_ascii())
        });
    }
    if footer.saved_state != 0 {
        seen.add(SAVED_STATE, Place::at("saved state", at + 84), || {
            format!("it is {}", footer.saved_state)
        });
    }
}

fn fixed(len: u64, footer: &Footer, at: u64, seen: &mut Observations) {
    seen.add(TAKEN_FOR_RAW, Place::at("type", at + 60), || {
        "it is fixed (2)".to_owned()
    });
    let size = footer.current_size.get();
    if size.checked_add(SECTOR) != Some(len) {
        seen.add(FILE_SIZE, Place::at("current size", at + 48), || {
            format!("a disk of {size} bytes in a file of {len}")
        });
    }
}

fn dynamic(file: &dyn ReadAt, footer: &Footer, at: u64, seen: &mut Observations) -> io::Result<()> {
    seen.add(NOT_FIXED, Place::at("type", at + 60), || {
        "it is dynamic (3), not fixed (2)".to_owned()
    });
    let copy: Footer = read(file, 0)?;
    if zerocopy::IntoBytes::as_bytes(&copy) != zerocopy::IntoBytes::as_bytes(footer) {
        seen.add(FOOTER_COPY, Place::at("copy of the footer", 0), || {
            "it differs from the footer".to_owned()
        });
    }
    let at = footer.data_offset.get();
    let header: DynamicHeader = read(file, at)?;
    check_sum("dynamic header", header, at, seen);
    if header.data_offset.get() != spec::NOWHERE {
        seen.add(
            HEADER_OFFSET,
            Place::at("dynamic header's offset", at + 8),
            || format!("{:#x}", header.data_offset),
        );
    }
    Ok(())
}

fn sizes(footer: &Footer, at: u64, seen: &mut Observations) {
    let size = footer.current_size.get();
    let place = || Place::at("current size", at + 48);
    let rest = size % MIB;
    if rest != 0 {
        seen.add(NOT_MIB, place(), || {
            format!("{size} bytes: {rest} more than whole MiB")
        });
    }
    if !AZURE_SIZES.contains(&size) {
        seen.add(SIZE_RANGE, place(), || format!("{size} bytes"));
    }
    if size > spec::MAX_DISK {
        seen.add(TOO_LARGE, place(), || format!("{size} bytes"));
    }
    let geometry = footer.geometry;
    let chs = u64::from(geometry.cylinders.get())
        * u64::from(geometry.heads)
        * u64::from(geometry.sectors)
        * SECTOR;
    // The largest geometry stands for all larger disks.
    let largest = geometry.cylinders.get() == 65_535;
    if chs != size && !largest && CHS_CREATORS.contains(&&footer.creator) {
        seen.add(CHS_SIZE, Place::at("geometry", at + 56), || {
            format!(
                "the creator is \"{}\", and the geometry has {chs} bytes, the disk {size}",
                footer.creator.escape_ascii()
            )
        });
    }
    if chs == size && rest != 0 {
        seen.add(CHS_ROUNDED, place(), || {
            format!(
                "{size} bytes are {} cylinders of {} heads and {} sectors",
                geometry.cylinders, geometry.heads, geometry.sectors
            )
        });
    }
}
