//! Boot files put into the trees of partitions.

use std::num::NonZero;

use kurmadisk_formats::map::DiskMap;

use super::grub::PcCore;
use super::grub::{Entries, Grub, Platform, XEN_MENU_PATH, XEN_PATH, menu_lst};
use super::in_memory::in_memory;
use super::kernel::Kernel;
use super::kurmaboot;
use super::systemd_boot::{self, Entry, LOADER_CONF_PATH, LoaderConf, MANAGER_PATH};
use super::uki::{self, UkiParts};
use super::{
    BootError, BootFiles, BootInput, BootMethod, BootSummary, FALLBACK_PATH, StagedFile, text,
};
use crate::tree::{Metadata, Tree};

/// The first slot, by which its entry and its Unified Kernel Image are named.
const SLOT_NAME: &str = "kurma-a";
/// Seconds the boot manager waits: there is one entry, so nothing to choose.
const MENU_TIMEOUT: u32 = 0;

/// Where the kernel and what belongs to it lie in a tree.
struct Places {
    kernel: &'static str,
    initrd: &'static str,
    /// For loaders that read the command line from a file.
    cmdline: Option<&'static str>,
}

/// The first slot on a boot partition, where kurmaboot looks for it whether there are slots or not.
const SLOT_A: Places = Places {
    kernel: "/kurmaos/vmlinuz-a",
    initrd: "/kurmaos/initrd-a",
    cmdline: Some("/kurmaos/cmdline"),
};
/// An EFI system partition that only systemd-boot reads.
const NO_SLOTS: Places = Places {
    kernel: "/vmlinuz",
    initrd: "/initrd",
    cmdline: None,
};
/// A root filesystem, on a disk without an EFI system partition.
const IN_ROOT: Places = Places {
    kernel: "/boot/kurmaos/vmlinuz-a",
    initrd: "/boot/kurmaos/initrd-a",
    cmdline: Some("/boot/kurmaos/cmdline"),
};

/// Puts what makes a disk boot into the tree of its boot partition.
///
/// Owner and time of `meta` go to the directories too, its mode to the files. Files that are there
/// under the same names are replaced. See [`boot`](super) for what comes where.
///
/// Fails when a file is not what it should be, or when something is given that could have no effect.
pub fn stage(esp: &mut Tree, files: &BootFiles, meta: &Metadata) -> Result<BootSummary, BootError> {
    let Some(given) = Given::new(files)? else {
        return Ok(BootSummary::default());
    };
    if files.boot_tries.is_some() && files.systemd_boot.is_none() {
        let input = BootInput::BootTries;
        return Err(BootError::NoManager { input });
    }
    let mut staging = Staging::new(esp, meta);
    let manager = files.systemd_boot.as_ref();
    let grub = files.grub.as_ref();
    let own = manager.is_none() && files.efi_stub.is_none();
    let places = if files.slots || files.bios || own || grub.is_some() {
        Some(&SLOT_A)
    } else if files.efi_stub.is_none() {
        Some(&NO_SLOTS)
    } else {
        None
    };
    if let Some(places) = places {
        staging.place_all(places, &given)?;
    }
    let by_grub = grub.is_some_and(|grub| grub.folder(Platform::X86_64Efi).is_some());
    let method = match (&files.efi_stub, manager, places) {
        _ if by_grub => one_loader(files).map(|()| BootMethod::Grub)?,
        (Some(stub), manager, _) => staging.unified(&given, stub, manager)?,
        (None, Some(manager), Some(places)) => staging.entry(&given, manager, places)?,
        _ => staging.own_loader(&given, files.bios)?,
    };
    let pc_core = match grub {
        Some(grub) => staging.grub(grub, &given, files.bios)?,
        None => None,
    };
    let mut summary = staging.summary(method, &given);
    summary.bios = files.bios && (pc_core.is_some() || given.kernel.starts_by_bios());
    summary.pc_core = pc_core;
    Ok(summary)
}

/// UEFI firmware starts one loader.
fn one_loader(files: &BootFiles) -> Result<(), BootError> {
    let others = [
        (BootInput::EfiStub, files.efi_stub.is_some()),
        (BootInput::SystemdBoot, files.systemd_boot.is_some()),
    ];
    match others.into_iter().find(|(_, given)| *given) {
        Some((input, _)) => Err(BootError::TwoLoaders { input }),
        None => Ok(()),
    }
}

/// Puts kernel, initrd and command line into the tree of a root filesystem, for a disk without an
/// EFI system partition, as `/boot/kurmaos/vmlinuz-a`, `initrd-a` and `cmdline`.
///
/// Fails when a file is not what it should be, or is of use to UEFI firmware only.
pub fn stage_root(
    root: &mut Tree,
    files: &BootFiles,
    meta: &Metadata,
) -> Result<BootSummary, BootError> {
    for (input, given) in [
        (BootInput::EfiStub, files.efi_stub.is_some()),
        (BootInput::SystemdBoot, files.systemd_boot.is_some()),
        (BootInput::Grub, files.grub.is_some()),
        (BootInput::BootTries, files.boot_tries.is_some()),
    ] {
        if given {
            return Err(BootError::NoEsp { input });
        }
    }
    let Some(given) = Given::new(files)? else {
        return Ok(BootSummary::default());
    };
    let mut staging = Staging::new(root, meta);
    staging.place_all(&IN_ROOT, &given)?;
    Ok(staging.summary(BootMethod::None, &given))
}

/// What is given, looked at.
struct Given<'a> {
    map: &'a DiskMap,
    kernel: Kernel,
    initrd: Option<&'a DiskMap>,
    cmdline: &'a str,
    os_release: Option<&'a str>,
    tries: Option<NonZero<u8>>,
}

impl<'a> Given<'a> {
    /// None when nothing is given.
    fn new(files: &'a BootFiles) -> Result<Option<Self>, BootError> {
        let cmdline = text::command_line(&files.cmdline, files.slots)?;
        let Some(map) = &files.kernel else {
            let useless = [
                (BootInput::EfiStub, files.efi_stub.is_some()),
                (BootInput::SystemdBoot, files.systemd_boot.is_some()),
                (BootInput::Grub, files.grub.is_some()),
                (BootInput::BootTries, files.boot_tries.is_some()),
                (BootInput::Initrd, files.initrd.is_some()),
                (BootInput::CommandLine, !cmdline.is_empty()),
            ];
            return match useless.into_iter().find(|(_, given)| *given) {
                Some((input, _)) => Err(BootError::NoKernel { input }),
                None => Ok(None),
            };
        };
        Ok(Some(Self {
            map,
            kernel: Kernel::read(map).map_err(BootError::Kernel)?,
            initrd: files.initrd.as_ref(),
            cmdline,
            tries: files.boot_tries,
            os_release: files
                .os_release
                .as_deref()
                .filter(|text| text::os_release(text).is_ok()),
        }))
    }
}

impl Given<'_> {
    /// What the boot manager's entry for it is called, without its ending: with the tries left, where they are counted
    /// ("Boot Loader Specification", boot counting).
    fn entry_name(&self) -> String {
        let left = self
            .tries
            .map_or_else(String::new, |left| format!("+{left}"));
        format!("{SLOT_NAME}{left}")
    }
}

/// A tree that is given files.
struct Staging<'a> {
    tree: &'a mut Tree,
    meta: &'a Metadata,
    files: Vec<StagedFile>,
}

impl<'a> Staging<'a> {
    fn new(tree: &'a mut Tree, meta: &'a Metadata) -> Self {
        Self {
            tree,
            meta,
            files: Vec::new(),
        }
    }

    fn put(&mut self, path: &str, content: DiskMap) -> Result<(), BootError> {
        let len = content.len();
        self.tree
            .place_file(path.as_bytes(), self.meta.clone(), content)
            .map_err(|source| BootError::Place {
                path: path.to_owned(),
                source,
            })?;
        self.files.push(StagedFile {
            path: path.to_owned(),
            len,
        });
        Ok(())
    }

    fn place_all(&mut self, places: &Places, given: &Given<'_>) -> Result<(), BootError> {
        self.put(places.kernel, given.map.clone())?;
        if let Some(initrd) = given.initrd {
            self.put(places.initrd, initrd.clone())?;
        }
        match places.cmdline {
            Some(path) if !given.cmdline.is_empty() => {
                self.put(path, in_memory(format!("{}\n", given.cmdline))?)
            }
            _ => Ok(()),
        }
    }

    /// A Unified Kernel Image, started by firmware or by the boot manager.
    fn unified(
        &mut self,
        given: &Given<'_>,
        stub: &DiskMap,
        manager: Option<&DiskMap>,
    ) -> Result<BootMethod, BootError> {
        let default_os_release = text::default_os_release(given.kernel.release());
        let image = uki::build(&UkiParts {
            stub,
            kernel: given.map,
            initrd: given.initrd,
            cmdline: given.cmdline,
            os_release: given.os_release.or(Some(&default_os_release)),
            uname: None,
        })?;
        if let Some(manager) = manager {
            let name = format!("{}.efi", given.entry_name());
            self.put(&format!("/EFI/Linux/{name}"), image)?;
            self.manager(manager, given, name)?;
            Ok(BootMethod::ManagedImage)
        } else {
            self.put(FALLBACK_PATH, image)?;
            Ok(BootMethod::UnifiedImage)
        }
    }

    /// An entry of the boot manager for the files at `places`.
    fn entry(
        &mut self,
        given: &Given<'_>,
        manager: &DiskMap,
        places: &Places,
    ) -> Result<BootMethod, BootError> {
        require_efi_stub(given)?;
        let entry = Entry {
            name: given.entry_name(),
            title: text::title(given.os_release),
            // The manager chooses among several by it.
            sort_key: given.tries.map(|_| text::system_id(given.os_release)),
            version: given.kernel.release().map(str::to_owned),
            linux: places.kernel.to_owned(),
            initrd: given.initrd.map(|_| places.initrd.to_owned()),
            options: given.cmdline.to_owned(),
        };
        self.put(&entry.path(), in_memory(entry.text())?)?;
        self.manager(manager, given, entry.file_name())?;
        Ok(BootMethod::ManagedEntry)
    }

    /// Where tries are counted no entry is the default: the manager shall choose another one if there is one.
    fn manager(
        &mut self,
        manager: &DiskMap,
        given: &Given<'_>,
        entry: String,
    ) -> Result<(), BootError> {
        systemd_boot::check(manager)?;
        let conf = LoaderConf {
            timeout: MENU_TIMEOUT,
            default: given.tries.is_none().then_some(entry),
        };
        self.put(LOADER_CONF_PATH, in_memory(conf.text())?)?;
        self.put(MANAGER_PATH, manager.clone())?;
        self.put(FALLBACK_PATH, manager.clone())
    }

    /// kurmaboot; for a kernel that UEFI firmware cannot start, its BIOS half alone.
    fn own_loader(&mut self, given: &Given<'_>, bios: bool) -> Result<BootMethod, BootError> {
        if bios && !given.kernel.has_efi_stub() {
            return Ok(BootMethod::None);
        }
        require_efi_stub(given)?;
        self.put(FALLBACK_PATH, in_memory(kurmaboot::uefi_loader()?)?)?;
        Ok(BootMethod::Kurmaboot)
    }

    /// Core images, and the modules of all platforms; gives the core image that lies in no file.
    fn grub(
        &mut self,
        grub: &Grub,
        given: &Given<'_>,
        bios: bool,
    ) -> Result<Option<PcCore>, BootError> {
        let title = text::title(given.os_release);
        let entries = Entries::new(&title, given.cmdline, !grub.slots.is_empty())
            .map_err(BootError::GrubCommandLine)?;
        if let Some(core) = grub.efi_core(&entries).map_err(BootError::Grub)? {
            self.put(FALLBACK_PATH, in_memory(core)?)?;
        }
        if let Some(core) = grub.xen_core(&entries).map_err(BootError::Grub)? {
            self.put(XEN_PATH, in_memory(core)?)?;
            let menu = menu_lst(&title, grub.boot_partition);
            self.put(XEN_MENU_PATH, in_memory(menu)?)?;
        }
        for folder in &grub.folders {
            let platform = folder.platform().name();
            for (name, content) in folder.installed().map_err(BootError::Grub)? {
                self.put(&format!("{}/{platform}/{name}", grub.prefix), content)?;
            }
        }
        if !bios {
            return Ok(None);
        }
        grub.pc_core(&entries).map_err(BootError::Grub)
    }

    fn summary(self, method: BootMethod, given: &Given<'_>) -> BootSummary {
        BootSummary {
            method,
            bios: false,
            pc_core: None,
            kernel_release: given.kernel.release().map(str::to_owned),
            files: self.files,
        }
    }
}

fn require_efi_stub(given: &Given<'_>) -> Result<(), BootError> {
    given
        .kernel
        .efi_image_size()
        .map(drop)
        .map_err(BootError::Kernel)
}
