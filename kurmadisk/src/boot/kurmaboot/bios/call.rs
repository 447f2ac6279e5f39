//! BIOS calls from protected mode.

use iced_x86::code_asm::{ah, ax, ds, eax, ebp, ebx, ecx, edi, edx, es, esi, esp, fs, gs, ss};
use iced_x86::{Code, Instruction};

use super::super::Shared;
use super::super::asm::{ALL, Asm, Emitter, Reg, var};
use super::memory_map::{BOUNCE, VARS};
use super::real::{CODE16, DATA32, Real};
use super::vars::{
    CONTINUE, DRIVE, INTERRUPT, KEPT_ESP, PACKET, REAL_NEXT, REG_EAX, REG_EBX, REG_EDX, REG_ESI,
    REG_FLAGS, RETRIES,
};
use super::{Bios, SECTOR_SIZE, serial};

/// Sectors of one transfer at most: some BIOSes take no more, and they fit the bounce buffer.
const TRANSFER: u32 = 127;
/// Bytes of a packet: size, sectors, address, LBA (Enhanced Disk Drive specification, section 5.5).
const PACKET_SIZE: u32 = 16;
const PACKET_ADDRESS: u32 = PACKET + 4;
const PACKET_LBA: u32 = PACKET + 8;
/// INT 13h functions in AX: extended read, and write without verifying.
const READ: u32 = 0x4200;
const WRITE: u32 = 0x4300;
/// Attempts at a transfer.
const ATTEMPTS: u32 = 3;

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared, bios: Bios, real: Real) -> Asm {
    call(e, bios, real)?;
    put_char(e, shared, bios)?;
    transfer(e, shared, bios)?;
    packet_call(e, bios)
}

/// Leaves protected mode for the address in [`REAL_NEXT`].
pub(super) fn leave(e: &mut Emitter, real: Real) -> Asm {
    let far = Instruction::with_far_branch(Code::Jmp_ptr1632, CODE16, real.leave)?;
    e.a.add_instruction(far)
}

/// Loads the flat data segments. Clobbers AX.
pub(super) fn flat_segments(e: &mut Emitter) -> Asm {
    e.a.mov(ax, u32::from(DATA32))?;
    for segment in [ds, es, fs, gs, ss] {
        e.a.mov(segment, ax)?;
    }
    Ok(())
}

fn call(e: &mut Emitter, bios: Bios, real: Real) -> Asm {
    let away = e.a.create_label();
    e.place(bios.call)?;
    e.save(&ALL)?;
    e.a.mov(var(INTERRUPT), eax)?;
    e.a.mov(var(REAL_NEXT), real.call_bios)?;
    e.a.call(away)?;
    // Protected mode goes on here.
    flat_segments(e)?;
    e.a.mov(ebp, VARS)?;
    e.a.mov(esp, var(KEPT_ESP))?;
    e.a.mov(eax, var(REG_FLAGS))?;
    e.a.and(eax, 1)?;
    e.restore(&ALL)?;
    e.a.ret()?;
    e.place(away)?;
    e.a.pop(var(CONTINUE))?;
    e.a.mov(var(KEPT_ESP), esp)?;
    leave(e, real)
}

/// INT 10h AH=0Eh besides the serial port.
fn put_char(e: &mut Emitter, shared: Shared, bios: Bios) -> Asm {
    const KEPT: [Reg; 2] = [Reg::Cx, Reg::Dx];
    e.place(shared.put_char)?;
    e.save(&KEPT)?;
    serial::put_char(&mut e.a)?;
    e.a.mov(ah, 0x0e)?;
    e.a.movzx(eax, ax)?;
    e.a.mov(var(REG_EAX), eax)?;
    e.a.mov(var(REG_EBX), 7)?;
    e.a.mov(eax, 0x10)?;
    e.a.call(bios.call)?;
    e.restore(&KEPT)?;
    e.a.ret()
}

/// Calls the disk function in AH (AX) with the packet: EAX is 0 when that went well.
fn packet_call(e: &mut Emitter, bios: Bios) -> Asm {
    e.place(bios.packet_call)?;
    e.a.mov(var(REG_EAX), eax)?;
    e.a.mov(eax, var(DRIVE))?;
    e.a.mov(var(REG_EDX), eax)?;
    e.a.mov(var(REG_ESI), VARS + PACKET)?;
    e.a.mov(eax, 0x13)?;
    e.a.call(bios.call)?;
    e.a.ret()
}

/// INT 13h AH=42h and 43h: ECX sectors from EDX:EAX on, to or from EDI. In pieces that fit the bounce buffer;
/// after a failure the disk is reset and the piece tried again.
fn transfer(e: &mut Emitter, shared: Shared, bios: Bios) -> Asm {
    let [start, piece, small, attempt, good, done] = e.labels();
    let [end, read, fetched] = e.labels();
    e.place(shared.read_blocks)?;
    e.save(&ALL)?;
    e.a.mov(ebx, READ)?;
    e.a.jmp(start)?;
    e.place(shared.write_blocks)?;
    e.save(&ALL)?;
    e.a.mov(ebx, WRITE)?;
    e.place(start)?;
    e.a.mov(var(PACKET_LBA), eax)?;
    e.a.mov(var(PACKET_LBA + 4), edx)?;
    e.a.mov(var(PACKET_ADDRESS), BOUNCE << 12)?;

    e.place(piece)?;
    e.a.xor(eax, eax)?;
    e.a.test(ecx, ecx)?;
    e.a.jz(end)?;
    e.a.mov(edx, TRANSFER)?;
    e.a.cmp(ecx, edx)?;
    e.a.jae(small)?;
    e.a.mov(edx, ecx)?;
    e.place(small)?;
    // The piece has EDX sectors.
    e.save(&[Reg::Cx])?;
    e.a.cmp(ebx, READ)?;
    e.a.je(fetched)?;
    e.a.mov(esi, edi)?;
    e.save(&[Reg::Di])?;
    e.a.mov(edi, BOUNCE)?;
    e.a.mov(ecx, edx)?;
    e.a.shl(ecx, SECTOR_SIZE.ilog2())?;
    e.a.rep().movsb()?;
    e.restore(&[Reg::Di])?;
    e.place(fetched)?;
    e.a.mov(var(RETRIES), ATTEMPTS)?;
    e.place(attempt)?;
    // The BIOS may have changed the count, to that of the sectors that went well.
    e.a.mov(eax, edx)?;
    e.a.shl(eax, 16)?;
    e.a.or(eax, PACKET_SIZE)?;
    e.a.mov(var(PACKET), eax)?;
    e.a.mov(eax, ebx)?;
    e.a.call(bios.packet_call)?;
    e.a.test(eax, eax)?;
    e.a.jz(good)?;
    e.a.xor(eax, eax)?;
    e.a.call(bios.packet_call)?;
    e.a.dec(var(RETRIES))?;
    e.a.jnz(attempt)?;
    e.restore(&[Reg::Cx])?;
    e.a.mov(eax, 1)?;
    e.a.jmp(end)?;

    e.place(good)?;
    e.a.mov(ecx, edx)?;
    e.a.shl(ecx, SECTOR_SIZE.ilog2())?;
    e.a.cmp(ebx, READ)?;
    e.a.je(read)?;
    e.a.add(edi, ecx)?;
    e.a.jmp(done)?;
    e.place(read)?;
    e.a.mov(esi, BOUNCE)?;
    e.a.shr(ecx, 2)?;
    e.a.rep().movsd()?;
    e.place(done)?;
    e.restore(&[Reg::Cx])?;
    e.a.sub(ecx, edx)?;
    e.a.add(var(PACKET_LBA), edx)?;
    e.a.adc(var(PACKET_LBA + 4), 0)?;
    e.a.jmp(piece)?;
    e.place(end)?;
    e.restore(&ALL)?;
    e.a.ret()
}
