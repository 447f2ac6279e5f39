//! What UEFI firmware of x86-64 starts: the loader, for disks with sectors of any size, and the stub of Unified
//! Kernel Images; each an EFI application.
//!
//! | file | holds |
//! |---|---|
//! | `pe` | the headers |
//! | `firmware` | how the firmware is called |
//! | `options` | the command line as the firmware has it |
//! | `initrd` | the initrd offered to the kernel |
//! | `vars` | what lies where |
//! | of the loader: `disk` | the disk found, read and written |
//! | `files` | files of the boot volume |
//! | `linux` | kernel and initrd found and started |
//! | of the stub: `stub` | its course, its image's sections, its command line |
//! | `load` | the kernel loaded and entered |

mod disk;
mod files;
mod firmware;
mod initrd;
mod linux;
mod load;
mod options;
mod pe;
mod stub;
mod vars;

use iced_x86::code_asm::{
    AsmRegister64, CodeLabel, dword_ptr, eax, ecx, edx, ptr, qword_ptr, r8d, r9, r12, r13, r14,
    r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp,
};

use self::disk::Disk;
use self::files::Files;
use self::firmware::{
    ALLOCATE_PAGES, BOOT_SERVICES, LOAD_ERROR, STALL, boot_service, handle_protocol, wide,
};
use self::initrd::Initrd;
use self::linux::Callees;
use self::options::Options;
use self::vars::{ANSWER, CMDLINE, ENTRIES, FIRMWARE_RSP, HEADER, LOADED_IMAGE, OTHER, PAGES};
use super::asm::{Asm, Emitter, Mode};
use super::console::say_line;
use super::{KurmabootError, Shared, console, gpt, slots};

pub use stub::uefi_stub;

/// `AllocateMaxAddress` and `EfiLoaderData` (7.2.1).
const MAX_ADDRESS: u32 = 1;
const LOADER_DATA: u32 = 2;
/// Microseconds for which the last message is left on the screen, before the firmware goes on.
const READING_TIME: u32 = 3_000_000;

/// The loader, an EFI application: what `/EFI/BOOT/BOOTX64.EFI` is.
pub fn uefi_loader() -> Result<Vec<u8>, KurmabootError> {
    let code = code().map_err(KurmabootError::in_part("UEFI loader"))?;
    Ok(pe::image(&code, None))
}

fn code() -> Asm<Vec<u8>> {
    let mut e = Emitter::new(Mode::Long)?;
    let shared = Shared::declare(&mut e.a);
    let disk = Disk::declare(&mut e.a);
    let files = Files::declare(&mut e.a);
    let options = Options::declare(&mut e.a);
    let initrd = Initrd::declare(&mut e.a);
    let start = e.a.create_label();
    entry(&mut e, start)?;
    find(&mut e, shared, disk, start)?;
    stop(&mut e, shared)?;
    firmware::put_char(&mut e, shared)?;
    console::emit(&mut e, shared)?;
    gpt::emit(&mut e, shared)?;
    slots::emit(&mut e, shared)?;
    disk::emit(&mut e, shared, disk)?;
    files::emit(&mut e, shared, files)?;
    options::emit(&mut e, options)?;
    initrd::emit(&mut e, shared, initrd)?;
    let callees = Callees {
        disk,
        files,
        options,
        initrd,
    };
    linux::emit(&mut e, shared, callees)?;
    e.finish(pe::CODE_START.into(), []).map(|(code, [])| code)
}

/// Registers that belong to the firmware.
const KEPT: [AsmRegister64; 8] = [rbx, rbp, rdi, rsi, r12, r13, r14, r15];

/// The image's entry point (4.1.1): RCX is its handle, RDX the system table. Goes on at `start` with the variables
/// and registers set.
fn entry(e: &mut Emitter, start: CodeLabel) -> Asm {
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
    e.a.jmp(start)?;
    e.place(out)?;
    leave(e)
}

/// The loader's begin.
fn find(e: &mut Emitter, shared: Shared, disk: Disk, start: CodeLabel) -> Asm {
    e.place(start)?;
    e.a.call(disk.find_disk)?;
    e.a.test(eax, eax)?;
    e.a.jz(shared.course)?;
    // A volume that is no partition has no slots beside it.
    e.a.call(shared.open_volume)?;
    e.a.jmp(shared.without_slots)
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
