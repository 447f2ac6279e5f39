//! Loading a slot, and starting it: the kernel as the firmware loads images, the initrd by `LoadFile2`.
//!
//! Specification: UEFI 2.10, sections 7.4 (images), 9.1 (load options), 10.3 (device paths), 13.2 (load
//! file 2); the kernel's `Documentation/admin-guide/efi-stub.rst` and `include/linux/efi.h`.

use iced_x86::code_asm::{
    ax, byte_ptr, dword_ptr, eax, ecx, edi, edx, esi, ptr, qword_ptr, r8, r8d, r9, r9d, r10, r11,
    r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp, word_ptr,
};

use super::super::Shared;
use super::super::asm::{ALL, Asm, Emitter, labels};
use super::super::console::{TOO_LONG, say, say_begin, say_line};
use super::super::vars::{CMDLINE, CMDLINE_LEN, CMDLINE_READ};
use super::disk::{Disk, END, END_WORD};
use super::files::Files;
use super::firmware::{
    ACCESS_DENIED, BUFFER_TOO_SMALL, DEVICE_PATH, Guid, INSTALL_PROTOCOL, LINUX_INITRD_MEDIA,
    LOAD_FILE2 as LOAD_FILE2_GUID, LOAD_IMAGE, LOADED_IMAGE as LOADED_IMAGE_GUID, NOT_FOUND,
    SECURITY_VIOLATION, START_IMAGE, UNINSTALL_PROTOCOL, UNLOAD_IMAGE, boot_service,
    handle_protocol, wide,
};
use super::vars::{
    ANSWER, FILE, INITRD_FILE, INITRD_HANDLE, INITRD_SIZE, KERNEL, LOAD_FILE2, NAME, OPTIONS,
    OPTIONS_SIZE, PATH, WIDE_NAME,
};

/// `EFI_LOADED_IMAGE_PROTOCOL` (9.1.1).
const LOAD_OPTIONS_SIZE: u32 = 0x30;
const LOAD_OPTIONS: u32 = 0x38;
/// Device path nodes (10.3.5.3, 10.3.5.4): the vendor's is followed by its GUID, the file's by its path.
const VENDOR_MEDIA_NODE: [u8; 4] = [4, 3, 20, 0];
const FILE_PATH: u32 = 0x0404;
/// Places of callee's arguments on the stack (2.3.4.2), and bytes of a pushed register.
const FIFTH_ARGUMENT: u32 = 0x28;
const PUSHED: u32 = 8;

labels! {
    /// Routines of this module alone.
    Private {
        /// Reads the command line: EAX 0, or a message was said.
        load_cmdline,
        /// Makes load options of the command line.
        widen,
        /// Finds the initrd and offers it: EAX 0, or a message was said.
        offer_initrd,
        /// Has the firmware load the kernel: EAX 0, or a message was said.
        load_kernel,
        /// Takes all of it back.
        withdraw,
        /// What the kernel calls to get the initrd: `EFI_LOAD_FILE2_PROTOCOL.LoadFile()`.
        load_file,
    }
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared, disk: Disk, files: Files) -> Asm {
    let own = Private::declare(&mut e.a);
    boot(e, shared, own)?;
    load_cmdline(e, shared, files, own)?;
    widen(e, own)?;
    offer_initrd(e, shared, files, own)?;
    load_kernel(e, shared, disk, files, own)?;
    withdraw(e, files, own)?;
    load_file(e, files, own)
}

fn boot(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let failed = e.a.create_label();
    e.place(shared.boot)?;
    e.save(&ALL)?;
    for step in [own.load_cmdline, own.offer_initrd, own.load_kernel] {
        e.a.call(step)?;
        e.a.test(eax, eax)?;
        e.a.jnz(failed)?;
    }
    say_line(e, shared, "starting Linux")?;
    e.a.mov(rcx, wide(KERNEL))?;
    e.a.xor(edx, edx)?;
    e.a.xor(r8d, r8d)?;
    boot_service(e, START_IMAGE)?;
    // An application that returns is unloaded.
    e.a.mov(wide(KERNEL), 0)?;
    say_line(e, shared, "the kernel gave up")?;
    e.place(failed)?;
    e.a.call(own.withdraw)?;
    e.restore(&ALL)?;
    e.a.ret()
}

fn load_cmdline(e: &mut Emitter, shared: Shared, files: Files, own: Private) -> Asm {
    let [absent, small, fault, unreadable, too_long] = e.labels();
    e.place(own.load_cmdline)?;
    e.a.mov(dword_ptr(r15 + CMDLINE_LEN), 0)?;
    e.point_at(b"cmdline\0")?;
    e.a.call(files.name)?;
    e.a.call(files.open)?;
    e.a.mov(rcx, NOT_FOUND)?;
    e.a.cmp(rax, rcx)?;
    e.a.je(absent)?;
    e.a.test(rax, rax)?;
    e.a.jnz(fault)?;
    e.a.call(files.size)?;
    e.a.test(rax, rax)?;
    e.a.jnz(unreadable)?;
    e.a.mov(rsi, wide(ANSWER))?;
    e.a.cmp(rsi, i32::try_from(CMDLINE_READ).unwrap_or_default())?;
    e.a.jbe(small)?;
    e.a.mov(esi, CMDLINE_READ)?;
    e.place(small)?;
    e.a.mov(dword_ptr(r15 + CMDLINE_LEN), esi)?;
    e.a.mov(rbx, wide(FILE))?;
    e.a.mov(edi, dword_ptr(r15 + CMDLINE))?;
    e.a.call(files.read)?;
    e.a.test(rax, rax)?;
    e.a.jnz(unreadable)?;
    e.a.mov(rcx, wide(FILE))?;
    e.a.call(files.close)?;
    e.place(absent)?;
    e.a.call(shared.finish_cmdline)?;
    e.a.test(eax, eax)?;
    e.a.jnz(too_long)?;
    e.a.call(own.widen)?;
    e.answer(0)?;
    e.place(too_long)?;
    say_line(e, shared, TOO_LONG)?;
    e.answer(1)?;
    e.place(unreadable)?;
    e.a.push(rax)?;
    e.a.mov(rcx, wide(FILE))?;
    e.a.call(files.close)?;
    e.a.pop(rax)?;
    e.place(fault)?;
    e.a.call(files.say_fault)?;
    e.answer(1)
}

/// Load options are UTF-16, and the command line is UTF-8; what is none becomes question marks.
fn widen(e: &mut Emitter, own: Private) -> Asm {
    let [next, store, tail, bad] = e.labels();
    e.place(own.widen)?;
    e.a.mov(esi, dword_ptr(r15 + CMDLINE))?;
    e.a.lea(rdi, ptr(r15 + OPTIONS))?;
    e.place(next)?;
    e.a.movzx(eax, byte_ptr(rsi))?;
    e.a.inc(rsi)?;
    e.a.cmp(eax, 0x80)?;
    e.a.jb(store)?;
    // By the first byte: how many follow, EDX, and its own bits.
    for (followers, lowest, bits) in [(3, 0xf0, 0x07), (2, 0xe0, 0x0f), (1, 0xc2, 0x1f)] {
        let fewer = e.a.create_label();
        e.a.cmp(eax, lowest)?;
        e.a.jb(fewer)?;
        e.a.and(eax, bits)?;
        e.a.mov(edx, followers)?;
        e.a.jmp(tail)?;
        e.place(fewer)?;
    }
    e.place(bad)?;
    e.a.mov(eax, u32::from(b'?'))?;
    e.a.jmp(store)?;
    e.place(tail)?;
    e.a.movzx(ecx, byte_ptr(rsi))?;
    e.a.xor(ecx, 0x80)?;
    e.a.cmp(ecx, 0x40)?;
    e.a.jae(bad)?;
    e.a.inc(rsi)?;
    e.a.shl(eax, 6)?;
    e.a.or(eax, ecx)?;
    e.a.dec(edx)?;
    e.a.jnz(tail)?;
    // Two surrogates beyond 16 bits.
    e.a.mov(ecx, eax)?;
    e.a.sub(ecx, 0x1_0000)?;
    e.a.jb(store)?;
    e.a.mov(eax, ecx)?;
    e.a.shr(eax, 10)?;
    e.a.add(eax, 0xd800)?;
    e.a.stosw()?;
    e.a.and(ecx, 0x3ff)?;
    e.a.lea(eax, ptr(rcx + 0xdc00))?;
    e.place(store)?;
    e.a.stosw()?;
    e.a.test(eax, eax)?;
    e.a.jnz(next)?;
    e.a.lea(rax, ptr(r15 + OPTIONS))?;
    e.a.sub(rdi, rax)?;
    e.a.mov(dword_ptr(r15 + OPTIONS_SIZE), edi)?;
    e.a.ret()
}

fn offer_initrd(e: &mut Emitter, shared: Shared, files: Files, own: Private) -> Asm {
    let [absent, fault, refused] = e.labels();
    e.place(own.offer_initrd)?;
    e.point_at(b"initrd-?\0")?;
    e.a.call(files.name)?;
    e.a.call(files.open)?;
    e.a.mov(rcx, NOT_FOUND)?;
    e.a.cmp(rax, rcx)?;
    e.a.je(absent)?;
    e.a.test(rax, rax)?;
    e.a.jnz(fault)?;
    e.a.mov(rax, wide(FILE))?;
    e.a.mov(wide(INITRD_FILE), rax)?;
    e.a.call(files.size)?;
    e.a.test(rax, rax)?;
    e.a.jnz(fault)?;
    e.a.mov(rax, wide(ANSWER))?;
    e.a.mov(wide(INITRD_SIZE), rax)?;
    e.a.test(rax, rax)?;
    e.a.jz(absent)?;

    e.a.lea(rax, ptr(own.load_file))?;
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
    e.answer(1)?;
    e.place(fault)?;
    e.a.call(files.say_fault)?;
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

/// The kernel is named by the boot volume's device path and its own path on that.
fn load_kernel(e: &mut Emitter, shared: Shared, disk: Disk, files: Files, own: Private) -> Asm {
    let [refused, insecure, fault, failed] = e.labels();
    e.place(own.load_kernel)?;
    e.point_at(b"vmlinuz-?\0")?;
    e.a.call(files.name)?;
    // Opened first, to tell a missing file from another fault.
    e.a.call(files.open)?;
    e.a.test(rax, rax)?;
    e.a.jnz(fault)?;
    e.a.mov(rcx, wide(FILE))?;
    e.a.call(files.close)?;
    e.a.xor(eax, eax)?;
    e.a.call(disk.copy_path)?;
    e.a.test(eax, eax)?;
    e.a.jnz(refused)?;
    e.a.mov(rbx, rdi)?;
    e.a.mov(word_ptr(rbx), FILE_PATH)?;
    e.a.add(rdi, 4)?;
    e.a.lea(rsi, ptr(r15 + WIDE_NAME))?;
    let next = e.here()?;
    e.a.lodsw()?;
    e.a.stosw()?;
    e.a.test(ax, ax)?;
    e.a.jnz(next)?;
    e.a.mov(rax, rdi)?;
    e.a.sub(rax, rbx)?;
    e.a.mov(word_ptr(rbx + 2), ax)?;
    e.a.mov(dword_ptr(rdi), END_WORD)?;

    e.a.xor(ecx, ecx)?;
    e.a.mov(rdx, r14)?;
    e.a.lea(r8, ptr(r15 + PATH))?;
    e.a.xor(r9d, r9d)?;
    e.a.mov(r10, r9)?;
    e.a.lea(r11, ptr(r15 + KERNEL))?;
    boot_service(e, LOAD_IMAGE)?;
    e.a.jnz(failed)?;
    e.a.mov(rcx, wide(KERNEL))?;
    handle_protocol(e, &LOADED_IMAGE_GUID)?;
    e.a.jnz(refused)?;
    e.a.mov(rcx, wide(ANSWER))?;
    e.a.lea(rax, ptr(r15 + OPTIONS))?;
    e.a.mov(qword_ptr(rcx + LOAD_OPTIONS), rax)?;
    e.a.mov(eax, dword_ptr(r15 + OPTIONS_SIZE))?;
    e.a.mov(dword_ptr(rcx + LOAD_OPTIONS_SIZE), eax)?;
    e.answer(0)?;

    e.place(failed)?;
    // The firmware says the one of what it does not trust, the other of what it must not load.
    for refusal in [SECURITY_VIOLATION, ACCESS_DENIED] {
        e.a.mov(rcx, refusal)?;
        e.a.cmp(rax, rcx)?;
        e.a.je(insecure)?;
    }
    e.place(refused)?;
    say_kernel(e, shared, " is no kernel that the firmware can start\r\n")?;
    e.answer(1)?;
    e.place(insecure)?;
    say_kernel(e, shared, " is refused by Secure Boot\r\n")?;
    e.answer(1)?;
    e.place(fault)?;
    e.a.call(files.say_fault)?;
    e.answer(1)
}

fn say_kernel(e: &mut Emitter, shared: Shared, text: &str) -> Asm {
    say_begin(e, shared, "/kurmaos/")?;
    e.a.lea(rsi, ptr(r15 + NAME))?;
    e.a.call(shared.print)?;
    say(e, shared, text)
}

fn withdraw(e: &mut Emitter, files: Files, own: Private) -> Asm {
    let [not_loaded, not_offered, not_open] = e.labels();
    e.place(own.withdraw)?;
    e.a.mov(rcx, wide(KERNEL))?;
    e.a.test(rcx, rcx)?;
    e.a.jz(not_loaded)?;
    boot_service(e, UNLOAD_IMAGE)?;
    e.a.mov(wide(KERNEL), 0)?;
    e.place(not_loaded)?;
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
    e.a.mov(rcx, wide(INITRD_FILE))?;
    e.a.test(rcx, rcx)?;
    e.a.jz(not_open)?;
    e.a.call(files.close)?;
    e.a.mov(wide(INITRD_FILE), 0)?;
    e.place(not_open)?;
    e.a.ret()
}

/// Called with the protocol in RCX, the address of the buffer's size in R9 and the buffer's own as the fifth
/// argument. Without a buffer, or with too small a one, it tells the size (13.2.2).
fn load_file(e: &mut Emitter, files: Files, own: Private) -> Asm {
    let [tell, done] = e.labels();
    let kept = [rbx, rbp, rsi, rdi, r15];
    e.place(own.load_file)?;
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
    e.a.mov(rsi, rax)?;
    e.a.mov(rbx, wide(INITRD_FILE))?;
    e.a.call(files.read)?;
    e.a.jmp(done)?;
    e.place(tell)?;
    e.a.mov(rax, BUFFER_TOO_SMALL)?;
    e.place(done)?;
    for register in kept.into_iter().rev() {
        e.a.pop(register)?;
    }
    e.a.ret()
}
