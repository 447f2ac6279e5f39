//! Unified Kernel Images: one EFI program of a stub, a kernel, its initrd and its command line.
//!
//! The format is that of the UAPI group's "Unified Kernel Image" specification: a PE image whose
//! sections are found by name. What each is for:
//!
//! | section | holds |
//! |---|---|
//! | `.profile` | which profile it is, first |
//! | `.osrel` | os-release(5), by which systemd-boot finds and names the image |
//! | `.cmdline` | the command line, not terminated |
//! | `.uname` | the kernel's release |
//! | `.initrd` | the initrd |
//! | others | [`SECTIONS`] has them all, in their order |
//! | `.linux` | the kernel, last: it takes more memory than it has bytes |
//!
//! An image may have several profiles: each is a `.profile` behind all of that, and sections of its own behind it,
//! which count more than those in front of the first profile. Whoever starts the image names one by `@` and its
//! number, counted from 0, in front of the command line; nobody means `@0`.
//!
//! The stub's own sections come first and stay as they are. Kernel and initrd are referenced, never
//! read; a planned image of hundreds of MiB costs a few KB.
//!
//! | file | holds |
//! |---|---|
//! | `section` | [`SECTIONS`], [`ExtraSection`], [`Profile`]: what an image may have besides |
//! | `report` | [`inspect()`]: what an image says of itself |

mod report;
mod section;

use kurmadisk_formats::map::DiskMap;

use super::in_memory::in_memory;
use super::kernel::Kernel;
use super::pe::spec::{SCN_CNT_CODE, SCN_CNT_INITIALIZED_DATA, SCN_MEM_READ};
use super::pe::{NewSection, Pe, PeFault, append};
use super::{BootError, BootInput, kurmaboot, text};

pub use report::{ImageReport, SectionReport, inspect};
pub use section::{ExtraSection, Profile, SECTIONS, joined, text_section};

/// What systemd's stub says of itself in its section `.sdmagic`, and its boot manager likewise.
pub(super) const MARK_SECTION: &str = ".sdmagic";
const BOOT_MANAGER_MARK: &[u8] = b"LoaderInfo: systemd-boot";

/// The parts of a Unified Kernel Image.
#[derive(Clone, Copy, Debug)]
pub struct UkiParts<'a> {
    /// A stub that starts what lies in its own sections: [`own_stub`], or such as systemd's `linuxx64.efi.stub`.
    pub stub: &'a DiskMap,
    /// The kernel: a bzImage with an EFI stub of its own.
    pub kernel: &'a DiskMap,
    /// The initrd, if there is one.
    pub initrd: Option<&'a DiskMap>,
    /// The command line. When it is empty, the stub hands on that of whoever started the image.
    pub cmdline: &'a str,
    /// The text of the system's os-release file. systemd-boot doesn't list an image without one.
    pub os_release: Option<&'a str>,
    /// The kernel's release; without it, what the kernel says of itself.
    pub uname: Option<&'a str>,
}

/// kurmaboot's stub, assembled anew.
pub fn own_stub() -> Result<DiskMap, BootError> {
    in_memory(kurmaboot::uefi_stub()?)
}

/// The image as an extent map.
///
/// Fails when stub or kernel is not what it should be, when a text cannot be handed on, or when the
/// image would exceed 4 GiB.
pub fn build(parts: &UkiParts<'_>) -> Result<DiskMap, BootError> {
    build_with(parts, &[], &[])
}

/// As [`build`], with further sections, each in its place, and with profiles. Generations (`.sbat`) are added to those
/// of the stub.
pub fn build_with(
    parts: &UkiParts<'_>,
    extra: &[ExtraSection],
    profiles: &[Profile],
) -> Result<DiskMap, BootError> {
    let stub = |fault| BootError::Binary {
        input: BootInput::EfiStub,
        fault,
    };
    let reader = parts.stub.reader();
    let pe = Pe::read(&reader).map_err(stub)?;
    if pe
        .is_marked(&reader, MARK_SECTION, BOOT_MANAGER_MARK)
        .map_err(stub)?
    {
        return Err(BootError::Swapped {
            input: BootInput::EfiStub,
            other: BootInput::SystemdBoot,
        });
    }
    // A finished image is told before anything is said about the kernel.
    if pe.section(".linux").is_some() {
        return Err(stub(PeFault::SectionExists(".linux".to_owned())));
    }
    section::check_all(extra, section::OF_PARTS)?;
    if let (Some(_), Some(own)) = (profiles.first(), section::profile(extra)) {
        return Err(own.fault("it is given twice"));
    }
    for profile in profiles {
        section::check_all(&profile.sections, section::OF_ALL_PROFILES)?;
    }
    let mut sections = sections(parts)?;
    let (generations, extra): (Vec<_>, Vec<_>) =
        extra.iter().partition(|section| section.name == ".sbat");
    sections.extend(extra.into_iter().map(ExtraSection::new_section));
    sections.sort_by_key(|section| section::rank(section.name));
    let descriptions = profiles.iter().map(Profile::description_section);
    let descriptions = descriptions.collect::<Result<Vec<_>, _>>()?;
    for (description, profile) in descriptions.iter().zip(profiles) {
        let mut own: Vec<_> = profile.sections.iter().collect();
        own.sort_by_key(|section| section::rank(&section.name));
        let all = [description].into_iter().chain(own);
        sections.extend(all.map(ExtraSection::new_section));
    }
    let Some(generations) = generations.first() else {
        return append(&pe, parts.stub, &sections).map_err(stub);
    };
    let own = section::with_generations(parts.stub, &pe, parts.kernel, &generations.content)?;
    let pe = Pe::read(&own.reader()).map_err(stub)?;
    append(&pe, &own, &sections).map_err(stub)
}

fn sections(parts: &UkiParts<'_>) -> Result<Vec<NewSection<'static>>, BootError> {
    let kernel = Kernel::read(parts.kernel).map_err(BootError::Kernel)?;
    let uname = match parts.uname {
        Some(given) => Some(checked_uname(given)?),
        None => kernel.release(),
    };
    let cmdline = text::command_line(parts.cmdline, false)?;
    let os_release = parts.os_release.map(text::os_release).transpose()?;
    let texts = [
        (".osrel", os_release),
        (".cmdline", Some(cmdline)),
        (".uname", uname),
    ];
    let mut sections = Vec::new();
    for (name, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            sections.push(data(name, in_memory(text)?));
        }
    }
    if let Some(initrd) = parts.initrd {
        sections.push(data(".initrd", initrd.clone()));
    }
    let in_memory = kernel.efi_image_size().map_err(BootError::Kernel)?;
    sections.push(NewSection {
        name: ".linux",
        content: parts.kernel.clone(),
        // Stubs that run the kernel where it lies need room for its zeros too.
        virtual_size: u64::from(in_memory).max(parts.kernel.len()),
        characteristics: SCN_CNT_CODE | SCN_MEM_READ,
    });
    Ok(sections)
}

fn data(name: &'static str, content: DiskMap) -> NewSection<'static> {
    NewSection {
        name,
        virtual_size: content.len(),
        content,
        characteristics: SCN_CNT_INITIALIZED_DATA | SCN_MEM_READ,
    }
}

fn checked_uname(text: &str) -> Result<&str, BootError> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text)
    } else {
        Err(BootError::Text {
            name: "the kernel's release",
            problem: "it must be one word of ASCII, as `uname -r` prints it",
        })
    }
}
