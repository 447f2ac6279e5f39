//! The core image of Xen's PV guests: an executable ELF file of 64 bits with notes for Xen's domain builder.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use super::elf::{
    CLASS_64, FLAG_EXECUTE, FLAG_READ, FLAG_WRITE, Fault, Header64, Ident, LITTLE_ENDIAN,
    MACHINE_X86_64, MAGIC, SECTION_PROGRAM, SECTION_STRINGS, SEGMENT_GNU_STACK, SEGMENT_LOAD,
    SEGMENT_NOTE, SectionRow, Segment, SegmentRow, TYPE_EXECUTABLE, VERSION,
};
use super::objects::{Objects, Word};

/// Where the segments begin in the file: behind a page of headers.
const HEADERS: u64 = 0x1000;
/// Alignment of all but the kernel's segment.
const WORD: u64 = 8;
/// Names of the sections, with what divides them; the first is that of the one without a name.
const NAMES: &[u8] = b"\0.text\0mods\0.xen\0";
const NAME_TEXT: u32 = 1;
const NAME_MODS: u32 = 7;
const NAME_XEN: u32 = 12;
/// Segments and sections.
const SEGMENTS: u16 = 4;
const SECTIONS: u16 = 5;

/// Types of Xen's notes (`xen/include/public/elfnote.h`).
const NOTE_ENTRY: u32 = 1;
const NOTE_VIRT_BASE: u32 = 3;
const NOTE_XEN_VERSION: u32 = 5;
const NOTE_GUEST_OS: u32 = 6;
const NOTE_LOADER: u32 = 8;

/// The core image of this kernel and these objects.
pub(super) fn core(kernel: &[u8], objects: &Objects) -> Result<Vec<u8>, Fault> {
    let kernel = Segment::read(kernel)?;
    if kernel.address != 0 {
        return Err("it is linked to run elsewhere");
    }
    let objects = objects.bytes(Word::Bits64);
    let notes = notes();
    let kernel_len = kernel.bytes.len() as u64;
    let places = Places {
        kernel_len,
        kernel_memory: kernel.memory_len,
        objects_len: objects.len() as u64,
        notes_offset: HEADERS + (kernel_len + objects.len() as u64).next_multiple_of(WORD),
        notes_len: notes.len() as u64,
    };
    let mut image = places.headers();
    for (offset, content) in [
        (HEADERS, kernel.bytes),
        (HEADERS + kernel_len, &objects),
        (places.notes_offset, &notes),
    ] {
        image.resize(usize::try_from(offset).map_err(|_| "it is too large")?, 0);
        image.extend(content);
    }
    Ok(image)
}

/// Lengths and offsets in bytes.
struct Places {
    kernel_len: u64,
    kernel_memory: u64,
    objects_len: u64,
    notes_offset: u64,
    notes_len: u64,
}

impl Places {
    fn headers(&self) -> Vec<u8> {
        let segments = self.segments();
        let sections_offset = (size_of::<Header64>() + size_of_val(&segments)) as u64;
        let names_offset = sections_offset + (size_of::<SectionRow>() as u64) * u64::from(SECTIONS);
        [
            header(sections_offset).as_bytes(),
            segments.as_bytes(),
            self.sections(names_offset).as_bytes(),
            NAMES,
        ]
        .concat()
    }

    fn segments(&self) -> [SegmentRow; SEGMENTS as usize] {
        let all = FLAG_READ | FLAG_WRITE | FLAG_EXECUTE;
        let row = |kind, flags, offset, address, file_len, memory_len, alignment| SegmentRow {
            kind: U32::new(kind),
            flags: U32::new(flags),
            offset: U64::new(offset),
            address: U64::new(address),
            physical_address: U64::new(address),
            file_len: U64::new(file_len),
            memory_len: U64::new(memory_len),
            alignment: U64::new(alignment),
        };
        let objects = HEADERS + self.kernel_len;
        let (len, behind) = (self.objects_len, self.kernel_memory.next_multiple_of(WORD));
        [
            row(
                SEGMENT_LOAD,
                all,
                HEADERS,
                0,
                self.kernel_len,
                self.kernel_memory,
                HEADERS,
            ),
            row(SEGMENT_GNU_STACK, all, objects, 0, 0, 0, WORD),
            row(SEGMENT_LOAD, all, objects, behind, len, len, WORD),
            row(
                SEGMENT_NOTE,
                FLAG_READ,
                self.notes_offset,
                0,
                self.notes_len,
                0,
                WORD,
            ),
        ]
    }

    fn sections(&self, names_offset: u64) -> [SectionRow; SECTIONS as usize] {
        let row = |name, kind, address, offset, size, alignment| SectionRow {
            name: U32::new(name),
            kind: U32::new(kind),
            flags: U64::ZERO,
            address: U64::new(address),
            offset: U64::new(offset),
            size: U64::new(size),
            link: U32::ZERO,
            info: U32::ZERO,
            alignment: U64::new(alignment),
            entry_size: U64::ZERO,
        };
        let (len, program) = (self.kernel_len, SECTION_PROGRAM);
        let names = NAMES.len() as u64;
        [
            row(0, 0, 0, 0, 0, 0),
            row(0, SECTION_STRINGS, 0, names_offset, names, HEADERS),
            row(NAME_TEXT, program, 0, HEADERS, len, HEADERS),
            row(
                NAME_MODS,
                program,
                len,
                HEADERS + len,
                self.objects_len,
                WORD,
            ),
            row(
                NAME_XEN,
                program,
                len,
                self.notes_offset,
                self.notes_len,
                WORD,
            ),
        ]
    }
}

fn header(sections_offset: u64) -> Header64 {
    let size = |bytes: usize| U16::new(u16::try_from(bytes).unwrap_or_default());
    Header64 {
        ident: Ident {
            magic: MAGIC,
            class: CLASS_64,
            data: LITTLE_ENDIAN,
            version: VERSION,
            padding: [0; 9],
            kind: U16::new(TYPE_EXECUTABLE),
            machine: U16::new(MACHINE_X86_64),
            file_version: U32::new(VERSION.into()),
        },
        entry: U64::ZERO,
        segments_offset: U64::new(size_of::<Header64>() as u64),
        sections_offset: U64::new(sections_offset),
        flags: U32::ZERO,
        header_size: size(size_of::<Header64>()),
        segment_size: size(size_of::<SegmentRow>()),
        segments: U16::new(SEGMENTS),
        section_size: size(size_of::<SectionRow>()),
        sections: U16::new(SECTIONS),
        names: U16::new(1),
    }
}

/// What Xen's domain builder wants to know: the guest is entered at 0, and runs where it is linked.
fn notes() -> Vec<u8> {
    const ZERO: &[u8] = &[0; 8];
    [
        note(NOTE_GUEST_OS, b"GRUB\0"),
        note(NOTE_LOADER, b"generic\0"),
        note(NOTE_XEN_VERSION, b"xen-3.0\0"),
        note(NOTE_ENTRY, ZERO),
        note(NOTE_VIRT_BASE, ZERO),
    ]
    .concat()
}

/// A note: three numbers, the owner's name, and what is said, both filled to whole 32-bit words.
fn note(kind: u32, said: &[u8]) -> Vec<u8> {
    const OWNER: &[u8] = b"Xen\0";
    let number = |len: usize| U32::new(u32::try_from(len).unwrap_or_default());
    let head = [number(OWNER.len()), number(said.len()), U32::new(kind)];
    let mut note = [head.as_bytes(), OWNER, said].concat();
    note.resize(note.len().next_multiple_of(4), 0);
    note
}
