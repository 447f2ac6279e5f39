//! What platforms refuse of VMDK files.
//!
//! | file | holds |
//! |---|---|
//! | `descriptor` | the text that describes the disk |
//! | `tables` | grain directories and tables |
//! | `stream` | the markers and grains of streamOptimized files |

mod descriptor;
#[cfg(feature = "vmdk-stream")]
pub(crate) mod stream;
mod tables;

use std::io;
use std::path::Path;

use super::spec::{self, Header, SECTOR};
use crate::lint::read::{inside, read};
use crate::lint::{Observations, Place};
use crate::read_at::ReadAt;
use descriptor::Descriptor;

crate::lint_rules! {
    VERSION_2 = "vmdk-version-2",
        refused [VirtualBox], warned [],
        "VirtualBox knows versions 1 and 3; version 2 only adds a mark for grains of zeros",
        "convert it with kurmadisk";
    CAPACITY_ZERO = "vmdk-capacity-zero",
        refused [Vmware VirtualBox OpenStack Proxmox], warned [Aws Gce],
        "the header says that the disk has no sectors, and readers take it by its word",
        "convert it with kurmadisk, whose headers have the capacity";
    CAPACITY = "vmdk-capacity",
        refused [], warned [Vmware VirtualBox Aws OpenStack Proxmox Gce],
        "some readers take the disk's size from the header, some from the descriptor",
        "convert it with kurmadisk";
    TOO_LARGE = "vmdk-too-large",
        refused [Vmware VirtualBox], warned [],
        "grain tables count sectors in 32 bits, so a sparse file holds 2 TiB at most",
        "use VDI or VHDX, or streamOptimized for transport";
    UNCLEAN = "vmdk-unclean",
        refused [], warned [Vmware VirtualBox Aws OpenStack Proxmox Gce],
        "the disk was open when its machine or host stopped",
        "open and close it once with the program that made it, or `vmware-vdiskmanager -R`";
    GDE_ZERO = "vmdk-gde-zero",
        refused [Vmware], warned [],
        "VMware can't use a monolithicSparse file whose grain tables don't all exist",
        "convert it with kurmadisk, which writes all of them";
    REDUNDANT = "vmdk-redundant-tables",
        refused [VirtualBox], warned [Vmware],
        "VirtualBox compares the grain tables with their redundant copies, and opens no image in which they differ",
        "repair it: `vmware-vdiskmanager -R`, or convert it with kurmadisk";
    SPARSE_ON_ESXI = "vmdk-not-for-esxi",
        refused [], warned [Vmware],
        "Workstation, Fusion and Player use such files; ESXi from 6.5 on does not",
        "for ESXi deploy an OVA, or convert to streamOptimized: `kurmadisk convert --format vmdk-stream`";
    NOT_STREAM = "vmdk-not-stream",
        refused [Aws], warned [],
        "VM Import takes streamOptimized VMDKs only",
        "`kurmadisk convert --format vmdk-stream`";
    SUBFORMAT = "vmdk-subformat",
        refused [OpenStack], warned [],
        "OpenStack's checker allows monolithicSparse and streamOptimized only: others may name any file of the host",
        "`kurmadisk convert --format vmdk` or `vmdk-stream`, or use qcow2";
    DESCRIPTOR_PLACE = "vmdk-descriptor-place",
        refused [OpenStack Proxmox], warned [],
        "QEMU and OpenStack's checker look for the descriptor in the second sector only",
        "convert it with kurmadisk";
    DESCRIPTOR_LINES = "vmdk-descriptor-lines",
        refused [OpenStack], warned [],
        "OpenStack's checker refuses descriptors that are not ASCII, have lines of an unknown kind, no extent, or an extent's name with a slash",
        "convert it with kurmadisk";
    DESCRIPTOR_HEAD = "vmdk-descriptor-head",
        refused [VirtualBox], warned [],
        "VirtualBox knows a descriptor by its first line",
        "let `# Disk DescriptorFile` be the first line";
    DESCRIPTOR_ORDER = "vmdk-descriptor-order",
        refused [VirtualBox], warned [],
        "VirtualBox wants the fields of the head first, then the extents, then those that begin with `ddb.`",
        "put the lines into that order";
    DESCRIPTOR_ROOM = "vmdk-descriptor-room",
        refused [], warned [VirtualBox],
        "VirtualBox adds four lines to the descriptor, and fails or writes over what is behind it when they don't fit",
        "convert it with kurmadisk, which leaves room";
    CID_ORDER = "vmdk-cid-order",
        refused [], warned [OpenStack Proxmox],
        "QEMU searches for the text `CID=`, and finds `parentCID=` when that comes first",
        "put `CID=` before `parentCID=`";
    PARENT = "vmdk-parent",
        refused [Vmware VirtualBox Aws OpenStack Proxmox], warned [Gce],
        "the image holds only what differs from another one",
        "merge both: `vmware-vdiskmanager -r`";
    ADAPTER = "vmdk-adapter-type",
        refused [Vmware], warned [],
        "a descriptor's adapter is ide, buslogic, lsilogic or legacyESX, also where the machine's controller is another one",
        "write `lsilogic` there; the controller is chosen in the .vmx or OVF file";
    EXTENT_MISSING = "vmdk-extent-missing",
        refused [Vmware VirtualBox Aws OpenStack Proxmox], warned [Gce],
        "the disk's content is in files that the descriptor names, and one is missing or too short",
        "give the file back its name, and keep all of them together";
}

/// Sectors of the largest descriptor that is looked at.
const MAX_DESCRIPTOR: u64 = 2048;

/// Observes what a sparse file or a descriptor has; a descriptor's files are looked for in `folder`.
///
/// Fails when the file can't be read, or ends within its header.
pub(crate) fn lint(
    file: &dyn ReadAt,
    folder: Option<&Path>,
    seen: &mut Observations,
) -> io::Result<()> {
    let magic: [u8; 4] = read(file, 0)?;
    if magic != spec::MAGIC {
        let text = text(file, 0, file.len().min(MAX_DESCRIPTOR * SECTOR))?;
        let descriptor = Descriptor::new(&text);
        descriptor.lint(0, None, seen);
        create_type(descriptor.create_type(), seen);
        if let Some(folder) = folder {
            descriptor.find_extents(folder, seen);
        }
        return Ok(());
    }
    let header: Header = read(file, 0)?;
    let compressed = header.flags.get() & spec::FLAG_COMPRESSED != 0;
    fields(&header, compressed, seen);
    embedded(file, &header, compressed, seen)?;
    if !compressed {
        return sparse(file, &header, seen);
    }
    #[cfg(feature = "vmdk-stream")]
    stream::lint(file, &header, seen)?;
    Ok(())
}

fn fields(header: &Header, compressed: bool, seen: &mut Observations) {
    if header.version.get() == 2 {
        seen.add(VERSION_2, Place::at("version", 4), || {
            "version 2".to_owned()
        });
    }
    let capacity = header.capacity.get();
    if capacity == 0 {
        seen.add(CAPACITY_ZERO, Place::at("capacity", 12), || {
            "it is 0".to_owned()
        });
    }
    if !compressed && capacity > 1 << 32 {
        seen.add(TOO_LARGE, Place::at("capacity", 12), || {
            format!("{capacity} sectors")
        });
    }
    if header.unclean != 0 {
        seen.add(UNCLEAN, Place::at("uncleanShutdown", 72), || {
            format!("it is {}", header.unclean)
        });
    }
}

/// Looks at the descriptor in a sparse file.
fn embedded(
    file: &dyn ReadAt,
    header: &Header,
    compressed: bool,
    seen: &mut Observations,
) -> io::Result<()> {
    let (sector, sectors) = (header.descriptor_offset.get(), header.descriptor_size.get());
    if sector == 0 || sectors == 0 {
        // An extent of a split disk, whose descriptor is a file of its own.
        return Ok(());
    }
    if sector != spec::DESCRIPTOR_OFFSET {
        seen.add(DESCRIPTOR_PLACE, Place::at("descriptorOffset", 28), || {
            format!("sector {sector}")
        });
    }
    let at = sector.saturating_mul(SECTOR);
    let len = sectors.min(MAX_DESCRIPTOR) * SECTOR;
    let text = text(file, at, len)?;
    let descriptor = Descriptor::new(&text);
    descriptor.lint(at, Some(len), seen);
    let sum = descriptor.sectors();
    let capacity = header.capacity.get();
    if sum != capacity {
        seen.add(CAPACITY, Place::at("capacity", 12), || {
            format!("the header says {capacity} sectors, the descriptor's extents have {sum}")
        });
    }
    let stream = if compressed { "streamOptimized" } else { "" };
    let named = descriptor.create_type();
    create_type(if named.is_empty() { stream } else { named }, seen);
    Ok(())
}

fn create_type(name: &str, seen: &mut Observations) {
    let place = || Place::of("createType");
    let said = || format!("it is \"{name}\"");
    let stream = name.eq_ignore_ascii_case("streamOptimized");
    if !stream {
        seen.add(NOT_STREAM, place(), said);
    }
    if !stream && !name.eq_ignore_ascii_case("monolithicSparse") {
        seen.add(SUBFORMAT, place(), said);
    }
    if [
        "monolithicSparse",
        "twoGbMaxExtentSparse",
        "twoGbMaxExtentFlat",
    ]
    .contains(&name)
    {
        seen.add(SPARSE_ON_ESXI, place(), said);
    }
}

/// The text at `at`, up to its first NUL; `len` is bounded.
fn text(file: &dyn ReadAt, at: u64, len: u64) -> io::Result<Vec<u8>> {
    if !inside(file, at, len) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut text = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read_exact_at(at, &mut text)?;
    let end = text.iter().position(|byte| *byte == 0);
    text.truncate(end.unwrap_or(text.len()));
    Ok(text)
}

/// Looks at the grain tables of a monolithicSparse file, and compares them with their copies.
fn sparse(file: &dyn ReadAt, header: &Header, seen: &mut Observations) -> io::Result<()> {
    let has_copies = header.flags.get() & spec::FLAG_REDUNDANT != 0;
    let Some(count) = tables::count(header) else {
        return Ok(());
    };
    let open = |sector| tables::Directory::new(file, sector, count);
    let Some(mut directory) = open(header.gd_offset.get()) else {
        return Ok(());
    };
    let mut copy = if has_copies {
        open(header.rgd_offset.get())
    } else {
        None
    };
    let mut budget = tables::Budget::new(file);
    for number in 0..count {
        let table = directory.entry(number)?;
        let at = directory.place(number);
        let place = || Place::at(format!("grain directory entry {number}"), at);
        if table == 0 {
            seen.add(GDE_ZERO, place(), || "there is no grain table".to_owned());
        }
        let Some(copy) = &mut copy else {
            continue;
        };
        let other = copy.entry(number)?;
        if table == 0 && other == 0 {
            continue;
        }
        if table == 0 || other == 0 || table == other {
            seen.add(REDUNDANT, place(), || {
                format!("grain table at sector {table}, its copy at sector {other}")
            });
            continue;
        }
        let (Some(table), Some(other)) = (budget.table(file, table)?, budget.table(file, other)?)
        else {
            return Ok(());
        };
        if table != other {
            seen.add(REDUNDANT, place(), || {
                "the grain table and its copy differ".to_owned()
            });
        }
    }
    Ok(())
}
