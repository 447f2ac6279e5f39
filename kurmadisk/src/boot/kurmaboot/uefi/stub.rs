//! A stub: kernel, initrd and command line lie in sections of its own image, a Unified Kernel Image.
//!
//! The firmware has loaded and, with Secure Boot, checked all of the image, so the kernel in it is not looked at
//! again: it is loaded and entered here, as an image that has this one's handle. Its own signature would say
//! nothing of the initrd and the command line.
//!
//! Specification: the UAPI group's "Unified Kernel Image"; UEFI 2.10, sections 9.1 (loaded images); the UEFI Shell
//! 2.2, section 2.5 (arguments).

use iced_x86::code_asm::{
    CodeLabel, ax, byte_ptr, dword_ptr, eax, ebx, ecx, edi, edx, esi, ptr, qword_ptr, r8, r8d, r9,
    r9d, r10, r12, r14, r15, rax, rbx, rcx, rdi, rdx, rsi, word_ptr,
};

use super::super::Shared;
use super::super::asm::{Asm, Emitter, Mode, labels};
use super::super::console::{say, say_begin, say_line};
use super::super::vars::{CMDLINE as CMDLINE_ADDRESS, CMDLINE_LEN, CMDLINE_READ};
use super::super::{KurmabootError, console, slots};
use super::firmware::{self, GLOBAL_VARIABLE, SHELL_PARAMETERS, call, handle_protocol, wide};
use super::initrd::{self, Initrd};
use super::load::{self, IMAGE_BASE, Load};
use super::options::{self, LOAD_OPTIONS, LOAD_OPTIONS_SIZE, Options};
use super::vars::{
    ANSWER, INITRD_SIZE, LOADED_IMAGE, OPTIONS, OPTIONS_ADDRESS, OPTIONS_SIZE, PART_CMDLINE,
    PART_INITRD, PART_LINUX, PART_UCODE, PROFILE, SECURE,
};
use super::{entry, pe, stop};
use crate::boot::MAX_COMMAND_LINE;

/// Fields of the headers in memory, from the PE signature on, and of a section's row; their structures are
/// `boot::pe::spec`'s.
const E_LFANEW: u32 = 0x3c;
const NUMBER_OF_SECTIONS: u32 = 6;
const SIZE_OF_OPTIONAL_HEADER: u32 = 20;
const OPTIONAL_HEADER: u32 = 24;
const ROW_VIRTUAL_SIZE: u32 = 8;
const ROW_ADDRESS: u32 = 12;
const ROW: u32 = 40;
/// What separates profiles.
const PROFILE_SECTION: [u8; 8] = *b".profile";
/// What is looked for, and where its address is put; its bytes in memory behind that.
const PARTS: [([u8; 8], u32); 4] = [
    (*b".linux\0\0", PART_LINUX),
    (*b".initrd\0", PART_INITRD),
    (*b".ucode\0\0", PART_UCODE),
    (*b".cmdline", PART_CMDLINE),
];
/// `EFI_SHELL_PARAMETERS_PROTOCOL`.
const ARGV: u32 = 0x00;
const ARGC: u32 = 0x08;
/// `EFI_SYSTEM_TABLE` (4.3.1) and `EFI_RUNTIME_SERVICES` (4.5.1).
const RUNTIME_SERVICES: u32 = 0x58;
const GET_VARIABLE: u32 = 0x48;
/// Bytes of the longest command line in UTF-16.
const MAX_OPTIONS: u32 = 2 * 2047;
const _: () = assert!(MAX_OPTIONS as usize == 2 * MAX_COMMAND_LINE);
/// Numbers of profiles are lower: no more sections fit into an image.
const PROFILES: u32 = 100;
/// What generations of a stub are told by (SBAT, by shim's authors).
const SBAT: &str = concat!(
    "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n",
    "kurmaboot,1,kurmadisk,kurmaboot,",
    env!("CARGO_PKG_VERSION"),
    ",",
    env!("CARGO_PKG_REPOSITORY"),
    "\n"
);
/// Bytes of the section for them, with room for those of kernel and image.
const SBAT_ROOM: usize = 0x1000;

labels! {
    /// Routines of this module.
    Private {
        /// The stub's course; entered by a jump.
        start,
        /// Reads what the image was started with: EAX 0, or a message was said.
        read_options,
        /// Takes a profile's number from the begin of that.
        take_profile,
        /// Finds the sections of that profile: EAX 0, or a message was said.
        find_parts,
        /// Makes load options of that or of the section: EAX 0, or a message was said.
        choose_cmdline,
        /// EAX 1 with Secure Boot, else 0.
        is_secure,
    }
}

/// The stub, an EFI application: a Unified Kernel Image begins with it.
pub fn uefi_stub() -> Result<Vec<u8>, KurmabootError> {
    let code = code().map_err(KurmabootError::in_part("UEFI stub"))?;
    let mut generations = SBAT.as_bytes().to_vec();
    generations.resize(SBAT_ROOM, 0);
    Ok(pe::image(&code, Some((".sbat", SBAT.len(), &generations))))
}

fn code() -> Asm<Vec<u8>> {
    let mut e = Emitter::new(Mode::Long)?;
    let shared = Shared::declare(&mut e.a);
    let own = Private::declare(&mut e.a);
    let options = Options::declare(&mut e.a);
    let initrd = Initrd::declare(&mut e.a);
    let load = Load::declare(&mut e.a);
    entry(&mut e, own.start)?;
    start(&mut e, shared, own, initrd, load)?;
    read_options(&mut e, shared, own)?;
    take_profile(&mut e, own)?;
    find_parts(&mut e, shared, own)?;
    choose_cmdline(&mut e, shared, options, own)?;
    is_secure(&mut e, own)?;
    supply(&mut e, initrd)?;
    stop(&mut e, shared)?;
    firmware::put_char(&mut e, shared)?;
    console::emit(&mut e, shared)?;
    slots::finish_cmdline(&mut e, shared)?;
    options::emit(&mut e, options)?;
    initrd::emit(&mut e, shared, initrd)?;
    load::emit(&mut e, shared, load)?;
    e.finish(pe::CODE_START.into(), []).map(|(code, [])| code)
}

fn start(e: &mut Emitter, shared: Shared, own: Private, initrd: Initrd, load: Load) -> Asm {
    let failed = e.a.create_label();
    e.place(own.start)?;
    for step in [
        own.read_options,
        own.find_parts,
        own.choose_cmdline,
        load.load,
    ] {
        e.a.call(step)?;
        e.a.test(eax, eax)?;
        e.a.jnz(failed)?;
    }
    // The microcode's archive first, and the other one at a multiple of four bytes.
    e.a.mov(rax, wide(PART_UCODE + 8))?;
    e.a.add(rax, 3)?;
    e.a.and(rax, -4)?;
    e.a.add(rax, wide(PART_INITRD + 8))?;
    e.a.mov(wide(INITRD_SIZE), rax)?;
    e.a.call(initrd.offer)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;
    say_line(e, shared, "starting Linux")?;
    e.a.call(load.start)?;
    say_line(e, shared, "the kernel gave up")?;
    e.place(failed)?;
    e.a.call(initrd.withdraw)?;
    e.a.jmp(shared.stop)
}

/// Puts the initrds to RDI one after the other.
fn supply(e: &mut Emitter, initrd: Initrd) -> Asm {
    e.place(initrd.supply)?;
    e.a.mov(rsi, wide(PART_UCODE))?;
    e.a.mov(rcx, wide(PART_UCODE + 8))?;
    e.a.mov(rdx, rcx)?;
    e.a.rep().movsb()?;
    e.a.xor(eax, eax)?;
    e.a.mov(rcx, rdx)?;
    e.a.neg(rcx)?;
    e.a.and(rcx, 3)?;
    e.a.rep().stosb()?;
    e.a.mov(rsi, wide(PART_INITRD))?;
    e.a.mov(rcx, wide(PART_INITRD + 8))?;
    e.a.rep().movsb()?;
    e.a.ret()
}

/// The shell's arguments behind the program's name, or else load options.
fn read_options(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let [plain, done, too_long] = e.labels();
    e.place(own.read_options)?;
    e.a.mov(rcx, r14)?;
    handle_protocol(e, &SHELL_PARAMETERS)?;
    e.a.lea(rdi, ptr(r15 + OPTIONS))?;
    e.a.mov(wide(OPTIONS_ADDRESS), rdi)?;
    e.a.lea(rdx, ptr(rdi + MAX_OPTIONS))?;
    e.a.jnz(plain)?;
    shell_arguments(e, done, too_long)?;
    e.place(plain)?;
    load_options(e, done, too_long)?;
    e.place(done)?;
    e.a.mov(word_ptr(rdi), 0)?;
    e.a.call(own.take_profile)?;
    e.answer(0)?;
    e.place(too_long)?;
    say_line(
        e,
        shared,
        "the given command line is too long for the kernel",
    )?;
    e.answer(1)
}

/// Puts the arguments to RDI, up to RDX, with spaces between, and goes to `done`.
fn shell_arguments(e: &mut Emitter, done: CodeLabel, too_long: CodeLabel) -> Asm {
    let [argument, copy, first] = e.labels();
    e.a.mov(rbx, wide(ANSWER))?;
    e.a.mov(rcx, qword_ptr(rbx + ARGC))?;
    e.a.mov(rbx, qword_ptr(rbx + ARGV))?;
    e.place(argument)?;
    e.a.cmp(rcx, 1)?;
    e.a.jbe(done)?;
    e.a.dec(rcx)?;
    e.a.add(rbx, 8)?;
    e.a.cmp(rdi, wide(OPTIONS_ADDRESS))?;
    e.a.je(first)?;
    e.a.mov(eax, u32::from(b' '))?;
    store(e, too_long)?;
    e.place(first)?;
    e.a.mov(rsi, qword_ptr(rbx))?;
    e.place(copy)?;
    e.a.lodsw()?;
    e.a.test(ax, ax)?;
    e.a.jz(argument)?;
    store(e, too_long)?;
    e.a.jmp(copy)
}

/// Puts the load options to RDI, up to RDX. Those that are no text are none: of boot options that it made itself,
/// firmware may have its own marks there.
fn load_options(e: &mut Emitter, done: CodeLabel, too_long: CodeLabel) -> Asm {
    let [unit, binary] = e.labels();
    e.a.mov(rax, wide(LOADED_IMAGE))?;
    e.a.mov(rsi, qword_ptr(rax + LOAD_OPTIONS))?;
    e.a.mov(ecx, dword_ptr(rax + LOAD_OPTIONS_SIZE))?;
    e.a.shr(ecx, 1)?;
    e.place(unit)?;
    e.a.test(ecx, ecx)?;
    e.a.jz(done)?;
    e.a.lodsw()?;
    e.a.movzx(eax, ax)?;
    e.a.test(eax, eax)?;
    e.a.jz(done)?;
    e.a.cmp(eax, u32::from(b' '))?;
    e.a.jb(binary)?;
    store(e, too_long)?;
    e.a.dec(ecx)?;
    e.a.jmp(unit)?;
    e.place(binary)?;
    e.a.mov(rdi, wide(OPTIONS_ADDRESS))
}

/// Puts AX to RDI, or goes to `too_long` at RDX.
fn store(e: &mut Emitter, too_long: CodeLabel) -> Asm {
    e.a.cmp(rdi, rdx)?;
    e.a.jae(too_long)?;
    e.a.stosw()
}

/// `@` and a number, then a space or the end.
fn take_profile(e: &mut Emitter, own: Private) -> Asm {
    let [digit, number, space, none] = e.labels();
    e.place(own.take_profile)?;
    e.a.mov(rsi, wide(OPTIONS_ADDRESS))?;
    e.a.cmp(word_ptr(rsi), u32::from(b'@'))?;
    e.a.jne(none)?;
    e.a.add(rsi, 2)?;
    e.a.mov(rdi, rsi)?;
    e.a.xor(ebx, ebx)?;
    e.place(digit)?;
    e.a.movzx(eax, word_ptr(rsi))?;
    e.a.sub(eax, u32::from(b'0'))?;
    e.a.cmp(eax, 9)?;
    e.a.ja(number)?;
    e.a.imul_3(ebx, ebx, 10)?;
    e.a.add(ebx, eax)?;
    e.a.cmp(ebx, PROFILES)?;
    e.a.jae(none)?;
    e.a.add(rsi, 2)?;
    e.a.jmp(digit)?;
    e.place(number)?;
    e.a.cmp(rsi, rdi)?;
    e.a.je(none)?;
    e.a.movzx(eax, word_ptr(rsi))?;
    e.a.test(eax, !u32::from(b' '))?;
    e.a.jnz(none)?;
    e.a.mov(dword_ptr(r15 + PROFILE), ebx)?;
    e.place(space)?;
    e.a.mov(wide(OPTIONS_ADDRESS), rsi)?;
    e.a.cmp(word_ptr(rsi), u32::from(b' '))?;
    e.a.jne(none)?;
    e.a.add(rsi, 2)?;
    e.a.jmp(space)?;
    e.place(none)?;
    e.a.ret()
}

/// Sections in front of the first profile belong to all; a profile's own count more.
fn find_parts(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let [row, part, counts, next] = e.labels();
    let [ended, found, absent] = e.labels();
    e.place(own.find_parts)?;
    e.a.mov(rax, wide(LOADED_IMAGE))?;
    e.a.mov(rbx, qword_ptr(rax + IMAGE_BASE))?;
    e.a.mov(eax, dword_ptr(rbx + E_LFANEW))?;
    e.a.lea(rsi, ptr(rbx + rax))?;
    e.a.movzx(ecx, word_ptr(rsi + NUMBER_OF_SECTIONS))?;
    e.a.movzx(eax, word_ptr(rsi + SIZE_OF_OPTIONAL_HEADER))?;
    e.a.lea(rsi, ptr(rsi + rax + OPTIONAL_HEADER))?;
    // The profile that the row belongs to.
    e.a.mov(edx, -1)?;
    e.place(row)?;
    e.a.test(ecx, ecx)?;
    e.a.jz(ended)?;
    e.a.mov(rax, qword_ptr(rsi))?;
    e.a.mov(r8, u64::from_le_bytes(PROFILE_SECTION))?;
    e.a.cmp(rax, r8)?;
    e.a.jne(part)?;
    e.a.inc(edx)?;
    e.a.jmp(next)?;
    e.place(part)?;
    e.a.cmp(edx, -1)?;
    e.a.je(counts)?;
    e.a.cmp(edx, dword_ptr(r15 + PROFILE))?;
    e.a.jne(next)?;
    e.place(counts)?;
    for (name, variable) in PARTS {
        let other = e.a.create_label();
        e.a.mov(r8, u64::from_le_bytes(name))?;
        e.a.cmp(rax, r8)?;
        e.a.jne(other)?;
        e.a.mov(r9d, dword_ptr(rsi + ROW_ADDRESS))?;
        e.a.add(r9, rbx)?;
        e.a.mov(wide(variable), r9)?;
        e.a.mov(r9d, dword_ptr(rsi + ROW_VIRTUAL_SIZE))?;
        e.a.mov(wide(variable + 8), r9)?;
        e.place(other)?;
    }
    e.place(next)?;
    e.a.add(rsi, i32::try_from(ROW).unwrap_or_default())?;
    e.a.dec(ecx)?;
    e.a.jmp(row)?;

    // The first one is chosen where nobody says anything, and needs not be there.
    e.place(ended)?;
    e.a.mov(eax, dword_ptr(r15 + PROFILE))?;
    e.a.test(eax, eax)?;
    e.a.jz(found)?;
    e.a.cmp(edx, eax)?;
    e.a.jl(absent)?;
    e.place(found)?;
    e.answer(0)?;
    e.place(absent)?;
    say_begin(e, shared, "this image has no profile @")?;
    e.a.mov(eax, dword_ptr(r15 + PROFILE))?;
    e.a.call(shared.put_decimal)?;
    say(e, shared, "\r\n")?;
    e.answer(1)
}

/// What was given counts only where nobody has to vouch for it, or nothing else is there.
fn choose_cmdline(e: &mut Emitter, shared: Shared, options: Options, own: Private) -> Asm {
    let [section, given, unit, small] = e.labels();
    let [copy, store, copied, too_long] = e.labels();
    e.place(own.choose_cmdline)?;
    e.a.mov(rsi, wide(OPTIONS_ADDRESS))?;
    e.a.cmp(word_ptr(rsi), 0)?;
    e.a.je(section)?;
    e.a.cmp(wide(PART_CMDLINE + 8), 0)?;
    e.a.je(given)?;
    e.a.call(own.is_secure)?;
    e.a.test(eax, eax)?;
    e.a.jnz(section)?;
    e.place(given)?;
    e.a.mov(rsi, wide(OPTIONS_ADDRESS))?;
    e.place(unit)?;
    e.a.lodsw()?;
    e.a.test(ax, ax)?;
    e.a.jnz(unit)?;
    e.a.sub(rsi, wide(OPTIONS_ADDRESS))?;
    e.a.mov(dword_ptr(r15 + OPTIONS_SIZE), esi)?;
    e.answer(0)?;

    e.place(section)?;
    e.a.mov(rsi, wide(PART_CMDLINE))?;
    e.a.mov(rcx, wide(PART_CMDLINE + 8))?;
    e.a.cmp(rcx, i32::try_from(CMDLINE_READ).unwrap_or_default())?;
    e.a.jbe(small)?;
    e.a.mov(ecx, CMDLINE_READ)?;
    e.place(small)?;
    e.a.mov(dword_ptr(r15 + CMDLINE_LEN), ecx)?;
    e.a.mov(edi, dword_ptr(r15 + CMDLINE_ADDRESS))?;
    // A section may have several lines, and a command line is one.
    e.place(copy)?;
    e.a.test(ecx, ecx)?;
    e.a.jz(copied)?;
    e.a.movzx(eax, byte_ptr(rsi))?;
    e.a.inc(rsi)?;
    e.a.cmp(eax, u32::from(b' '))?;
    e.a.jae(store)?;
    e.a.test(eax, eax)?;
    e.a.jz(store)?;
    e.a.mov(eax, u32::from(b' '))?;
    e.place(store)?;
    e.a.stosb()?;
    e.a.dec(ecx)?;
    e.a.jmp(copy)?;
    e.place(copied)?;
    e.a.call(shared.finish_cmdline)?;
    e.a.test(eax, eax)?;
    e.a.jnz(too_long)?;
    e.a.call(options.widen)?;
    e.a.lea(rax, ptr(r15 + OPTIONS))?;
    e.a.mov(wide(OPTIONS_ADDRESS), rax)?;
    e.answer(0)?;
    e.place(too_long)?;
    say_line(
        e,
        shared,
        "the image's command line is too long for the kernel",
    )?;
    e.answer(1)
}

/// UEFI 2.10, table 3.1.
fn is_secure(e: &mut Emitter, own: Private) -> Asm {
    let no = e.a.create_label();
    e.place(own.is_secure)?;
    let name: Vec<u8> = "SecureBoot\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    e.point_at(&name)?;
    e.a.mov(rcx, rsi)?;
    e.point_at(&GLOBAL_VARIABLE.bytes())?;
    e.a.mov(rdx, rsi)?;
    e.a.xor(r8d, r8d)?;
    e.a.mov(wide(ANSWER), 1)?;
    e.a.lea(r9, ptr(r15 + ANSWER))?;
    e.a.lea(r10, ptr(r15 + SECURE))?;
    e.a.mov(rax, qword_ptr(r12 + RUNTIME_SERVICES))?;
    call(e, qword_ptr(rax + GET_VARIABLE))?;
    e.a.jnz(no)?;
    e.a.movzx(eax, byte_ptr(r15 + SECURE))?;
    e.a.and(eax, 1)?;
    e.a.ret()?;
    e.place(no)?;
    e.answer(0)
}
