//! Sections added to a PE image, whose own sections stay as they are in memory.

use std::ops::Range;

use kurmadisk_formats::map::{DiskMap, Extent, MapBuilder};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use super::spec::{
    DIRECTORY_DEBUG, DIRECTORY_SECURITY, DataDirectory, MAX_FILE_ALIGNMENT, MAX_SECTIONS,
    SCN_CNT_CODE, SCN_CNT_INITIALIZED_DATA, SectionHeader,
};
use super::{Pe, PeFault, read_bytes, section_name, shown_name};

/// Bytes before the first section's content which are kept in memory.
const MAX_HEADERS: u64 = 1 << 20;
const ROW: u64 = size_of::<SectionHeader>() as u64;

/// A section to be added.
#[derive(Clone, Debug)]
pub(in crate::boot) struct NewSection<'a> {
    /// At most eight characters.
    pub name: &'a str,
    pub content: DiskMap,
    /// Bytes in memory, at least those of the content.
    pub virtual_size: u64,
    pub characteristics: u32,
}

/// `image`, whose headers are `pe`, with `added` behind its own sections in this order.
///
/// What lies behind the last section's content goes: COFF symbols and signatures, which the result
/// could not have anyway.
pub(in crate::boot) fn append(
    pe: &Pe,
    image: &DiskMap,
    added: &[NewSection<'_>],
) -> Result<DiskMap, PeFault> {
    check_alignments(pe)?;
    for section in added {
        if pe.section(section.name).is_some() {
            return Err(PeFault::SectionExists(section.name.to_owned()));
        }
    }
    let rows = (pe.sections.len() + added.len()) as u64;
    if rows > MAX_SECTIONS {
        return Err(PeFault::TooManySections(rows));
    }
    let body = body(pe)?;
    let room = header_room(pe, rows, &body)?;
    let placed = place(pe, body.end + room.shift, added)?;

    let len = placed.last().map_or(body.end + room.shift, |row| {
        u64::from(row.pointer_to_raw_data.get()) + u64::from(row.size_of_raw_data.get())
    });
    let mut map = MapBuilder::new(len);
    map.push_bytes(0, headers(pe, image, &body, &room, &placed)?);
    copy(&mut map, image, body.clone(), body.start + room.shift);
    for (section, row) in added.iter().zip(&placed) {
        let all = 0..section.content.len();
        copy(
            &mut map,
            &section.content,
            all,
            row.pointer_to_raw_data.get().into(),
        );
    }
    map.finish()
        .map_err(|_| PeFault::Headers("its parts lie upon each other"))
}

/// What becomes of the headers.
struct HeaderRoom {
    /// `SizeOfHeaders` of the result.
    size: u64,
    /// How far the sections' content moves in the file.
    shift: u64,
}

fn check_alignments(pe: &Pe) -> Result<(), PeFault> {
    let file = pe.optional.file_alignment.get();
    if !file.is_power_of_two() || file > MAX_FILE_ALIGNMENT {
        return Err(PeFault::Alignment {
            field: "FileAlignment",
            value: file,
            problem: "it must be a power of two of at most 64 KiB",
        });
    }
    let section = pe.optional.section_alignment.get();
    if !section.is_power_of_two() || section < file {
        return Err(PeFault::Alignment {
            field: "SectionAlignment",
            value: section,
            problem: "it must be a power of two, not below FileAlignment",
        });
    }
    Ok(())
}

/// Where the sections' content lies in the file: from the first to the last byte of any.
fn body(pe: &Pe) -> Result<Range<u64>, PeFault> {
    let table_end = pe.table_offset + ROW * pe.sections.len() as u64;
    let mut body: Option<Range<u64>> = None;
    for row in pe
        .sections
        .iter()
        .filter(|row| row.size_of_raw_data.get() > 0)
    {
        let start = u64::from(row.pointer_to_raw_data.get());
        let end = start + u64::from(row.size_of_raw_data.get());
        if end > pe.file_len {
            return Err(PeFault::Truncated {
                what: "section content",
                end,
                len: pe.file_len,
            });
        }
        if start < table_end {
            return Err(PeFault::Headers(
                "a section's content begins within the headers",
            ));
        }
        body = Some(body.map_or(start..end, |body| body.start.min(start)..body.end.max(end)));
    }
    match body {
        Some(body) if body.start <= MAX_HEADERS => Ok(body),
        Some(_) => Err(PeFault::Headers("there is more than 1 MiB of them")),
        None => Err(PeFault::Headers("no section has content")),
    }
}

/// Makes room for a section table of `rows` rows.
fn header_room(pe: &Pe, rows: u64, body: &Range<u64>) -> Result<HeaderRoom, PeFault> {
    let alignment = u64::from(pe.optional.file_alignment.get());
    let table_end = pe.table_offset + ROW * rows;
    let old = u64::from(pe.optional.size_of_headers.get());
    if old > body.start {
        return Err(PeFault::Headers(
            "SizeOfHeaders reaches into a section's content",
        ));
    }
    let size = if table_end <= old {
        old
    } else {
        table_end.next_multiple_of(alignment)
    };
    let addresses = pe.sections.iter().map(|row| row.virtual_address.get());
    let first = u64::from(addresses.min().unwrap_or_default());
    if size > first {
        return Err(PeFault::NoHeaderRoom {
            needed: size,
            first,
        });
    }
    Ok(HeaderRoom {
        size,
        shift: size.saturating_sub(body.start).next_multiple_of(alignment),
    })
}

/// The rows of the section table for `added`, whose content begins at `file_end` or behind it.
fn place(pe: &Pe, file_end: u64, added: &[NewSection<'_>]) -> Result<Vec<SectionHeader>, PeFault> {
    let file_alignment = u64::from(pe.optional.file_alignment.get());
    let section_alignment = u64::from(pe.optional.section_alignment.get());
    let mut file_end = file_end;
    let mut memory_end = pe.sections.iter().map(memory_end).max().unwrap_or_default();
    let mut rows = Vec::with_capacity(added.len());
    for section in added {
        let narrow = |value: u64| {
            u32::try_from(value)
                .map(U32::new)
                .map_err(|_| PeFault::TooLarge {
                    section: section.name.to_owned(),
                })
        };
        // The content's length is not bounded yet; all sums below stay far from 2^64 once it is.
        narrow(section.virtual_size)?;
        narrow(section.content.len())?;
        let address = memory_end.next_multiple_of(section_alignment);
        let pointer = file_end.next_multiple_of(file_alignment);
        let raw = section.content.len().next_multiple_of(file_alignment);
        memory_end = address + section.virtual_size;
        file_end = pointer + raw;
        narrow(memory_end.next_multiple_of(section_alignment))?;
        narrow(file_end)?;
        rows.push(SectionHeader {
            name: section_name(section.name),
            virtual_size: narrow(section.virtual_size)?,
            virtual_address: narrow(address)?,
            size_of_raw_data: narrow(raw)?,
            pointer_to_raw_data: narrow(pointer)?,
            pointer_to_relocations: U32::ZERO,
            pointer_to_linenumbers: U32::ZERO,
            number_of_relocations: 0.into(),
            number_of_linenumbers: 0.into(),
            characteristics: section.characteristics.into(),
        });
    }
    Ok(rows)
}

/// Where a section ends in memory; one without a size there takes that of its content.
fn memory_end(row: &SectionHeader) -> u64 {
    let size = match row.virtual_size.get() {
        0 => row.size_of_raw_data.get(),
        size => size,
    };
    u64::from(row.virtual_address.get()) + u64::from(size)
}

/// All bytes before the sections' content.
fn headers(
    pe: &Pe,
    image: &DiskMap,
    body: &Range<u64>,
    room: &HeaderRoom,
    placed: &[SectionHeader],
) -> Result<Vec<u8>, PeFault> {
    let len = |value: u64| usize::try_from(value).map_err(|_| PeFault::Headers("too many of them"));
    let mut bytes = vec![0; len(body.start)?];
    read_bytes(&image.reader(), 0, &mut bytes, "headers")?;
    bytes.resize(len(body.start + room.shift)?, 0);

    let table = len(pe.table_offset)?;
    let rows = pe.sections.iter().map(|row| moved(row, room.shift));
    let rows: Vec<_> = rows
        .chain(placed.iter().map(|row| Ok(*row)))
        .collect::<Result<_, _>>()?;
    let old_end = table + size_of_val(pe.sections.as_slice());
    let new_end = table + size_of_val(rows.as_slice());
    if bytes[old_end..new_end].iter().any(|byte| *byte != 0) {
        return Err(PeFault::Headers(
            "something lies behind the section table, where it has to grow",
        ));
    }
    bytes[table..new_end].copy_from_slice(rows.as_bytes());

    let mut directories = pe.directories.clone();
    let mut clear = |index: usize| {
        if let Some(directory) = directories.get_mut(index) {
            *directory = DataDirectory {
                virtual_address: U32::ZERO,
                size: U32::ZERO,
            };
        }
    };
    clear(DIRECTORY_SECURITY);
    if room.shift > 0 {
        clear(DIRECTORY_DEBUG);
    }
    let fixed = fixed_headers(pe, room, &rows, placed)?;
    let start = len(pe.coff_offset)?;
    let all = [fixed.as_slice(), directories.as_bytes()].concat();
    bytes[start..start + all.len()].copy_from_slice(&all);
    Ok(bytes)
}

/// The COFF header and the fixed part of the optional header of the result.
fn fixed_headers(
    pe: &Pe,
    room: &HeaderRoom,
    rows: &[SectionHeader],
    placed: &[SectionHeader],
) -> Result<Vec<u8>, PeFault> {
    let narrow = |value: u64| {
        let section = rows
            .last()
            .map_or_else(String::new, |row| shown_name(row.name));
        u32::try_from(value)
            .map(U32::new)
            .map_err(|_| PeFault::TooLarge { section })
    };
    let added = |flag: u32| -> u64 {
        let matching = placed
            .iter()
            .filter(|row| row.characteristics.get() & flag != 0);
        matching
            .map(|row| u64::from(row.size_of_raw_data.get()))
            .sum()
    };
    let mut coff = pe.coff;
    coff.number_of_sections = u16::try_from(rows.len())
        .map_err(|_| PeFault::TooManySections(rows.len() as u64))?
        .into();
    coff.pointer_to_symbol_table = U32::ZERO;
    coff.number_of_symbols = U32::ZERO;
    let mut optional = pe.optional;
    let code = u64::from(optional.size_of_code.get()) + added(SCN_CNT_CODE);
    optional.size_of_code = narrow(code)?;
    let data = u64::from(optional.size_of_initialized_data.get()) + added(SCN_CNT_INITIALIZED_DATA);
    optional.size_of_initialized_data = narrow(data)?;
    let end = rows.iter().map(memory_end).max().unwrap_or_default();
    let alignment = u64::from(optional.section_alignment.get());
    optional.size_of_image = narrow(end.next_multiple_of(alignment))?;
    optional.size_of_headers = narrow(room.size)?;
    optional.check_sum = U32::ZERO;
    Ok([coff.as_bytes(), optional.as_bytes()].concat())
}

/// A row of the image's own, its content `shift` bytes further on in the file.
fn moved(row: &SectionHeader, shift: u64) -> Result<SectionHeader, PeFault> {
    let mut row = *row;
    if row.size_of_raw_data.get() > 0 {
        let pointer = u64::from(row.pointer_to_raw_data.get()) + shift;
        row.pointer_to_raw_data = u32::try_from(pointer)
            .map_err(|_| PeFault::TooLarge {
                section: shown_name(row.name),
            })?
            .into();
    }
    Ok(row)
}

/// References `range` of `from` at offset `to`.
fn copy(map: &mut MapBuilder, from: &DiskMap, range: Range<u64>, to: u64) {
    for piece in from.pieces(range.clone()) {
        map.push(Extent {
            start: piece.start - range.start + to,
            ..piece
        });
    }
}
