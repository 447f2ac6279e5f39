//! Loading a slot, and starting it: the kernel as the firmware loads images.
//!
//! Specification: UEFI 2.10, sections 7.4 (images), 9.1 (load options), 10.3 (device paths).

use iced_x86::code_asm::{
    ax, dword_ptr, eax, ecx, edi, edx, esi, ptr, qword_ptr, r8, r8d, r9, r9d, r10, r11, r14, r15,
    rax, rbx, rcx, rdi, rdx, rsi, word_ptr,
};

use super::super::Shared;
use super::super::asm::{ALL, Asm, Emitter, labels};
use super::super::console::{TOO_LONG, say, say_begin, say_line};
use super::super::vars::{CMDLINE, CMDLINE_LEN, CMDLINE_READ};
use super::disk::{Disk, END_WORD};
use super::files::Files;
use super::firmware::{
    ACCESS_DENIED, LOAD_IMAGE, LOADED_IMAGE as LOADED_IMAGE_GUID, NOT_FOUND, SECURITY_VIOLATION,
    START_IMAGE, UNLOAD_IMAGE, boot_service, handle_protocol, wide,
};
use super::initrd::Initrd;
use super::options::{LOAD_OPTIONS, LOAD_OPTIONS_SIZE, Options};
use super::vars::{
    ANSWER, FILE, INITRD_FILE, INITRD_SIZE, KERNEL, NAME, OPTIONS, OPTIONS_SIZE, PATH, WIDE_NAME,
};

/// A file's device path node (10.3.5.4), which is followed by its path.
const FILE_PATH: u32 = 0x0404;

labels! {
    /// Routines of this module alone.
    Private {
        /// Reads the command line: EAX 0, or a message was said.
        load_cmdline,
        /// Finds the initrd and offers it: EAX 0, or a message was said.
        open_initrd,
        /// Has the firmware load the kernel: EAX 0, or a message was said.
        load_kernel,
        /// Takes all of it back.
        withdraw,
    }
}

/// Routines of other modules that are called here.
#[derive(Clone, Copy)]
pub(super) struct Callees {
    pub disk: Disk,
    pub files: Files,
    pub options: Options,
    pub initrd: Initrd,
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared, callees: Callees) -> Asm {
    let own = Private::declare(&mut e.a);
    boot(e, shared, own)?;
    load_cmdline(e, shared, callees, own)?;
    open_initrd(e, callees, own)?;
    supply(e, callees)?;
    load_kernel(e, shared, callees, own)?;
    withdraw(e, callees, own)
}

fn boot(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let failed = e.a.create_label();
    e.place(shared.boot)?;
    e.save(&ALL)?;
    for step in [own.load_cmdline, own.open_initrd, own.load_kernel] {
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

fn load_cmdline(e: &mut Emitter, shared: Shared, callees: Callees, own: Private) -> Asm {
    let Callees { files, options, .. } = callees;
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
    e.a.call(options.widen)?;
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

fn open_initrd(e: &mut Emitter, callees: Callees, own: Private) -> Asm {
    let Callees { files, initrd, .. } = callees;
    let [absent, fault] = e.labels();
    e.place(own.open_initrd)?;
    e.a.mov(wide(INITRD_SIZE), 0)?;
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
    e.place(absent)?;
    e.a.jmp(initrd.offer)?;
    e.place(fault)?;
    e.a.call(files.say_fault)?;
    e.answer(1)
}

/// The initrd is read straight to where the kernel wants it.
fn supply(e: &mut Emitter, callees: Callees) -> Asm {
    e.place(callees.initrd.supply)?;
    e.a.mov(rsi, wide(INITRD_SIZE))?;
    e.a.mov(rbx, wide(INITRD_FILE))?;
    e.a.jmp(callees.files.read)
}

/// The kernel is named by the boot volume's device path and its own path on that.
fn load_kernel(e: &mut Emitter, shared: Shared, callees: Callees, own: Private) -> Asm {
    let Callees { disk, files, .. } = callees;
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

fn withdraw(e: &mut Emitter, callees: Callees, own: Private) -> Asm {
    let [not_loaded, not_open] = e.labels();
    e.place(own.withdraw)?;
    e.a.mov(rcx, wide(KERNEL))?;
    e.a.test(rcx, rcx)?;
    e.a.jz(not_loaded)?;
    boot_service(e, UNLOAD_IMAGE)?;
    e.a.mov(wide(KERNEL), 0)?;
    e.place(not_loaded)?;
    e.a.call(callees.initrd.withdraw)?;
    e.a.mov(rcx, wide(INITRD_FILE))?;
    e.a.test(rcx, rcx)?;
    e.a.jz(not_open)?;
    e.a.call(callees.files.close)?;
    e.a.mov(wide(INITRD_FILE), 0)?;
    e.place(not_open)?;
    e.a.ret()
}
