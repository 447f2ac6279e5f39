//! Files of the boot volume, through the firmware's file system.
//!
//! Specification: UEFI 2.10, sections 13.4 and 13.5.

use iced_x86::code_asm::{
    al, ax, byte_ptr, eax, edx, ptr, qword_ptr, r8, r9d, r10d, r15, rax, rbx, rcx, rdi, rdx, rsi,
};

use super::super::Shared;
use super::super::asm::{Asm, Emitter, Reg, labels};
use super::super::console::{say, say_begin, say_line};
use super::super::vars::LETTER;
use super::disk::DEVICE_HANDLE;
use super::firmware::{LOAD_ERROR, NOT_FOUND, SIMPLE_FILE_SYSTEM, call, handle_protocol, wide};
use super::vars::{ANSWER, FILE, LOADED_IMAGE, NAME, ROOT, WIDE_NAME};

/// `EFI_SIMPLE_FILE_SYSTEM_PROTOCOL` (13.4.1).
const OPEN_VOLUME: u32 = 0x08;
/// `EFI_FILE_PROTOCOL` (13.5.1).
const OPEN: u32 = 0x08;
const CLOSE: u32 = 0x10;
const READ: u32 = 0x20;
const GET_POSITION: u32 = 0x30;
const SET_POSITION: u32 = 0x38;
/// `EFI_FILE_MODE_READ` (13.5.2).
const MODE_READ: u32 = 1;
/// Bytes that are read at a time at most: some firmware fails at more.
const CHUNK: u32 = 1 << 20;
/// The directory of all files.
const DIRECTORY: &str = r"\kurmaos\";

labels! {
    /// Routines of this module.
    Files {
        /// Names the file: that at RSI, with the slot's letter for a `?` at its end. Keeps no RSI.
        name,
        /// Opens the file that was named: [`FILE`], and the status in RAX.
        open,
        /// Bytes of [`FILE`]: [`ANSWER`], and the status in RAX. It will be read from its begin.
        size,
        /// Reads RSI bytes of the file RBX to RDI: the status in RAX. Keeps none of the three.
        read,
        /// Closes the file in RCX.
        close,
        /// Says what the status in RAX means for the file that was named.
        say_fault,
    }
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared, files: Files) -> Asm {
    open_volume(e, shared)?;
    name(e, files)?;
    open(e, files)?;
    size(e, files)?;
    read(e, files)?;
    close(e, files)?;
    say_fault(e, shared, files)
}

fn open_volume(e: &mut Emitter, shared: Shared) -> Asm {
    const KEPT: [Reg; 4] = [Reg::Ax, Reg::Cx, Reg::Dx, Reg::Si];
    let failed = e.a.create_label();
    e.place(shared.open_volume)?;
    e.save(&KEPT)?;
    e.a.mov(rcx, wide(LOADED_IMAGE))?;
    e.a.mov(rcx, qword_ptr(rcx + DEVICE_HANDLE))?;
    handle_protocol(e, &SIMPLE_FILE_SYSTEM)?;
    e.a.jnz(failed)?;
    e.a.mov(rcx, wide(ANSWER))?;
    e.a.lea(rdx, ptr(r15 + ROOT))?;
    call(e, qword_ptr(rcx + OPEN_VOLUME))?;
    e.a.jnz(failed)?;
    e.restore(&KEPT)?;
    e.a.ret()?;
    e.place(failed)?;
    say_line(e, shared, "the boot partition cannot be read")?;
    e.a.jmp(shared.stop)
}

fn name(e: &mut Emitter, files: Files) -> Asm {
    const KEPT: [Reg; 3] = [Reg::Cx, Reg::Dx, Reg::Di];
    let plain = e.a.create_label();
    e.place(files.name)?;
    e.save(&KEPT)?;
    e.a.lea(rdx, ptr(r15 + NAME))?;
    e.a.lea(rdi, ptr(r15 + WIDE_NAME))?;
    e.a.mov(rcx, rsi)?;
    for unit in DIRECTORY.encode_utf16() {
        e.a.mov(ax, u32::from(unit))?;
        e.a.stosw()?;
    }
    let next = e.here()?;
    e.a.lodsb()?;
    e.a.cmp(al, u32::from(b'?'))?;
    e.a.jne(plain)?;
    e.a.mov(al, byte_ptr(r15 + LETTER))?;
    e.place(plain)?;
    e.a.mov(byte_ptr(rdx), al)?;
    e.a.inc(rdx)?;
    e.a.movzx(ax, al)?;
    e.a.stosw()?;
    e.a.test(al, al)?;
    e.a.jnz(next)?;
    e.restore(&KEPT)?;
    e.a.ret()
}

fn open(e: &mut Emitter, files: Files) -> Asm {
    const KEPT: [Reg; 2] = [Reg::Cx, Reg::Dx];
    e.place(files.open)?;
    e.save(&KEPT)?;
    e.a.mov(rcx, wide(ROOT))?;
    e.a.lea(rdx, ptr(r15 + FILE))?;
    e.a.lea(r8, ptr(r15 + WIDE_NAME))?;
    e.a.mov(r9d, MODE_READ)?;
    e.a.xor(r10d, r10d)?;
    call(e, qword_ptr(rcx + OPEN))?;
    e.restore(&KEPT)?;
    e.a.ret()
}

/// The end is at position -1 (13.5.9).
fn size(e: &mut Emitter, files: Files) -> Asm {
    const KEPT: [Reg; 2] = [Reg::Cx, Reg::Dx];
    let failed = e.a.create_label();
    e.place(files.size)?;
    e.save(&KEPT)?;
    e.a.mov(rcx, wide(FILE))?;
    e.a.mov(rdx, -1_i64)?;
    call(e, qword_ptr(rcx + SET_POSITION))?;
    e.a.jnz(failed)?;
    e.a.mov(rcx, wide(FILE))?;
    e.a.lea(rdx, ptr(r15 + ANSWER))?;
    call(e, qword_ptr(rcx + GET_POSITION))?;
    e.place(failed)?;
    e.restore(&KEPT)?;
    e.a.ret()
}

fn read(e: &mut Emitter, files: Files) -> Asm {
    const KEPT: [Reg; 2] = [Reg::Cx, Reg::Dx];
    let [next, small, short, done] = e.labels();
    e.place(files.read)?;
    e.save(&KEPT)?;
    e.a.mov(rcx, rbx)?;
    e.a.xor(edx, edx)?;
    call(e, qword_ptr(rcx + SET_POSITION))?;
    e.a.jnz(done)?;
    e.place(next)?;
    e.a.xor(eax, eax)?;
    e.a.test(rsi, rsi)?;
    e.a.jz(done)?;
    e.a.mov(rax, i64::from(CHUNK))?;
    e.a.cmp(rax, rsi)?;
    e.a.jbe(small)?;
    e.a.mov(rax, rsi)?;
    e.place(small)?;
    e.a.mov(wide(ANSWER), rax)?;
    e.a.mov(rcx, rbx)?;
    e.a.lea(rdx, ptr(r15 + ANSWER))?;
    e.a.mov(r8, rdi)?;
    call(e, qword_ptr(rcx + READ))?;
    e.a.jnz(done)?;
    e.a.mov(rax, wide(ANSWER))?;
    e.a.test(rax, rax)?;
    e.a.jz(short)?;
    e.a.add(rdi, rax)?;
    e.a.sub(rsi, rax)?;
    e.a.jmp(next)?;
    e.place(short)?;
    e.a.mov(rax, LOAD_ERROR)?;
    e.place(done)?;
    e.restore(&KEPT)?;
    e.a.ret()
}

fn close(e: &mut Emitter, files: Files) -> Asm {
    const KEPT: [Reg; 2] = [Reg::Cx, Reg::Dx];
    e.place(files.close)?;
    e.save(&KEPT)?;
    call(e, qword_ptr(rcx + CLOSE))?;
    e.restore(&KEPT)?;
    e.a.ret()
}

fn say_fault(e: &mut Emitter, shared: Shared, files: Files) -> Asm {
    const KEPT: [Reg; 2] = [Reg::Cx, Reg::Si];
    let unreadable = e.a.create_label();
    e.place(files.say_fault)?;
    e.save(&KEPT)?;
    e.save(&[Reg::Ax])?;
    say_begin(e, shared, "/kurmaos/")?;
    e.a.lea(rsi, ptr(r15 + NAME))?;
    e.a.call(shared.print)?;
    e.restore(&[Reg::Ax])?;
    e.a.mov(rcx, NOT_FOUND)?;
    e.a.cmp(rax, rcx)?;
    e.a.jne(unreadable)?;
    say(e, shared, " is missing\r\n")?;
    e.restore(&KEPT)?;
    e.a.ret()?;
    e.place(unreadable)?;
    say(e, shared, " cannot be read\r\n")?;
    e.restore(&KEPT)?;
    e.a.ret()
}
