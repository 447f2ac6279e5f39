//! The variables of the shared code, by their offsets from EBP. They are zero when the loader starts, but
//! for what says otherwise. Two words in a row are one number of 64 bits, the low half first.

/// Bytes in a block of the disk. Set by the platform.
pub(super) const BLOCK_SIZE: u32 = 0x00;
/// The disk's last block, 64 bits. Set by the platform.
pub(super) const LAST_LBA: u32 = 0x08;
/// Address of the header that is in use, one block. Set by the platform.
pub(super) const HEADER: u32 = 0x10;
/// Address of the other copy's header, one block. Set by the platform.
pub(super) const OTHER: u32 = 0x14;
/// Address of the entries, of which there are at most [`MAX_ENTRIES`]. Set by the platform.
pub(super) const ENTRIES: u32 = 0x18;
/// Bytes of the entries.
pub(super) const ENTRY_BYTES: u32 = 0x1c;
/// Blocks of the entries.
pub(super) const ENTRY_BLOCKS: u32 = 0x20;
/// Where the header that is looked at must say it lies, 64 bits.
pub(super) const OWN_LBA: u32 = 0x28;
/// Rank below which the next slot is looked for.
pub(super) const LIMIT: u32 = 0x30;
/// Address of the chosen slot's entry; 0 where the disk has no slots.
pub(super) const CHOSEN: u32 = 0x34;
/// The lower-case letter that names the chosen slot's files.
pub(super) const LETTER: u32 = 0x38;
/// Address of the command line, [`CMDLINE_ROOM`] bytes. Set by the platform.
pub(super) const CMDLINE: u32 = 0x3c;
/// Bytes that were read of the command line's file; then those of the command line.
pub(super) const CMDLINE_LEN: u32 = 0x40;
/// Whether any slot was tried.
pub(super) const TRIED: u32 = 0x44;
/// Behind the shared variables.
pub(super) const END: u32 = 0x50;

/// The most entries of a partition table that are read.
pub const MAX_ENTRIES: u32 = 1024;
/// Bytes of an entry of a GPT; other sizes are allowed, and made by nobody.
pub(super) const ENTRY_SIZE: u32 = 128;
/// Bytes of the largest block.
pub(super) const MAX_BLOCK_SIZE: u32 = 4096;
/// Bytes for the entries: whole blocks of the largest size.
pub(super) const ENTRIES_ROOM: u32 = MAX_ENTRIES * ENTRY_SIZE;
const _: () = assert!(ENTRIES_ROOM.is_multiple_of(MAX_BLOCK_SIZE));
/// Bytes of the command line's buffer. A file's first so many, less what may be appended, are read.
pub(super) const CMDLINE_ROOM: u32 = 0x1000;
/// Bytes of the command line's file that are read at most: a multiple of every file system's sectors up to
/// 2048 bytes. More than [`MAX_COMMAND_LINE`](crate::boot::MAX_COMMAND_LINE), so that what is too long is seen.
pub(super) const CMDLINE_READ: u32 = 0x0c00;
