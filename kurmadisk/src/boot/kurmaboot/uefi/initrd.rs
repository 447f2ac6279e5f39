//! The initrd, offered to the kernel by `LoadFile2`.
//!
//! Specification: UEFI 2.10, sections 10.3 (device paths) and 13.2 (load file 2); the kernel's
//! `Documentation/admin-guide/efi-stub.rst` and `include/linux/efi.h`.

use iced_x86::code_asm::{
    ptr, qword_ptr, r8, r8d, r9, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp,
};

use super::super::Shared;
use super::super::asm::{Asm, Emitter, labels};
use super::super::console::say_line;
use super::disk::END;
use super::firmware::{
    BUFFER_TOO_SMALL, DEVICE_PATH, Guid, INSTALL_PROTOCOL, LINUX_INITRD_MEDIA,
    LOAD_FILE2 as LOAD_FILE2_GUID, UNINSTALL_PROTOCOL, boot_service, handle_protocol, wide,
};
use super::vars::{ANSWER, INITRD_HANDLE, INITRD_SIZE, LOAD_FILE2};

/// A vendor's device path node (10.3.5.3), which is followed by its GUID.
const VENDOR_MEDIA_NODE: [u8; 4] = [4, 3, 20, 0];
/// Places of callee's arguments on the stack (2.3.4.2), and bytes of a pushed register.
const FIFTH_ARGUMENT: u32 = 0x28;
const PUSHED: u32 = 8;

labels! {
    /// Routines of this module.
    Initrd {
        /// Offers [`INITRD_SIZE`] bytes, if there are any: EAX 0, or a message was said.
        offer,
        /// Takes the offer back.
        withdraw,
        /// Of each program: puts them to RDI, the status in RAX. Keeps R15; nobody has set R12 to R14.
        supply,
        /// What the kernel calls to get them: `EFI_LOAD_FILE2_PROTOCOL.LoadFile()`.
        load_file,
    }
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared, initrd: Initrd) -> Asm {
    offer(e, shared, initrd)?;
    withdraw(e, initrd)?;
    load_file(e, initrd)
}

fn offer(e: &mut Emitter, shared: Shared, initrd: Initrd) -> Asm {
    let [absent, refused] = e.labels();
    e.place(initrd.offer)?;
    e.a.cmp(wide(INITRD_SIZE), 0)?;
    e.a.je(absent)?;
    e.a.lea(rax, ptr(initrd.load_file))?;
    e.a.mov(wide(LOAD_FILE2), rax)?;
    let path = [&VENDOR_MEDIA_NODE[..], &LINUX_INITRD_MEDIA.bytes(), &END].concat();
    e.point_at(&path)?;
    e.a.mov(r9, rsi)?;
    install(e, &DEVICE_PATH)?;
    e.a.jnz(refused)?;
    e.a.lea(r9, ptr(r15 + LOAD_FILE2))?;
    install(e, &LOAD_FILE2_GUID)?;
    e.a.jnz(refused)?;
    e.place(absent)?;
    e.answer(0)?;
    e.place(refused)?;
    say_line(e, shared, "the firmware does not let the initrd be offered")?;
    e.answer(1)
}

/// Installs the interface R9 on the initrd's handle. Clobbers RSI.
fn install(e: &mut Emitter, protocol: &Guid) -> Asm {
    e.point_at(&protocol.bytes())?;
    e.a.lea(rcx, ptr(r15 + INITRD_HANDLE))?;
    e.a.mov(rdx, rsi)?;
    // EFI_NATIVE_INTERFACE (7.3.1).
    e.a.xor(r8d, r8d)?;
    boot_service(e, INSTALL_PROTOCOL)
}

fn withdraw(e: &mut Emitter, initrd: Initrd) -> Asm {
    let not_offered = e.a.create_label();
    e.place(initrd.withdraw)?;
    e.a.cmp(wide(INITRD_HANDLE), 0)?;
    e.a.je(not_offered)?;
    for protocol in [LOAD_FILE2_GUID, DEVICE_PATH] {
        e.a.mov(rcx, wide(INITRD_HANDLE))?;
        handle_protocol(e, &protocol)?;
        e.point_at(&protocol.bytes())?;
        e.a.mov(rcx, wide(INITRD_HANDLE))?;
        e.a.mov(rdx, rsi)?;
        e.a.mov(r8, wide(ANSWER))?;
        boot_service(e, UNINSTALL_PROTOCOL)?;
    }
    e.a.mov(wide(INITRD_HANDLE), 0)?;
    e.place(not_offered)?;
    e.a.ret()
}

/// Called with the protocol in RCX, the address of the buffer's size in R9 and the buffer's own as the fifth
/// argument. Without a buffer, or with too small a one, it tells the size (13.2.2).
fn load_file(e: &mut Emitter, initrd: Initrd) -> Asm {
    let [tell, done] = e.labels();
    let kept = [rbx, rbp, rsi, rdi, r15];
    e.place(initrd.load_file)?;
    for register in kept {
        e.a.push(register)?;
    }
    let argument = FIFTH_ARGUMENT + PUSHED * 5;
    e.a.mov(rdi, qword_ptr(rsp + argument))?;
    e.a.lea(
        r15,
        ptr(rcx - i32::try_from(LOAD_FILE2).unwrap_or_default()),
    )?;
    e.a.mov(rax, wide(INITRD_SIZE))?;
    e.a.mov(rcx, qword_ptr(r9))?;
    e.a.mov(qword_ptr(r9), rax)?;
    e.a.test(rdi, rdi)?;
    e.a.jz(tell)?;
    e.a.cmp(rcx, rax)?;
    e.a.jb(tell)?;
    e.a.call(initrd.supply)?;
    e.a.jmp(done)?;
    e.place(tell)?;
    e.a.mov(rax, BUFFER_TOO_SMALL)?;
    e.place(done)?;
    for register in kept.into_iter().rev() {
        e.a.pop(register)?;
    }
    e.a.ret()
}
