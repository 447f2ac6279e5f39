//! Which memory there is: INT 15h AX=E820h, or AX=E801h of old BIOSes.
//!
//! What is kept are ranges below 4 GiB that may be used: first address and end, 32 bits each.

use iced_x86::code_asm::{dword_ptr, eax, ebp, ecx, edi, edx, word_ptr};

use super::super::asm::{ALL, Asm, Emitter, var};
use super::Bios;
use super::memory_map::{ANSWER_AT, MAP_RANGES, MEMORY};
use super::vars::{RANGES, REG_EAX, REG_EBX, REG_ECX, REG_EDI, REG_EDX};

/// `SMAP`, by which caller and BIOS know each other (ACPI specification 6.5, section 15.1).
const SMAP: u32 = 0x534d_4150;
/// Bytes of an answer: base and length, 64 bits each, and the type.
const ANSWER: u32 = 20;
/// The type of memory that may be used.
const USABLE: u32 = 1;
/// Where ranges end that reach to 4 GiB or beyond.
const LAST_PAGE: u32 = 0xffff_f000;
/// Bytes of a range that is kept.
pub(super) const RANGE: u32 = 8;
/// What E801 counts from: 1 MiB in KiB, 16 MiB in units of 64 KiB.
const MIB: u32 = 0x10_0000;
const MIB_16: u32 = 16 * MIB;
/// KiB from 1 MiB on that reach to 16 MiB.
const FULL_LOW: u32 = (MIB_16 - MIB) / 1024;

/// Emits the routine.
pub(super) fn emit(e: &mut Emitter, bios: Bios) -> Asm {
    let [next, skip, fits, whole, done, old] = e.labels();
    e.place(bios.read_memory)?;
    e.save(&ALL)?;
    e.a.mov(var(RANGES), 0)?;
    e.a.mov(var(REG_EBX), 0)?;
    e.a.mov(edi, MEMORY)?;
    e.place(next)?;
    e.a.mov(var(REG_EAX), 0xe820)?;
    e.a.mov(var(REG_EDX), SMAP)?;
    e.a.mov(var(REG_ECX), ANSWER)?;
    e.a.mov(var(REG_EDI), ANSWER_AT)?;
    e.a.mov(eax, 0x15)?;
    e.a.call(bios.call)?;
    // A carry behind the first answer means that there was no more.
    e.a.test(eax, eax)?;
    e.a.jnz(done)?;
    e.a.cmp(var(REG_EAX), SMAP)?;
    e.a.jne(done)?;
    e.a.cmp(dword_ptr(ANSWER_AT + 16), USABLE)?;
    e.a.jne(skip)?;
    e.a.cmp(dword_ptr(ANSWER_AT + 4), 0)?;
    e.a.jne(skip)?;
    e.a.mov(eax, dword_ptr(ANSWER_AT))?;
    e.a.mov(edx, eax)?;
    e.a.add(edx, dword_ptr(ANSWER_AT + 8))?;
    e.a.jc(whole)?;
    e.a.cmp(dword_ptr(ANSWER_AT + 12), 0)?;
    e.a.je(fits)?;
    e.place(whole)?;
    e.a.mov(edx, LAST_PAGE)?;
    e.place(fits)?;
    e.a.mov(dword_ptr(edi), eax)?;
    e.a.mov(dword_ptr(edi + 4), edx)?;
    e.a.add(edi, RANGE)?;
    e.a.inc(var(RANGES))?;
    e.place(skip)?;
    e.a.cmp(var(REG_EBX), 0)?;
    e.a.je(done)?;
    e.a.cmp(var(RANGES), MAP_RANGES)?;
    e.a.jb(next)?;
    e.place(done)?;
    e.a.cmp(var(RANGES), 0)?;
    e.a.je(old)?;
    e.restore(&ALL)?;
    e.a.ret()?;

    e.place(old)?;
    old_way(e, bios)?;
    e.restore(&ALL)?;
    e.a.ret()
}

/// INT 15h AX=E801h: KiB from 1 MiB on in CX, and units of 64 KiB from 16 MiB on in DX; some BIOSes say it in
/// AX and BX alone. EDI is where the ranges go.
fn old_way(e: &mut Emitter, bios: Bios) -> Asm {
    let [none, given, separate, all] = e.labels();
    e.a.mov(var(REG_ECX), 0)?;
    e.a.mov(var(REG_EDX), 0)?;
    e.a.mov(var(REG_EAX), 0xe801)?;
    e.a.mov(eax, 0x15)?;
    e.a.call(bios.call)?;
    e.a.test(eax, eax)?;
    e.a.jnz(none)?;
    e.a.movzx(ecx, word_ptr(ebp + REG_ECX))?;
    e.a.movzx(edx, word_ptr(ebp + REG_EDX))?;
    e.a.mov(eax, ecx)?;
    e.a.or(eax, edx)?;
    e.a.jnz(given)?;
    e.a.movzx(ecx, word_ptr(ebp + REG_EAX))?;
    e.a.movzx(edx, word_ptr(ebp + REG_EBX))?;
    e.place(given)?;
    e.a.shl(edx, 16)?;
    e.a.add(edx, MIB_16)?;
    e.a.mov(dword_ptr(edi), MIB)?;
    e.a.mov(var(RANGES), 1)?;
    e.a.cmp(ecx, FULL_LOW)?;
    e.a.jb(separate)?;
    e.a.mov(dword_ptr(edi + 4), edx)?;
    e.a.jmp(all)?;
    e.place(separate)?;
    e.a.shl(ecx, 10)?;
    e.a.add(ecx, MIB)?;
    e.a.mov(dword_ptr(edi + 4), ecx)?;
    e.a.mov(dword_ptr(edi + RANGE), MIB_16)?;
    e.a.mov(dword_ptr(edi + RANGE + 4), edx)?;
    e.a.mov(var(RANGES), 2)?;
    e.place(all)?;
    e.place(none)
}
