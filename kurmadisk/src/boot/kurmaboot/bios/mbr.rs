//! The boot code of the MBR: loads stage 2 by its place on the disk, which is known when the image is made.

use iced_x86::code_asm::{
    CodeAssembler, ah, al, ax, bp, bx, cl, cs, ds, dword_ptr, dx, es, si, sp, ss,
};
use iced_x86::{Code, Instruction};

use super::super::asm::{Asm, encode, here, place};
use super::memory_map::{MBR, STAGE2};
use super::serial;
use super::{MAGIC, MAGIC_OFFSET};

/// Attempts at reading stage 2.
const ATTEMPTS: u32 = 3;

/// The machine code, for a stage 2 of so many sectors from this one on.
pub(super) fn assemble(lba: u64, sectors: u16) -> Asm<Vec<u8>> {
    let mut a = CodeAssembler::new(16)?;
    let (no_lba, unreadable, absent) = (a.create_label(), a.create_label(), a.create_label());
    let read = a.create_label();
    let (print, packet) = (a.create_label(), a.create_label());
    a.cli()?;
    a.xor(ax, ax)?;
    a.mov(ss, ax)?;
    a.mov(sp, MBR)?;
    a.mov(es, ax)?;
    // Whether the BIOS enters at 0:0x7c00 or 0x7c0:0, what lies in the code is found by CS.
    a.push(cs)?;
    a.pop(ds)?;
    a.sti()?;
    a.cld()?;
    a.push(dx)?;
    serial::init(&mut a)?;

    // INT 13h AH=41h: the extensions that address by LBA.
    a.mov(ax, 0x4100)?;
    a.mov(bx, 0x55aa)?;
    a.pop(dx)?;
    a.push(dx)?;
    a.int(0x13)?;
    a.jc(no_lba)?;
    a.cmp(bx, 0xaa55)?;
    a.jne(no_lba)?;
    a.test(cl, 1)?;
    a.jz(no_lba)?;

    // INT 13h AH=42h: read by the packet at SI.
    a.call(packet)?;
    a.db(&read_packet(lba, sectors))?;
    place(&mut a, packet)?;
    a.pop(si)?;
    a.pop(dx)?;
    a.mov(bp, ATTEMPTS)?;
    let attempt = here(&mut a)?;
    a.mov(ax, 0x4200)?;
    a.int(0x13)?;
    a.jnc(read)?;
    // AH=0: reset the disk.
    a.mov(ah, 0)?;
    a.int(0x13)?;
    a.dec(bp)?;
    a.jnz(attempt)?;
    a.jmp(unreadable)?;
    place(&mut a, read)?;
    a.cmp(dword_ptr(STAGE2 + MAGIC_OFFSET).es(), MAGIC)?;
    a.jne(absent)?;
    a.add_instruction(Instruction::with_far_branch(Code::Jmp_ptr1616, 0, STAGE2)?)?;

    for (label, text) in [
        (no_lba, "this BIOS cannot address the disk by LBA"),
        (unreadable, "read error at stage 2"),
        (absent, "stage 2 is missing"),
    ] {
        place(&mut a, label)?;
        a.call(print)?;
        a.db(format!("kurmaboot: {text}\r\n\0").as_bytes())?;
    }
    place(&mut a, print)?;
    a.pop(si)?;
    halt_after_text(&mut a)?;
    encode(&mut a, MBR.into(), []).map(|(code, [])| code)
}

/// A disk address packet (Enhanced Disk Drive specification, section 5.5).
fn read_packet(lba: u64, sectors: u16) -> Vec<u8> {
    let [low, high, ..] = STAGE2.to_le_bytes();
    [
        &[16, 0][..],
        &sectors.to_le_bytes(),
        &[low, high, 0, 0],
        &lba.to_le_bytes(),
    ]
    .concat()
}

/// Prints the text at SI on both consoles, and stops.
fn halt_after_text(a: &mut CodeAssembler) -> Asm {
    let end = a.create_label();
    let next = here(a)?;
    a.lodsb()?;
    a.test(al, al)?;
    a.jz(end)?;
    serial::put_char(a)?;
    // INT 10h AH=0Eh: a character on the screen, of page 0.
    a.mov(ah, 0x0e)?;
    a.mov(bx, 7)?;
    a.int(0x10)?;
    a.jmp(next)?;
    place(a, end)?;
    let halt = here(a)?;
    a.hlt()?;
    a.jmp(halt)
}
