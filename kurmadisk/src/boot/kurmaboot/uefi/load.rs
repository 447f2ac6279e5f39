//! A kernel in memory loaded as an image, and entered.
//!
//! Specification: Microsoft's "PE Format"; UEFI 2.10, sections 2.1.1 (images) and 9.1 (loaded images). Kernels for
//! x86-64 run wherever they lie, so there are no relocations.

use iced_x86::code_asm::{
    CodeLabel, dword_ptr, eax, ecx, edx, ptr, qword_ptr, r8, r9, r9d, r10, r11, r11d, r12, r14,
    r15, rax, rbx, rcx, rdi, rdx, rsi, word_ptr,
};

use super::super::Shared;
use super::super::asm::{Asm, Emitter, labels};
use super::super::console::say_line;
use super::firmware::{
    ALLOCATE_PAGES, LOCATE_PROTOCOL, MEMORY_ATTRIBUTE, boot_service, call, wide,
};
use super::options::{LOAD_OPTIONS, LOAD_OPTIONS_SIZE};
use super::vars::{
    ANSWER, ENTRY_POINT, KERNEL, KERNEL_SIZE, LOADED_IMAGE, OPTIONS_ADDRESS, OPTIONS_SIZE,
    PART_LINUX,
};
use crate::boot::pe::spec::{MACHINE_AMD64, MAGIC_PE32_PLUS, SIGNATURE};

/// `EFI_LOADED_IMAGE_PROTOCOL` (9.1.1), behind the load options.
pub(super) const IMAGE_BASE: u32 = 0x40;
const IMAGE_SIZE: u32 = 0x48;
/// Fields of the headers, from the PE signature on; their structures are `boot::pe::spec`'s.
const E_LFANEW: u32 = 0x3c;
const MACHINE: u32 = 4;
const NUMBER_OF_SECTIONS: u32 = 6;
const SIZE_OF_OPTIONAL_HEADER: u32 = 20;
const OPTIONAL_HEADER: u32 = 24;
const ENTRY: u32 = OPTIONAL_HEADER + 16;
const SIZE_OF_IMAGE: u32 = OPTIONAL_HEADER + 56;
const SIZE_OF_HEADERS: u32 = OPTIONAL_HEADER + 60;
/// Bytes from the signature on that are read without asking further.
const HEADERS: u32 = 0x200;
/// Fields of a section's row, and its bytes.
const ROW_VIRTUAL_SIZE: u32 = 8;
const ROW_ADDRESS: u32 = 12;
const ROW_RAW_SIZE: u32 = 16;
const ROW_RAW: u32 = 20;
const ROW: u32 = 40;
/// `AllocateAnyPages` and `EfiLoaderCode` (7.2.1).
const ANY_PAGES: u32 = 0;
const LOADER_CODE: u32 = 1;
/// `EFI_MEMORY_ATTRIBUTE_PROTOCOL.ClearMemoryAttributes()` (37.7), and those it shall clear: `EFI_MEMORY_XP`, which
/// forbids execution, and `EFI_MEMORY_RO`.
const CLEAR_ATTRIBUTES: u32 = 0x10;
const FORBIDDING: u32 = 0x4000 | 0x2_0000;

labels! {
    /// Routines of this module.
    Load {
        /// Loads the kernel of [`PART_LINUX`]: EAX 0, or a message was said.
        load,
        /// Starts it; returns when the kernel does.
        start,
    }
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared, load: Load) -> Asm {
    emit_load(e, shared, load)?;
    start(e, load)
}

/// RBX is the kernel's file, R10 its length, RSI its PE signature.
fn emit_load(e: &mut Emitter, shared: Shared, load: Load) -> Asm {
    let [absent, no_kernel, no_memory] = e.labels();
    e.place(load.load)?;
    e.a.mov(rbx, wide(PART_LINUX))?;
    e.a.mov(r10, wide(PART_LINUX + 8))?;
    e.a.test(r10, r10)?;
    e.a.jz(absent)?;
    check_headers(e, no_kernel)?;
    e.a.lea(r8, ptr(rcx + 0xfff))?;
    e.a.shr(r8, 12)?;
    e.a.mov(ecx, ANY_PAGES)?;
    e.a.mov(edx, LOADER_CODE)?;
    e.a.lea(r9, ptr(r15 + KERNEL))?;
    boot_service(e, ALLOCATE_PAGES)?;
    e.a.jnz(no_memory)?;
    allow_execution(e)?;
    copy(e, no_kernel)?;
    e.answer(0)?;
    for (label, text) in [
        (absent, "this image has no kernel (.linux)"),
        (no_kernel, "the image's kernel is none that UEFI starts"),
        (no_memory, "too little memory for the image's kernel"),
    ] {
        e.place(label)?;
        say_line(e, shared, text)?;
        e.answer(1)?;
    }
    Ok(())
}

/// Goes to `no_kernel` unless the headers are those of an image for x86-64, and all in the file. RCX is its bytes in
/// memory; what else they say of it is kept, the entry point from the image's begin.
fn check_headers(e: &mut Emitter, no_kernel: CodeLabel) -> Asm {
    e.a.cmp(r10, i32::try_from(HEADERS).unwrap_or_default())?;
    e.a.jb(no_kernel)?;
    e.a.mov(eax, dword_ptr(rbx + E_LFANEW))?;
    e.a.lea(rsi, ptr(rbx + rax))?;
    e.a.add(rax, i32::try_from(HEADERS).unwrap_or_default())?;
    e.a.cmp(rax, r10)?;
    e.a.ja(no_kernel)?;
    e.a.cmp(dword_ptr(rsi), u32::from_le_bytes(SIGNATURE))?;
    e.a.jne(no_kernel)?;
    for (field, value) in [(MACHINE, MACHINE_AMD64), (OPTIONAL_HEADER, MAGIC_PE32_PLUS)] {
        e.a.cmp(word_ptr(rsi + field), u32::from(value))?;
        e.a.jne(no_kernel)?;
    }
    e.a.mov(eax, dword_ptr(rsi + SIZE_OF_HEADERS))?;
    e.a.mov(ecx, dword_ptr(rsi + SIZE_OF_IMAGE))?;
    for most in [rcx, r10] {
        e.a.cmp(rax, most)?;
        e.a.ja(no_kernel)?;
    }
    e.a.mov(eax, dword_ptr(rsi + ENTRY))?;
    e.a.cmp(rax, rcx)?;
    e.a.jae(no_kernel)?;
    e.a.mov(wide(ENTRY_POINT), rax)?;
    e.a.mov(wide(KERNEL_SIZE), rcx)
}

/// Headers, then sections, amid zeros: RDX is where to, R8 the row of a section, R11 how many are left.
fn copy(e: &mut Emitter, no_kernel: CodeLabel) -> Asm {
    let [row, whole, all] = e.labels();
    e.a.mov(r10, wide(PART_LINUX + 8))?;
    e.a.mov(rdx, wide(KERNEL))?;
    e.a.add(wide(ENTRY_POINT), rdx)?;
    e.a.mov(rdi, rdx)?;
    e.a.mov(rcx, wide(KERNEL_SIZE))?;
    e.a.xor(eax, eax)?;
    e.a.rep().stosb()?;
    e.a.movzx(eax, word_ptr(rsi + SIZE_OF_OPTIONAL_HEADER))?;
    e.a.lea(r8, ptr(rsi + rax + OPTIONAL_HEADER))?;
    e.a.movzx(r11d, word_ptr(rsi + NUMBER_OF_SECTIONS))?;
    e.a.mov(ecx, dword_ptr(rsi + SIZE_OF_HEADERS))?;
    e.a.mov(rdi, rdx)?;
    e.a.mov(rsi, rbx)?;
    e.a.rep().movsb()?;
    e.place(row)?;
    e.a.test(r11, r11)?;
    e.a.jz(all)?;
    e.a.lea(rax, ptr(r8 + ROW))?;
    e.a.sub(rax, rbx)?;
    e.a.cmp(rax, r10)?;
    e.a.ja(no_kernel)?;
    // What the file has beyond the bytes in memory only fills it up; none in memory are as many.
    e.a.mov(ecx, dword_ptr(r8 + ROW_RAW_SIZE))?;
    e.a.mov(eax, dword_ptr(r8 + ROW_VIRTUAL_SIZE))?;
    e.a.test(eax, eax)?;
    e.a.jz(whole)?;
    e.a.cmp(ecx, eax)?;
    e.a.jbe(whole)?;
    e.a.mov(ecx, eax)?;
    e.place(whole)?;
    e.a.mov(eax, dword_ptr(r8 + ROW_RAW))?;
    e.a.lea(rsi, ptr(rbx + rax))?;
    e.a.add(rax, rcx)?;
    e.a.cmp(rax, r10)?;
    e.a.ja(no_kernel)?;
    e.a.mov(eax, dword_ptr(r8 + ROW_ADDRESS))?;
    e.a.lea(rdi, ptr(rdx + rax))?;
    e.a.add(rax, rcx)?;
    e.a.cmp(rax, wide(KERNEL_SIZE))?;
    e.a.ja(no_kernel)?;
    e.a.rep().movsb()?;
    e.a.add(r8, i32::try_from(ROW).unwrap_or_default())?;
    e.a.dec(r11)?;
    e.a.jmp(row)?;
    e.place(all)
}

/// Firmware that forbids to execute what was allocated has a protocol for it. Clobbers neither RBX nor RSI.
fn allow_execution(e: &mut Emitter) -> Asm {
    let free = e.a.create_label();
    e.a.push(rsi)?;
    e.point_at(&MEMORY_ATTRIBUTE.bytes())?;
    e.a.mov(rcx, rsi)?;
    e.a.xor(edx, edx)?;
    e.a.lea(r8, ptr(r15 + ANSWER))?;
    boot_service(e, LOCATE_PROTOCOL)?;
    e.a.jnz(free)?;
    e.a.mov(rcx, wide(ANSWER))?;
    e.a.mov(rdx, wide(KERNEL))?;
    e.a.mov(r8, wide(KERNEL_SIZE))?;
    e.a.add(r8, 0xfff)?;
    e.a.and(r8, -0x1000)?;
    e.a.mov(r9d, FORBIDDING)?;
    call(e, qword_ptr(rcx + CLEAR_ATTRIBUTES))?;
    e.place(free)?;
    e.a.pop(rsi)
}

/// The kernel asks the handle it is given where it lies and what its command line is. A kernel that returns leaves
/// all as it was.
fn start(e: &mut Emitter, load: Load) -> Asm {
    const FIELDS: [u32; 4] = [LOAD_OPTIONS_SIZE, LOAD_OPTIONS, IMAGE_BASE, IMAGE_SIZE];
    e.place(load.start)?;
    e.a.mov(rbx, wide(LOADED_IMAGE))?;
    for field in FIELDS {
        e.a.push(qword_ptr(rbx + field))?;
    }
    e.a.mov(eax, dword_ptr(r15 + OPTIONS_SIZE))?;
    e.a.mov(dword_ptr(rbx + LOAD_OPTIONS_SIZE), eax)?;
    for (field, variable) in [
        (LOAD_OPTIONS, OPTIONS_ADDRESS),
        (IMAGE_BASE, KERNEL),
        (IMAGE_SIZE, KERNEL_SIZE),
    ] {
        e.a.mov(rax, wide(variable))?;
        e.a.mov(qword_ptr(rbx + field), rax)?;
    }
    e.a.mov(rcx, r14)?;
    e.a.mov(rdx, r12)?;
    call(e, wide(ENTRY_POINT))?;
    for field in FIELDS.into_iter().rev() {
        e.a.pop(qword_ptr(rbx + field))?;
    }
    e.a.ret()
}
