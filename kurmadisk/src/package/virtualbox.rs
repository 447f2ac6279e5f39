//! VirtualBox: an OVF to be imported, or a machine to be opened; zipped, or as a folder.

use kurmadisk_formats::image::{ImageFormat, vdi_uuid};

use super::hardware::{Choices, Hardware};
use super::model::{Member, Package};
use super::ovf::{Manifest, Ovf};
use super::vbox::{self, DiskImage};
use super::{Context, MacBlock, PackageError};
use crate::spec::{DiskController, ManifestDigest, NicModel, VirtualboxMachine, Wrap};

/// What VirtualBox's machines may have.
pub(super) const CHOICES: Choices = Choices {
    controllers: &[
        DiskController::Sata,
        DiskController::LsiLogic,
        DiskController::LsiSas,
        DiskController::Ide,
        DiskController::Nvme,
        DiskController::VirtioScsi,
    ],
    nics: &[NicModel::E1000, NicModel::Virtio, NicModel::Pcnet32],
    macs: MacBlock::Virtualbox,
};

/// The package for `context`.
pub(super) fn package(context: &Context) -> Result<Package, PackageError> {
    check_size(context)?;
    let folder = context.folder();
    let name = context.plain_name();
    let with = context.options.with.as_ref();
    let mut sha1 = false;
    let mut members = match with.map_or(VirtualboxMachine::Ovf, |with| with.value) {
        VirtualboxMachine::Ovf => {
            let digest = context.manifest_digest();
            sha1 = digest == ManifestDigest::Sha1;
            imported(context, &folder, &name, digest)?
        }
        VirtualboxMachine::Vbox => opened(context, &folder, &name)?,
    };
    members.extend(context.license(&folder));
    let wrap = context.options.wrap.as_ref();
    let wrap = wrap.map_or(Wrap::Zip, |wrap| wrap.value);
    Ok(Package {
        sha1,
        ..Package::wrapped(context, wrap, members)
    })
}

/// As much as VirtualBox gives a machine (`VirtualBox-settings.xsd`, `TCPUCount` and `TMemory`).
pub(super) fn check_size(context: &Context) -> Result<(), PackageError> {
    context.check_size(64, 2048)
}

fn imported(
    context: &Context,
    folder: &str,
    name: &str,
    digest: ManifestDigest,
) -> Result<Vec<Member>, PackageError> {
    let (document, disk) = (format!("{name}.ovf"), format!("{name}-disk1.vmdk"));
    let manifest = Manifest::new(digest, [document.clone(), disk.clone()]).within(folder);
    let ovf = Ovf::new(context, &CHOICES, disk)?.within(folder);
    let mut members = vec![ovf.disk(context), ovf.member(document)];
    members.extend(manifest.member(format!("{name}.mf")));
    Ok(members)
}

fn opened(context: &Context, folder: &str, name: &str) -> Result<Vec<Member>, PackageError> {
    let options = &context.options;
    let of_ovf = |key| {
        PackageError::Value(format!(
            "a .vbox has no {key}; leave it out, or say with = \"ovf\""
        ))
    };
    if options.ovf.is_some() {
        return Err(of_ovf("OVF").near(options.ovf.as_ref(), "ovf"));
    }
    if options.manifest.is_some() {
        return Err(of_ovf("manifest").near(options.manifest.as_ref(), "manifest"));
    }
    let disk = format!("{name}.vdi");
    let image = DiskImage {
        uuid: vdi_uuid(context.disk_identity()),
        file: Some(&disk),
    };
    let hardware = Hardware::new(context, &CHOICES)?;
    let machine = vbox::file(context, &hardware, &image);
    Ok(vec![
        Member::text(format!("{folder}/{name}.vbox"), machine),
        context.disk(format!("{folder}/{disk}"), ImageFormat::Vdi),
    ])
}
