//! What hypervisors call the system that runs in a machine.

use crate::spec::GuestOs;

/// A guest system's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestNames {
    /// In words.
    pub title: &'static str,
    /// `guestOS` of a `.vmx`.
    pub vmx: &'static str,
    /// VMware's identifier in its interface and in an OVF (`vmw:osType`).
    pub vmware: &'static str,
    /// CIM's number (`CIM_OperatingSystem.OSType`), which OVF refers to.
    pub cim: u32,
    /// VirtualBox's identifier: one that all its versions have, since an unknown one is refused.
    pub virtualbox: &'static str,
    /// libosinfo's identifier.
    pub osinfo: &'static str,
}

impl GuestOs {
    /// Its names.
    #[must_use]
    pub fn names(self) -> GuestNames {
        let (title, vmx, vmware, cim, virtualbox, osinfo) = match self {
            Self::Linux64 => (
                "Linux (64-bit)",
                "other4xlinux-64",
                "other4xLinux64Guest",
                101,
                "Linux26_64",
                "http://libosinfo.org/linux/2022",
            ),
            Self::Debian11x64 => (
                "Debian GNU/Linux 11 (64-bit)",
                "debian11-64",
                "debian11_64Guest",
                96,
                "Debian_64",
                "http://debian.org/debian/11",
            ),
            Self::Debian12x64 => (
                "Debian GNU/Linux 12 (64-bit)",
                "debian12-64",
                "debian12_64Guest",
                96,
                "Debian_64",
                "http://debian.org/debian/12",
            ),
            Self::Ubuntu64 => (
                "Ubuntu Linux (64-bit)",
                "ubuntu-64",
                "ubuntu64Guest",
                94,
                "Ubuntu_64",
                "http://ubuntu.com/ubuntu/22.04",
            ),
            Self::Fedora64 => (
                "Fedora Linux (64-bit)",
                "fedora-64",
                "fedora64Guest",
                101,
                "Fedora_64",
                "http://fedoraproject.org/fedora/rawhide",
            ),
            Self::Rhel8x64 => (
                "Red Hat Enterprise Linux 8 (64-bit)",
                "rhel8-64",
                "rhel8_64Guest",
                80,
                "RedHat_64",
                "http://redhat.com/rhel/8.0",
            ),
            Self::Rhel9x64 => (
                "Red Hat Enterprise Linux 9 (64-bit)",
                "rhel9-64",
                "rhel9_64Guest",
                80,
                "RedHat_64",
                "http://redhat.com/rhel/9.0",
            ),
            Self::Sles15x64 => (
                "SUSE Linux Enterprise 15 (64-bit)",
                "sles15-64",
                "sles15_64Guest",
                85,
                "OpenSUSE_64",
                "http://suse.com/sle/15",
            ),
        };
        GuestNames {
            title,
            vmx,
            vmware,
            cim,
            virtualbox,
            osinfo,
        }
    }
}
