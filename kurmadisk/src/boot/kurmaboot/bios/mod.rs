//! The loader for BIOS machines: boot code of an MBR, and stage 2 behind it, for disks with sectors of 512
//! bytes.
//!
//! | file | holds |
//! |---|---|
//! | `mbr` | the boot code: loads stage 2 |
//! | `real` | stage 2's 16-bit part: between real and protected mode |
//! | `call` | calls of the BIOS from protected mode: the screen, the disk |
//! | `volume`, `fat` | the boot partition, and files in it |
//! | `memory` | which memory there is |
//! | `linux` | kernel and initrd loaded and started |
//! | `serial` | the serial port |
//! | `memory_map`, `vars` | what lies where |

mod call;
mod fat;
mod linux;
mod mbr;
mod memory;
mod memory_map;
mod real;
mod serial;
mod vars;
mod volume;

pub(in crate::boot) use self::linux::OLDEST_PROTOCOL;

use iced_x86::code_asm::{byte_ptr, dword_ptr, eax, ebp, ecx, edi, edx, esp, word_ptr};

use self::memory_map::{
    ANSWER_AT, CMDLINE, ENTRIES, HEADER, OTHER, STACK, STAGE2, STAGE2_ROOM, VARS, VARS_ROOM,
};
use self::real::Real;
use self::vars::{DRIVE, REAL_NEXT, REG_EAX, REG_EDX, REG_ESI};
use super::asm::{Asm, Emitter, Mode, labels, var};
use super::console::say_line;
use super::vars::{BLOCK_SIZE, LAST_LBA};
use super::{KurmabootError, Shared, console, gpt, slots};

/// Bytes of a sector.
const SECTOR_SIZE: u32 = 512;
/// What stage 2 is known by, and where it stands there.
const MAGIC: u32 = u32::from_le_bytes(*b"KuBt");
const MAGIC_OFFSET: u32 = 4;

labels! {
    /// Routines of the BIOS loader. Each keeps every register but EAX.
    Bios {
        /// Calls interrupt EAX with the registers of the variables: EAX is the carry flag.
        call,
        /// Calls the disk function in AX with the packet: EAX is 0 when that went well.
        packet_call,
        /// Makes out the FAT of the boot partition.
        mount,
        /// Looks a name up in a directory.
        find,
        /// Reads a file's next sectors.
        file_read,
        /// Reads the memory map.
        read_memory,
    }
}

/// The loader, assembled for its place on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BiosLoader {
    /// The MBR's boot code.
    pub boot_code: Vec<u8>,
    /// Stage 2, whole sectors.
    pub stage2: Vec<u8>,
}

/// The loader whose stage 2 lies at sector `lba` of the disk, which has sectors of 512 bytes.
pub fn bios_loader(lba: u64) -> Result<BiosLoader, KurmabootError> {
    let stage2 = stage2().map_err(KurmabootError::in_part("stage 2"))?;
    if stage2.len() > STAGE2_ROOM as usize {
        return Err(KurmabootError::TooLarge { part: "stage 2" });
    }
    let sectors = u16::try_from(stage2.len() / SECTOR_SIZE as usize).unwrap_or(u16::MAX);
    let boot_code = mbr::assemble(lba, sectors).map_err(KurmabootError::in_part("boot code"))?;
    if boot_code.len() > crate::table::BOOT_CODE_LEN {
        return Err(KurmabootError::TooLarge { part: "boot code" });
    }
    Ok(BiosLoader { boot_code, stage2 })
}

fn stage2() -> Asm<Vec<u8>> {
    let (mut code, real) = real::assemble()?;
    let mut e = Emitter::new(Mode::Protected)?;
    let shared = Shared::declare(&mut e.a);
    let bios = Bios::declare(&mut e.a);
    entry(&mut e, shared, bios)?;
    stop(&mut e, shared, real)?;
    call::emit(&mut e, shared, bios, real)?;
    console::emit(&mut e, shared)?;
    gpt::emit(&mut e, shared)?;
    slots::emit(&mut e, shared)?;
    volume::open_volume(&mut e, shared, bios)?;
    fat::emit(&mut e, shared, bios)?;
    memory::emit(&mut e, bios)?;
    linux::emit(&mut e, shared, bios, real)?;
    let (body, []) = e.finish((STAGE2 + real::ROOM).into(), [])?;
    code.extend(body);
    code.resize(code.len().next_multiple_of(SECTOR_SIZE as usize), 0);
    Ok(code)
}

/// The 32-bit entry.
fn entry(e: &mut Emitter, shared: Shared, bios: Bios) -> Asm {
    /// A word that is compared across the A20 gate, and what is written to it.
    const A20_WORD: u32 = VARS + REG_EAX;
    const A20_VALUE: u32 = 0x4b75_4274;
    const A20_BIT: u32 = 0x10_0000;
    let [open, unknown] = e.labels();
    call::flat_segments(e)?;
    e.a.mov(esp, STACK)?;
    e.a.movzx(eax, byte_ptr(VARS + DRIVE))?;
    e.a.mov(edx, eax)?;
    e.a.xor(eax, eax)?;
    e.a.mov(edi, VARS)?;
    e.a.mov(ecx, VARS_ROOM / 4)?;
    e.a.rep().stosd()?;
    e.a.mov(ebp, VARS)?;
    e.a.mov(var(DRIVE), edx)?;
    for (offset, value) in [
        (BLOCK_SIZE, SECTOR_SIZE),
        (super::vars::HEADER, HEADER),
        (super::vars::OTHER, OTHER),
        (super::vars::ENTRIES, ENTRIES),
        (super::vars::CMDLINE, CMDLINE),
    ] {
        e.a.mov(var(offset), value)?;
    }

    e.a.mov(dword_ptr(A20_WORD + A20_BIT), A20_VALUE)?;
    e.a.cmp(dword_ptr(A20_WORD), A20_VALUE)?;
    e.a.jne(open)?;
    say_line(e, shared, "the A20 gate stays closed")?;
    e.a.jmp(shared.stop)?;
    e.place(open)?;

    // INT 13h AH=48h: how large the disk is.
    e.a.mov(dword_ptr(ANSWER_AT), PARAMETERS)?;
    e.a.mov(var(REG_EAX), 0x4800)?;
    e.a.mov(var(REG_EDX), edx)?;
    e.a.mov(var(REG_ESI), ANSWER_AT)?;
    e.a.mov(eax, 0x13)?;
    e.a.call(bios.call)?;
    e.a.test(eax, eax)?;
    e.a.jnz(unknown)?;
    e.a.cmp(word_ptr(ANSWER_AT + PARAMETERS_SECTOR), SECTOR_SIZE)?;
    e.a.jne(unknown)?;
    e.a.mov(eax, dword_ptr(ANSWER_AT + PARAMETERS_SECTORS))?;
    e.a.mov(edx, dword_ptr(ANSWER_AT + (PARAMETERS_SECTORS + 4)))?;
    e.a.sub(eax, 1)?;
    e.a.sbb(edx, 0)?;
    e.a.mov(var(LAST_LBA), eax)?;
    e.a.mov(var(LAST_LBA + 4), edx)?;
    e.a.jmp(shared.course)?;
    e.place(unknown)?;
    say_line(
        e,
        shared,
        "the BIOS does not tell the disk's size, or its sectors have not 512 bytes",
    )?;
    e.a.jmp(shared.stop)
}

/// The result buffer of INT 13h AH=48h (Enhanced Disk Drive specification, section 5.11): its size, and where
/// the number of sectors and their size are.
const PARAMETERS: u32 = 26;
const PARAMETERS_SECTORS: u32 = 16;
const PARAMETERS_SECTOR: u32 = 24;

/// Nothing more can be done but to restart.
fn stop(e: &mut Emitter, shared: Shared, real: Real) -> Asm {
    e.place(shared.stop)?;
    say_line(e, shared, "the machine stops")?;
    e.a.mov(var(REAL_NEXT), real.halt)?;
    call::leave(e, real)
}
