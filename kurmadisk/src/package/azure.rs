//! Microsoft Azure: a fixed VHD, to be uploaded as a page blob.

use kurmadisk_formats::image::ImageFormat;

use super::model::{Package, PackageFile};
use super::{Context, PackageError};

const MIB: u64 = 1 << 20;

/// The smallest disk.
const LEAST: u64 = 20 * MIB;

/// The package for `context`.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    let len = context.disk_len;
    if len < LEAST || !len.is_multiple_of(MIB) {
        return Err(PackageError::Value(format!(
            "a disk of {len} bytes, and the target {} takes multiples of 1 MiB from 20 MiB on; size = \"{} MiB\" is one",
            context.target,
            len.max(LEAST).div_ceil(MIB),
        )));
    }
    let disk = context.disk(context.file_name("vhd"), ImageFormat::VhdFixed);
    Ok(Package {
        files: vec![PackageFile::Plain(disk)],
        sha1: false,
    })
}
