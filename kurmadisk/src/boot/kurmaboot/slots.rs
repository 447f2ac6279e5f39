//! Which slot is booted, and what is told of it: the loader's course, from the table on.
//!
//! A slot is a partition of the slots' type with a label that the command line can name: ASCII without
//! spaces, and a letter at its end, by which its files are called. Its attributes are those of `gptprio`:
//! bits 48 to 51 the priority, 52 to 55 the tries left, 56 that it was successful. Those with a priority are
//! candidates that were successful or have tries left, and are tried in the order of their priority, among
//! equals in that of their numbers. A try of one that was not successful is taken from the table before
//! anything else is done with it.

use iced_x86::code_asm::{
    CodeLabel, al, ax, byte_ptr, dword_ptr, eax, ebx, ecx, edi, edx, esi, word_ptr,
};

use super::Shared;
use super::asm::{ALL, Asm, Emitter, Reg, labels, var};
use super::console::{say, say_begin, say_line};
use super::gpt::{DAMAGED, TABLE};
use super::vars::{
    CHOSEN, CMDLINE, CMDLINE_LEN, ENTRIES, ENTRY_BYTES, ENTRY_SIZE, LETTER, LIMIT, TRIED,
};
use crate::boot::MAX_COMMAND_LINE;
use crate::layout::PartitionType;

/// Fields of an entry (UEFI 2.10, table 5.6); of the attributes the high half.
pub(super) const ENTRY_FIRST: u32 = 32;
const ATTRIBUTES_HIGH: u32 = 52;
const NAME: u32 = 56;
/// Units of UTF-16 in a name.
const NAME_UNITS: u32 = 36;
/// In the high half of the attributes.
const PRIORITY_SHIFT: u32 = 16;
const TRIES_SHIFT: u32 = 20;
const NIBBLE: u32 = 0xf;
const SUCCESSFUL: u32 = 1 << 24;

/// What names the booted slot on the kernel's command line; its label follows.
const BOOTED: &str = "kurma.booted=PARTLABEL=";
const BOOTED_LEN: u32 = 23;
const _: () = assert!(BOOTED_LEN as usize == BOOTED.len());
/// Bytes that are appended to a command line at most: a space, this, and the longest label.
pub(in crate::boot) const MAX_APPENDED: usize = 1 + BOOTED.len() + NAME_UNITS as usize;
/// Bytes of the longest command line.
const MAX_LEN: u32 = 2047;
const _: () = assert!(MAX_LEN as usize == MAX_COMMAND_LINE);

labels! {
    /// Routines of this module alone.
    Private {
        /// The letter of the slot whose entry is at ESI; 0 if it is none.
        letter,
        /// Chooses the next slot: EAX 0 if there is none.
        next_slot,
        /// Takes a try from the chosen slot, if it was not successful: EAX 0 when that went well.
        spend_try,
        /// Says the chosen slot's label, and how many tries it has.
        say_slot,
    }
}

/// Emits the course, to be entered by a jump with the platform's variables set.
pub(super) fn emit(e: &mut Emitter, shared: Shared) -> Asm {
    let own = Private::declare(&mut e.a);
    course(e, shared, own)?;
    letter(e, own)?;
    next_slot(e, own)?;
    spend_try(e, shared, own)?;
    say_slot(e, shared, own)?;
    finish_cmdline(e, shared)
}

fn course(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let [slots, damaged, none_left] = e.labels();
    let [next, unwritten] = e.labels();
    e.place(shared.course)?;
    e.a.call(shared.load_table)?;
    e.a.cmp(eax, DAMAGED)?;
    e.a.je(damaged)?;
    e.a.call(shared.open_volume)?;
    e.a.cmp(eax, TABLE)?;
    e.a.jne(shared.without_slots)?;
    e.a.mov(esi, var(ENTRIES))?;
    e.a.mov(ecx, esi)?;
    e.a.add(ecx, var(ENTRY_BYTES))?;
    let any = e.here()?;
    e.a.call(own.letter)?;
    e.a.test(eax, eax)?;
    e.a.jnz(slots)?;
    e.a.add(esi, ENTRY_SIZE)?;
    e.a.cmp(esi, ecx)?;
    e.a.jb(any)?;

    e.place(shared.without_slots)?;
    e.a.mov(var(LETTER), u32::from(b'a'))?;
    e.a.call(shared.boot)?;
    e.a.jmp(shared.stop)?;

    e.place(slots)?;
    e.a.mov(var(LIMIT), -1)?;
    e.place(next)?;
    e.a.call(own.next_slot)?;
    e.a.test(eax, eax)?;
    e.a.jz(none_left)?;
    e.a.mov(var(TRIED), 1)?;
    e.a.call(own.say_slot)?;
    e.a.call(own.spend_try)?;
    e.a.test(eax, eax)?;
    e.a.jnz(unwritten)?;
    e.a.call(shared.boot)?;
    e.a.jmp(next)?;
    e.place(unwritten)?;
    say_line(
        e,
        shared,
        "the partition table cannot be written, so this try is not made",
    )?;
    e.a.jmp(next)?;

    e.place(damaged)?;
    say_line(
        e,
        shared,
        "both copies of the partition table are damaged, or cannot be read",
    )?;
    e.a.jmp(shared.stop)?;
    e.place(none_left)?;
    let tried = e.a.create_label();
    e.a.cmp(var(TRIED), 0)?;
    e.a.jne(tried)?;
    say_line(
        e,
        shared,
        "no bootable slot: none has a priority and was successful or has tries left",
    )?;
    e.a.jmp(shared.stop)?;
    e.place(tried)?;
    say_line(e, shared, "no other slot is bootable")?;
    e.a.jmp(shared.stop)
}

fn letter(e: &mut Emitter, own: Private) -> Asm {
    const KEPT: [Reg; 3] = [Reg::Cx, Reg::Dx, Reg::Si];
    let [none, end, unit] = e.labels();
    e.place(own.letter)?;
    e.save(&KEPT)?;
    unless_type(e, PartitionType::KURMAOS_SLOT, none)?;
    e.a.add(esi, NAME)?;
    e.a.mov(ecx, NAME_UNITS)?;
    e.a.xor(edx, edx)?;
    e.place(unit)?;
    e.a.movzx(eax, word_ptr(esi))?;
    e.a.test(eax, eax)?;
    e.a.jz(end)?;
    e.a.cmp(eax, u32::from(b'!'))?;
    e.a.jb(none)?;
    e.a.cmp(eax, u32::from(b'~'))?;
    e.a.ja(none)?;
    e.a.mov(edx, eax)?;
    e.a.add(esi, 2)?;
    e.a.dec(ecx)?;
    e.a.jnz(unit)?;
    e.place(end)?;
    // To lower case; what is a letter now was one.
    e.a.mov(eax, edx)?;
    e.a.or(eax, 0x20)?;
    e.a.cmp(eax, u32::from(b'a'))?;
    e.a.jb(none)?;
    e.a.cmp(eax, u32::from(b'z'))?;
    e.a.ja(none)?;
    e.restore(&KEPT)?;
    e.a.ret()?;
    e.place(none)?;
    e.restore(&KEPT)?;
    e.answer(0)
}

/// Goes to `other` unless the entry at ESI is of this type.
pub(super) fn unless_type(e: &mut Emitter, kind: PartitionType, other: CodeLabel) -> Asm {
    let guid = kind.guid().unwrap_or_default().to_bytes_le();
    for (offset, word) in (0..).step_by(4).zip(guid.chunks_exact(4)) {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        e.a.cmp(dword_ptr(esi + offset), word)?;
        e.a.jne(other)?;
    }
    Ok(())
}

fn next_slot(e: &mut Emitter, own: Private) -> Asm {
    let [skip, each, none] = e.labels();
    e.place(own.next_slot)?;
    e.save(&ALL)?;
    // EBX is the best rank so far, EDI the address of its entry, ECX the number of the one at ESI.
    e.a.xor(ebx, ebx)?;
    e.a.xor(ecx, ecx)?;
    e.a.mov(esi, var(ENTRIES))?;
    e.place(each)?;
    e.a.call(own.letter)?;
    e.a.test(eax, eax)?;
    e.a.jz(skip)?;
    e.a.mov(edx, dword_ptr(esi + ATTRIBUTES_HIGH))?;
    e.a.mov(eax, edx)?;
    e.a.shr(eax, PRIORITY_SHIFT)?;
    e.a.and(eax, NIBBLE)?;
    e.a.jz(skip)?;
    e.a.test(edx, SUCCESSFUL | NIBBLE << TRIES_SHIFT)?;
    e.a.jz(skip)?;
    // Its rank: the priority, then the lower number.
    e.a.shl(eax, 16)?;
    e.a.or(eax, 0xffff)?;
    e.a.sub(eax, ecx)?;
    e.a.cmp(eax, var(LIMIT))?;
    e.a.jae(skip)?;
    e.a.cmp(eax, ebx)?;
    e.a.jbe(skip)?;
    e.a.mov(ebx, eax)?;
    e.a.mov(edi, esi)?;
    e.place(skip)?;
    e.a.add(esi, ENTRY_SIZE)?;
    e.a.inc(ecx)?;
    e.a.mov(eax, ecx)?;
    e.a.shl(eax, ENTRY_SIZE.ilog2())?;
    e.a.cmp(eax, var(ENTRY_BYTES))?;
    e.a.jb(each)?;
    e.a.mov(eax, ebx)?;
    e.a.test(eax, eax)?;
    e.a.jz(none)?;
    e.a.mov(var(LIMIT), ebx)?;
    e.a.mov(var(CHOSEN), edi)?;
    e.a.mov(esi, edi)?;
    e.a.call(own.letter)?;
    e.a.mov(var(LETTER), eax)?;
    e.place(none)?;
    e.restore(&ALL)?;
    e.a.ret()
}

fn spend_try(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let proven = e.a.create_label();
    e.place(own.spend_try)?;
    e.save(&[Reg::Si])?;
    e.a.mov(esi, var(CHOSEN))?;
    e.a.xor(eax, eax)?;
    e.a.test(dword_ptr(esi + ATTRIBUTES_HIGH), SUCCESSFUL)?;
    e.a.jnz(proven)?;
    e.a.sub(dword_ptr(esi + ATTRIBUTES_HIGH), 1 << TRIES_SHIFT)?;
    e.a.call(shared.save_table)?;
    e.place(proven)?;
    e.restore(&[Reg::Si])?;
    e.a.ret()
}

fn say_slot(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    const KEPT: [Reg; 2] = [Reg::Cx, Reg::Si];
    let [unit, end, proven] = e.labels();
    e.place(own.say_slot)?;
    e.save(&KEPT)?;
    say_begin(e, shared, "slot ")?;
    e.a.mov(esi, var(CHOSEN))?;
    e.a.mov(ecx, NAME_UNITS)?;
    e.place(unit)?;
    e.a.mov(ax, word_ptr(esi + NAME))?;
    e.a.test(ax, ax)?;
    e.a.jz(end)?;
    e.a.call(shared.put_char)?;
    e.a.add(esi, 2)?;
    e.a.dec(ecx)?;
    e.a.jnz(unit)?;
    e.place(end)?;
    e.a.mov(esi, var(CHOSEN))?;
    e.a.mov(eax, dword_ptr(esi + ATTRIBUTES_HIGH))?;
    e.a.test(eax, SUCCESSFUL)?;
    e.a.jnz(proven)?;
    say(e, shared, ", tries left: ")?;
    e.a.mov(eax, dword_ptr(esi + ATTRIBUTES_HIGH))?;
    e.a.shr(eax, TRIES_SHIFT)?;
    e.a.and(eax, NIBBLE)?;
    e.a.call(shared.put_decimal)?;
    e.place(proven)?;
    say(e, shared, "\r\n")?;
    e.restore(&KEPT)?;
    e.a.ret()
}

/// Of the file's bytes the first line remains, without space at its end; the slot is appended, and a NUL.
pub(super) fn finish_cmdline(e: &mut Emitter, shared: Shared) -> Asm {
    let [scan, ended, spaces, trimmed] = e.labels();
    let [first, done, fits] = e.labels();
    e.place(shared.finish_cmdline)?;
    e.save(&ALL)?;
    e.a.mov(esi, var(CMDLINE))?;
    e.a.xor(ecx, ecx)?;
    e.place(scan)?;
    e.a.cmp(ecx, var(CMDLINE_LEN))?;
    e.a.jae(ended)?;
    e.a.mov(al, byte_ptr(esi + ecx))?;
    for end in [b'\0', b'\n', b'\r'] {
        e.a.cmp(al, u32::from(end))?;
        e.a.je(ended)?;
    }
    e.a.inc(ecx)?;
    e.a.jmp(scan)?;
    e.place(ended)?;
    e.a.test(ecx, ecx)?;
    e.a.jz(trimmed)?;
    e.a.mov(al, byte_ptr(esi + ecx - 1))?;
    e.a.cmp(al, u32::from(b' '))?;
    e.a.je(spaces)?;
    e.a.cmp(al, u32::from(b'\t'))?;
    e.a.jne(trimmed)?;
    e.place(spaces)?;
    e.a.dec(ecx)?;
    e.a.jmp(ended)?;

    e.place(trimmed)?;
    e.a.mov(edi, esi)?;
    e.a.add(edi, ecx)?;
    e.a.mov(ebx, var(CHOSEN))?;
    e.a.test(ebx, ebx)?;
    e.a.jz(done)?;
    e.a.test(ecx, ecx)?;
    e.a.jz(first)?;
    e.a.mov(al, u32::from(b' '))?;
    e.a.stosb()?;
    e.place(first)?;
    e.point_at(BOOTED.as_bytes())?;
    e.a.mov(ecx, BOOTED_LEN)?;
    e.a.rep().movsb()?;
    e.a.lea(esi, dword_ptr(ebx + NAME))?;
    e.a.mov(ecx, NAME_UNITS)?;
    let unit = e.here()?;
    e.a.mov(ax, word_ptr(esi))?;
    e.a.test(ax, ax)?;
    e.a.jz(done)?;
    e.a.stosb()?;
    e.a.add(esi, 2)?;
    e.a.dec(ecx)?;
    e.a.jnz(unit)?;
    e.place(done)?;
    e.a.mov(byte_ptr(edi), 0)?;
    e.a.sub(edi, var(CMDLINE))?;
    e.a.mov(var(CMDLINE_LEN), edi)?;
    e.a.xor(eax, eax)?;
    e.a.cmp(edi, MAX_LEN)?;
    e.a.jbe(fits)?;
    e.a.inc(eax)?;
    e.place(fits)?;
    e.restore(&ALL)?;
    e.a.ret()
}
