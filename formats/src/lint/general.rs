//! Rules of no format: what platforms take at all, and what can't be read.

use std::io;
use std::ops::Range;

use super::{Observations, Place, Platform, Rule};
use crate::error::{OpenError, chain};

crate::lint_rules! {
    DAMAGED = "damaged",
        refused [all], warned [],
        "the image contradicts itself or ends too early",
        "make or copy it anew";
    UNREAD = "unread",
        refused [], warned [all],
        "the image uses something that kurmadisk does not read, so not everything was looked at",
        "convert it with the program that made it, and verify the result";
    FORMAT = "format",
        refused [Vmware VirtualBox Azure Gce Aws HyperV], warned [],
        "the platform takes no images of this format",
        "convert the image to a format that the platform takes: `kurmadisk convert`";
    FORMAT_DETOUR = "format-detour",
        refused [], warned [Gce Proxmox],
        "the platform's usual way of importing takes no images of this format, another one does",
        "use the way that is named, or convert the image";
    HOST_SPARSE = "host-sparse",
        refused [], warned [HyperV],
        "Hyper-V refuses a file that is sparse on NTFS; one with holes becomes that when it is copied by something that keeps them",
        "copy it to Windows by something that writes the holes as zeros, such as SMB or `cp --sparse=never`";
}

/// What each platform takes, by the names that signatures have; `None`: anything.
fn taken(platform: Platform) -> Option<&'static [&'static str]> {
    match platform {
        Platform::Vmware => Some(&["vmdk", "vmdk descriptor"]),
        Platform::VirtualBox => Some(&["vdi", "vmdk", "vmdk descriptor", "vhd", "vhdx", "qcow2"]),
        Platform::Azure => Some(&["vhd"]),
        Platform::HyperV => Some(&["vhd", "vhdx"]),
        Platform::Aws => Some(&["raw", "vmdk", "vhd", "vhdx"]),
        Platform::Gce => Some(&["vmdk", "vhd", "vhdx", "vdi", "qcow2"]),
        // Both convert by QEMU, which reads all of them.
        Platform::OpenStack | Platform::Proxmox => None,
    }
}

/// Says who takes no images of `format`.
pub(super) fn format(format: &'static str, observations: &mut Observations) {
    for &platform in Platform::ALL {
        if taken(platform).is_some_and(|formats| !formats.contains(&format)) {
            let raw_for_gce = platform == Platform::Gce;
            observations.add_for(platform, FORMAT, Place::of("format"), || {
                if raw_for_gce {
                    "a raw disk, not in an archive: it has to be disk.raw in a .tar.gz".to_owned()
                } else {
                    format!("a {format} image")
                }
            });
        }
    }
    let detours = [
        (
            Platform::Gce,
            &["vmdk", "vhd", "vhdx", "vdi", "qcow2"][..],
            "only by `gcloud compute migration image-imports create`",
        ),
        (
            Platform::Proxmox,
            &["vhd", "vhdx", "vdi"][..],
            "only by `qm disk import`, not by an import storage",
        ),
    ];
    for (platform, formats, way) in detours {
        if formats.contains(&format) {
            observations.add_for(platform, FORMAT_DETOUR, Place::of("format"), || {
                format!("a {format} image, {way}")
            });
        }
    }
}

/// Says that the file has holes, if Hyper-V would take the image.
pub(super) fn holes(
    format: &str,
    len: u64,
    allocated: &[Range<u64>],
    observations: &mut Observations,
) {
    let data: u64 = allocated.iter().map(|range| range.end - range.start).sum();
    if data < len && (format == "vhd" || format == "vhdx") {
        observations.add(HOST_SPARSE, Place::of("file"), || {
            format!("{} of {len} bytes are holes", len - data)
        });
    }
}

/// Says why the image can't be opened; fails when the file itself is the reason.
///
/// What a rule has told is not told twice.
pub(super) fn unreadable(
    error: &OpenError,
    observations: &mut Observations,
) -> Result<(), OpenError> {
    let rule: &'static Rule = match error {
        OpenError::Unsupported { .. } | OpenError::File { .. } if !observations.is_empty() => {
            return Ok(());
        }
        OpenError::Unsupported { .. } => UNREAD,
        OpenError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            return Err(OpenError::Io(io::Error::new(
                error.kind(),
                error.to_string(),
            )));
        }
        _ => DAMAGED,
    };
    observations.add(rule, Place::of("image"), || chain(error));
    Ok(())
}
