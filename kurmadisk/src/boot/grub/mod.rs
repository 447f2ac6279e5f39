//! GRUB, from the files of its installation: core images as `grub-mkimage` makes them, and what is around them
//! on a disk.
//!
//! A core image is GRUB's kernel with *objects* behind it: modules, each behind those it depends on, a memory
//! disk, and the prefix, which is where everything else lies. Here the memory disk holds `grub.cfg`; all modules
//! lie on the boot partition, for what a configuration wants besides.
//!
//! | platform | core image | starts |
//! |---|---|---|
//! | `i386-pc` | compressed, behind the MBR or in the BIOS boot partition; `boot.img` in the MBR | BIOS |
//! | `x86_64-efi` | `/EFI/BOOT/BOOTX64.EFI` | UEFI |
//! | `x86_64-xen` | `/xen/pvboot-x86_64.elf`, named by `/boot/grub/menu.lst` | Xen's PV guests |
//!
//! GRUB is under the GPL: nothing of it is in this crate; all of it is read from the user's own installation.
//!
//! | file | holds |
//! |---|---|
//! | `folder` | a platform's folder: modules, and what they depend on |
//! | `objects` | modules, memory disk and prefix, as they lie behind GRUB's kernel |
//! | `elf` | what is read of ELF files |
//! | `pc`, `efi`, `xen` | the core image of each platform |
//! | `memdisk` | the memory disk |
//! | `config` | `grub.cfg` and `menu.lst` |
//! | `error` | [`GrubError`] |

mod config;
mod efi;
mod elf;
mod error;
mod folder;
mod memdisk;
mod objects;
mod pc;
mod xen;

use serde::{Deserialize, Serialize};

pub(super) use config::menu_lst;
pub use config::{Entries, Slot};
pub use error::GrubError;
pub use folder::Folder;
pub use pc::PcCore;

use objects::Objects;

/// Where the core image finds what is in its memory disk.
const MEMDISK_PREFIX: &str = "(memdisk)/boot/grub";
/// The configuration's path there.
const MEMDISK_CONFIG: &str = "boot/grub/grub.cfg";
/// Where modules lie on the boot partition, where nothing else is said.
pub const DEFAULT_PREFIX: &str = "/boot/grub";
/// The core image for Xen, on the boot partition.
pub const XEN_PATH: &str = "/xen/pvboot-x86_64.elf";
/// What Xen's own loaders read to find it.
pub const XEN_MENU_PATH: &str = "/boot/grub/menu.lst";

/// What every core image has, besides what is for its platform.
const MODULES: [&str; 13] = [
    "normal",
    "memdisk",
    "tar",
    "part_gpt",
    "part_msdos",
    "fat",
    "search",
    "search_fs_file",
    "regexp",
    "test",
    "configfile",
    "linux",
    "echo",
];
/// What a core image has where the installation does.
const OPTIONAL_MODULES: [&str; 2] = ["ext2", GPTPRIO];
/// Chooses among slots; distributions that have none leave it out of their GRUB.
const GPTPRIO: &str = "gptprio";

/// What GRUB is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Platform {
    /// PCs with a BIOS.
    #[serde(rename = "i386-pc")]
    I386Pc,
    /// UEFI firmware of x86-64 machines.
    #[serde(rename = "x86_64-efi")]
    X86_64Efi,
    /// Guests of Xen that are paravirtualised, x86-64.
    #[serde(rename = "x86_64-xen")]
    X86_64Xen,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::I386Pc, Self::X86_64Efi, Self::X86_64Xen];

    /// The name of its folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::I386Pc => "i386-pc",
            Self::X86_64Efi => "x86_64-efi",
            Self::X86_64Xen => "x86_64-xen",
        }
    }

    /// What its core image needs to reach disk and console, and is no part of its kernel.
    fn modules(self) -> &'static [&'static str] {
        match self {
            Self::I386Pc => &["biosdisk", "serial", "terminal"],
            Self::X86_64Efi | Self::X86_64Xen => &[],
        }
    }
}

/// GRUB as a disk shall have it.
#[derive(Clone, Debug)]
pub struct Grub {
    /// The platforms' folders.
    pub folders: Vec<Folder>,
    /// Modules that core images shall have besides those they need.
    pub modules: Vec<String>,
    /// Where modules lie on the boot partition: an absolute path without a slash at its end.
    pub prefix: String,
    /// The configuration in place of the one that is made.
    pub config: Option<String>,
    /// Whether the disk has a GPT; otherwise it has an MBR.
    pub has_gpt: bool,
    /// Number of the boot partition.
    pub boot_partition: u32,
    /// Number of the partition that may have a `grub.cfg` of its own.
    pub oem_partition: Option<u32>,
    /// The disk's slots, if it has some.
    pub slots: Vec<Slot>,
}

impl Grub {
    /// The folder of this platform.
    #[must_use]
    pub fn folder(&self, platform: Platform) -> Option<&Folder> {
        self.folders
            .iter()
            .find(|folder| folder.platform() == platform)
    }

    /// A partition as GRUB calls it on its disk, such as `gpt1`.
    fn partition(&self, number: u32) -> String {
        let table = if self.has_gpt { "gpt" } else { "msdos" };
        format!("{table}{number}")
    }

    /// The core image that PCs with a BIOS start.
    pub(super) fn pc_core(&self, entries: &Entries<'_>) -> Result<Option<PcCore>, GrubError> {
        let Some(folder) = self.folder(Platform::I386Pc) else {
            return Ok(None);
        };
        let objects = self.objects(folder, entries)?;
        PcCore::new(folder, &objects).map(Some)
    }

    /// The core image that UEFI firmware starts.
    pub(super) fn efi_core(&self, entries: &Entries<'_>) -> Result<Option<Vec<u8>>, GrubError> {
        let Some(folder) = self.folder(Platform::X86_64Efi) else {
            return Ok(None);
        };
        core_image(folder, &self.objects(folder, entries)?).map(Some)
    }

    /// The core image that Xen starts.
    pub(super) fn xen_core(&self, entries: &Entries<'_>) -> Result<Option<Vec<u8>>, GrubError> {
        let Some(folder) = self.folder(Platform::X86_64Xen) else {
            return Ok(None);
        };
        core_image(folder, &self.objects(folder, entries)?).map(Some)
    }

    /// What lies behind the kernel of this platform.
    fn objects(&self, folder: &Folder, entries: &Entries<'_>) -> Result<Objects, GrubError> {
        let needed = folder.platform().modules().iter().chain(&MODULES);
        let optional = OPTIONAL_MODULES.iter().filter(|name| folder.has(name));
        let asked = self.modules.iter().map(String::as_str);
        let wanted: Vec<&str> = needed.chain(optional).copied().chain(asked).collect();
        let config = match &self.config {
            Some(config) => config.clone(),
            None => config::text(self, folder, entries),
        };
        Ok(Objects {
            modules: folder.modules(&wanted)?,
            memdisk: Some(memdisk::archive(MEMDISK_CONFIG, config.as_bytes())),
            prefix: MEMDISK_PREFIX.to_owned(),
        })
    }
}

/// What is in a core image, as `grub-mkimage` is told it.
#[derive(Clone, Debug, Default)]
pub struct CoreParts {
    /// The modules; those that they depend on come with them.
    pub modules: Vec<String>,
    /// The memory disk.
    pub memdisk: Option<Vec<u8>>,
    /// Where GRUB looks for everything else.
    pub prefix: String,
}

/// The core image of `folder`'s platform with these parts. That of `i386-pc` says nothing yet of its own place on a
/// disk: [`PcCore::embedded`] does.
pub fn core(folder: &Folder, parts: &CoreParts) -> Result<Vec<u8>, GrubError> {
    let wanted: Vec<&str> = parts.modules.iter().map(String::as_str).collect();
    let objects = Objects {
        modules: folder.modules(&wanted)?,
        memdisk: parts.memdisk.clone(),
        prefix: parts.prefix.clone(),
    };
    core_image(folder, &objects)
}

fn core_image(folder: &Folder, objects: &Objects) -> Result<Vec<u8>, GrubError> {
    let built = match folder.platform() {
        Platform::I386Pc => return Ok(PcCore::new(folder, objects)?.into_image()),
        Platform::X86_64Efi => efi::core(&folder.kernel()?, objects),
        Platform::X86_64Xen => xen::core(&folder.kernel()?, objects),
    };
    built.map_err(|problem| folder.malformed(folder::KERNEL, problem))
}
