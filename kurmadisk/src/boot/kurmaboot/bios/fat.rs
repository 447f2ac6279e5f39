//! The boot partition's FAT, read: a directory searched, a file's sectors in as long runs as they lie.
//!
//! Specification: Microsoft's "FAT: General Overview of On-Disk Format", 1.03. Whether it is FAT32 is told, as
//! Linux tells it, by the 16-bit size of the FAT being 0; FAT12 and FAT16 are told apart by the number of
//! clusters. Names are looked for in lower-case ASCII, up to 13 characters: those that one long entry holds,
//! and short names without an extension.

use iced_x86::code_asm::{
    al, bl, byte_ptr, dl, dword_ptr, eax, ebp, ebx, ecx, edi, edx, esi, word_ptr,
};

use super::super::Shared;
use super::super::asm::{ALL, Asm, Emitter, Reg, labels, var};
use super::memory_map::{FAT_CACHE, SECTOR};
use super::vars::{
    CLUSTER, CLUSTER_OFFSET, CLUSTER_SECTORS, CLUSTERS_END, DATA_START, FAT_BITS, FAT_CACHED,
    FAT_START, FOUND_ATTRIBUTES, FOUND_CLUSTER, FOUND_SIZE, LONG_NAME, LONG_NAME_SUM, ROOT_DONE,
    ROOT_SECTORS, ROOT_START, SHORT_NAME, VOLUME,
};
use super::{Bios, SECTOR_SIZE};

/// What [`Bios::find`] and [`Bios::file_read`] answer besides 0: it is not there, or its clusters end.
pub(super) const MISSING: u32 = 1;
/// The disk cannot be read.
pub(super) const UNREADABLE: u32 = 2;

/// Fields of a directory entry (section "FAT Directory Structure").
const ENTRY_SIZE: u32 = 32;
const EXTENSION: u32 = 8;
const ATTRIBUTES: u32 = 11;
const CLUSTER_HIGH: u32 = 20;
const CLUSTER_LOW: u32 = 26;
const SIZE: u32 = 28;
const NAME_LEN: u32 = 11;
/// Attributes: a volume's label, a directory, and those that together mark a long name's entry.
const VOLUME_LABEL: u32 = 0x08;
pub(super) const DIRECTORY_BIT: u32 = 0x10;
const LONG_MASK: u32 = 0x3f;
const LONG: u32 = 0x0f;
/// A long name's entry that is first and last of its name, and where the short name's checksum is in it.
const SINGLE: u32 = 0x41;
const LONG_SUM: u32 = 13;
/// Characters of a long name in one entry.
const LONG_CHARS: u32 = 13;
const FREE: u32 = 0xe5;
/// A directory has at most 65536 entries.
const DIRECTORY_SECTORS: u32 = 65_536 * ENTRY_SIZE / SECTOR_SIZE;

labels! {
    /// Routines of this module alone.
    Private {
        /// ECX sectors from sector EAX of the volume on, to EDI: EAX 0 when that went well.
        volume_read,
        /// The cluster after EAX: EAX, 0 when there is none.
        next_cluster,
        /// Takes the long name at EDI down.
        long_name,
        /// Compares the name at EBX with that of the entry at EDI: zero flag when they are one.
        matches,
        /// Compares the texts at EBX and ESI: zero flag when they are one.
        compare,
    }
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared, bios: Bios) -> Asm {
    let own = Private::declare(&mut e.a);
    super::volume::mount(e, bios, own.volume_read)?;
    volume_read(e, shared, own)?;
    next_cluster(e, own)?;
    file_read(e, bios, own)?;
    find(e, bios, own)?;
    long_name(e, own)?;
    matches(e, own)?;
    compare(e, own)
}

fn volume_read(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    e.place(own.volume_read)?;
    e.save(&[Reg::Dx])?;
    e.a.xor(edx, edx)?;
    e.a.add(eax, var(VOLUME))?;
    e.a.adc(edx, var(VOLUME + 4))?;
    e.a.call(shared.read_blocks)?;
    e.restore(&[Reg::Dx])?;
    e.a.ret()
}

fn next_cluster(e: &mut Emitter, own: Private) -> Asm {
    let [fat32, fat16, located, cached] = e.labels();
    let [word, long, even, check, none] = e.labels();
    e.place(own.next_cluster)?;
    e.save(&ALL)?;
    // The entry's byte in the FAT: EAX.
    e.a.mov(ebx, eax)?;
    e.a.cmp(var(FAT_BITS), 16)?;
    e.a.je(fat16)?;
    e.a.ja(fat32)?;
    e.a.shr(eax, 1)?;
    e.a.add(eax, ebx)?;
    e.a.jmp(located)?;
    e.place(fat32)?;
    e.a.shl(eax, 1)?;
    e.place(fat16)?;
    e.a.shl(eax, 1)?;
    e.place(located)?;
    e.a.mov(esi, eax)?;
    e.a.and(esi, SECTOR_SIZE - 1)?;
    e.a.shr(eax, SECTOR_SIZE.ilog2())?;
    e.a.add(eax, var(FAT_START))?;
    e.a.cmp(eax, var(FAT_CACHED))?;
    e.a.je(cached)?;
    // Two sectors, since an entry of FAT12 may lie in both.
    e.a.mov(var(FAT_CACHED), 0)?;
    e.a.mov(edx, eax)?;
    e.a.mov(ecx, 2)?;
    e.a.mov(edi, FAT_CACHE)?;
    e.a.call(own.volume_read)?;
    e.a.test(eax, eax)?;
    e.a.jnz(none)?;
    e.a.mov(var(FAT_CACHED), edx)?;
    e.place(cached)?;
    e.a.mov(eax, dword_ptr(esi + FAT_CACHE))?;
    e.a.cmp(var(FAT_BITS), 16)?;
    e.a.je(word)?;
    e.a.ja(long)?;
    e.a.test(bl, 1)?;
    e.a.jz(even)?;
    e.a.shr(eax, 4)?;
    e.place(even)?;
    e.a.and(eax, 0xfff)?;
    e.a.jmp(check)?;
    e.place(word)?;
    e.a.and(eax, 0xffff)?;
    e.place(long)?;
    e.a.and(eax, 0x0fff_ffff)?;
    e.place(check)?;
    e.a.cmp(eax, 2)?;
    e.a.jb(none)?;
    e.a.cmp(eax, var(CLUSTERS_END))?;
    e.a.jae(none)?;
    e.restore(&ALL)?;
    e.a.ret()?;
    e.place(none)?;
    e.restore(&ALL)?;
    e.answer(0)
}

/// ECX sectors to EDI, from where [`CLUSTER`] and [`CLUSTER_OFFSET`] say, which move on.
fn file_read(e: &mut Emitter, bios: Bios, own: Private) -> Asm {
    let [next, inside, grow, shrink, grown] = e.labels();
    let [ended, unreadable, done] = e.labels();
    e.place(bios.file_read)?;
    e.save(&ALL)?;
    e.place(next)?;
    e.a.xor(eax, eax)?;
    e.a.test(ecx, ecx)?;
    e.a.jz(done)?;
    e.a.mov(eax, var(CLUSTER_OFFSET))?;
    e.a.cmp(eax, var(CLUSTER_SECTORS))?;
    e.a.jb(inside)?;
    e.a.mov(eax, var(CLUSTER))?;
    e.a.call(own.next_cluster)?;
    e.a.test(eax, eax)?;
    e.a.jz(ended)?;
    e.a.mov(var(CLUSTER), eax)?;
    e.a.mov(var(CLUSTER_OFFSET), 0)?;

    // EBX counts the sectors of clusters in a row, of which ESI is the last.
    e.place(inside)?;
    e.a.mov(ebx, var(CLUSTER_SECTORS))?;
    e.a.sub(ebx, var(CLUSTER_OFFSET))?;
    e.a.mov(esi, var(CLUSTER))?;
    e.place(grow)?;
    e.a.cmp(ebx, ecx)?;
    e.a.jae(grown)?;
    e.a.mov(eax, esi)?;
    e.a.call(own.next_cluster)?;
    e.a.inc(esi)?;
    e.a.cmp(eax, esi)?;
    e.a.jne(shrink)?;
    e.a.add(ebx, var(CLUSTER_SECTORS))?;
    e.a.jmp(grow)?;
    e.place(grown)?;
    e.a.mov(ebx, ecx)?;
    e.place(shrink)?;

    e.a.mov(eax, var(CLUSTER))?;
    e.a.sub(eax, 2)?;
    e.a.mul(var(CLUSTER_SECTORS))?;
    e.a.add(eax, var(DATA_START))?;
    e.a.add(eax, var(CLUSTER_OFFSET))?;
    e.save(&[Reg::Cx])?;
    e.a.mov(ecx, ebx)?;
    e.a.call(own.volume_read)?;
    e.restore(&[Reg::Cx])?;
    e.a.test(eax, eax)?;
    e.a.jnz(unreadable)?;
    // The place behind the last sector that was read, counted in that one's cluster.
    e.a.lea(eax, dword_ptr(ebx - 1))?;
    e.a.add(eax, var(CLUSTER_OFFSET))?;
    e.a.xor(edx, edx)?;
    e.a.div(var(CLUSTER_SECTORS))?;
    e.a.add(var(CLUSTER), eax)?;
    e.a.inc(edx)?;
    e.a.mov(var(CLUSTER_OFFSET), edx)?;
    e.a.sub(ecx, ebx)?;
    e.a.shl(ebx, SECTOR_SIZE.ilog2())?;
    e.a.add(edi, ebx)?;
    e.a.jmp(next)?;

    e.place(unreadable)?;
    e.a.mov(eax, UNREADABLE)?;
    e.a.jmp(done)?;
    e.place(ended)?;
    e.a.mov(eax, MISSING)?;
    e.place(done)?;
    e.restore(&ALL)?;
    e.a.ret()
}

/// The name at ESI in the directory whose first cluster is EAX, or in the root directory of FAT12 and FAT16
/// when that is 0.
fn find(e: &mut Emitter, bios: Bios, own: Private) -> Asm {
    let [sector, chained, have, entry, free, long, next] = e.labels();
    let [found, missing, done] = e.labels();
    let [low, unreadable] = e.labels();
    e.place(bios.find)?;
    e.save(&ALL)?;
    e.a.mov(var(CLUSTER), eax)?;
    e.a.mov(var(CLUSTER_OFFSET), 0)?;
    e.a.mov(var(ROOT_DONE), 0)?;
    e.a.mov(var(LONG_NAME), 0)?;
    e.a.mov(ebx, esi)?;
    e.a.mov(edx, DIRECTORY_SECTORS)?;
    e.a.test(eax, eax)?;
    e.a.jz(sector)?;
    e.a.cmp(eax, 2)?;
    e.a.jb(missing)?;
    e.a.cmp(eax, var(CLUSTERS_END))?;
    e.a.jae(missing)?;

    e.place(sector)?;
    e.a.dec(edx)?;
    e.a.js(missing)?;
    e.a.mov(edi, SECTOR)?;
    e.a.mov(ecx, 1)?;
    e.a.cmp(var(CLUSTER), 0)?;
    e.a.jne(chained)?;
    e.a.mov(eax, var(ROOT_DONE))?;
    e.a.cmp(eax, var(ROOT_SECTORS))?;
    e.a.jae(missing)?;
    e.a.inc(var(ROOT_DONE))?;
    e.a.add(eax, var(ROOT_START))?;
    e.a.call(own.volume_read)?;
    e.a.test(eax, eax)?;
    e.a.jnz(unreadable)?;
    e.a.jmp(have)?;
    e.place(chained)?;
    e.a.call(bios.file_read)?;
    e.a.cmp(eax, MISSING)?;
    e.a.je(missing)?;
    e.a.ja(unreadable)?;

    e.place(have)?;
    e.a.mov(ecx, SECTOR_SIZE / ENTRY_SIZE)?;
    e.place(entry)?;
    e.a.mov(al, byte_ptr(edi))?;
    e.a.test(al, al)?;
    e.a.jz(missing)?;
    e.a.cmp(al, FREE)?;
    e.a.je(free)?;
    e.a.mov(al, byte_ptr(edi + ATTRIBUTES))?;
    e.a.and(al, LONG_MASK)?;
    e.a.cmp(al, LONG)?;
    e.a.je(long)?;
    e.a.test(al, VOLUME_LABEL)?;
    e.a.jnz(free)?;
    e.a.call(own.matches)?;
    e.a.je(found)?;
    e.place(free)?;
    e.a.mov(byte_ptr(ebp + LONG_NAME), 0)?;
    e.a.jmp(next)?;
    e.place(long)?;
    e.a.call(own.long_name)?;
    e.place(next)?;
    e.a.add(edi, ENTRY_SIZE)?;
    e.a.dec(ecx)?;
    e.a.jnz(entry)?;
    e.a.jmp(sector)?;

    e.place(found)?;
    e.a.mov(eax, dword_ptr(edi + SIZE))?;
    e.a.mov(var(FOUND_SIZE), eax)?;
    e.a.movzx(eax, byte_ptr(edi + ATTRIBUTES))?;
    e.a.mov(var(FOUND_ATTRIBUTES), eax)?;
    e.a.xor(eax, eax)?;
    e.a.cmp(var(FAT_BITS), 32)?;
    e.a.jne(low)?;
    e.a.movzx(eax, word_ptr(edi + CLUSTER_HIGH))?;
    e.a.shl(eax, 16)?;
    e.place(low)?;
    e.a.movzx(edx, word_ptr(edi + CLUSTER_LOW))?;
    e.a.or(eax, edx)?;
    e.a.mov(var(FOUND_CLUSTER), eax)?;
    e.a.xor(eax, eax)?;
    e.a.jmp(done)?;
    e.place(unreadable)?;
    e.a.mov(eax, UNREADABLE)?;
    e.a.jmp(done)?;
    e.place(missing)?;
    e.a.mov(eax, MISSING)?;
    e.place(done)?;
    e.restore(&ALL)?;
    e.a.ret()
}

/// Of an entry that holds a whole name in ASCII, the name in lower case; of others nothing.
fn long_name(e: &mut Emitter, own: Private) -> Asm {
    const KEPT: [Reg; 3] = [Reg::Cx, Reg::Dx, Reg::Si];
    let [unit, none, small, second, third, end] = e.labels();
    e.place(own.long_name)?;
    e.save(&KEPT)?;
    e.a.cmp(byte_ptr(edi), SINGLE)?;
    e.a.jne(none)?;
    e.a.mov(al, byte_ptr(edi + LONG_SUM))?;
    e.a.mov(byte_ptr(ebp + LONG_NAME_SUM), al)?;
    // ESI is the unit's offset in the entry, ECX its number.
    e.a.mov(esi, 1)?;
    e.a.xor(ecx, ecx)?;
    e.place(unit)?;
    e.a.movzx(eax, word_ptr(edi + esi))?;
    e.a.test(eax, eax)?;
    e.a.jz(end)?;
    e.a.cmp(eax, 0x7f)?;
    e.a.jae(none)?;
    lower_case(e, small)?;
    e.a.mov(byte_ptr(ebp + ecx + LONG_NAME), al)?;
    e.a.add(esi, 2)?;
    e.a.cmp(esi, 11)?;
    e.a.jne(second)?;
    e.a.mov(esi, 14)?;
    e.place(second)?;
    e.a.cmp(esi, 26)?;
    e.a.jne(third)?;
    e.a.mov(esi, 28)?;
    e.place(third)?;
    e.a.inc(ecx)?;
    e.a.cmp(ecx, LONG_CHARS)?;
    e.a.jne(unit)?;
    e.place(end)?;
    e.a.mov(byte_ptr(ebp + ecx + LONG_NAME), 0)?;
    e.restore(&KEPT)?;
    e.a.ret()?;
    e.place(none)?;
    e.a.mov(byte_ptr(ebp + LONG_NAME), 0)?;
    e.restore(&KEPT)?;
    e.a.ret()
}

/// AL in lower case.
fn lower_case(e: &mut Emitter, small: iced_x86::code_asm::CodeLabel) -> Asm {
    e.a.cmp(al, u32::from(b'A'))?;
    e.a.jb(small)?;
    e.a.cmp(al, u32::from(b'Z'))?;
    e.a.ja(small)?;
    e.a.or(al, 0x20)?;
    e.place(small)
}

fn matches(e: &mut Emitter, own: Private) -> Asm {
    const KEPT: [Reg; 3] = [Reg::Cx, Reg::Dx, Reg::Si];
    let [short, character, blank, small, done] = e.labels();
    e.place(own.matches)?;
    e.save(&KEPT)?;
    // The long name counts if it is that of this short one: by its checksum, DL.
    e.a.xor(edx, edx)?;
    e.a.xor(ecx, ecx)?;
    let sum = e.here()?;
    e.a.ror(dl, 1)?;
    e.a.add(dl, byte_ptr(edi + ecx))?;
    e.a.inc(ecx)?;
    e.a.cmp(ecx, NAME_LEN)?;
    e.a.jne(sum)?;
    e.a.cmp(byte_ptr(ebp + LONG_NAME), 0)?;
    e.a.je(short)?;
    e.a.cmp(dl, byte_ptr(ebp + LONG_NAME_SUM))?;
    e.a.jne(short)?;
    e.a.lea(esi, dword_ptr(ebp + LONG_NAME))?;
    e.a.call(own.compare)?;
    e.a.je(done)?;

    e.place(short)?;
    for offset in EXTENSION..NAME_LEN {
        e.a.cmp(byte_ptr(edi + offset), u32::from(b' '))?;
        e.a.jne(done)?;
    }
    e.a.xor(ecx, ecx)?;
    e.place(character)?;
    e.a.mov(al, byte_ptr(edi + ecx))?;
    e.a.cmp(al, u32::from(b' '))?;
    e.a.je(blank)?;
    lower_case(e, small)?;
    e.a.mov(byte_ptr(ebp + ecx + SHORT_NAME), al)?;
    e.a.inc(ecx)?;
    e.a.cmp(ecx, EXTENSION)?;
    e.a.jne(character)?;
    e.place(blank)?;
    e.a.mov(byte_ptr(ebp + ecx + SHORT_NAME), 0)?;
    e.a.lea(esi, dword_ptr(ebp + SHORT_NAME))?;
    e.a.call(own.compare)?;
    e.place(done)?;
    // Moves and pops leave the flags.
    e.restore(&KEPT)?;
    e.a.ret()
}

fn compare(e: &mut Emitter, own: Private) -> Asm {
    let differ = e.a.create_label();
    e.place(own.compare)?;
    e.save(&[Reg::Bx])?;
    let next = e.here()?;
    e.a.lodsb()?;
    e.a.cmp(al, byte_ptr(ebx))?;
    e.a.jne(differ)?;
    e.a.inc(ebx)?;
    e.a.test(al, al)?;
    e.a.jnz(next)?;
    e.place(differ)?;
    e.restore(&[Reg::Bx])?;
    e.a.ret()
}
