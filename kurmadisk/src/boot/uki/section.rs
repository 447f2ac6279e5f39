//! The sections that a Unified Kernel Image may have besides stub, kernel, initrd and texts.

use kurmadisk_formats::map::{DiskMap, Extent};
use kurmadisk_formats::read_at::ReadAt;

use super::super::in_memory::in_memory;
use super::super::pe::spec::{SCN_CNT_INITIALIZED_DATA, SCN_MEM_READ};
use super::super::pe::{NewSection, Pe, PeFault};
use super::super::{BootError, BootInput, MAX_COMMAND_LINE, pe};

/// Sections in the order they lie in an image, as `ukify` has it: name, and what it holds.
///
/// A profile's section comes first, for the sections behind it belong to the profile; of several profiles each comes
/// behind all sections that they have in common, the kernel too.
pub const SECTIONS: [(&str, &str); 16] = [
    (".profile", "which profile the image is (ID= and TITLE=)"),
    (".osrel", "os-release(5)"),
    (".cmdline", "the command line"),
    (".dtb", "a device tree"),
    (".dtbauto", "a device tree that is chosen by the hardware"),
    (".efifw", "firmware that is chosen by the hardware"),
    (
        ".hwids",
        "which hardware gets which device tree or firmware",
    ),
    (".uname", "the kernel's release"),
    (".splash", "a picture to show (BMP)"),
    (".pcrpkey", "the public key of signed PCR values (PEM)"),
    (".pcrsig", "signed PCR values (JSON)"),
    (".initrd", "the initrd"),
    (".ucode", "an initrd with microcode, for the processor"),
    (".sbom", "what the image is made of"),
    (".sbat", "generations, by which firmware revokes (CSV)"),
    (".linux", "the kernel"),
];

/// The longest name that a section table holds.
const MAX_NAME: usize = 8;
/// Texts of generations are read into memory; no real one has more bytes.
const MAX_SBAT: u64 = 64 << 10;
/// What the lines of generations begin with: the format's own.
const SBAT_HEADER: &str = "sbat,";

/// A section that is added as it is.
#[derive(Clone, Debug)]
pub struct ExtraSection {
    /// One of [`SECTIONS`], or another one of at most eight characters of ASCII.
    pub name: String,
    /// Its content.
    pub content: DiskMap,
}

/// One of several profiles: a choice that is made when the image is started.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Which profile it is, in lines of `ID=` and `TITLE=`.
    pub description: String,
    /// What it has of its own.
    pub sections: Vec<ExtraSection>,
}

impl Profile {
    pub(super) fn description_section(&self) -> Result<ExtraSection, BootError> {
        let section = text_section(PROFILE, &self.description)?;
        section.check(&(&[], ""))?;
        Ok(section)
    }
}

/// Names that sections must not have, and why.
pub(super) type Reserved = (&'static [&'static str], &'static str);

/// What [`UkiParts`](super::UkiParts) has.
pub(super) const OF_PARTS: &Reserved = &(
    &[".osrel", ".cmdline", ".uname", ".initrd", ".linux"],
    "it has an option of its own",
);
/// What no profile has of its own: the kernel is loaded where it lies by some stubs, which takes room behind it, and
/// firmware asks for generations before there is a profile.
pub(super) const OF_ALL_PROFILES: &Reserved = &(
    &[PROFILE, ".linux", ".sbat"],
    "no profile has one of its own",
);
const PROFILE: &str = ".profile";
/// Of these an image may have several, of which the stub takes what fits the hardware.
const REPEATED: [&str; 2] = [".dtbauto", ".efifw"];

/// Refuses sections that cannot lie together.
pub(super) fn check_all(sections: &[ExtraSection], reserved: &Reserved) -> Result<(), BootError> {
    for (index, section) in sections.iter().enumerate() {
        section.check(reserved)?;
        let mut before = sections[..index].iter();
        let again = before.any(|other| other.name == section.name);
        if again && !REPEATED.contains(&section.name.as_str()) {
            return Err(section.fault("it is given twice"));
        }
    }
    Ok(())
}

/// The section among these that makes all that follows it one profile's.
pub(super) fn profile(sections: &[ExtraSection]) -> Option<&ExtraSection> {
    sections.iter().find(|section| section.name == PROFILE)
}

impl ExtraSection {
    /// Refuses a name that no section table has, or that is reserved.
    fn check(&self, (reserved, why): &Reserved) -> Result<(), BootError> {
        let len = self.content.len();
        let problem = if !self.name.bytes().all(|byte| byte.is_ascii_graphic())
            || self.name.is_empty()
            || self.name.len() > MAX_NAME
        {
            "a name is at most eight characters of ASCII, such as .dtb"
        } else if reserved.contains(&self.name.as_str()) {
            why
        } else if self.name == ".cmdline" && len > MAX_COMMAND_LINE as u64 {
            "it is longer than the 2047 bytes that a kernel takes"
        } else if len == 0 {
            "it is empty; leave it out"
        } else {
            return Ok(());
        };
        Err(self.fault(problem))
    }

    pub(super) fn fault(&self, problem: &'static str) -> BootError {
        BootError::Section {
            name: self.name.escape_default().to_string(),
            problem,
        }
    }

    pub(super) fn new_section(&self) -> NewSection<'_> {
        NewSection {
            name: &self.name,
            virtual_size: self.content.len(),
            content: self.content.clone(),
            characteristics: SCN_CNT_INITIALIZED_DATA | SCN_MEM_READ,
        }
    }
}

/// Where in an image a section comes; one that nobody knows right before the kernel.
pub(super) fn rank(name: &str) -> usize {
    let known = SECTIONS.iter().position(|(known, _)| *known == name);
    known.unwrap_or(SECTIONS.len() - 2)
}

/// The stub with generations of its own, of the kernel and of `given` in its section, as far as there is room.
pub(super) fn with_generations(
    stub: &DiskMap,
    pe: &Pe,
    kernel: &DiskMap,
    given: &DiskMap,
) -> Result<DiskMap, BootError> {
    let fault = |fault| BootError::Binary {
        input: BootInput::EfiStub,
        fault,
    };
    let Some(row) = pe.section(".sbat") else {
        return Err(BootError::Section {
            name: ".sbat".to_owned(),
            problem: "the stub has no section for generations",
        });
    };
    let own = pe::section_text(&stub.reader(), row, MAX_SBAT).map_err(fault)?;
    let mut text = own.trim_end().to_owned() + "\n";
    let reader = kernel.reader();
    if let Ok(kernel_pe) = Pe::read(&reader)
        && let Some(row) = kernel_pe.section(".sbat")
    {
        let of_kernel = pe::section_text(&reader, row, MAX_SBAT);
        let of_kernel = of_kernel.map_err(|fault| BootError::Binary {
            input: BootInput::Kernel,
            fault,
        })?;
        add_lines(&mut text, &of_kernel);
    }
    if given.len() > MAX_SBAT {
        return Err(too_long());
    }
    let mut bytes = vec![0; usize::try_from(given.len()).unwrap_or_default()];
    let read = given.reader().read_exact_at(0, &mut bytes);
    read.map_err(|error| fault(PeFault::Read(error)))?;
    let given = String::from_utf8(bytes).map_err(|_| BootError::Section {
        name: ".sbat".to_owned(),
        problem: "it is no text",
    })?;
    add_lines(&mut text, &given);

    let room = u64::from(row.size_of_raw_data.get());
    if text.len() as u64 > room {
        return Err(too_long());
    }
    replace(stub, pe, row.pointer_to_raw_data.get().into(), room, text)
}

fn too_long() -> BootError {
    BootError::Section {
        name: ".sbat".to_owned(),
        problem: "the stub's section has no room for so much",
    }
}

/// Adds the lines that are not there yet.
fn add_lines(text: &mut String, more: &str) {
    for line in more.lines().map(str::trim) {
        let known = line.starts_with(SBAT_HEADER) || text.lines().any(|own| own == line);
        if !line.is_empty() && !known {
            text.push_str(line);
            text.push('\n');
        }
    }
}

/// `image` with `text` in its section at `start`, which has `room` bytes.
fn replace(
    image: &DiskMap,
    pe: &Pe,
    start: u64,
    room: u64,
    text: String,
) -> Result<DiskMap, BootError> {
    let mut map = DiskMap::new(image.len());
    let row = pe.row_offset(".sbat").unwrap_or_default();
    let mut headers = vec![0; usize::try_from(pe.table_end()).unwrap_or_default()];
    let read = image.reader().read_exact_at(0, &mut headers);
    read.map_err(|error| BootError::Binary {
        input: BootInput::EfiStub,
        fault: PeFault::Read(error),
    })?;
    let len = u32::try_from(text.len()).unwrap_or_default().to_le_bytes();
    // VirtualSize is behind the name.
    let at = usize::try_from(row).unwrap_or_default() + MAX_NAME;
    headers[at..at + len.len()].copy_from_slice(&len);
    let mut content = text.into_bytes();
    content.resize(usize::try_from(room).unwrap_or_default(), 0);

    let between = [pe.table_end()..start, start + room..image.len()];
    map.insert_bytes(0, headers)?;
    map.insert_bytes(start, content)?;
    for range in between {
        for piece in image.pieces(range) {
            map.insert(piece)?;
        }
    }
    Ok(map)
}

/// Several initrds as one: the kernel unpacks one after the other, each at a multiple of four bytes.
pub fn joined(initrds: &[DiskMap]) -> Result<DiskMap, BootError> {
    let starts = initrds.iter().scan(0_u64, |next, initrd| {
        let start = *next;
        *next = start.saturating_add(initrd.len()).next_multiple_of(4);
        Some(start)
    });
    let starts: Vec<_> = starts.collect();
    let ends = starts.iter().zip(initrds);
    let len = ends.map(|(start, initrd)| start.saturating_add(initrd.len()));
    let mut map = DiskMap::new(len.max().unwrap_or_default());
    for (start, initrd) in starts.into_iter().zip(initrds) {
        for piece in initrd.extents() {
            map.insert(Extent {
                start: piece.start + start,
                ..piece.clone()
            })?;
        }
    }
    Ok(map)
}

/// A text as the content of a section.
pub fn text_section(name: &str, text: &str) -> Result<ExtraSection, BootError> {
    Ok(ExtraSection {
        name: name.to_owned(),
        content: in_memory(text)?,
    })
}
