//! The headers of a PE image.
//!
//! Sections are those of Microsoft's "PE Format"; the UEFI specification 2.10, §2.1.1, refers to it.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a PE image begins with.
pub const DOS_MAGIC: [u8; 2] = *b"MZ";
/// What the COFF header begins with ("Signature").
pub const SIGNATURE: [u8; 4] = *b"PE\0\0";
/// x86-64 ("Machine Types").
pub const MACHINE_AMD64: u16 = 0x8664;
/// PE32+ ("Optional Header Standard Fields").
pub const MAGIC_PE32_PLUS: u16 = 0x20b;
/// An EFI application ("Windows Subsystem").
pub const SUBSYSTEM_EFI_APPLICATION: u16 = 10;
/// Sections the Windows loader allows, and EDK 2 with it ("COFF File Header").
pub const MAX_SECTIONS: u64 = 96;
/// The largest alignment of raw data ("Optional Header Windows-Specific Fields").
pub const MAX_FILE_ALIGNMENT: u32 = 0x1_0000;

/// The data directory of the signatures, whose address is an offset in the file.
pub const DIRECTORY_SECURITY: usize = 4;
/// The data directory of debug information, which holds offsets in the file.
pub const DIRECTORY_DEBUG: usize = 6;

/// The section holds code ("Section Flags").
pub const SCN_CNT_CODE: u32 = 0x0000_0020;
/// The section holds initialised data.
pub const SCN_CNT_INITIALIZED_DATA: u32 = 0x0000_0040;
/// The section may be executed.
pub const SCN_MEM_EXECUTE: u32 = 0x2000_0000;
/// The section may be read.
pub const SCN_MEM_READ: u32 = 0x4000_0000;

/// The MS-DOS header; of its fields two still mean something ("MS-DOS Stub").
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DosHeader {
    /// [`DOS_MAGIC`].
    pub magic: [u8; 2],
    /// What MS-DOS wants to know.
    pub reserved: [u8; 0x3a],
    /// Offset of the [`CoffHeader`].
    pub e_lfanew: U32,
}

/// The signature and the "COFF File Header".
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CoffHeader {
    /// [`SIGNATURE`].
    pub signature: [u8; 4],
    /// The processor: [`MACHINE_AMD64`].
    pub machine: U16,
    /// Rows of the section table.
    pub number_of_sections: U16,
    /// When the image was made; reproducible builds put something else here.
    pub time_date_stamp: U32,
    /// Offset of the COFF symbols in the file, or 0.
    pub pointer_to_symbol_table: U32,
    /// How many there are.
    pub number_of_symbols: U32,
    /// Bytes of the optional header; the section table follows it.
    pub size_of_optional_header: U16,
    /// Flags.
    pub characteristics: U16,
}

/// The "Optional Header" of PE32+ up to the data directories, which follow it.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OptionalHeader {
    /// [`MAGIC_PE32_PLUS`].
    pub magic: U16,
    /// Major and minor version of the linker.
    pub linker_version: [u8; 2],
    /// Bytes of all sections with code.
    pub size_of_code: U32,
    /// Bytes of all sections with initialised data.
    pub size_of_initialized_data: U32,
    /// Bytes of all sections with zeros.
    pub size_of_uninitialized_data: U32,
    /// Where it starts, from the image's begin in memory.
    pub address_of_entry_point: U32,
    /// Where the code begins in memory.
    pub base_of_code: U32,
    /// The preferred address.
    pub image_base: U64,
    /// Alignment of sections in memory.
    pub section_alignment: U32,
    /// Alignment of sections in the file.
    pub file_alignment: U32,
    /// Versions of the system, the image and the subsystem, major and minor.
    pub versions: [U16; 6],
    /// 0.
    pub win32_version_value: U32,
    /// Bytes of the image in memory.
    pub size_of_image: U32,
    /// Bytes of all headers, in the file and in memory.
    pub size_of_headers: U32,
    /// Checksum of the file, or 0.
    pub check_sum: U32,
    /// What runs the image: [`SUBSYSTEM_EFI_APPLICATION`].
    pub subsystem: U16,
    /// Flags.
    pub dll_characteristics: U16,
    /// Sizes of stack and heap, reserved and committed.
    pub stack_and_heap_sizes: [U64; 4],
    /// 0.
    pub loader_flags: U32,
    /// Data directories that follow.
    pub number_of_rva_and_sizes: U32,
}

/// A row of the "Optional Header Data Directories".
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DataDirectory {
    /// Address in memory.
    pub virtual_address: U32,
    /// Bytes.
    pub size: U32,
}

/// A row of the "Section Table".
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SectionHeader {
    /// The name, filled with NULs.
    pub name: [u8; 8],
    /// Bytes in memory; what the file lacks is zeros.
    pub virtual_size: U32,
    /// Address in memory, from the image's begin.
    pub virtual_address: U32,
    /// Bytes in the file, a multiple of the file alignment.
    pub size_of_raw_data: U32,
    /// Offset in the file.
    pub pointer_to_raw_data: U32,
    /// 0 in images.
    pub pointer_to_relocations: U32,
    /// 0 in images.
    pub pointer_to_linenumbers: U32,
    /// 0 in images.
    pub number_of_relocations: U16,
    /// 0 in images.
    pub number_of_linenumbers: U16,
    /// Flags.
    pub characteristics: U32,
}

const _: () = assert!(size_of::<DosHeader>() == 0x40);
const _: () = assert!(size_of::<CoffHeader>() == 24);
const _: () = assert!(size_of::<OptionalHeader>() == 112);
const _: () = assert!(size_of::<DataDirectory>() == 8);
const _: () = assert!(size_of::<SectionHeader>() == 40);
