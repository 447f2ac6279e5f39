//! What platforms refuse of qcow2 files.

use std::io;

use super::spec::{self, Header};
use crate::lint::read::read;
use crate::lint::{Observations, Place, Rule};
use crate::read_at::ReadAt;

crate::lint_rules! {
    VERSION = "qcow2-version",
        refused [OpenStack Proxmox], warned [],
        "only versions 2 and 3 are in use; OpenStack takes others for unsafe",
        "convert it with `qemu-img convert -O qcow2`";
    BACKING = "qcow2-backing-file",
        refused [VirtualBox OpenStack Proxmox], warned [Gce],
        "the image holds only what differs from another file, which the platform doesn't have, and must not open for security's sake",
        "join both: `qemu-img convert -O qcow2`";
    DATA_FILE = "qcow2-data-file",
        refused [VirtualBox OpenStack Proxmox], warned [Gce],
        "the disk's content is in another file",
        "join both: `qemu-img convert -O qcow2`";
    ENCRYPTED = "qcow2-encrypted",
        refused [VirtualBox Proxmox], warned [OpenStack Gce],
        "the platform has no key for it",
        "decrypt it: `qemu-img convert` with the key";
    EXTENDED_L2 = "qcow2-extended-l2",
        refused [VirtualBox OpenStack], warned [Proxmox Gce],
        "OpenStack's checker knows no features beyond compression types, and VirtualBox none at all",
        "convert it with kurmadisk, or `qemu-img convert -O qcow2 -o extended_l2=off`";
    ZSTD = "qcow2-zstd",
        refused [VirtualBox], warned [OpenStack Proxmox Gce],
        "VirtualBox knows no incompatible features; QEMU reads zstd from version 5.1 on",
        "compress by deflate: `kurmadisk convert --format qcow2-compressed`";
    DIRTY = "qcow2-dirty",
        refused [VirtualBox], warned [OpenStack Proxmox Gce],
        "the image was not closed, and its reference counts may be wrong",
        "repair it: `qemu-img check -r all FILE`";
    CORRUPT = "qcow2-corrupt",
        refused [VirtualBox OpenStack Proxmox], warned [Gce],
        "QEMU found the image damaged, and opens it no more to be written to",
        "repair it: `qemu-img check -r all FILE`";
    UNKNOWN = "qcow2-unknown-feature",
        refused [VirtualBox OpenStack Proxmox], warned [Gce],
        "who does not know an incompatible feature must not open the image",
        "convert it with the program that made it";
    SNAPSHOTS = "qcow2-snapshots",
        refused [VirtualBox], warned [OpenStack],
        "VirtualBox opens no image with internal snapshots; others carry them along unseen",
        "leave them out: `qemu-img convert -O qcow2`";
}

/// The incompatible features that have a name, each with its rule; that of zstd needs more than the bit.
const FEATURES: [(u64, &Rule, &str); 4] = [
    (spec::DIRTY, DIRTY, "the dirty bit is set"),
    (spec::CORRUPT, CORRUPT, "the corrupt bit is set"),
    (
        spec::EXTERNAL_DATA,
        DATA_FILE,
        "there is an external data file",
    ),
    (
        spec::EXTENDED_L2,
        EXTENDED_L2,
        "L2 entries have subclusters",
    ),
];

/// Observes what the header has.
///
/// Fails when the file can't be read, or ends before its header does.
pub(crate) fn lint(file: &dyn ReadAt, seen: &mut Observations) -> io::Result<()> {
    let header: Header = read(file, 0)?;
    let version = header.version.get();
    if version != spec::VERSION_2 && version != spec::VERSION_3 {
        seen.add(VERSION, Place::at("version", 4), || {
            format!("version {version}")
        });
        return Ok(());
    }
    let backing = header.backing_offset.get();
    if backing != 0 {
        seen.add(BACKING, Place::at("backing file's name", 8), || {
            format!("it is at byte {backing}")
        });
    }
    let encryption = header.encryption.get();
    if encryption != 0 {
        seen.add(ENCRYPTED, Place::at("encryption", 32), || {
            format!("method {encryption}")
        });
    }
    let snapshots = header.snapshots.get();
    if snapshots != 0 {
        seen.add(SNAPSHOTS, Place::at("snapshots", 60), || {
            format!("there are {snapshots}")
        });
    }
    if version == spec::VERSION_3 {
        features(file, header.incompatible.get(), seen)?;
    }
    Ok(())
}

fn features(file: &dyn ReadAt, features: u64, seen: &mut Observations) -> io::Result<()> {
    let place = || Place::at("incompatible features", 72);
    let mut known = spec::COMPRESSION_TYPE;
    for (bit, rule, what) in FEATURES {
        known |= bit;
        if features & bit != 0 {
            seen.add(rule, place(), || what.to_owned());
        }
    }
    if features & spec::COMPRESSION_TYPE != 0 {
        let kind: u8 = read(file, spec::COMPRESSION_TYPE_AT)?;
        if kind == 1 {
            seen.add(ZSTD, place(), || {
                "clusters are compressed with zstd".to_owned()
            });
        }
    }
    if features & !known != 0 {
        seen.add(UNKNOWN, place(), || {
            format!("bit {} is set", (features & !known).trailing_zeros())
        });
    }
    Ok(())
}
