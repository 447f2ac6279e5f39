//! What a Unified Kernel Image, or any EFI program, says of itself.

use kurmadisk_formats::read_at::{ReadAt, Window};
use serde::Serialize;
use sha2::{Digest, Sha256};

#[cfg(feature = "secure-boot")]
use super::super::authenticode::{SignatureReport, signatures};
use super::super::pe::{self, Pe, PeFault};

/// Sections whose content people read.
const TEXTS: [&str; 9] = [
    ".osrel", ".cmdline", ".uname", ".profile", ".pcrpkey", ".pcrsig", ".sbat", ".sbom", ".sdmagic",
];
/// A longer text is not shown.
const MAX_TEXT: u64 = 64 << 10;
/// Bytes that are hashed at a time.
const WINDOW: u64 = 1 << 20;

/// An EFI program, ready for JSON. Sizes are in bytes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageReport {
    /// The file's length.
    pub size: u64,
    /// Bytes it takes in memory.
    pub memory: u32,
    /// Whether it has a kernel in a section.
    pub unified: bool,
    /// Its sections, in the order of its section table.
    pub sections: Vec<SectionReport>,
    /// Its signatures, in the order of its certificate table.
    #[cfg(feature = "secure-boot")]
    pub signatures: Vec<SignatureReport>,
}

/// A section.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SectionReport {
    /// Its name; what is not ASCII is escaped.
    pub name: String,
    /// The profile that it belongs to, counted from 0; none of what lies in front of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<usize>,
    /// Its content's length, without what fills the file's alignment.
    pub size: u64,
    /// Bytes in memory.
    pub memory: u32,
    /// Its address from the image's begin.
    pub address: u32,
    /// Where its content lies in the file.
    pub offset: u32,
    /// The content's digest.
    pub sha256: String,
    /// The content, of sections that are text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Reads all of `image`, an EFI program for x86-64.
pub fn inspect(image: &dyn ReadAt) -> Result<ImageReport, PeFault> {
    let pe = Pe::read(image)?;
    let mut profiles = 0_usize;
    let sections = pe.sections.iter().map(|row| {
        let (offset, size) = pe::content_range(image, row)?;
        let content = Window::new(image, offset, size).map_err(PeFault::Read)?;
        let name = pe::shown_name(row.name);
        let text = if TEXTS.contains(&name.as_str()) && size <= MAX_TEXT {
            pe::section_text(image, row, MAX_TEXT).ok()
        } else {
            None
        };
        profiles += usize::from(name == ".profile");
        Ok(SectionReport {
            profile: profiles.checked_sub(1),
            size,
            memory: row.virtual_size.get(),
            address: row.virtual_address.get(),
            offset: row.pointer_to_raw_data.get(),
            sha256: data_encoding::HEXLOWER.encode(&digest(&content)?),
            text,
            name,
        })
    });
    let sections = sections.collect::<Result<Vec<_>, PeFault>>()?;
    Ok(ImageReport {
        size: pe.file_len,
        memory: pe.optional.size_of_image.get(),
        unified: pe.section(".linux").is_some(),
        sections,
        #[cfg(feature = "secure-boot")]
        signatures: signatures(image)?,
    })
}

fn digest(content: &dyn ReadAt) -> Result<[u8; 32], PeFault> {
    let mut hash = Sha256::new();
    let mut window = Vec::new();
    let mut at = 0;
    while at < content.len() {
        let len = (content.len() - at).min(WINDOW);
        window.resize(usize::try_from(len).unwrap_or_default(), 0);
        content
            .read_exact_at(at, &mut window)
            .map_err(PeFault::Read)?;
        hash.update(&window);
        at += len;
    }
    Ok(hash.finalize().into())
}
