//! An appliance in one file: a tar archive of an OVF, its manifest, and a compressed disk (DSP0243, section 6.4).

use kurmadisk_formats::image::ImageFormat;

use super::model::{Archive, ArchiveKind, Package, PackageFile};
use super::ovf::{self, Manifest, Ovf};
use super::{Context, PackageError};
use crate::spec::ManifestDigest;

/// The package for `context`. The document comes first, then the manifest: so a reader that can't go back knows
/// what to expect of the disk.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    let name = context.plain_name();
    let disk = format!("{name}-disk1.vmdk");
    let document = format!("{name}.ovf");
    let digest = context.manifest_digest();
    let manifest = Manifest::new(digest, [document.clone(), disk.clone()]);
    let mut members = vec![Ovf::new(context, &ovf::CHOICES, &disk)?.member(document)];
    members.extend(manifest.member(format!("{name}.mf")));
    members.push(context.disk(disk, ImageFormat::VmdkStream));
    Ok(Package {
        files: vec![PackageFile::Archive(Archive {
            name: format!("{}.ova", context.name),
            kind: ArchiveKind::Tar,
            members,
        })],
        sha1: digest == ManifestDigest::Sha1,
    })
}
