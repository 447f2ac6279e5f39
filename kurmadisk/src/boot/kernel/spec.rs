//! The setup header of a bzImage, as far as it is read here.
//!
//! Sections are those of the kernel's `Documentation/arch/x86/boot.rst`.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Offset of the setup header in the file ("The Real-Mode Kernel Header").
pub const SETUP_HEADER_OFFSET: u64 = 0x1f1;
/// What `boot_flag` is.
pub const BOOT_FLAG: u16 = 0xaa55;
/// What `header` is.
pub const HEADER_MAGIC: [u8; 4] = *b"HdrS";
/// `kernel_version` counts from here.
pub const VERSION_BASE: u64 = 0x200;
/// Sectors of setup code that a `setup_sects` of 0 stands for.
pub const DEFAULT_SETUP_SECTS: u8 = 4;
/// Bytes of a sector.
pub const SECTOR: u64 = 512;

/// The setup header from its begin to the version string's offset ("Details of Header Fields").
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SetupHeader {
    /// Sectors of setup code behind the first sector; 0 means 4.
    pub setup_sects: u8,
    /// Non-zero: mount the root read-only.
    pub root_flags: U16,
    /// Size of the protected-mode code in 16-byte paragraphs.
    pub syssize: U32,
    /// Obsolete.
    pub ram_size: U16,
    /// Video mode.
    pub vid_mode: U16,
    /// Default root device number.
    pub root_dev: U16,
    /// [`BOOT_FLAG`].
    pub boot_flag: U16,
    /// A jump over the rest of the header.
    pub jump: [u8; 2],
    /// [`HEADER_MAGIC`].
    pub header: [u8; 4],
    /// Version of the boot protocol, major in the high byte.
    pub version: U16,
    /// A hook of the loader.
    pub realmode_swtch: U32,
    /// Obsolete.
    pub start_sys_seg: U16,
    /// Offset of the NUL-terminated version string less [`VERSION_BASE`], or 0.
    pub kernel_version: U16,
}

const _: () = assert!(size_of::<SetupHeader>() == 0x210 - 0x1f1);
