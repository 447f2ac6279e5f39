//! Packages: what a platform takes, a disk image with the descriptions and archives around it.
//!
//! A package is decided as data before anything of the disk is written: which files it has, which archives, and
//! what is in them. So several are written in the one pass that reads the disk. What depends on the written disks
//! (their digests, their lengths) is a [`Member::Derived`], whose room is known beforehand.
//!
//! ```text
//!  ImageSpec ──▶ Plan ──┐
//!      │                ├──▶ Context ──▶ Package { files: plain ones and archives of members }
//!      └──▶ Machine ────┘
//! ```
//!
//! Each target is a module with one function `package(&Context) -> Result<Package, PackageError>`.
//!
//! | file | holds |
//! |---|---|
//! | [`archive`] | archives as places for images |
//! | `machine` | [`Machine`]: the machine around the disk, every default decided |
//! | `guest_os` | what hypervisors call the system in it |
//! | `disks` | [`PlannedDisk`]: the disks that packages hold |
//! | `model` | [`Package`], [`Member`] and what they are made of |
//! | `write` | [`Release`]: the files of packages, in one pass over each disk |
//! | `place` | a file while it is written, digested on its way |
//! | `error` | [`PackageError`] |
//! | `vmware`, `ova`, `virtualbox`, `vagrant`, `vagrant_libvirt` | targets on a desk |
//! | `openstack`, `aws`, `gce`, `azure`, `hyperv`, `proxmox`, `libvirt` | targets in clouds and on servers |
//! | `cloud`, `names`, `json` | what these tell, names as they take them, and writing JSON |
//! | `hardware` | the machine's hardware as a target has it |
//! | `vmx`, `ovf`, `vbox` | descriptions of machines, in VMware's, the standard's and VirtualBox's words |
//! | `xml` | writing XML |

pub mod archive;
mod aws;
mod azure;
mod cloud;
mod disks;
mod error;
mod gce;
mod guest_os;
mod hardware;
mod hyperv;
mod json;
mod libvirt;
mod machine;
mod model;
mod names;
mod openstack;
mod ova;
mod ovf;
mod place;
mod proxmox;
mod vagrant;
mod vagrant_libvirt;
mod vbox;
mod virtualbox;
mod vmware;
mod vmx;
mod write;
mod xml;

pub use disks::PlannedDisk;
pub use error::PackageError;
pub use guest_os::GuestNames;
pub use machine::{MacBlock, Machine, Nic};
pub use model::{Archive, ArchiveKind, Derive, Facts, FileFacts, Member, Package, PackageFile};

pub use write::{Release, SUMS, WriteError, WrittenFile};

use std::fmt::Display;

use kurmadisk_formats::image::{Adapter, FormatChoice, ImageFormat};
use uuid::Uuid;

use crate::plan::Plan;
use crate::spec::{ImageSpec, Located};

pub use crate::spec::{
    DiskController, Firmware, GuestOs, ImportFormat, MacAddress, ManifestDigest, Network, NicModel,
    OvfVersion, Target, TargetSpec, VirtualboxMachine, Wrap,
};

/// The package that `context` describes.
pub fn package(context: &Context) -> Result<Package, PackageError> {
    match context.target {
        Target::Vmware => vmware::package(context),
        Target::Ova => ova::package(context),
        Target::Virtualbox => virtualbox::package(context),
        Target::VagrantVirtualbox => vagrant::virtualbox(context),
        Target::VagrantVmware => vagrant::vmware(context),
        Target::Openstack => openstack::package(context),
        Target::Aws => aws::package(context),
        Target::Gce => gce::package(context),
        Target::Azure => azure::package(context),
        Target::Hyperv => Ok(hyperv::package(context)),
        Target::Proxmox => proxmox::package(context),
        Target::Libvirt => libvirt::package(context),
        Target::VagrantLibvirt => vagrant_libvirt::package(context),
    }
}

/// What a package is made of.
#[derive(Clone, Debug)]
pub struct Context {
    /// The target.
    pub target: Target,
    /// What the description says for it.
    pub options: TargetSpec,
    /// The image's name; no part of a path.
    pub name: String,
    /// The plan's identity; identifiers within the package are derived from it.
    pub identity: Uuid,
    /// The disk's length in bytes.
    pub disk_len: u64,
    /// The machine around it.
    pub machine: Machine,
}

impl Context {
    /// What the package for `target` is made of, of the disk of `plan`, which is that of
    /// [`ImageSpec::for_target`].
    pub fn new(spec: &ImageSpec, plan: &Plan, target: Target) -> Result<Self, PackageError> {
        Ok(Self {
            target,
            options: spec.clone().with_layout()?.target(target),
            name: plan.name().to_owned(),
            identity: plan.identity(),
            disk_len: plan.layout().len_bytes(),
            machine: Machine::new(spec, plan)?,
        })
    }

    /// `NAME-TARGET.EXTENSION`: what a file of this package is called in the output folder.
    #[must_use]
    pub fn file_name(&self, extension: &str) -> String {
        format!("{}-{}.{extension}", self.name, self.target)
    }

    /// `NAME-TARGET`: the folder that holds this package's files.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{}-{}", self.name, self.target)
    }

    /// The image's name in letters, digits, `.`, `_` and `-` of ASCII, for what takes nothing else; it begins with
    /// a letter or digit.
    #[must_use]
    pub fn plain_name(&self) -> String {
        let plain = |c: char| match c {
            c if c.is_ascii_alphanumeric() || "._-".contains(c) => c,
            _ => '_',
        };
        let name: String = self.name.chars().map(plain).collect();
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins_well {
            name
        } else {
            format!("disk{name}")
        }
    }

    /// The disk in the file called `name`.
    #[must_use]
    pub fn disk(&self, name: impl Into<String>, choice: impl Into<FormatChoice>) -> Member {
        Member::Disk {
            name: name.into(),
            choice: choice.into(),
            identity: self.disk_identity(),
        }
    }

    /// The disk in the VMDK called `name`, of a kind that fits its controller: VMware looks at what the image says of it.
    fn vmdk(
        &self,
        name: impl Into<String>,
        format: ImageFormat,
        controller: DiskController,
    ) -> Member {
        let mut choice = FormatChoice::from(format);
        if controller == DiskController::Ide {
            choice.tuning.adapter = Some(Adapter::Ide);
        }
        self.disk(name, choice)
    }

    /// The license that comes with the machine, if one does, in `folder`.
    #[must_use]
    pub fn license(&self, folder: &str) -> Option<Member> {
        let license = self.machine.license.as_ref()?;
        Some(Member::text(format!("{folder}/LICENSE"), license.as_str()))
    }

    /// The digests that an OVF's manifest shall have.
    fn manifest_digest(&self) -> ManifestDigest {
        let manifest = self.options.manifest.as_ref();
        manifest.map_or(ManifestDigest::Sha256, |manifest| manifest.value)
    }

    /// The identity of this package's disk image.
    #[must_use]
    pub fn disk_identity(&self) -> Uuid {
        self.derive("disk image")
    }

    /// Refuses more processors, or more memory in GiB, than the platform gives a machine.
    fn check_size(&self, most_cpus: u32, most_memory: u64) -> Result<(), PackageError> {
        let (cpus, memory) = (self.machine.cpus, self.machine.memory);
        let target = self.target;
        if cpus > most_cpus {
            return Err(PackageError::Value(format!(
                "machine.cpus: {cpus} processors; a machine of the target {target} has {most_cpus} at most"
            )));
        }
        if memory > most_memory << 10 {
            return Err(PackageError::Value(format!(
                "machine.memory: {memory} MiB; a machine of the target {target} has {most_memory} GiB at most"
            )));
        }
        Ok(())
    }

    /// The controller that the disk is attached to: what the description says, if it is one of `known`, else the
    /// first of these.
    pub fn disk_controller(
        &self,
        known: &[DiskController],
    ) -> Result<DiskController, PackageError> {
        let asked = self.machine.disk_controller.as_ref();
        self.one_of(asked, known, "disk-controller")
    }

    /// What a network card looks like: what the description says, if it is one of `known`, else the first of these.
    pub fn nic_model(&self, nic: &Nic, known: &[NicModel]) -> Result<NicModel, PackageError> {
        self.one_of(nic.model.as_ref(), known, "model")
    }

    fn one_of<T: Copy + PartialEq + Display>(
        &self,
        asked: Option<&Located<T>>,
        known: &[T],
        field: &'static str,
    ) -> Result<T, PackageError> {
        let chosen = asked.map(|asked| asked.value).or(known.first().copied());
        chosen.filter(|value| known.contains(value)).ok_or_else(|| {
            let names: Vec<_> = known.iter().map(T::to_string).collect();
            let error = PackageError::NoSuchChoice {
                target: self.target,
                value: asked
                    .map(|asked| asked.value.to_string())
                    .unwrap_or_default(),
                choices: names.join(", "),
            };
            error.near(asked, field)
        })
    }

    /// The identifier of this package's part called `what`.
    #[must_use]
    pub fn derive(&self, what: &str) -> Uuid {
        Uuid::new_v5(&self.identity, format!("{} {what}", self.target).as_bytes())
    }
}
