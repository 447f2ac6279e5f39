//! The GPT: one of its copies read and checked, and both written anew.
//!
//! Specification: UEFI 2.10, section 5.3. A copy counts when its header has the signature, says that it lies
//! where it was found, and both checksums are right. The primary copy is taken, or else the backup at the
//! disk's end.
//!
//! Writing is safe against a power cut at any time: the other copy is written whole, entries then header, before
//! the one that was taken is touched. While the one is torn the other counts.

use iced_x86::code_asm::{byte_ptr, dword_ptr, eax, ebx, ecx, edi, edx, esi, word_ptr};

use super::Shared;
use super::asm::{ALL, Asm, Emitter, Reg, labels, var};
use super::vars::{
    BLOCK_SIZE, ENTRIES, ENTRY_BLOCKS, ENTRY_BYTES, ENTRY_SIZE, HEADER, LAST_LBA, MAX_ENTRIES,
    OTHER, OWN_LBA,
};

/// What [`Shared::load_table`] answers: there is none, or only a plain MBR.
pub(super) const NO_TABLE: u32 = 0;
/// A copy counts; it is in memory.
pub(super) const TABLE: u32 = 1;
/// An MBR protects one, and no copy counts.
pub(super) const DAMAGED: u32 = 2;

/// Fields of the header (table 5.5).
const HEADER_SIZE: u32 = 12;
const HEADER_CRC: u32 = 16;
const MY_LBA: u32 = 24;
const ALTERNATE_LBA: u32 = 32;
const ENTRIES_LBA: u32 = 72;
const ENTRY_COUNT: u32 = 80;
const SIZE_OF_ENTRY: u32 = 84;
const ENTRIES_CRC: u32 = 88;
/// Least size of a header.
const MIN_HEADER: u32 = 92;
const SIGNATURE: [&[u8; 4]; 2] = [b"EFI ", b"PART"];

/// Place of the four entries in an MBR, the size of one, and in it that of the type (section 5.2.1).
pub(super) const MBR_ENTRIES: u32 = 446;
pub(super) const MBR_ENTRY_SIZE: u32 = 16;
const MBR_TYPE: u32 = 4;
const MBR_SIGNATURE: u32 = 510;
const PROTECTIVE: u32 = 0xee;

/// The reflected polynomial of CRC-32 (IEEE 802.3, 3.2.9).
const CRC32_POLYNOMIAL: u32 = 0xedb8_8320;

labels! {
    /// Routines of this module alone.
    Private {
        /// Reads the copy whose header is at EDX:EAX: EAX 0 when it counts.
        load_copy,
        /// Checks the header at ESI: EAX 0 when it counts.
        check_header,
        /// Makes the checksum of the header at ESI.
        seal,
        /// Writes the entries, and the header at ESI: EAX 0 when that went well.
        write_copy,
    }
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared) -> Asm {
    let own = Private::declare(&mut e.a);
    load_table(e, shared, own)?;
    load_copy(e, shared, own)?;
    check_header(e, shared, own)?;
    save_table(e, shared, own)?;
    write_copy(e, shared, own)?;
    seal(e, shared, own)?;
    crc32(e, shared)
}

fn load_table(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let [none, damaged, loaded] = e.labels();
    let protected = e.a.create_label();
    e.place(shared.load_table)?;
    e.save(&ALL)?;
    e.a.xor(eax, eax)?;
    e.a.xor(edx, edx)?;
    e.a.mov(ecx, 1)?;
    e.a.mov(edi, var(HEADER))?;
    e.a.call(shared.read_blocks)?;
    e.a.test(eax, eax)?;
    e.a.jnz(damaged)?;
    e.a.cmp(word_ptr(edi + MBR_SIGNATURE), 0xaa55)?;
    e.a.jne(none)?;
    e.a.add(edi, MBR_ENTRIES + MBR_TYPE)?;
    e.a.mov(ecx, 4)?;
    let next = e.here()?;
    e.a.cmp(byte_ptr(edi), PROTECTIVE)?;
    e.a.je(protected)?;
    e.a.add(edi, MBR_ENTRY_SIZE)?;
    e.a.dec(ecx)?;
    e.a.jnz(next)?;
    e.place(none)?;
    e.restore(&ALL)?;
    e.answer(NO_TABLE)?;

    e.place(protected)?;
    e.a.mov(eax, 1)?;
    e.a.call(own.load_copy)?;
    e.a.test(eax, eax)?;
    e.a.jz(loaded)?;
    e.a.mov(eax, var(LAST_LBA))?;
    e.a.mov(edx, var(LAST_LBA + 4))?;
    e.a.call(own.load_copy)?;
    e.a.test(eax, eax)?;
    e.a.jz(loaded)?;
    e.place(damaged)?;
    e.restore(&ALL)?;
    e.answer(DAMAGED)?;

    e.place(loaded)?;
    e.restore(&ALL)?;
    e.answer(TABLE)
}

fn load_copy(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let failed = e.a.create_label();
    e.place(own.load_copy)?;
    e.save(&ALL)?;
    e.a.mov(var(OWN_LBA), eax)?;
    e.a.mov(var(OWN_LBA + 4), edx)?;
    e.a.mov(ecx, 1)?;
    e.a.mov(edi, var(HEADER))?;
    e.a.call(shared.read_blocks)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;
    e.a.mov(esi, edi)?;
    e.a.call(own.check_header)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;

    e.a.cmp(dword_ptr(esi + SIZE_OF_ENTRY), ENTRY_SIZE)?;
    e.a.jne(failed)?;
    e.a.mov(eax, dword_ptr(esi + ENTRY_COUNT))?;
    e.a.test(eax, eax)?;
    e.a.jz(failed)?;
    e.a.cmp(eax, MAX_ENTRIES)?;
    e.a.ja(failed)?;
    e.a.shl(eax, ENTRY_SIZE.ilog2())?;
    e.a.mov(var(ENTRY_BYTES), eax)?;
    e.a.add(eax, var(BLOCK_SIZE))?;
    e.a.dec(eax)?;
    e.a.xor(edx, edx)?;
    e.a.div(var(BLOCK_SIZE))?;
    e.a.mov(var(ENTRY_BLOCKS), eax)?;

    e.a.mov(ecx, eax)?;
    e.a.mov(eax, dword_ptr(esi + ENTRIES_LBA))?;
    e.a.mov(edx, dword_ptr(esi + (ENTRIES_LBA + 4)))?;
    e.a.mov(edi, var(ENTRIES))?;
    e.a.call(shared.read_blocks)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;
    e.a.mov(ebx, esi)?;
    e.a.mov(esi, edi)?;
    e.a.mov(ecx, var(ENTRY_BYTES))?;
    e.a.call(shared.crc32)?;
    e.a.cmp(eax, dword_ptr(ebx + ENTRIES_CRC))?;
    e.a.jne(failed)?;
    e.restore(&ALL)?;
    e.answer(0)?;
    e.place(failed)?;
    e.restore(&ALL)?;
    e.answer(1)
}

fn check_header(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    const KEPT: [Reg; 2] = [Reg::Bx, Reg::Cx];
    let failed = e.a.create_label();
    e.place(own.check_header)?;
    e.save(&KEPT)?;
    for (offset, word) in [0, 4].into_iter().zip(SIGNATURE) {
        e.a.cmp(dword_ptr(esi + offset), u32::from_le_bytes(*word))?;
        e.a.jne(failed)?;
    }
    for half in [0, 4] {
        e.a.mov(eax, var(OWN_LBA + half))?;
        e.a.cmp(dword_ptr(esi + (MY_LBA + half)), eax)?;
        e.a.jne(failed)?;
    }
    e.a.mov(ecx, dword_ptr(esi + HEADER_SIZE))?;
    e.a.cmp(ecx, MIN_HEADER)?;
    e.a.jb(failed)?;
    e.a.cmp(ecx, var(BLOCK_SIZE))?;
    e.a.ja(failed)?;
    e.a.mov(ebx, dword_ptr(esi + HEADER_CRC))?;
    e.a.mov(dword_ptr(esi + HEADER_CRC), 0)?;
    e.a.call(shared.crc32)?;
    e.a.mov(dword_ptr(esi + HEADER_CRC), ebx)?;
    e.a.cmp(eax, ebx)?;
    e.a.jne(failed)?;
    e.restore(&KEPT)?;
    e.answer(0)?;
    e.place(failed)?;
    e.restore(&KEPT)?;
    e.answer(1)
}

/// The entries have changed: both copies are made from the one that was read. The other one's entries stay
/// where its header says; where that does not count they go to their usual place.
fn save_table(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let [usual, known, failed] = e.labels();
    e.place(shared.save_table)?;
    e.save(&ALL)?;
    e.a.mov(esi, var(ENTRIES))?;
    e.a.mov(ecx, var(ENTRY_BYTES))?;
    e.a.call(shared.crc32)?;
    e.a.mov(ebx, var(HEADER))?;
    e.a.mov(dword_ptr(ebx + ENTRIES_CRC), eax)?;

    // EDX:EAX will be where the other copy's entries lie.
    e.a.mov(eax, dword_ptr(ebx + ALTERNATE_LBA))?;
    e.a.mov(edx, dword_ptr(ebx + (ALTERNATE_LBA + 4)))?;
    e.a.mov(var(OWN_LBA), eax)?;
    e.a.mov(var(OWN_LBA + 4), edx)?;
    e.a.mov(ecx, 1)?;
    e.a.mov(edi, var(OTHER))?;
    e.a.call(shared.read_blocks)?;
    e.a.test(eax, eax)?;
    e.a.jnz(usual)?;
    e.a.mov(esi, edi)?;
    e.a.call(own.check_header)?;
    e.a.test(eax, eax)?;
    e.a.jnz(usual)?;
    e.a.mov(eax, dword_ptr(edi + ENTRIES_LBA))?;
    e.a.mov(edx, dword_ptr(edi + (ENTRIES_LBA + 4)))?;
    e.a.jmp(known)?;
    e.place(usual)?;
    e.a.mov(eax, var(OWN_LBA))?;
    e.a.mov(edx, var(OWN_LBA + 4))?;
    e.a.sub(eax, var(ENTRY_BLOCKS))?;
    e.a.sbb(edx, 0)?;
    // The primary copy's header is in block 1, and its entries behind it.
    e.a.cmp(var(OWN_LBA + 4), 0)?;
    e.a.jne(known)?;
    e.a.cmp(var(OWN_LBA), 1)?;
    e.a.jne(known)?;
    e.a.mov(eax, 2)?;
    e.a.xor(edx, edx)?;

    e.place(known)?;
    e.save(&[Reg::Ax, Reg::Dx])?;
    e.a.mov(esi, ebx)?;
    e.a.mov(ecx, var(BLOCK_SIZE))?;
    e.a.rep().movsb()?;
    e.restore(&[Reg::Ax, Reg::Dx])?;
    e.a.mov(esi, var(OTHER))?;
    e.a.mov(dword_ptr(esi + ENTRIES_LBA), eax)?;
    e.a.mov(dword_ptr(esi + (ENTRIES_LBA + 4)), edx)?;
    for half in [0, 4] {
        for (to, from) in [(MY_LBA, ALTERNATE_LBA), (ALTERNATE_LBA, MY_LBA)] {
            e.a.mov(eax, dword_ptr(ebx + (from + half)))?;
            e.a.mov(dword_ptr(esi + (to + half)), eax)?;
        }
    }
    e.a.call(own.seal)?;
    e.a.mov(edi, esi)?;
    e.a.mov(esi, ebx)?;
    e.a.call(own.seal)?;

    // The one that was read stays whole until the other one is.
    e.a.mov(esi, edi)?;
    e.a.call(own.write_copy)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;
    e.a.mov(esi, ebx)?;
    e.a.call(own.write_copy)?;
    e.place(failed)?;
    e.restore(&ALL)?;
    e.a.ret()
}

fn write_copy(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    const KEPT: [Reg; 3] = [Reg::Cx, Reg::Dx, Reg::Di];
    let failed = e.a.create_label();
    e.place(own.write_copy)?;
    e.save(&KEPT)?;
    e.a.mov(eax, dword_ptr(esi + ENTRIES_LBA))?;
    e.a.mov(edx, dword_ptr(esi + (ENTRIES_LBA + 4)))?;
    e.a.mov(ecx, var(ENTRY_BLOCKS))?;
    e.a.mov(edi, var(ENTRIES))?;
    e.a.call(shared.write_blocks)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;
    e.a.mov(eax, dword_ptr(esi + MY_LBA))?;
    e.a.mov(edx, dword_ptr(esi + (MY_LBA + 4)))?;
    e.a.mov(ecx, 1)?;
    e.a.mov(edi, esi)?;
    e.a.call(shared.write_blocks)?;
    e.place(failed)?;
    e.restore(&KEPT)?;
    e.a.ret()
}

fn seal(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    e.place(own.seal)?;
    e.save(&[Reg::Cx])?;
    e.a.mov(dword_ptr(esi + HEADER_CRC), 0)?;
    e.a.mov(ecx, dword_ptr(esi + HEADER_SIZE))?;
    e.a.call(shared.crc32)?;
    e.a.mov(dword_ptr(esi + HEADER_CRC), eax)?;
    e.restore(&[Reg::Cx])?;
    e.a.ret()
}

/// CRC-32 of ECX bytes, not 0, at ESI: EAX.
fn crc32(e: &mut Emitter, shared: Shared) -> Asm {
    const KEPT: [Reg; 4] = [Reg::Bx, Reg::Cx, Reg::Dx, Reg::Si];
    let no_carry = e.a.create_label();
    e.place(shared.crc32)?;
    e.save(&KEPT)?;
    e.a.mov(edx, u32::MAX)?;
    let byte = e.here()?;
    e.a.movzx(eax, byte_ptr(esi))?;
    e.a.inc(esi)?;
    e.a.xor(edx, eax)?;
    e.a.mov(ebx, 8)?;
    let bit = e.here()?;
    e.a.shr(edx, 1)?;
    e.a.jnc(no_carry)?;
    e.a.xor(edx, CRC32_POLYNOMIAL)?;
    e.place(no_carry)?;
    e.a.dec(ebx)?;
    e.a.jnz(bit)?;
    e.a.dec(ecx)?;
    e.a.jnz(byte)?;
    e.a.mov(eax, edx)?;
    e.a.not(eax)?;
    e.restore(&KEPT)?;
    e.a.ret()
}
