//! Google Compute Engine: `disk.raw` in a tar archive, as its import takes it, and the request that makes an image.

use kurmadisk_formats::image::ImageFormat;
use serde::Serialize;

use super::model::{Archive, ArchiveKind, Member, Package, PackageFile};
use super::{Context, PackageError, json, names};
use crate::spec::Firmware;

/// Disks are so many bytes, or a multiple.
const GIB: u64 = 1 << 30;

/// The package for `context`.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    let len = context.disk_len;
    if !len.is_multiple_of(GIB) || len == 0 {
        return Err(PackageError::Value(format!(
            "a disk of {len} bytes, and the target {} takes multiples of 1 GiB; size = \"{} GiB\" is one",
            context.target,
            context.disk_gib(),
        )));
    }
    let archive = Archive {
        name: context.file_name("tar.gz"),
        kind: ArchiveKind::GnuSparseTarGz,
        members: vec![context.disk("disk.raw", ImageFormat::Raw)],
    };
    let request = json::document(&Image::new(context, &archive.name)?)?;
    let request = Member::text(context.file_name("json"), request);
    Ok(Package {
        files: vec![PackageFile::Archive(archive), PackageFile::Plain(request)],
        sha1: false,
    })
}

/// The body of the method `compute.images.insert`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    name: String,
    description: String,
    architecture: &'static str,
    guest_os_features: Vec<Feature>,
    raw_disk: RawDisk,
}

#[derive(Serialize)]
struct Feature {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawDisk {
    container_type: &'static str,
    source: String,
}

impl Image {
    fn new(context: &Context, archive: &str) -> Result<Self, PackageError> {
        let bucket = context.bucket()?;
        let archive = names::percent(archive);
        Ok(Self {
            name: names::label(&context.title()),
            description: context.title(),
            architecture: "X86_64",
            guest_os_features: match context.machine.firmware {
                Firmware::Bios => Vec::new(),
                Firmware::Efi => vec![Feature {
                    kind: "UEFI_COMPATIBLE",
                }],
            },
            raw_disk: RawDisk {
                container_type: "TAR",
                source: format!("https://storage.googleapis.com/{bucket}/{archive}"),
            },
        })
    }
}
