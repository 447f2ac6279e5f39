//! What platforms refuse of VDI files.

use std::io;

use byteorder::LittleEndian;

use super::spec::{self, Header};
use crate::lint::read::{inside, read};
use crate::lint::{Observations, Place};
use crate::read_at::ReadAt;
use crate::table;

crate::lint_rules! {
    NULL_UUID = "vdi-null-uuid",
        refused [VirtualBox], warned [],
        "VirtualBox takes an image without identifiers for damaged",
        "give it one: `VBoxManage internalcommands sethduuid FILE`, or convert it with kurmadisk";
    PARENT = "vdi-parent",
        refused [VirtualBox OpenStack Proxmox], warned [],
        "the image holds only what differs from another one; QEMU opens no such images, VirtualBox wants both",
        "merge both: `VBoxManage clonemedium`";
    BLOCK_SIZE = "vdi-block-size",
        refused [OpenStack Proxmox], warned [],
        "QEMU opens VDI images with blocks of 1 MiB only",
        "convert it with kurmadisk";
    SECTOR_SIZE = "vdi-sector-size",
        refused [VirtualBox OpenStack Proxmox], warned [],
        "QEMU and VirtualBox demand sectors of 512 bytes in the geometries",
        "convert it with kurmadisk";
    ALLOCATED = "vdi-allocated-count",
        refused [], warned [VirtualBox Proxmox OpenStack],
        "VirtualBox puts new blocks behind as many as the header says there are, over others when it says too few",
        "repair it: `qemu-img check -r all FILE`, or convert it with kurmadisk";
}

/// Observes what the header and the block map have.
///
/// Fails when the file can't be read, or ends before its header does.
pub(crate) fn lint(file: &dyn ReadAt, seen: &mut Observations) -> io::Result<()> {
    let header: Header = read(file, 0)?;
    for (name, uuid, at) in [
        ("UUID of creation", header.create_uuid, 0x188),
        ("UUID of modification", header.modify_uuid, 0x198),
    ] {
        if uuid == [0; 16] {
            seen.add(NULL_UUID, Place::at(name, at), || "it is null".to_owned());
        }
    }
    for (name, uuid, at) in [
        ("UUID of the parent", header.link_uuid, 0x1A8),
        ("parent's UUID of modification", header.parent_uuid, 0x1B8),
    ] {
        if uuid != [0; 16] {
            seen.add(PARENT, Place::at(name, at), || spec::uuid(uuid).to_string());
        }
    }
    let block = header.block_size.get();
    if block != spec::BLOCK {
        seen.add(BLOCK_SIZE, Place::at("block size", 0x178), || {
            format!("{block} bytes")
        });
    }
    lint_sectors(&header, seen);
    count_blocks(file, &header, seen)
}

/// Looks at the sizes of sectors; a header of VirtualBox is long enough for a second geometry.
fn lint_sectors(header: &Header, seen: &mut Observations) {
    let legacy = ("sector size", header.legacy_geometry.sector_size, 0x168);
    let logical = (
        "sector size of the logical geometry",
        header.geometry.sector_size,
        0x1D4,
    );
    let is_long = header.header_size.get() >= spec::HEADER_SIZE;
    let sizes = [Some(legacy), is_long.then_some(logical)];
    for (name, size, at) in sizes.into_iter().flatten() {
        if size.get() != 512 {
            seen.add(SECTOR_SIZE, Place::at(name, at), || format!("{size} bytes"));
        }
    }
}

fn count_blocks(file: &dyn ReadAt, header: &Header, seen: &mut Observations) -> io::Result<()> {
    let map = u64::from(header.blocks_offset.get());
    let blocks = u64::from(header.blocks.get());
    if !inside(file, map, blocks * 4) {
        return Ok(());
    }
    let mut count: u64 = 0;
    let counted = table::for_each::<LittleEndian, u32>(file, map, blocks, |_, entry| {
        count += u64::from(entry != spec::FREE && entry != spec::ZERO);
        Ok(())
    });
    counted.map_err(io::Error::other)?;
    let said = header.allocated.get();
    if u64::from(said) != count {
        seen.add(ALLOCATED, Place::at("blocks allocated", 0x184), || {
            format!("the header says {said}, the block map has {count}")
        });
    }
    Ok(())
}
