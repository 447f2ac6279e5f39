//! The UEFI loader's own variables, by their offsets from R15, behind the shared ones; and the memory all of
//! it takes, in one piece below 4 GiB. Without other words they have 64 bits.

use super::super::vars::{CMDLINE_ROOM, END, ENTRIES_ROOM, MAX_BLOCK_SIZE};

/// The stack pointer with which the loader returns to the firmware.
pub(super) const FIRMWARE_RSP: u32 = END;
/// A character and a NUL, UTF-16.
pub(super) const CHARACTER: u32 = END + 0x08;
/// What the firmware answers: an interface, a handle, a length.
pub(super) const ANSWER: u32 = END + 0x10;
/// The loader's own image, as the firmware knows it (`EFI_LOADED_IMAGE_PROTOCOL`).
pub(super) const LOADED_IMAGE: u32 = END + 0x18;
/// The disk (`EFI_BLOCK_IO_PROTOCOL`).
pub(super) const BLOCK_IO: u32 = END + 0x20;
/// The boot volume's root directory (`EFI_FILE_PROTOCOL`).
pub(super) const ROOT: u32 = END + 0x28;
/// A file that is read at once.
pub(super) const FILE: u32 = END + 0x30;
/// The initrd's file, 0 where there is none, and its bytes.
pub(super) const INITRD_FILE: u32 = END + 0x38;
pub(super) const INITRD_SIZE: u32 = END + 0x40;
/// The handle by which the initrd is found, 0 while it is not offered.
pub(super) const INITRD_HANDLE: u32 = END + 0x48;
/// `EFI_LOAD_FILE2_PROTOCOL`: the address of its one function.
pub(super) const LOAD_FILE2: u32 = END + 0x50;
/// The kernel's image; in a stub, the address it is loaded to.
pub(super) const KERNEL: u32 = END + 0x58;
/// A device path that is looked up.
pub(super) const PATH_ADDRESS: u32 = END + 0x60;
/// The file's name in ASCII, 16 bytes, and its path in UTF-16, 64 bytes.
pub(super) const NAME: u32 = END + 0x68;
pub(super) const WIDE_NAME: u32 = END + 0x78;
/// Bytes of the load options, 32 bits.
pub(super) const OPTIONS_SIZE: u32 = END + 0xb8;
/// Of a stub: the profile that was asked for, 32 bits, and what the firmware says of Secure Boot, 8 bits.
pub(super) const PROFILE: u32 = END + 0xbc;
pub(super) const SECURE: u32 = END + 0xc0;
/// Sections of its image: their addresses, each followed by the bytes in memory.
pub(super) const PART_LINUX: u32 = END + 0xc8;
pub(super) const PART_INITRD: u32 = END + 0xd8;
pub(super) const PART_UCODE: u32 = END + 0xe8;
pub(super) const PART_CMDLINE: u32 = END + 0xf8;
/// Address of the load options.
pub(super) const OPTIONS_ADDRESS: u32 = END + 0x108;
/// Bytes of the kernel in memory, and the address of its entry point.
pub(super) const KERNEL_SIZE: u32 = END + 0x110;
pub(super) const ENTRY_POINT: u32 = END + 0x118;
const OWN_END: u32 = END + 0x120;

/// Offsets in the memory, behind the variables: two headers, the entries, the command line, the same in
/// UTF-16, and a device path.
pub(super) const HEADER: u32 = 0x1000;
pub(super) const OTHER: u32 = HEADER + MAX_BLOCK_SIZE;
pub(super) const ENTRIES: u32 = OTHER + MAX_BLOCK_SIZE;
pub(super) const CMDLINE: u32 = ENTRIES + ENTRIES_ROOM;
pub(super) const OPTIONS: u32 = CMDLINE + CMDLINE_ROOM;
pub(super) const PATH: u32 = OPTIONS + 2 * CMDLINE_ROOM;
/// Bytes for a device path of the firmware's, in front of what is added to it.
pub(super) const PATH_ROOM: u32 = 0x0f00;
const MEMORY_END: u32 = PATH + 0x1000;
/// Pages of the memory.
pub(super) const PAGES: u32 = MEMORY_END / 0x1000;
const _: () = assert!(OWN_END <= HEADER && MEMORY_END.is_multiple_of(0x1000));
