//! Where everything lies while the BIOS loader runs; all of it below 512 KiB, where every PC has memory.
//!
//! | address | what |
//! |---|---|
//! | `0x1000` | the variables |
//! | `0x2000` | an answer of the BIOS |
//! | below `0x7000` | the stack in protected mode |
//! | below `0x7c00` | the stack in real mode, while the BIOS is called |
//! | `0x7c00` | the MBR |
//! | `0x8000` | stage 2 |
//! | `0x10000` | the kernel's setup, its heap and stack |
//! | `0x1e000` | the command line |
//! | `0x20000` | what the BIOS reads and writes, 64 KiB of it at a time |
//! | `0x30000` | two sectors of the FAT, one of a directory, the memory map, two GPT headers |
//! | `0x40000` | the GPT's entries |
//! | `0x100000` | the kernel; the initrd is as high as it may be |

/// The variables: those of the shared code, and those of [`vars`](super::vars).
pub(super) const VARS: u32 = 0x1000;
/// Bytes of all variables.
pub(super) const VARS_ROOM: u32 = 0x1000;
/// Where a BIOS call puts an answer: in the first 64 KiB, which real mode reaches without a segment.
pub(super) const ANSWER_AT: u32 = 0x2000;
/// Above the stack of protected mode.
pub(super) const STACK: u32 = 0x7000;
/// Above the stack of real mode.
pub(super) const REAL_STACK: u32 = MBR;
/// Where the BIOS loads the MBR.
pub(super) const MBR: u32 = 0x7c00;
/// Where the MBR loads stage 2.
pub(super) const STAGE2: u32 = 0x8000;
/// Bytes of stage 2 at most.
pub(super) const STAGE2_ROOM: u32 = SETUP - STAGE2;
/// The kernel's setup, and the begin of its segment.
pub(super) const SETUP: u32 = 0x1_0000;
/// Offset in the setup's segment of the end of the kernel's heap and begin of its stack.
pub(super) const SETUP_STACK: u32 = 0xe000;
/// The command line, in the setup's segment above its stack.
pub(super) const CMDLINE: u32 = 0x1_e000;
/// What the BIOS reads into and writes from: one segment.
pub(super) const BOUNCE: u32 = 0x2_0000;
/// Two sectors of the FAT.
pub(super) const FAT_CACHE: u32 = 0x3_0000;
/// A sector of a directory, or the boot sector.
pub(super) const SECTOR: u32 = 0x3_1000;
/// The memory map: [`MAP_RANGES`] of 8 bytes.
pub(super) const MEMORY: u32 = 0x3_2000;
/// The most ranges that are kept of the memory map.
pub(super) const MAP_RANGES: u32 = 128;
/// The GPT header in use.
pub(super) const HEADER: u32 = 0x3_4000;
/// The other one.
pub(super) const OTHER: u32 = 0x3_5000;
/// The GPT's entries.
pub(super) const ENTRIES: u32 = 0x4_0000;
/// Where the kernel is loaded, less its setup.
pub(super) const KERNEL: u32 = 0x10_0000;

const _: () = assert!(ENTRIES + super::super::vars::ENTRIES_ROOM <= 0x8_0000);
