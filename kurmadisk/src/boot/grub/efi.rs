//! The core image of UEFI firmware: a PE image with four sections. GRUB's kernel is a file that is still to be linked,
//! which is done here: its sections are placed, what refers to symbols is filled in, and what depends on where
//! firmware loads the image is listed for it.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use super::elf::{
    CLASS_64, Fault, Header64, INDEX_ABSOLUTE, INDEX_UNDEFINED, MACHINE_X86_64, Relocation,
    SECTION_ALLOCATED, SECTION_CODE, SECTION_RELOCATIONS, SECTION_SYMBOLS, SECTION_ZEROS,
    SectionRow, Symbol, TYPE_RELOCATABLE, check, rows, slice, structure,
};
use super::objects::{Objects, Word};
use crate::boot::pe::section_name;
use crate::boot::pe::spec::{
    CoffHeader, DOS_MAGIC, DataDirectory, DosHeader, MACHINE_AMD64, MAGIC_PE32_PLUS,
    OptionalHeader, SCN_CNT_CODE, SCN_CNT_INITIALIZED_DATA, SCN_MEM_EXECUTE, SCN_MEM_READ,
    SIGNATURE, SUBSYSTEM_EFI_APPLICATION, SectionHeader,
};

/// Alignment in the file and in memory, which are laid out alike; and the headers' length.
const PAGE: u32 = 0x1000;
/// The most that the kernel has in memory.
const MAX_KERNEL: u64 = 64 << 20;
/// The most relocations that are followed: sections may lie over one another, so the file's length bounds them badly.
const MAX_RELOCATIONS: u64 = 1 << 20;
/// Where the kernel is entered.
const ENTRY: &[u8] = b"_start";
/// Where the PE header lies: behind the MS-DOS header and room for a program for MS-DOS.
const PE_OFFSET: u32 = 0x80;
/// `IMAGE_FILE_EXECUTABLE_IMAGE`, `_LINE_NUMS_STRIPPED`, `_LOCAL_SYMS_STRIPPED`, `_DEBUG_STRIPPED`.
const CHARACTERISTICS: u16 = 0x0002 | 0x0004 | 0x0008 | 0x0200;
/// Flags of sections: written to; needed only until the image runs.
const SCN_MEM_WRITE: u32 = 0x8000_0000;
const SCN_MEM_DISCARDABLE: u32 = 0x0200_0000;
/// Data directories; that of the relocations.
const DIRECTORIES: u16 = 16;
const DIRECTORY_RELOCATIONS: usize = 5;
/// Sizes of stack and heap, reserved and committed.
const STACK_AND_HEAP: u64 = 0x1_0000;
/// `IMAGE_REL_BASED_DIR64`: 64 bits to which the image's address is added.
const BASE_DIR64: u16 = 10;

/// Types of relocations (System V ABI, AMD64 supplement, "Relocation Types").
const R_64: u32 = 1;
const R_PC32: u32 = 2;
const R_PLT32: u32 = 4;
const R_PC64: u32 = 24;

/// The core image of this kernel and these objects.
pub(super) fn core(kernel: &[u8], objects: &Objects) -> Result<Vec<u8>, Fault> {
    let linked = Linked::new(kernel)?;
    let mut objects = objects.bytes(Word::Bits64);
    objects.resize(objects.len().next_multiple_of(PAGE as usize), 0);
    let relocations = base_relocations(&linked.absolute);
    let data_len = linked.image.len() - linked.text_len;
    let mut at = PAGE;
    let mut section = |name, len: usize, flags| {
        let len = u32::try_from(len).map_err(|_| "it is too large")?;
        let row = section_row(name, at, len, flags | SCN_MEM_READ);
        at = at.checked_add(len).ok_or("it is too large")?;
        Ok::<_, Fault>(row)
    };
    let data = SCN_CNT_INITIALIZED_DATA;
    let sections = [
        section(".text", linked.text_len, SCN_CNT_CODE | SCN_MEM_EXECUTE)?,
        section(".data", data_len, data | SCN_MEM_WRITE)?,
        section("mods", objects.len(), data | SCN_MEM_WRITE)?,
        section(".reloc", relocations.len(), data | SCN_MEM_DISCARDABLE)?,
    ];
    let mut image = headers(&sections, linked.entry, at);
    image.resize(PAGE as usize, 0);
    for part in [&linked.image, &objects, &relocations] {
        image.extend(part);
    }
    Ok(image)
}

/// The kernel, linked to lie behind the headers.
struct Linked {
    /// Code, filled to whole pages, and data with variables, likewise.
    image: Vec<u8>,
    text_len: usize,
    entry: u32,
    /// Addresses of what depends on where the image is loaded, in the kernel's order.
    absolute: Vec<u32>,
}

impl Linked {
    fn new(file: &[u8]) -> Result<Self, Fault> {
        let header: Header64 = structure(file, 0)?;
        check(&header.ident, TYPE_RELOCATABLE)?;
        if header.ident.class != CLASS_64 || header.ident.machine != MACHINE_X86_64 {
            return Err("it is no ELF file for x86-64");
        }
        let sections: Vec<SectionRow> = rows(
            file,
            header.sections_offset.get(),
            header.sections.get().into(),
        )?;
        let placed = Placed::new(&sections)?;
        let mut image = vec![0; usize::try_from(placed.end - u64::from(PAGE)).unwrap_or_default()];
        for (row, address) in placed.of(&sections) {
            if row.kind != SECTION_ZEROS {
                let content = slice(file, row.offset.get(), row.size.get())?;
                field(&mut image, address, content.len())?.copy_from_slice(content);
            }
        }
        let symbols = Symbols::read(file, &sections)?;
        let entry = symbols.entry(&placed)?;
        let mut linked = Self {
            image,
            text_len: usize::try_from(placed.text_end - u64::from(PAGE)).unwrap_or_default(),
            entry: u32::try_from(entry).map_err(|_| OUTSIDE)?,
            absolute: Vec::new(),
        };
        let mut left = MAX_RELOCATIONS;
        for row in sections
            .iter()
            .filter(|row| row.kind == SECTION_RELOCATIONS)
        {
            let Some(address) = placed.address(row.info.get())? else {
                continue;
            };
            let count = row.size.get() / size_of::<Relocation>() as u64;
            left = left
                .checked_sub(count)
                .ok_or("it has too many relocations")?;
            for relocation in rows::<Relocation>(file, row.offset.get(), count)? {
                linked.relocate(address, &relocation, &symbols, &placed)?;
            }
        }
        Ok(linked)
    }

    /// Fills in what refers to a symbol, in the section at `section`.
    fn relocate(
        &mut self,
        section: u64,
        relocation: &Relocation,
        symbols: &Symbols,
        placed: &Placed,
    ) -> Result<(), Fault> {
        let place = section
            .checked_add(relocation.offset.get())
            .ok_or(OUTSIDE)?;
        let symbol = symbols.value(relocation.symbol.get(), placed)?;
        let value = symbol.wrapping_add_signed(relocation.addend.get());
        let distance = value.wrapping_sub(place);
        match relocation.kind.get() {
            R_64 => {
                field(&mut self.image, place, 8)?.copy_from_slice(&value.to_le_bytes());
                self.absolute
                    .push(u32::try_from(place).map_err(|_| OUTSIDE)?);
            }
            R_PC64 => field(&mut self.image, place, 8)?.copy_from_slice(&distance.to_le_bytes()),
            R_PC32 | R_PLT32 => {
                let near = i32::try_from(distance.cast_signed()).map_err(|_| OUTSIDE)?;
                field(&mut self.image, place, 4)?.copy_from_slice(&near.to_le_bytes());
            }
            _ => return Err("it has a relocation of a type that is not known"),
        }
        Ok(())
    }
}

const OUTSIDE: Fault = "it refers to what is outside of it";

/// Bytes of the linked kernel, by their address.
fn field(image: &mut [u8], address: u64, len: usize) -> Result<&mut [u8], Fault> {
    let start = address.checked_sub(PAGE.into()).ok_or(OUTSIDE)?;
    let start = usize::try_from(start).map_err(|_| OUTSIDE)?;
    let end = start.checked_add(len).ok_or(OUTSIDE)?;
    image.get_mut(start..end).ok_or(OUTSIDE)
}

/// Where the sections lie: code, behind that data, behind that variables.
struct Placed {
    /// By the sections' numbers; none for those that are not in memory.
    addresses: Vec<Option<u64>>,
    text_end: u64,
    end: u64,
}

impl Placed {
    fn new(sections: &[SectionRow]) -> Result<Self, Fault> {
        let kinds: [fn(&SectionRow) -> bool; 3] = [
            |row| row.flags.get() & SECTION_CODE != 0,
            |row| row.flags.get() & SECTION_CODE == 0 && row.kind != SECTION_ZEROS,
            |row| row.flags.get() & SECTION_CODE == 0 && row.kind == SECTION_ZEROS,
        ];
        let mut placed = Self {
            addresses: vec![None; sections.len()],
            text_end: 0,
            end: PAGE.into(),
        };
        for (number, is_wanted) in kinds.into_iter().enumerate() {
            for (row, address) in sections.iter().zip(&mut placed.addresses) {
                if row.flags.get() & SECTION_ALLOCATED != 0 && is_wanted(row) {
                    let too_large = "its sections are too large";
                    let start = placed
                        .end
                        .checked_next_multiple_of(row.alignment.get().max(1));
                    let start = start.ok_or(too_large)?;
                    let end = start.checked_add(row.size.get());
                    placed.end = end.filter(|end| *end <= MAX_KERNEL).ok_or(too_large)?;
                    *address = Some(start);
                }
            }
            // Data and variables share pages.
            if number != 1 {
                placed.end = placed.end.next_multiple_of(PAGE.into());
            }
            if number == 0 {
                placed.text_end = placed.end;
            }
        }
        Ok(placed)
    }

    /// The sections that are in memory, with their addresses.
    fn of<'a>(
        &'a self,
        sections: &'a [SectionRow],
    ) -> impl Iterator<Item = (&'a SectionRow, u64)> + 'a {
        let all = sections.iter().zip(&self.addresses);
        all.filter_map(|(row, address)| Some((row, (*address)?)))
    }

    /// The address of this section, if it is in memory.
    fn address(&self, section: u32) -> Result<Option<u64>, Fault> {
        let address = self.addresses.get(section as usize);
        address.copied().ok_or("it names a section that it has not")
    }
}

struct Symbols {
    symbols: Vec<Symbol>,
    names: Vec<u8>,
}

impl Symbols {
    fn read(file: &[u8], sections: &[SectionRow]) -> Result<Self, Fault> {
        let table = sections.iter().find(|row| row.kind == SECTION_SYMBOLS);
        let table = table.ok_or("it has no symbols")?;
        let names = sections.get(table.link.get() as usize);
        let names = names.ok_or("its symbols have no names")?;
        let count = table.size.get() / size_of::<Symbol>() as u64;
        Ok(Self {
            symbols: rows(file, table.offset.get(), count)?,
            names: slice(file, names.offset.get(), names.size.get())?.to_vec(),
        })
    }

    /// The address of the kernel's entry.
    fn entry(&self, placed: &Placed) -> Result<u64, Fault> {
        let is_entry = |symbol: &&Symbol| {
            let name = self.names.get(symbol.name.get() as usize..);
            name.is_some_and(|name| name.starts_with(ENTRY) && name.get(ENTRY.len()) == Some(&0))
        };
        let entry = self.symbols.iter().find(is_entry);
        address(entry.ok_or("it has no entry")?, placed)
    }

    /// The address of this symbol.
    fn value(&self, symbol: u32, placed: &Placed) -> Result<u64, Fault> {
        let symbol = self.symbols.get(symbol as usize);
        address(symbol.ok_or("it names a symbol that it has not")?, placed)
    }
}

fn address(symbol: &Symbol, placed: &Placed) -> Result<u64, Fault> {
    match symbol.section.get() {
        INDEX_UNDEFINED => Err("it refers to a symbol that is nowhere"),
        INDEX_ABSOLUTE => Ok(symbol.value.get()),
        section => {
            let section = placed.address(section.into())?.ok_or(OUTSIDE)?;
            section.checked_add(symbol.value.get()).ok_or(OUTSIDE)
        }
    }
}

/// The list of relocations (PE Format, "The .reloc Section"): a block for each page, and within it an entry for each
/// place. The last block is filled to a whole page of the file.
fn base_relocations(places: &[u32]) -> Vec<u8> {
    const HEADER: usize = 8;
    // Whole 32-bit words are asked for; GRUB's own tool takes two.
    const BLOCK_UNIT: usize = 8;
    let mut list = Vec::new();
    let mut blocks = places
        .chunk_by(|one, other| one / PAGE == other / PAGE)
        .peekable();
    while let Some(block) = blocks.next() {
        let start = list.len();
        let mut end = start + HEADER + 2 * block.len();
        end = end.next_multiple_of(BLOCK_UNIT);
        if blocks.peek().is_none() {
            end = end.next_multiple_of(PAGE as usize);
        }
        let page = block.first().map_or(0, |place| place / PAGE * PAGE);
        list.extend(page.to_le_bytes());
        list.extend(u32::try_from(end - start).unwrap_or(u32::MAX).to_le_bytes());
        for place in block {
            let within = u16::try_from(place % PAGE).unwrap_or_default();
            list.extend((BASE_DIR64 << 12 | within).to_le_bytes());
        }
        list.resize(end, 0);
    }
    list
}

/// A section of whole pages, which lies in the file as in memory.
fn section_row(name: &str, at: u32, len: u32, flags: u32) -> SectionHeader {
    SectionHeader {
        name: section_name(name),
        virtual_size: U32::new(len),
        virtual_address: U32::new(at),
        size_of_raw_data: U32::new(len),
        pointer_to_raw_data: U32::new(at),
        pointer_to_relocations: U32::ZERO,
        pointer_to_linenumbers: U32::ZERO,
        number_of_relocations: U16::ZERO,
        number_of_linenumbers: U16::ZERO,
        characteristics: U32::new(flags),
    }
}

fn headers(sections: &[SectionHeader; 4], entry: u32, end: u32) -> Vec<u8> {
    let [text, data, objects, relocations] = sections;
    let dos = DosHeader {
        magic: DOS_MAGIC,
        reserved: [0; 0x3a],
        e_lfanew: U32::new(PE_OFFSET),
    };
    let mut directories = [DataDirectory {
        virtual_address: U32::ZERO,
        size: U32::ZERO,
    }; DIRECTORIES as usize];
    directories[DIRECTORY_RELOCATIONS] = DataDirectory {
        virtual_address: relocations.virtual_address,
        size: relocations.virtual_size,
    };
    let optional_len = size_of::<OptionalHeader>() + size_of_val(&directories);
    let coff = CoffHeader {
        signature: SIGNATURE,
        machine: U16::new(MACHINE_AMD64),
        number_of_sections: U16::new(4),
        time_date_stamp: U32::ZERO,
        pointer_to_symbol_table: U32::ZERO,
        number_of_symbols: U32::ZERO,
        size_of_optional_header: U16::new(u16::try_from(optional_len).unwrap_or_default()),
        characteristics: U16::new(CHARACTERISTICS),
    };
    let optional = OptionalHeader {
        magic: U16::new(MAGIC_PE32_PLUS),
        linker_version: [0; 2],
        size_of_code: text.virtual_size,
        size_of_initialized_data: U32::new(
            data.virtual_size
                .get()
                .saturating_add(objects.virtual_size.get()),
        ),
        size_of_uninitialized_data: U32::ZERO,
        address_of_entry_point: U32::new(entry),
        base_of_code: text.virtual_address,
        image_base: U64::ZERO,
        section_alignment: U32::new(PAGE),
        file_alignment: U32::new(PAGE),
        versions: [U16::ZERO; 6],
        win32_version_value: U32::ZERO,
        size_of_image: U32::new(end),
        size_of_headers: U32::new(PAGE),
        check_sum: U32::ZERO,
        subsystem: U16::new(SUBSYSTEM_EFI_APPLICATION),
        dll_characteristics: U16::ZERO,
        stack_and_heap_sizes: [U64::new(STACK_AND_HEAP); 4],
        loader_flags: U32::ZERO,
        number_of_rva_and_sizes: U32::new(DIRECTORIES.into()),
    };
    let mut headers = dos.as_bytes().to_vec();
    headers.resize(PE_OFFSET as usize, 0);
    for part in [
        coff.as_bytes(),
        optional.as_bytes(),
        directories.as_bytes(),
        sections.as_bytes(),
    ] {
        headers.extend(part);
    }
    headers
}
