//! The 16-bit part of stage 2: into protected mode, back to call the BIOS, and at last into the kernel.
//!
//! All else is 32-bit code with flat segments. It sets [`REAL_NEXT`] to one of the places here and jumps to
//! [`Real::leave`]; a BIOS call comes back to where [`CONTINUE`] says. Interrupts are on in real mode alone,
//! so the BIOS's vectors at address 0 serve throughout.

use iced_x86::code_asm::{
    CodeAssembler, al, ax, bx, byte_ptr, cr0, dl, ds, dword_ptr, eax, ebx, ecx, edi, edx, es, esi,
    fs, gs, ptr, sp, ss, word_ptr,
};
use iced_x86::{Code, Instruction, MemoryOperand};

use super::super::asm::{Asm, encode, here, place};
use super::memory_map::{REAL_STACK, SETUP, SETUP_STACK, STAGE2, VARS};
use super::vars::{
    CONTINUE, DRIVE, INTERRUPT, REAL_NEXT, REG_EAX, REG_EBX, REG_ECX, REG_EDI, REG_EDX, REG_ESI,
    REG_FLAGS,
};
use super::{MAGIC, MAGIC_OFFSET};

/// Flat 4 GiB segments for 32-bit code and its data, and 64 KiB ones that real mode can go on with (Intel
/// SDM volume 3, 3.4.5 and 10.9.2); the first is never used.
const GDT: [u64; 5] = [
    0,
    0x00cf_9b00_0000_ffff,
    0x00cf_9300_0000_ffff,
    0x0000_9b00_0000_ffff,
    0x0000_9300_0000_ffff,
];
pub(super) const CODE32: u16 = 0x08;
pub(super) const DATA32: u16 = 0x10;
pub(super) const CODE16: u16 = 0x18;
const DATA16: u16 = 0x20;

/// Bytes of the 16-bit part. The 32-bit part follows, its entry first.
pub(super) const ROOM: u32 = 0x200;
/// Offsets in it: a jump over the header, [`MAGIC_OFFSET`], the GDT's pseudo-descriptor, the GDT, the code.
const GDTR: u8 = 0x08;
const GDT_START: u8 = 0x10;
const CODE: u8 = 0x38;
const _: () = assert!(CODE as usize == GDT_START as usize + size_of_val(&GDT));

/// Addresses in the 16-bit part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Real {
    /// Where 32-bit code goes, by a far jump, to get to [`REAL_NEXT`].
    pub leave: u32,
    /// For [`REAL_NEXT`]: calls the BIOS.
    pub call_bios: u32,
    /// For [`REAL_NEXT`]: starts the kernel.
    pub start_kernel: u32,
    /// For [`REAL_NEXT`]: waits for a restart, which the keyboard can ask for.
    pub halt: u32,
}

/// The 16-bit part, of [`ROOM`] bytes or more if it has outgrown that.
pub(super) fn assemble() -> Asm<(Vec<u8>, Real)> {
    // Data is addressed absolutely, code relatively but for the far jump to real mode: its target is known
    // the second time.
    let (_, addresses) = code(0)?;
    let (code, [leave, real, call_bios, start_kernel, halt]) = code(low(addresses[1]))?;
    debug_assert_eq!(real, addresses[1]);
    let jump = [0xeb, CODE - 2];
    let mut part = jump.to_vec();
    part.resize(MAGIC_OFFSET as usize, 0);
    part.extend(MAGIC.to_le_bytes());
    part.extend([GDT_LIMIT, 0]);
    part.extend((STAGE2 + u32::from(GDT_START)).to_le_bytes());
    part.resize(GDT_START.into(), 0);
    part.extend(GDT.iter().flat_map(|descriptor| descriptor.to_le_bytes()));
    part.extend(code);
    part.resize(part.len().max(ROOM as usize), 0);
    let real = Real {
        leave: low(leave),
        call_bios: low(call_bios),
        start_kernel: low(start_kernel),
        halt: low(halt),
    };
    Ok((part, real))
}

/// The offset of the GDT's last byte.
const GDT_LIMIT: u8 = 39;
const _: () = assert!(GDT_LIMIT as usize + 1 == size_of_val(&GDT));

/// An address in the first 64 KiB.
fn low(address: u64) -> u32 {
    u32::try_from(address).unwrap_or(u32::MAX)
}

/// The code, and the addresses of leave, real, `call_bios`, `start_kernel` and halt; `real` is where the second is.
fn code(real: u32) -> Asm<(Vec<u8>, [u64; 5])> {
    let mut a = CodeAssembler::new(16)?;
    let protect = a.create_label();
    // The MBR leaves the disk's number in DL, and the segments at 0.
    a.cli()?;
    a.xor(ax, ax)?;
    a.mov(ds, ax)?;
    a.mov(ss, ax)?;
    a.mov(sp, REAL_STACK)?;
    a.mov(byte_ptr(VARS + DRIVE), dl)?;
    open_a20(&mut a)?;
    a.mov(dword_ptr(VARS + CONTINUE), STAGE2 + ROOM)?;

    place(&mut a, protect)?;
    a.cli()?;
    a.lgdt(ptr(STAGE2 + u32::from(GDTR)))?;
    a.mov(eax, cr0)?;
    a.or(al, 1)?;
    a.mov(cr0, eax)?;
    a.mov(eax, u32::from(CODE32))?;
    a.push(eax)?;
    a.mov(eax, dword_ptr(VARS + CONTINUE))?;
    a.push(eax)?;
    a.add_instruction(Instruction::with(Code::Retfd))?;

    let leave = here(&mut a)?;
    a.mov(ax, u32::from(DATA16))?;
    for segment in [ds, es, fs, gs, ss] {
        a.mov(segment, ax)?;
    }
    a.mov(eax, cr0)?;
    a.and(al, 0xfe)?;
    a.mov(cr0, eax)?;
    a.add_instruction(Instruction::with_far_branch(Code::Jmp_ptr1616, 0, real)?)?;
    let real = here(&mut a)?;
    a.xor(ax, ax)?;
    for segment in [ds, es, fs, gs, ss] {
        a.mov(segment, ax)?;
    }
    a.mov(sp, REAL_STACK)?;
    a.jmp(word_ptr(VARS + REAL_NEXT))?;

    let call_bios = here(&mut a)?;
    registers(&mut a)?;
    a.jmp(protect)?;

    let start_kernel = here(&mut a)?;
    a.cli()?;
    a.mov(ax, SETUP >> 4)?;
    for segment in [ds, es, fs, gs, ss] {
        a.mov(segment, ax)?;
    }
    a.mov(sp, SETUP_STACK)?;
    let entry = u16::try_from((SETUP >> 4) + 0x20).unwrap_or(u16::MAX);
    a.add_instruction(Instruction::with_far_branch(Code::Jmp_ptr1616, entry, 0)?)?;
    let halt = here(&mut a)?;
    a.sti()?;
    a.hlt()?;
    a.jmp(halt)?;
    encode(
        &mut a,
        (STAGE2 + u32::from(CODE)).into(),
        [leave, real, call_bios, start_kernel, halt],
    )
}

/// Opens the A20 gate, by the BIOS (INT 15h AX=2401h) and by the system control port. Whether it is open the
/// 32-bit part finds out.
fn open_a20(a: &mut CodeAssembler) -> Asm {
    let open = a.create_label();
    a.sti()?;
    a.mov(ax, 0x2401)?;
    a.int(0x15)?;
    a.cli()?;
    a.in_(al, 0x92)?;
    a.test(al, 2)?;
    a.jnz(open)?;
    a.or(al, 2)?;
    // Bit 0 would reset the machine.
    a.and(al, 0xfe)?;
    a.out(0x92, al)?;
    place(a, open)?;
    a.cld()
}

/// Calls the interrupt with the registers of the variables, and stores what comes back.
fn registers(a: &mut CodeAssembler) -> Asm {
    let plain = [
        (ebx, REG_EBX),
        (ecx, REG_ECX),
        (edx, REG_EDX),
        (esi, REG_ESI),
        (edi, REG_EDI),
    ];
    a.mov(bx, word_ptr(VARS + INTERRUPT))?;
    a.shl(bx, 2)?;
    a.mov(eax, dword_ptr(bx))?;
    a.mov(dword_ptr(VARS + INTERRUPT), eax)?;
    a.mov(eax, dword_ptr(VARS + REG_EAX))?;
    for (register, offset) in plain {
        a.mov(register, dword_ptr(VARS + offset))?;
    }
    // As INT does it, but that interrupts are on when it returns.
    a.sti()?;
    a.pushf()?;
    a.cli()?;
    let vector = MemoryOperand::with_displ((VARS + INTERRUPT).into(), 2);
    a.add_instruction(Instruction::with1(Code::Call_m1616, vector)?)?;
    a.cli()?;
    a.cld()?;
    // The flags first: nothing up to here changes the carry.
    a.pushfd()?;
    a.push(eax)?;
    a.mov(ax, 0)?;
    a.mov(ds, ax)?;
    a.pop(dword_ptr(VARS + REG_EAX))?;
    a.pop(dword_ptr(VARS + REG_FLAGS))?;
    for (register, offset) in plain {
        a.mov(dword_ptr(VARS + offset), register)?;
    }
    Ok(())
}
