//! An appliance in one file: a tar archive of an OVF, its manifest, and a compressed disk (DSP0243, section 6.4).

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
    let ovf = Ovf::new(context, &ovf::CHOICES, disk)?;
    let disk = ovf.disk(context);
    let mut members = vec![ovf.member(document)];
    members.extend(manifest.member(format!("{name}.mf")));
    members.push(disk);
    Ok(Package {
        files: vec![PackageFile::Archive(Archive {
            name: format!("{}.ova", context.name),
            kind: ArchiveKind::Tar,
            members,
        })],
        sha1: digest == ManifestDigest::Sha1,
    })
}
