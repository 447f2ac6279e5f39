//! Who takes images, and how firm a refusal is.

use std::fmt;
use std::str::FromStr;

/// A platform that images are given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Platform {
    /// Workstation, Fusion, Player, and ESXi by way of OVF.
    Vmware,
    /// Oracle VirtualBox.
    VirtualBox,
    /// Microsoft Azure: upload of a managed disk or a page blob.
    Azure,
    /// Google Compute Engine: `gcloud compute images create --source-uri`.
    Gce,
    /// Amazon EC2: VM Import.
    Aws,
    /// `OpenStack`: Glance, with the image checks of `oslo.utils`, and Nova on QEMU.
    OpenStack,
    /// Microsoft Hyper-V.
    HyperV,
    /// Proxmox VE.
    Proxmox,
}

/// How firmly a platform stands against something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It works, with a drawback, or not everywhere.
    Warning,
    /// The image is refused, or the machine has another disk than was given.
    Refused,
}

impl Platform {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Vmware,
        Self::VirtualBox,
        Self::Azure,
        Self::Gce,
        Self::Aws,
        Self::OpenStack,
        Self::HyperV,
        Self::Proxmox,
    ];

    /// The name users say, such as `virtualbox`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vmware => "vmware",
            Self::VirtualBox => "virtualbox",
            Self::Azure => "azure",
            Self::Gce => "gce",
            Self::Aws => "aws",
            Self::OpenStack => "openstack",
            Self::HyperV => "hyperv",
            Self::Proxmox => "proxmox",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Severity {
    /// `refused` or `warning`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no platform's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is no platform that images are verified for; there are: {}",
    names()
)]
pub struct UnknownPlatform {
    /// The name.
    pub name: String,
}

fn names() -> String {
    let names: Vec<_> = Platform::ALL
        .iter()
        .map(|platform| platform.name())
        .collect();
    names.join(", ")
}

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(name: &str) -> Result<Self, UnknownPlatform> {
        let found = Self::ALL.iter().find(|platform| platform.name() == name);
        found.copied().ok_or_else(|| UnknownPlatform {
            name: name.to_owned(),
        })
    }
}
