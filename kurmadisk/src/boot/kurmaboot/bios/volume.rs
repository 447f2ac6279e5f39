//! The boot partition found and its FAT made out: the EFI system partition of a GPT, the active partition of
//! an MBR.

use iced_x86::code_asm::{CodeLabel, byte_ptr, dword_ptr, eax, ebx, ecx, edi, edx, esi, word_ptr};

use super::super::Shared;
use super::super::asm::{ALL, Asm, Emitter, Reg, var};
use super::super::console::say_line;
use super::super::gpt::{MBR_ENTRIES, MBR_ENTRY_SIZE, TABLE};
use super::super::slots::ENTRY_FIRST;
use super::super::vars::{ENTRIES, ENTRY_BYTES, ENTRY_SIZE, HEADER};
use super::fat::{DIRECTORY_BIT, UNREADABLE};
use super::memory_map::SECTOR;
use super::vars::{
    CLUSTER_SECTORS, CLUSTERS_END, DATA_START, DIRECTORY, FAT_BITS, FAT_CACHED, FAT_START,
    FOUND_ATTRIBUTES, FOUND_CLUSTER, ROOT_CLUSTER, ROOT_SECTORS, ROOT_START, VOLUME,
};
use super::{Bios, SECTOR_SIZE};
use crate::layout::PartitionType;

/// Fields of the boot sector (section "Boot Sector and BPB").
const BYTES_PER_SECTOR: u32 = 11;
const SECTORS_PER_CLUSTER: u32 = 13;
const RESERVED: u32 = 14;
const FATS: u32 = 16;
const ROOT_ENTRIES: u32 = 17;
const SECTORS_16: u32 = 19;
const FAT_SIZE_16: u32 = 22;
const SECTORS_32: u32 = 32;
const FAT_SIZE_32: u32 = 36;
const ROOT_CLUSTER_32: u32 = 44;
const SIGNATURE: u32 = 510;
/// Bytes of a directory entry.
const DIRECTORY_ENTRY: u32 = 32;
/// Clusters from which on a FAT is a FAT16 (section "FAT Type Determination").
const FAT16_CLUSTERS: u32 = 4085;
/// The most clusters of a FAT32, and two.
const MAX_CLUSTERS_END: u32 = 0x0fff_fff7;
/// In the MBR: an active partition, and where a partition's first sector is told.
const ACTIVE: u32 = 0x80;
const MBR_FIRST: u32 = 8;

/// Emits what finds the volume and `/kurmaos` in it; EAX, what the table is, is kept.
pub(super) fn open_volume(e: &mut Emitter, shared: Shared, bios: Bios) -> Asm {
    let [gpt, next_mbr, next, no_active, no_esp] = e.labels();
    let [first_mbr, first, no_fat, no_directory, unreadable] = e.labels();
    let mount = e.a.create_label();
    e.place(shared.open_volume)?;
    e.save(&[Reg::Ax])?;
    e.save(&ALL)?;
    e.a.cmp(eax, TABLE)?;
    e.a.je(gpt)?;
    // The MBR is where a header would be.
    e.a.mov(esi, var(HEADER))?;
    e.a.add(esi, MBR_ENTRIES)?;
    e.a.mov(ecx, 4)?;
    e.place(next_mbr)?;
    e.a.cmp(byte_ptr(esi), ACTIVE)?;
    e.a.je(first_mbr)?;
    e.a.add(esi, MBR_ENTRY_SIZE)?;
    e.a.dec(ecx)?;
    e.a.jnz(next_mbr)?;
    e.a.jmp(no_active)?;
    e.place(first_mbr)?;
    e.a.mov(eax, dword_ptr(esi + MBR_FIRST))?;
    e.a.xor(edx, edx)?;
    e.a.jmp(mount)?;

    e.place(gpt)?;
    e.a.mov(esi, var(ENTRIES))?;
    e.a.mov(ecx, esi)?;
    e.a.add(ecx, var(ENTRY_BYTES))?;
    e.a.sub(esi, ENTRY_SIZE)?;
    e.place(next)?;
    e.a.add(esi, ENTRY_SIZE)?;
    e.a.cmp(esi, ecx)?;
    e.a.jae(no_esp)?;
    super::super::slots::unless_type(e, PartitionType::ESP, next)?;
    e.place(first)?;
    e.a.mov(eax, dword_ptr(esi + ENTRY_FIRST))?;
    e.a.mov(edx, dword_ptr(esi + (ENTRY_FIRST + 4)))?;

    e.place(mount)?;
    e.a.mov(var(VOLUME), eax)?;
    e.a.mov(var(VOLUME + 4), edx)?;
    e.a.call(bios.mount)?;
    e.a.cmp(eax, UNREADABLE)?;
    e.a.je(unreadable)?;
    e.a.test(eax, eax)?;
    e.a.jnz(no_fat)?;
    e.point_at(b"kurmaos\0")?;
    e.a.mov(eax, var(ROOT_CLUSTER))?;
    e.a.call(bios.find)?;
    e.a.cmp(eax, UNREADABLE)?;
    e.a.je(unreadable)?;
    e.a.test(eax, eax)?;
    e.a.jnz(no_directory)?;
    e.a.test(var(FOUND_ATTRIBUTES), DIRECTORY_BIT)?;
    e.a.jz(no_directory)?;
    e.a.mov(eax, var(FOUND_CLUSTER))?;
    e.a.mov(var(DIRECTORY), eax)?;
    e.restore(&ALL)?;
    e.restore(&[Reg::Ax])?;
    e.a.ret()?;

    for (label, text) in [
        (no_active, "no partition of the MBR is active"),
        (no_esp, "the disk has no EFI system partition"),
        (unreadable, "the boot partition cannot be read"),
        (
            no_fat,
            "the boot partition has no FAT file system with sectors of 512 bytes",
        ),
        (no_directory, "/kurmaos is missing in the boot partition"),
    ] {
        e.place(label)?;
        say_line(e, shared, text)?;
        e.a.jmp(shared.stop)?;
    }
    Ok(())
}

/// Emits what makes out the FAT at [`VOLUME`]: EAX is 0, 1 when it is none, or [`UNREADABLE`].
pub(super) fn mount(e: &mut Emitter, bios: Bios, volume_read: CodeLabel) -> Asm {
    let [small_total, small_fat, fat32, fat16, typed] = e.labels();
    let [bad, unreadable] = e.labels();
    e.place(bios.mount)?;
    e.save(&ALL)?;
    e.a.mov(var(FAT_CACHED), 0)?;
    e.a.xor(eax, eax)?;
    e.a.mov(ecx, 1)?;
    e.a.mov(edi, SECTOR)?;
    e.a.call(volume_read)?;
    e.a.test(eax, eax)?;
    e.a.jnz(unreadable)?;
    e.a.cmp(word_ptr(edi + SIGNATURE), 0xaa55)?;
    e.a.jne(bad)?;
    e.a.cmp(word_ptr(edi + BYTES_PER_SECTOR), SECTOR_SIZE)?;
    e.a.jne(bad)?;
    e.a.movzx(eax, byte_ptr(edi + SECTORS_PER_CLUSTER))?;
    e.a.mov(var(CLUSTER_SECTORS), eax)?;
    e.a.test(eax, eax)?;
    e.a.jz(bad)?;
    e.a.movzx(esi, word_ptr(edi + RESERVED))?;
    e.a.test(esi, esi)?;
    e.a.jz(bad)?;
    e.a.mov(var(FAT_START), esi)?;

    // Sectors of the FATs: EAX. A FAT32 has no 16-bit number of them.
    e.a.mov(var(FAT_BITS), 0)?;
    e.a.movzx(eax, word_ptr(edi + FAT_SIZE_16))?;
    e.a.test(eax, eax)?;
    e.a.jnz(small_fat)?;
    e.a.mov(var(FAT_BITS), 32)?;
    e.a.mov(eax, dword_ptr(edi + FAT_SIZE_32))?;
    e.place(small_fat)?;
    e.a.movzx(ecx, byte_ptr(edi + FATS))?;
    e.a.mul(ecx)?;
    e.a.test(edx, edx)?;
    e.a.jnz(bad)?;
    e.a.add(eax, esi)?;
    e.a.jc(bad)?;
    e.a.mov(var(ROOT_START), eax)?;
    e.a.movzx(ebx, word_ptr(edi + ROOT_ENTRIES))?;
    e.a.add(ebx, SECTOR_SIZE / DIRECTORY_ENTRY - 1)?;
    e.a.shr(ebx, (SECTOR_SIZE / DIRECTORY_ENTRY).ilog2())?;
    e.a.mov(var(ROOT_SECTORS), ebx)?;
    e.a.add(ebx, eax)?;
    e.a.jc(bad)?;
    e.a.mov(var(DATA_START), ebx)?;

    // Clusters: EAX.
    e.a.movzx(eax, word_ptr(edi + SECTORS_16))?;
    e.a.test(eax, eax)?;
    e.a.jnz(small_total)?;
    e.a.mov(eax, dword_ptr(edi + SECTORS_32))?;
    e.place(small_total)?;
    e.a.sub(eax, ebx)?;
    e.a.jbe(bad)?;
    e.a.xor(edx, edx)?;
    e.a.div(var(CLUSTER_SECTORS))?;
    e.a.mov(edx, eax)?;
    e.a.add(edx, 2)?;
    e.a.jc(bad)?;
    e.a.cmp(edx, MAX_CLUSTERS_END)?;
    e.a.ja(bad)?;
    e.a.mov(var(CLUSTERS_END), edx)?;

    e.a.xor(ecx, ecx)?;
    e.a.cmp(var(FAT_BITS), 32)?;
    e.a.je(fat32)?;
    e.a.cmp(eax, FAT16_CLUSTERS)?;
    e.a.jae(fat16)?;
    e.a.mov(var(FAT_BITS), 12)?;
    e.a.jmp(typed)?;
    e.place(fat16)?;
    e.a.mov(var(FAT_BITS), 16)?;
    e.a.jmp(typed)?;
    e.place(fat32)?;
    e.a.mov(ecx, dword_ptr(edi + ROOT_CLUSTER_32))?;
    e.place(typed)?;
    e.a.mov(var(ROOT_CLUSTER), ecx)?;
    e.restore(&ALL)?;
    e.answer(0)?;
    e.place(bad)?;
    e.restore(&ALL)?;
    e.answer(1)?;
    e.place(unreadable)?;
    e.restore(&ALL)?;
    e.answer(UNREADABLE)
}
