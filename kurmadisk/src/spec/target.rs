//! What packages are made for, and what is special to each (`[target.NAME]`).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::image::ImageSpec;
use super::layer::{Layer, layered};
use super::located::Located;
use super::parse::{Document, SpecError};
use super::tree::TreeList;
use super::value::named;
use crate::place::Place;

named! {
    /// What a package is made for.
    Target: "target" {
        /// VMware Workstation, Player and Fusion: a folder with a `.vmx`, zipped.
        Vmware = "vmware",
        /// An appliance for VMware, VirtualBox and others.
        Ova = "ova",
        /// VirtualBox: an OVF and its disk, zipped.
        Virtualbox = "virtualbox",
        /// OpenStack's image service.
        Openstack = "openstack",
        /// Amazon EC2's import.
        Aws = "aws",
        /// Google Compute Engine.
        Gce = "gce",
        /// Microsoft Azure.
        Azure = "azure",
        /// Microsoft Hyper-V.
        Hyperv = "hyperv",
        /// Proxmox VE.
        Proxmox = "proxmox",
        /// libvirt, with QEMU.
        Libvirt = "libvirt",
        /// A box for Vagrant's provider `virtualbox`.
        VagrantVirtualbox = "vagrant-virtualbox",
        /// A box for Vagrant's provider `vmware_desktop`.
        VagrantVmware = "vagrant-vmware",
        /// A box for Vagrant's provider `libvirt`.
        VagrantLibvirt = "vagrant-libvirt",
    }
}

named! {
    /// How a package that needs no archive is wrapped.
    Wrap: "wrapping" {
        /// One zip archive.
        Zip = "zip",
        /// A folder.
        Folder = "folder",
    }
}

named! {
    /// The version of the Open Virtualization Format.
    OvfVersion: "version of OVF" {
        /// DSP0243 1.x, which all programs read.
        V1 = "1.0",
        /// DSP0243 2.x.
        V2 = "2.0",
    }
}

named! {
    /// The digests in an OVF's manifest.
    ManifestDigest: "digest of a manifest" {
        /// SHA-256.
        Sha256 = "sha256",
        /// SHA-1, for what knows nothing else.
        Sha1 = "sha1",
        /// No manifest.
        None = "none",
    }
}

named! {
    /// What describes the machine to VirtualBox.
    VirtualboxMachine: "description for VirtualBox" {
        /// An OVF that is imported, with a stream-optimized VMDK.
        Ovf = "ovf",
        /// A `.vbox` that is opened, with a VDI.
        Vbox = "vbox",
    }
}

named! {
    /// The format of a disk that a cloud imports.
    ImportFormat: "format for the import" {
        /// VMware's stream-optimized VMDK: compressed.
        VmdkStream = "vmdk-stream",
        /// The disk itself.
        Raw = "raw",
        /// A dynamic VHD.
        Vhd = "vhd",
    }
}

/// What is special to one target (`[target.NAME]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TargetSpec {
    /// Trees for the OEM partition, in place of the image's own.
    pub oem: TreeList,
    /// Kernel command line, in place of the image's own.
    pub cmdline: Option<Located<String>>,
    /// How the package is wrapped.
    pub wrap: Option<Located<Wrap>>,
    /// Which version of OVF describes the machine.
    pub ovf: Option<Located<OvfVersion>>,
    /// Which digests the OVF's manifest has.
    pub manifest: Option<Located<ManifestDigest>>,
    /// What describes the machine to VirtualBox.
    pub with: Option<Located<VirtualboxMachine>>,
    /// In which format a cloud imports the disk.
    pub format: Option<Located<ImportFormat>>,
    /// The bucket that the disk is uploaded to for a cloud's import.
    pub bucket: Option<Located<String>>,
    /// Vagrant: the box's name, such as `kurma/kurmaos`.
    pub box_name: Option<Located<String>>,
    /// Vagrant: where the box will lie; the catalogue's folder without it.
    pub url: Option<Located<String>>,
}

layered!(TargetSpec {
    oem,
    cmdline,
    wrap,
    ovf,
    manifest,
    with,
    format,
    bucket,
    box_name,
    url,
});

impl TargetSpec {
    /// The keys that not every target has: the name, where it was written, and the targets.
    fn keys(&self) -> [(&'static str, Option<&Place>, &'static [Target]); 8] {
        use Target::{
            Aws, Gce, Libvirt, Openstack, Ova, Proxmox, VagrantLibvirt, VagrantVirtualbox,
            VagrantVmware, Virtualbox, Vmware,
        };
        const WRAPPED: &[Target] = &[Vmware, Virtualbox, Openstack, Proxmox, Libvirt];
        const BOXES: &[Target] = &[VagrantVirtualbox, VagrantVmware, VagrantLibvirt];
        fn place<T>(key: Option<&Located<T>>) -> Option<&Place> {
            key.map(|key| &key.place)
        }
        [
            ("wrap", place(self.wrap.as_ref()), WRAPPED),
            ("ovf", place(self.ovf.as_ref()), &[Ova, Virtualbox]),
            (
                "manifest",
                place(self.manifest.as_ref()),
                &[Ova, Virtualbox],
            ),
            ("with", place(self.with.as_ref()), &[Virtualbox]),
            ("format", place(self.format.as_ref()), &[Aws]),
            ("bucket", place(self.bucket.as_ref()), &[Aws, Gce]),
            ("box-name", place(self.box_name.as_ref()), BOXES),
            ("url", place(self.url.as_ref()), BOXES),
        ]
    }
}

/// What is special to each target, by its name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct TargetSpecs(pub BTreeMap<Target, TargetSpec>);

impl TargetSpecs {
    /// Makes relative paths relative to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        for spec in self.0.values_mut() {
            spec.oem.resolve_paths(folder);
        }
    }

    /// Refuses keys that a target has not.
    pub(super) fn check(&self) -> Result<(), SpecError> {
        for (target, spec) in &self.0 {
            for (key, place, targets) in spec.keys() {
                if let Some(place) = place
                    && !targets.contains(target)
                {
                    let names: Vec<_> = targets.iter().map(|target| target.name()).collect();
                    return Err(SpecError::Syntax {
                        place: place.clone(),
                        reason: format!(
                            "{key}: the target {target} has no such key; it is one of {}",
                            names.join(", ")
                        ),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Layers of one target are layers of its keys.
impl Layer for TargetSpecs {
    fn over(self, below: Self) -> Self {
        let mut merged = below.0;
        for (target, upper) in self.0 {
            let lower = merged.remove(&target).unwrap_or_default();
            merged.insert(target, upper.over(lower));
        }
        Self(merged)
    }

    fn locate(&mut self, document: &Document) {
        for spec in self.0.values_mut() {
            spec.locate(document);
        }
    }
}

impl ImageSpec {
    /// What is special to `target`.
    #[must_use]
    pub fn target(&self, target: Target) -> TargetSpec {
        self.target.0.get(&target).cloned().unwrap_or_default()
    }

    /// The image that goes into a package for `target`: with its OEM trees and its command line.
    #[must_use]
    pub fn for_target(&self, target: Target) -> Self {
        let own = self.target(target);
        Self {
            oem: own.oem.over(self.oem.clone()),
            cmdline: own.cmdline.over(self.cmdline.clone()),
            ..self.clone()
        }
    }
}
