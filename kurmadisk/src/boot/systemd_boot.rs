//! The texts by which systemd-boot is told what to start.
//!
//! The format of entries is the UAPI group's "Boot Loader Specification", type 1; that of
//! `loader.conf` is systemd's own, loader.conf(5).

use kurmadisk_formats::map::DiskMap;

use super::pe::{Pe, PeFault};
use super::uki::MARK_SECTION;
use super::{BootError, BootInput};

/// What systemd's stub says of itself.
const STUB_MARK: &[u8] = b"LoaderInfo: systemd-stub";

/// Where the boot manager looks for its configuration, on the EFI system partition.
pub const LOADER_CONF_PATH: &str = "/loader/loader.conf";
/// Where the boot manager itself lies for updates of it; firmware starts the copy at
/// [`FALLBACK_PATH`](super::FALLBACK_PATH).
pub const MANAGER_PATH: &str = "/EFI/systemd/systemd-bootx64.efi";

/// The boot manager's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderConf {
    /// Seconds for which the menu is shown; with 0 it is only shown while a key is held.
    pub timeout: u32,
    /// The entry that is started: its file name, with wildcards if so wanted; without it the newest one that has not
    /// failed.
    pub default: Option<String>,
}

impl LoaderConf {
    /// The text of `loader.conf`.
    #[must_use]
    pub fn text(&self) -> String {
        let default = self.default.as_ref();
        let default = default.map_or_else(String::new, |name| format!("default {name}\n"));
        format!("timeout {}\n{default}", self.timeout)
    }
}

/// An entry of type 1: a kernel and an initrd that lie on the EFI system partition.
///
/// Paths are from that partition's root, with slashes; no text has a line break in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name of its file in `/loader/entries`, without `.conf`.
    pub name: String,
    /// What the menu shows.
    pub title: String,
    /// What the menu is sorted by first: entries of one system have the same.
    pub sort_key: Option<String>,
    /// The version, by which entries of the same key are sorted.
    pub version: Option<String>,
    /// The kernel's path.
    pub linux: String,
    /// The initrd's path.
    pub initrd: Option<String>,
    /// The command line.
    pub options: String,
}

impl Entry {
    /// The name of the entry's file, by which `loader.conf` refers to it.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.conf", self.name)
    }

    /// The path of the entry's file.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/loader/entries/{}", self.file_name())
    }

    /// The text of the entry's file; keys without a value are left out.
    #[must_use]
    pub fn text(&self) -> String {
        let lines = [
            ("title", Some(self.title.as_str())),
            ("sort-key", self.sort_key.as_deref()),
            ("version", self.version.as_deref()),
            ("linux", Some(&*self.linux)),
            ("initrd", self.initrd.as_deref()),
            ("options", Some(&*self.options)),
        ];
        let mut text = String::new();
        for (key, value) in lines {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                text.extend([key, " ", value, "\n"]);
            }
        }
        text
    }
}

/// Fails when `manager` is not an EFI application for x86-64, or is systemd's stub.
pub fn check(manager: &DiskMap) -> Result<(), BootError> {
    let fault = |fault: PeFault| BootError::Binary {
        input: BootInput::SystemdBoot,
        fault,
    };
    let reader = manager.reader();
    let pe = Pe::read(&reader).map_err(fault)?;
    if pe
        .is_marked(&reader, MARK_SECTION, STUB_MARK)
        .map_err(fault)?
    {
        return Err(BootError::Swapped {
            input: BootInput::SystemdBoot,
            other: BootInput::EfiStub,
        });
    }
    Ok(())
}
