//! The headers that make the code an EFI application: PE32+ whose sections lie at the same offset in the file as in
//! memory. The code runs wherever it is loaded, so there are no relocations.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::boot::pe::section_name;
use crate::boot::pe::spec::{
    CoffHeader, DOS_MAGIC, DataDirectory, DosHeader, MACHINE_AMD64, MAGIC_PE32_PLUS,
    OptionalHeader, SCN_CNT_CODE, SCN_CNT_INITIALIZED_DATA, SCN_MEM_EXECUTE, SCN_MEM_READ,
    SIGNATURE, SUBSYSTEM_EFI_APPLICATION, SectionHeader,
};

/// Where the code begins, in the file and in memory: one page of headers.
pub(super) const CODE_START: u32 = 0x1000;
/// Alignment of the section, in memory and in the file.
const SECTION_ALIGNMENT: u32 = 0x1000;
const FILE_ALIGNMENT: u32 = 0x200;
/// `IMAGE_FILE_EXECUTABLE_IMAGE`, `_LINE_NUMS_STRIPPED`, `_DEBUG_STRIPPED`; not `_RELOCS_STRIPPED`, for it may
/// be loaded anywhere.
const CHARACTERISTICS: u16 = 0x0002 | 0x0004 | 0x0200;
/// `IMAGE_DLLCHARACTERISTICS_NX_COMPAT`: no memory needs to be writable and executable.
const NX_COMPAT: u16 = 0x0100;
/// Data directories up to the relocations, for which firmware looks; all are empty.
const DIRECTORIES: u16 = 6;
/// Bytes of the MS-DOS header, and of the optional header with the directories.
const DOS_SIZE: u32 = 0x40;
const OPTIONAL_SIZE: u16 = 112 + 8 * DIRECTORIES;
const _: () = assert!(DOS_SIZE as usize == size_of::<DosHeader>());
const _: () = assert!(
    OPTIONAL_SIZE as usize
        == size_of::<OptionalHeader>() + DIRECTORIES as usize * size_of::<DataDirectory>()
);

/// A section of data: its name, the bytes of it that count, and all of it.
pub(super) type Data<'a> = (&'a str, usize, &'a [u8]);

/// The image of this code, which was assembled for [`CODE_START`] and is entered at its begin, with `data` behind it.
pub(super) fn image(code: &[u8], data: Option<Data<'_>>) -> Vec<u8> {
    let text = section(".text", code.len(), code, CODE_START);
    let mut rows = vec![SectionHeader {
        characteristics: U32::new(SCN_CNT_CODE | SCN_MEM_EXECUTE | SCN_MEM_READ),
        ..text
    }];
    let mut content = code.to_vec();
    if let Some((name, len, bytes)) = data {
        content.resize(
            narrow(content.len()).next_multiple_of(SECTION_ALIGNMENT) as usize,
            0,
        );
        let address = CODE_START + narrow(content.len());
        rows.push(section(name, len, bytes, address));
        content.extend(bytes);
    }
    content.resize(
        narrow(content.len()).next_multiple_of(FILE_ALIGNMENT) as usize,
        0,
    );
    let mut image = headers(&rows, narrow(content.len()));
    image.resize(CODE_START as usize, 0);
    image.extend(content);
    image
}

fn narrow(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The row of a section of data, which lies at the same offset in the file as in memory.
fn section(name: &str, len: usize, bytes: &[u8], address: u32) -> SectionHeader {
    SectionHeader {
        name: section_name(name),
        virtual_size: U32::new(narrow(len)),
        virtual_address: U32::new(address),
        size_of_raw_data: U32::new(narrow(bytes.len()).next_multiple_of(FILE_ALIGNMENT)),
        pointer_to_raw_data: U32::new(address),
        pointer_to_relocations: U32::ZERO,
        pointer_to_linenumbers: U32::ZERO,
        number_of_relocations: U16::ZERO,
        number_of_linenumbers: U16::ZERO,
        characteristics: U32::new(SCN_CNT_INITIALIZED_DATA | SCN_MEM_READ),
    }
}

/// The headers of an image with `len` bytes of content.
fn headers(rows: &[SectionHeader], len: u32) -> Vec<u8> {
    let dos = DosHeader {
        magic: DOS_MAGIC,
        reserved: [0; 0x3a],
        e_lfanew: U32::new(DOS_SIZE),
    };
    let directories = [DataDirectory {
        virtual_address: U32::ZERO,
        size: U32::ZERO,
    }; DIRECTORIES as usize];
    let coff = CoffHeader {
        signature: SIGNATURE,
        machine: U16::new(MACHINE_AMD64),
        number_of_sections: U16::new(u16::try_from(rows.len()).unwrap_or_default()),
        time_date_stamp: U32::ZERO,
        pointer_to_symbol_table: U32::ZERO,
        number_of_symbols: U32::ZERO,
        size_of_optional_header: U16::new(OPTIONAL_SIZE),
        characteristics: U16::new(CHARACTERISTICS),
    };
    let sizes = |flag: u32| {
        let rows = rows
            .iter()
            .filter(|row| row.characteristics.get() & flag != 0);
        rows.map(|row| row.size_of_raw_data.get()).sum()
    };
    let optional = OptionalHeader {
        size_of_code: U32::new(sizes(SCN_CNT_CODE)),
        size_of_initialized_data: U32::new(sizes(SCN_CNT_INITIALIZED_DATA)),
        ..optional(len)
    };
    [
        dos.as_bytes(),
        coff.as_bytes(),
        optional.as_bytes(),
        directories.as_bytes(),
        rows.as_bytes(),
    ]
    .concat()
}

/// All of it but the sizes by kind.
fn optional(len: u32) -> OptionalHeader {
    OptionalHeader {
        magic: U16::new(MAGIC_PE32_PLUS),
        linker_version: [0; 2],
        size_of_code: U32::ZERO,
        size_of_initialized_data: U32::ZERO,
        size_of_uninitialized_data: U32::ZERO,
        address_of_entry_point: U32::new(CODE_START),
        base_of_code: U32::new(CODE_START),
        image_base: U64::ZERO,
        section_alignment: U32::new(SECTION_ALIGNMENT),
        file_alignment: U32::new(FILE_ALIGNMENT),
        versions: [U16::ZERO; 6],
        win32_version_value: U32::ZERO,
        size_of_image: U32::new(CODE_START + len.next_multiple_of(SECTION_ALIGNMENT)),
        size_of_headers: U32::new(CODE_START),
        check_sum: U32::ZERO,
        subsystem: U16::new(SUBSYSTEM_EFI_APPLICATION),
        dll_characteristics: U16::new(NX_COMPAT),
        stack_and_heap_sizes: [U64::ZERO; 4],
        loader_flags: U32::ZERO,
        number_of_rva_and_sizes: U32::new(DIRECTORIES.into()),
    }
}
