//! The loader for UEFI firmware of x86-64: an EFI application, for disks with sectors of any size.
//!
//! | file | holds |
//! |---|---|
//! | `pe` | the headers |
//! | `firmware` | how the firmware is called |
//! | `disk` | the disk found, read and written |
//! | `files` | files of the boot volume |
//! | `linux` | kernel and initrd loaded and started |
//! | `vars` | what lies where |

mod disk;
mod files;
mod firmware;
mod linux;
mod pe;
mod vars;

use iced_x86::code_asm::{
    AsmRegister64, dword_ptr, eax, ecx, edx, ptr, qword_ptr, r8d, r9, r12, r13, r14, r15, rax, rbp,
    rbx, rcx, rdi, rdx, rsi, rsp,
};

use self::disk::Disk;
use self::files::Files;
use self::firmware::{
    ALLOCATE_PAGES, BOOT_SERVICES, LOAD_ERROR, STALL, boot_service, handle_protocol, wide,
};
use self::vars::{ANSWER, CMDLINE, ENTRIES, FIRMWARE_RSP, HEADER, LOADED_IMAGE, OTHER, PAGES};
use super::asm::{Asm, Emitter, Mode};
use super::console::say_line;
use super::{KurmabootError, Shared, console, gpt, slots};

/// `AllocateMaxAddress` and `EfiLoaderData` (7.2.1).
const MAX_ADDRESS: u32 = 1;
const LOADER_DATA: u32 = 2;
/// Microseconds for which the last message is left on the screen, before the firmware goes on.
const READING_TIME: u32 = 3_000_000;

/// The loader, an EFI application: what `/EFI/BOOT/BOOTX64.EFI` is.
pub fn uefi_loader() -> Result<Vec<u8>, KurmabootError> {
    let code = code().map_err(KurmabootError::in_part("UEFI loader"))?;
    Ok(pe::image(&code))
}

fn code() -> Asm<Vec<u8>> {
    let mut e = Emitter::new(Mode::Long)?;
    let shared = Shared::declare(&mut e.a);
    let disk = Disk::declare(&mut e.a);
    let files = Files::declare(&mut e.a);
    entry(&mut e, shared, disk)?;
    stop(&mut e, shared)?;
    firmware::put_char(&mut e, shared)?;
    console::emit(&mut e, shared)?;
    gpt::emit(&mut e, shared)?;
    slots::emit(&mut e, shared)?;
    disk::emit(&mut e, shared, disk)?;
    files::emit(&mut e, shared, files)?;
    linux::emit(&mut e, shared, disk, files)?;
    e.finish(pe::CODE_START.into(), []).map(|(code, [])| code)
}

/// Registers that belong to the firmware.
const KEPT: [AsmRegister64; 8] = [rbx, rbp, rdi, rsi, r12, r13, r14, r15];

/// The image's entry point (4.1.1): RCX is its handle, RDX the system table.
fn entry(e: &mut Emitter, shared: Shared, disk: Disk) -> Asm {
    let out = e.a.create_label();
    for register in KEPT {
        e.a.push(register)?;
    }
    e.a.mov(r14, rcx)?;
    e.a.mov(r12, rdx)?;
    e.a.mov(r13, qword_ptr(rdx + BOOT_SERVICES))?;
    e.a.cld()?;
    // The address is what it may be at most, then what it is.
    e.a.mov(eax, u32::MAX)?;
    e.a.push(rax)?;
    e.a.mov(ecx, MAX_ADDRESS)?;
    e.a.mov(edx, LOADER_DATA)?;
    e.a.mov(r8d, PAGES)?;
    e.a.mov(r9, rsp)?;
    boot_service(e, ALLOCATE_PAGES)?;
    e.a.pop(r15)?;
    e.a.jnz(out)?;
    e.a.mov(rbp, r15)?;
    e.a.mov(rdi, r15)?;
    e.a.xor(eax, eax)?;
    e.a.mov(ecx, PAGES * 0x1000 / 4)?;
    e.a.rep().stosd()?;
    e.a.mov(wide(FIRMWARE_RSP), rsp)?;
    for (variable, offset) in [
        (super::vars::HEADER, HEADER),
        (super::vars::OTHER, OTHER),
        (super::vars::ENTRIES, ENTRIES),
        (super::vars::CMDLINE, CMDLINE),
    ] {
        e.a.lea(eax, ptr(r15 + offset))?;
        e.a.mov(dword_ptr(r15 + variable), eax)?;
    }
    e.a.mov(rcx, r14)?;
    handle_protocol(e, &firmware::LOADED_IMAGE)?;
    e.a.jnz(out)?;
    e.a.mov(rax, wide(ANSWER))?;
    e.a.mov(wide(LOADED_IMAGE), rax)?;
    e.a.call(disk.find_disk)?;
    e.a.test(eax, eax)?;
    e.a.jz(shared.course)?;
    // A volume that is no partition has no slots beside it.
    e.a.call(shared.open_volume)?;
    e.a.jmp(shared.without_slots)?;
    e.place(out)?;
    leave(e)
}

/// Returns the status in RAX to the firmware.
fn leave(e: &mut Emitter) -> Asm {
    for register in KEPT.into_iter().rev() {
        e.a.pop(register)?;
    }
    e.a.ret()
}

/// Nothing more can be done here: the firmware may know something else to start.
fn stop(e: &mut Emitter, shared: Shared) -> Asm {
    e.place(shared.stop)?;
    say_line(e, shared, "back to the firmware")?;
    e.a.mov(ecx, READING_TIME)?;
    boot_service(e, STALL)?;
    e.a.mov(rsp, wide(FIRMWARE_RSP))?;
    e.a.mov(rax, LOAD_ERROR)?;
    leave(e)
}
