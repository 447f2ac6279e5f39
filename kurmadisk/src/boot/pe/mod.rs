//! PE images: their headers read, and sections added to them.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the on-disk structures |
//! | `fault` | [`PeFault`]: what can be wrong with an image |
//! | `append` | sections added behind an image's own |

mod append;
mod fault;
pub mod spec;

use kurmadisk_formats::read_at::ReadAt;
use zerocopy::{FromBytes, IntoBytes};

pub(super) use append::{NewSection, append};
pub use fault::PeFault;

use spec::{
    CoffHeader, DOS_MAGIC, DataDirectory, DosHeader, MACHINE_AMD64, MAGIC_PE32_PLUS, MAX_SECTIONS,
    OptionalHeader, SIGNATURE, SUBSYSTEM_EFI_APPLICATION, SectionHeader,
};

/// Bytes of a section that are looked at to find out what an image is.
const MARK_LEN: usize = 256;

/// The headers of an EFI application for x86-64.
#[derive(Clone, Debug)]
pub(super) struct Pe {
    /// Length of the file in bytes.
    pub file_len: u64,
    /// Offset of the COFF header.
    pub coff_offset: u64,
    pub coff: CoffHeader,
    pub optional: OptionalHeader,
    pub directories: Vec<DataDirectory>,
    /// Offset of the section table.
    pub table_offset: u64,
    pub sections: Vec<SectionHeader>,
}

impl Pe {
    /// Reads the headers and nothing else; they lie within the file, and nothing further is known
    /// of what they say.
    pub(super) fn read(image: &dyn ReadAt) -> Result<Self, PeFault> {
        let file_len = image.len();
        if file_len < size_of::<DosHeader>() as u64 {
            return Err(PeFault::NotPe);
        }
        let dos: DosHeader = read_struct(image, 0, "MS-DOS header")?;
        if dos.magic != DOS_MAGIC {
            return Err(PeFault::NotPe);
        }
        let coff_offset = u64::from(dos.e_lfanew.get());
        let coff: CoffHeader = read_struct(image, coff_offset, "COFF header")?;
        if coff.signature != SIGNATURE {
            return Err(PeFault::NotPe);
        }
        if coff.machine.get() != MACHINE_AMD64 {
            return Err(PeFault::Machine(coff.machine.get()));
        }
        let optional_offset = coff_offset + size_of::<CoffHeader>() as u64;
        let optional: OptionalHeader = read_struct(image, optional_offset, "optional header")?;
        if optional.magic.get() != MAGIC_PE32_PLUS {
            return Err(PeFault::Magic(optional.magic.get()));
        }
        if optional.subsystem.get() != SUBSYSTEM_EFI_APPLICATION {
            return Err(PeFault::Subsystem(optional.subsystem.get()));
        }
        let table_offset = optional_offset + u64::from(coff.size_of_optional_header.get());
        let directories_offset = optional_offset + size_of::<OptionalHeader>() as u64;
        let directories = u64::from(optional.number_of_rva_and_sizes.get());
        let room = table_offset.saturating_sub(directories_offset);
        if directories * size_of::<DataDirectory>() as u64 > room
            || table_offset < directories_offset
        {
            return Err(PeFault::Headers(
                "SizeOfOptionalHeader is too small for the data directories",
            ));
        }
        let sections = u64::from(coff.number_of_sections.get());
        if sections > MAX_SECTIONS {
            return Err(PeFault::TooManySections(sections));
        }
        Ok(Self {
            file_len,
            coff_offset,
            coff,
            optional,
            directories: read_rows(image, directories_offset, directories, "data directories")?,
            table_offset,
            sections: read_rows(image, table_offset, sections, "section table")?,
        })
    }

    /// The first section of this name.
    pub(super) fn section(&self, name: &str) -> Option<&SectionHeader> {
        let name = section_name(name);
        self.sections.iter().find(|section| section.name == name)
    }

    /// Where the row of the first section of this name lies in the file.
    pub(super) fn row_offset(&self, name: &str) -> Option<u64> {
        let name = section_name(name);
        let index = self.sections.iter().position(|row| row.name == name)?;
        Some(self.table_offset + (index * size_of::<SectionHeader>()) as u64)
    }

    /// Where the section table ends.
    pub(super) fn table_end(&self) -> u64 {
        self.table_offset + size_of_val(self.sections.as_slice()) as u64
    }

    /// Whether section `name` of `image`, whose headers these are, has `mark` near its begin.
    pub(super) fn is_marked(
        &self,
        image: &dyn ReadAt,
        name: &str,
        mark: &[u8],
    ) -> Result<bool, PeFault> {
        let Some(section) = self.section(name) else {
            return Ok(false);
        };
        let raw = usize::try_from(section.size_of_raw_data.get()).unwrap_or(MARK_LEN);
        let mut bytes = vec![0; raw.min(MARK_LEN)];
        let offset = section.pointer_to_raw_data.get().into();
        read_bytes(image, offset, &mut bytes, "section content")?;
        Ok(bytes.windows(mark.len()).any(|window| window == mark))
    }
}

/// Whether it is an EFI program for x86-64.
#[cfg(feature = "secure-boot")]
pub(crate) fn is_program(image: &dyn ReadAt) -> bool {
    Pe::read(image).is_ok()
}

/// A section's name as the section table holds it; what is behind eight bytes is lost.
pub(super) fn section_name(name: &str) -> [u8; 8] {
    let mut field = [0; 8];
    for (to, from) in field.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    field
}

/// A section's name as text.
pub(super) fn shown_name(field: [u8; 8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(8);
    field[..end].escape_ascii().to_string()
}

/// Where the content of a section lies in the file, and its bytes: those that are in memory too, without what fills
/// the file's alignment.
pub(super) fn content_range(
    image: &dyn ReadAt,
    row: &SectionHeader,
) -> Result<(u64, u64), PeFault> {
    let offset = u64::from(row.pointer_to_raw_data.get());
    let raw = u64::from(row.size_of_raw_data.get());
    let len = match row.virtual_size.get() {
        0 => raw,
        virtual_size => raw.min(virtual_size.into()),
    };
    if len == 0 {
        return Ok((0, 0));
    }
    check_range(image, offset, len, "section content")?;
    Ok((offset, len))
}

/// The content of a section of at most `most` bytes as text, without NULs at its end.
pub(super) fn section_text(
    image: &dyn ReadAt,
    row: &SectionHeader,
    most: u64,
) -> Result<String, PeFault> {
    let (offset, len) = content_range(image, row)?;
    if len > most {
        return Err(PeFault::Headers("a section of text is too long for one"));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
    read_bytes(image, offset, &mut bytes, "section content")?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim_end_matches('\0').to_owned())
}

fn read_struct<T: FromBytes + IntoBytes>(
    image: &dyn ReadAt,
    offset: u64,
    what: &'static str,
) -> Result<T, PeFault> {
    let mut value = T::new_zeroed();
    read_bytes(image, offset, value.as_mut_bytes(), what)?;
    Ok(value)
}

/// `count` structures in a row; the caller bounds `count`, and the file's length does.
fn read_rows<T: FromBytes + IntoBytes + Clone>(
    image: &dyn ReadAt,
    offset: u64,
    count: u64,
    what: &'static str,
) -> Result<Vec<T>, PeFault> {
    let len = count.saturating_mul(size_of::<T>() as u64);
    check_range(image, offset, len, what)?;
    (0..count)
        .map(|index| read_struct(image, offset + index * size_of::<T>() as u64, what))
        .collect()
}

fn read_bytes(
    image: &dyn ReadAt,
    offset: u64,
    buf: &mut [u8],
    what: &'static str,
) -> Result<(), PeFault> {
    check_range(image, offset, buf.len() as u64, what)?;
    image.read_exact_at(offset, buf).map_err(PeFault::Read)
}

fn check_range(
    image: &dyn ReadAt,
    offset: u64,
    len: u64,
    what: &'static str,
) -> Result<(), PeFault> {
    let end = offset.saturating_add(len);
    if end > image.len() {
        return Err(PeFault::Truncated {
            what,
            end,
            len: image.len(),
        });
    }
    Ok(())
}
