//! The BIOS loader's own variables, by their offsets from EBP, behind the shared ones.

use super::super::vars::END;

/// The BIOS's number of the disk.
pub(super) const DRIVE: u32 = END;
/// Where real mode goes on, a near address.
pub(super) const REAL_NEXT: u32 = END + 0x04;
/// Where protected mode goes on.
pub(super) const CONTINUE: u32 = END + 0x08;
/// The stack pointer of protected mode while real mode runs.
pub(super) const KEPT_ESP: u32 = END + 0x0c;
/// The interrupt that is called, then its far address.
pub(super) const INTERRUPT: u32 = END + 0x10;
/// Registers for the BIOS, and what it left in them.
pub(super) const REG_EAX: u32 = END + 0x14;
pub(super) const REG_EBX: u32 = END + 0x18;
pub(super) const REG_ECX: u32 = END + 0x1c;
pub(super) const REG_EDX: u32 = END + 0x20;
pub(super) const REG_ESI: u32 = END + 0x24;
pub(super) const REG_EDI: u32 = END + 0x28;
pub(super) const REG_FLAGS: u32 = END + 0x2c;
/// The packet of a disk call (16 bytes), or the disk's parameters (30).
pub(super) const PACKET: u32 = END + 0x30;
/// Tries left of a disk call.
pub(super) const RETRIES: u32 = END + 0x50;

/// First sector of the FAT volume on the disk, 64 bits.
pub(super) const VOLUME: u32 = END + 0x58;
/// 12, 16 or 32.
pub(super) const FAT_BITS: u32 = END + 0x60;
/// Sectors of a cluster.
pub(super) const CLUSTER_SECTORS: u32 = END + 0x64;
/// First sector of the first FAT, of the root directory of FAT12 and FAT16, and of cluster 2, in the volume.
pub(super) const FAT_START: u32 = END + 0x68;
pub(super) const ROOT_START: u32 = END + 0x6c;
pub(super) const DATA_START: u32 = END + 0x70;
/// Sectors of the root directory of FAT12 and FAT16.
pub(super) const ROOT_SECTORS: u32 = END + 0x74;
/// First cluster of the root directory of FAT32; else 0.
pub(super) const ROOT_CLUSTER: u32 = END + 0x78;
/// One above the highest cluster.
pub(super) const CLUSTERS_END: u32 = END + 0x7c;
/// The first of the two FAT sectors in memory, in the volume; 0 when there are none.
pub(super) const FAT_CACHED: u32 = END + 0x80;
/// Where in a file reading goes on: its cluster, and the sector in that.
pub(super) const CLUSTER: u32 = END + 0x84;
pub(super) const CLUSTER_OFFSET: u32 = END + 0x88;
/// What was looked up: first cluster, and bytes; a directory has none.
pub(super) const FOUND_CLUSTER: u32 = END + 0x8c;
pub(super) const FOUND_SIZE: u32 = END + 0x90;
/// Its attributes.
pub(super) const FOUND_ATTRIBUTES: u32 = END + 0xd4;
/// The name of the file that is being dealt with, 16 bytes.
pub(super) const NAME: u32 = END + 0xd8;
/// First cluster of `/kurmaos`.
pub(super) const DIRECTORY: u32 = END + 0x94;
/// The long name before a directory entry (14 bytes), and the checksum of the short name it belongs to.
pub(super) const LONG_NAME: u32 = END + 0x98;
pub(super) const LONG_NAME_SUM: u32 = END + 0xa8;
/// The short name as text (9 bytes).
pub(super) const SHORT_NAME: u32 = END + 0xac;
/// Sectors of the root directory of FAT12 and FAT16 that were read.
pub(super) const ROOT_DONE: u32 = END + 0xb8;

/// Ranges in the memory map.
pub(super) const RANGES: u32 = END + 0xbc;
/// Bytes of the kernel's setup, rounded to sectors, and of what follows it.
pub(super) const SETUP_SECTORS: u32 = END + 0xc0;
/// Where the kernel ends when it has unpacked itself.
pub(super) const KERNEL_END: u32 = END + 0xc4;
/// Bytes of the initrd, and its address.
pub(super) const INITRD_SIZE: u32 = END + 0xc8;
pub(super) const INITRD: u32 = END + 0xcc;
/// Behind all variables.
const OWN_END: u32 = END + 0xe8;
const _: () = assert!(OWN_END <= super::memory_map::VARS_ROOM);
