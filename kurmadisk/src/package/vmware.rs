//! VMware Workstation, Player and Fusion: a folder with a `.vmx`, its disk, and a license; zipped, or as it is.

use kurmadisk_formats::image::ImageFormat;

use super::model::{Member, Package};
use super::vmx::{self, Addresses};
use super::{Context, PackageError};
use crate::spec::Wrap;

/// The package for `context`.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    let folder = context.folder();
    let name = context.plain_name();
    let disk = format!("{name}.vmdk");
    let hardware = vmx::hardware(context)?;
    let machine = vmx::text(context, &hardware, &disk, Addresses::Planned);
    let file = format!("{folder}/{disk}");
    let mut members = vec![
        Member::text(format!("{folder}/{name}.vmx"), machine),
        // A disk that VMware runs as it is, and grows.
        context.vmdk(file, ImageFormat::Vmdk, hardware.controller),
    ];
    members.extend(context.license(&folder));
    let wrap = context.options.wrap.as_ref();
    let wrap = wrap.map_or(Wrap::Zip, |wrap| wrap.value);
    Ok(Package::wrapped(context, wrap, members))
}
