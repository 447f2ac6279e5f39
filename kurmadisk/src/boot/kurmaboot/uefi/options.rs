//! Load options: the command line as the firmware hands it to images (UEFI 2.10, section 9.1).

use iced_x86::code_asm::{
    byte_ptr, dword_ptr, eax, ecx, edi, edx, esi, ptr, r15, rax, rcx, rdi, rsi,
};

use super::super::asm::{Asm, Emitter, labels};
use super::super::vars::CMDLINE;
use super::vars::{OPTIONS, OPTIONS_SIZE};

/// `EFI_LOADED_IMAGE_PROTOCOL` (9.1.1).
pub(super) const LOAD_OPTIONS_SIZE: u32 = 0x30;
pub(super) const LOAD_OPTIONS: u32 = 0x38;

labels! {
    /// Routines of this module.
    Options {
        /// Makes load options of the command line: [`OPTIONS`], and their bytes.
        widen,
    }
}

/// Load options are UTF-16, and the command line is UTF-8; what is none becomes question marks.
pub(super) fn emit(e: &mut Emitter, options: Options) -> Asm {
    let [next, store, tail, bad] = e.labels();
    e.place(options.widen)?;
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
