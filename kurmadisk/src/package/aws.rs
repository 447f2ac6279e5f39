//! Amazon EC2: a disk for its import, and the requests that make a machine image of it.

use kurmadisk_formats::image::ImageFormat;
use serde::Serialize;

use super::model::{Member, Package};
use super::{Context, PackageError, json, names};
use crate::spec::{Firmware, ImportFormat, Wrap};

/// The disk's name in the machine.
const DEVICE: &str = "/dev/xvda";

/// What stands for the snapshot that the import will make.
const SNAPSHOT: &str = "SNAPSHOT-ID";

/// The most characters of a description.
const DESCRIPTION: usize = 255;

/// The least and the most characters of an image's name.
const NAME: (usize, usize) = (3, 128);

/// The package for `context`.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    let folder = context.folder();
    let format = context.options.format.as_ref();
    let format = format.map_or(ImportFormat::VmdkStream, |format| format.value);
    let (image, format) = match format {
        ImportFormat::VmdkStream => (ImageFormat::VmdkStream, "VMDK"),
        ImportFormat::Raw => (ImageFormat::Raw, "RAW"),
        ImportFormat::Vhd => (ImageFormat::Vhd, "VHD"),
    };
    let disk = format!("{}.{}", context.plain_name(), image.extension());
    let description = names::ascii(&context.title(), DESCRIPTION);
    let container = DiskContainer {
        description: &description,
        format,
        user_bucket: UserBucket {
            s3_bucket: context.bucket()?,
            s3_key: &disk,
        },
    };
    let boot_mode = match context.machine.firmware {
        Firmware::Bios => "legacy-bios",
        Firmware::Efi => "uefi",
    };
    let import_snapshot = ImportSnapshot {
        description: &description,
        disk_container: &container,
    };
    let import_image = ImportImage {
        architecture: "x86_64",
        boot_mode,
        description: &description,
        disk_containers: [&container],
        platform: "Linux",
    };
    let register_image = RegisterImage::new(context, &description, boot_mode);
    let text = |name: &str, text: String| Member::text(format!("{folder}/{name}"), text);
    let mut members = vec![
        context.disk(format!("{folder}/{disk}"), image),
        text("import-snapshot.json", json::document(&import_snapshot)?),
        text("register-image.json", json::document(&register_image)?),
        text("import-image.json", json::document(&import_image)?),
    ];
    members.extend(context.license(&folder));
    Ok(Package::wrapped(context, Wrap::Folder, members))
}

/// What `aws ec2 import-snapshot --cli-input-json` takes.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImportSnapshot<'a> {
    description: &'a str,
    disk_container: &'a DiskContainer<'a>,
}

/// What `aws ec2 import-image --cli-input-json` takes.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImportImage<'a> {
    architecture: &'a str,
    boot_mode: &'a str,
    description: &'a str,
    disk_containers: [&'a DiskContainer<'a>; 1],
    platform: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DiskContainer<'a> {
    description: &'a str,
    format: &'a str,
    user_bucket: UserBucket<'a>,
}

#[derive(Serialize)]
struct UserBucket<'a> {
    #[serde(rename = "S3Bucket")]
    s3_bucket: &'a str,
    #[serde(rename = "S3Key")]
    s3_key: &'a str,
}

/// What `aws ec2 register-image --cli-input-json` takes.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RegisterImage<'a> {
    name: String,
    description: &'a str,
    architecture: &'a str,
    virtualization_type: &'a str,
    boot_mode: &'a str,
    ena_support: bool,
    root_device_name: &'a str,
    block_device_mappings: [BlockDeviceMapping<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BlockDeviceMapping<'a> {
    device_name: &'a str,
    ebs: Ebs<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ebs<'a> {
    snapshot_id: &'a str,
    /// In GiB.
    volume_size: u64,
    volume_type: &'a str,
    delete_on_termination: bool,
}

impl<'a> RegisterImage<'a> {
    fn new(context: &Context, description: &'a str, boot_mode: &'a str) -> Self {
        Self {
            name: image_name(&context.title()),
            description,
            architecture: "x86_64",
            virtualization_type: "hvm",
            boot_mode,
            ena_support: true,
            root_device_name: DEVICE,
            block_device_mappings: [BlockDeviceMapping {
                device_name: DEVICE,
                ebs: Ebs {
                    snapshot_id: SNAPSHOT,
                    volume_size: context.disk_gib(),
                    volume_type: "gp3",
                    delete_on_termination: true,
                },
            }],
        }
    }
}

/// A name with the characters that an image's may have.
fn image_name(name: &str) -> String {
    let allowed = |c: char| match c {
        c if c.is_ascii_alphanumeric() || " ()[]./-'@_".contains(c) => c,
        _ => '-',
    };
    let (least, most) = NAME;
    let mut name: String = name.chars().take(most).map(allowed).collect();
    while name.len() < least {
        name.push('-');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        assert_eq!(image_name("KurmaOS 1.0+dev"), "KurmaOS 1.0-dev");
        assert_eq!(image_name("ü"), "---");
        assert_eq!(image_name(&"n".repeat(200)).len(), 128);
    }
}
