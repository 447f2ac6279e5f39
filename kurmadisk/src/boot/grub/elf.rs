//! What is read of ELF files (System V ABI, "Object Files"), and their structures.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What is wrong with a file.
pub(super) type Fault = &'static str;

pub(super) const MAGIC: [u8; 4] = *b"\x7fELF";
/// Files of 32 and 64 bits, little-endian, and the version of the format.
pub(super) const CLASS_32: u8 = 1;
pub(super) const CLASS_64: u8 = 2;
pub(super) const LITTLE_ENDIAN: u8 = 1;
pub(super) const VERSION: u8 = 1;
/// An executable, and a file that is still to be linked.
pub(super) const TYPE_EXECUTABLE: u16 = 2;
pub(super) const TYPE_RELOCATABLE: u16 = 1;
pub(super) const MACHINE_X86_64: u16 = 62;
/// Types of segments.
pub(super) const SEGMENT_LOAD: u32 = 1;
pub(super) const SEGMENT_NOTE: u32 = 4;
pub(super) const SEGMENT_GNU_STACK: u32 = 0x6474_e551;
/// Flags of segments.
pub(super) const FLAG_EXECUTE: u32 = 1;
pub(super) const FLAG_WRITE: u32 = 2;
pub(super) const FLAG_READ: u32 = 4;
/// Types of sections.
pub(super) const SECTION_PROGRAM: u32 = 1;
pub(super) const SECTION_SYMBOLS: u32 = 2;
pub(super) const SECTION_STRINGS: u32 = 3;
pub(super) const SECTION_RELOCATIONS: u32 = 4;
pub(super) const SECTION_ZEROS: u32 = 8;
/// Flags of sections: in memory while it runs, and code.
pub(super) const SECTION_ALLOCATED: u64 = 2;
pub(super) const SECTION_CODE: u64 = 4;
/// Section numbers of symbols that are in no section, or are numbers.
pub(super) const INDEX_UNDEFINED: u16 = 0;
pub(super) const INDEX_ABSOLUTE: u16 = 0xfff1;

/// What a file is, the same for both classes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Ident {
    pub magic: [u8; 4],
    pub class: u8,
    pub data: u8,
    pub version: u8,
    pub padding: [u8; 9],
    pub kind: U16,
    pub machine: U16,
    pub file_version: U32,
}

/// The rest of the header; of files of 32 bits.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header32 {
    ident: Ident,
    entry: U32,
    segments_offset: U32,
    sections_offset: U32,
    flags: U32,
    header_size: U16,
    segment_size: U16,
    segments: U16,
}

/// The whole header of files of 64 bits.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header64 {
    pub ident: Ident,
    pub entry: U64,
    pub segments_offset: U64,
    pub sections_offset: U64,
    pub flags: U32,
    pub header_size: U16,
    pub segment_size: U16,
    pub segments: U16,
    pub section_size: U16,
    pub sections: U16,
    /// The number of the section with the sections' names.
    pub names: U16,
}

/// A row of the segments; of files of 32 bits.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SegmentRow32 {
    kind: U32,
    offset: U32,
    address: U32,
    physical_address: U32,
    file_len: U32,
    memory_len: U32,
    flags: U32,
    alignment: U32,
}

/// A row of the segments; of files of 64 bits.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct SegmentRow {
    pub kind: U32,
    pub flags: U32,
    pub offset: U64,
    pub address: U64,
    pub physical_address: U64,
    pub file_len: U64,
    pub memory_len: U64,
    pub alignment: U64,
}

/// A row of the sections; of files of 64 bits.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct SectionRow {
    pub name: U32,
    pub kind: U32,
    pub flags: U64,
    pub address: U64,
    pub offset: U64,
    pub size: U64,
    /// Of symbols, the section of their names; of relocations, that of the symbols.
    pub link: U32,
    /// Of relocations, the section they are for.
    pub info: U32,
    pub alignment: U64,
    pub entry_size: U64,
}

/// A symbol; of files of 64 bits.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Symbol {
    pub name: U32,
    pub info: u8,
    pub other: u8,
    pub section: U16,
    pub value: U64,
    pub size: U64,
}

/// A relocation with an addend; of files of 64 bits.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Relocation {
    /// Where, from the section's begin.
    pub offset: U64,
    pub kind: U32,
    pub symbol: U32,
    pub addend: I64,
}

const _: () = assert!(size_of::<Header64>() == 64);
const _: () = assert!(size_of::<SegmentRow32>() == 32);
const _: () = assert!(size_of::<SegmentRow>() == 56);
const _: () = assert!(size_of::<SectionRow>() == 64);
const _: () = assert!(size_of::<Symbol>() == 24);
const _: () = assert!(size_of::<Relocation>() == 24);

/// The one segment of an executable that is loaded.
pub(super) struct Segment<'a> {
    /// Where it is loaded.
    pub address: u64,
    /// Its content.
    pub bytes: &'a [u8],
    /// Bytes in memory; those without content are zeros.
    pub memory_len: u64,
}

impl<'a> Segment<'a> {
    /// That of `file`, of either class.
    pub fn read(file: &'a [u8]) -> Result<Self, Fault> {
        let ident: Ident = structure(file, 0)?;
        check(&ident, TYPE_EXECUTABLE)?;
        let mut loaded = segments(file, &ident)?
            .into_iter()
            .filter(|row| row.kind == SEGMENT_LOAD);
        let (Some(row), None) = (loaded.next(), loaded.next()) else {
            return Err("it has not one segment that is loaded");
        };
        let memory_len = row.memory_len.get();
        if memory_len < row.file_len.get() {
            return Err("its segment is shorter in memory");
        }
        Ok(Self {
            address: row.address.get(),
            bytes: slice(file, row.offset.get(), row.file_len.get())?,
            memory_len,
        })
    }
}

/// The rows of the segments, as files of 64 bits have them.
fn segments(file: &[u8], ident: &Ident) -> Result<Vec<SegmentRow>, Fault> {
    if ident.class == CLASS_64 {
        let header: Header64 = structure(file, 0)?;
        return rows(
            file,
            header.segments_offset.get(),
            header.segments.get().into(),
        );
    }
    let header: Header32 = structure(file, 0)?;
    let offset = header.segments_offset.get().into();
    let narrow: Vec<SegmentRow32> = rows(file, offset, header.segments.get().into())?;
    let wide = narrow.iter().map(|row| SegmentRow {
        kind: row.kind,
        flags: row.flags,
        offset: U64::from(row.offset),
        address: U64::from(row.address),
        physical_address: U64::from(row.physical_address),
        file_len: U64::from(row.file_len),
        memory_len: U64::from(row.memory_len),
        alignment: U64::from(row.alignment),
    });
    Ok(wide.collect())
}

/// Checks that it is a file of this type, which this crate can read.
pub(super) fn check(ident: &Ident, kind: u16) -> Result<(), Fault> {
    if ident.magic != MAGIC {
        return Err("it is no ELF file");
    }
    if ident.data != LITTLE_ENDIAN || ![CLASS_32, CLASS_64].contains(&ident.class) {
        return Err("it is no ELF file for this platform");
    }
    if ident.kind != kind {
        return Err("it is an ELF file of another type");
    }
    Ok(())
}

/// `count` structures from `offset` on; the file's length bounds them.
pub(super) fn rows<T: FromBytes + Immutable + Clone>(
    file: &[u8],
    offset: u64,
    count: u64,
) -> Result<Vec<T>, Fault> {
    let len = count.checked_mul(size_of::<T>() as u64);
    let bytes = slice(file, offset, len.ok_or(TOO_SHORT)?)?;
    let rows = bytes.chunks_exact(size_of::<T>());
    rows.map(|row| T::read_from_bytes(row).map_err(|_| TOO_SHORT))
        .collect()
}

/// A structure at `offset`.
pub(super) fn structure<T: FromBytes>(file: &[u8], offset: u64) -> Result<T, Fault> {
    let bytes = slice(file, offset, size_of::<T>() as u64)?;
    T::read_from_bytes(bytes).map_err(|_| TOO_SHORT)
}

/// Bytes of the file.
pub(super) fn slice(file: &[u8], offset: u64, len: u64) -> Result<&[u8], Fault> {
    let end = offset.checked_add(len).ok_or(TOO_SHORT)?;
    let start = usize::try_from(offset).map_err(|_| TOO_SHORT)?;
    let end = usize::try_from(end).map_err(|_| TOO_SHORT)?;
    file.get(start..end).ok_or(TOO_SHORT)
}

const TOO_SHORT: Fault = "it is shorter than its headers say";
