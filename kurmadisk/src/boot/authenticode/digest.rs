//! The digest of a program: "Calculating the PE Image Hash" of Microsoft's specification.

use std::ops::Range;

use kurmadisk_formats::read_at::ReadAt;
use sha2::{Digest, Sha256};

use super::super::pe::spec::{DIRECTORY_SECURITY, DataDirectory, OptionalHeader};
use super::super::pe::{Pe, PeFault};

/// Bytes that are read at a time.
const WINDOW: u64 = 1 << 20;
/// Where `CheckSum` is in the optional header.
const CHECK_SUM: u64 = std::mem::offset_of!(OptionalHeader, check_sum) as u64;

/// What of a program signing changes, and so the digest leaves out. Offsets in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The checksum of the optional header.
    pub check_sum: Range<u64>,
    /// The data directory of the certificate table.
    pub directory: Range<u64>,
    /// The certificate table; empty at the end of the file without one.
    pub table: Range<u64>,
    /// What is hashed, in this order.
    hashed: Vec<Range<u64>>,
}

impl Layout {
    /// Of the program whose headers are `pe`.
    pub fn new(pe: &Pe) -> Result<Self, PeFault> {
        let optional = pe.coff_offset + size_of::<super::super::pe::spec::CoffHeader>() as u64;
        let check_sum = optional + CHECK_SUM..optional + CHECK_SUM + 4;
        let size = size_of::<DataDirectory>() as u64;
        let directories = optional + size_of::<OptionalHeader>() as u64;
        let Some(directory) = pe.directories.get(DIRECTORY_SECURITY) else {
            return Err(PeFault::Headers(
                "there is no data directory for signatures",
            ));
        };
        let at = directories + DIRECTORY_SECURITY as u64 * size;
        let begin = u64::from(directory.virtual_address.get());
        let table = match u64::from(directory.size.get()) {
            0 => pe.file_len..pe.file_len,
            len => begin..begin + len,
        };
        if table.end > pe.file_len {
            return Err(PeFault::Truncated {
                what: "certificate table",
                end: table.end,
                len: pe.file_len,
            });
        }
        let headers = u64::from(pe.optional.size_of_headers.get());
        if headers < at + size || headers > table.start {
            return Err(PeFault::Headers("SizeOfHeaders is not that of the headers"));
        }
        let mut hashed = vec![0..check_sum.start, check_sum.end..at, at + size..headers];
        let mut sections: Vec<_> = pe
            .sections
            .iter()
            .map(|row| {
                let start = u64::from(row.pointer_to_raw_data.get());
                start..start + u64::from(row.size_of_raw_data.get())
            })
            .filter(|range| !range.is_empty())
            .collect();
        sections.sort_by_key(|range| range.start);
        let mut next = headers;
        for section in sections {
            // What lay in no section or in two would be hashed otherwise by others.
            if section.start != next || section.end > table.start {
                return Err(PeFault::Headers(
                    "the sections' contents do not follow one another behind the headers",
                ));
            }
            next = section.end;
            hashed.push(section);
        }
        hashed.push(next..table.start);
        Ok(Self {
            check_sum,
            directory: at..at + size,
            table,
            hashed,
        })
    }

    /// The digest of `image`, with `padding` zeros behind what there is before the certificate table.
    pub fn digest(&self, image: &dyn ReadAt, padding: u64) -> Result<[u8; 32], PeFault> {
        let mut hash = Sha256::new();
        let mut window = Vec::new();
        for range in &self.hashed {
            let mut at = range.start;
            while at < range.end {
                let len = (range.end - at).min(WINDOW);
                window.resize(usize::try_from(len).unwrap_or_default(), 0);
                image
                    .read_exact_at(at, &mut window)
                    .map_err(PeFault::Read)?;
                hash.update(&window);
                at += len;
            }
        }
        hash.update(vec![0; usize::try_from(padding).unwrap_or_default()]);
        Ok(hash.finalize().into())
    }
}
