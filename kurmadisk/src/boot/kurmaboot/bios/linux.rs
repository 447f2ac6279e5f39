//! Loading a slot by the Linux boot protocol, and starting it.
//!
//! Specification: the kernel's `Documentation/arch/x86/boot.rst`, protocol 2.12 and newer: the kernel's setup
//! is entered in real mode and asks the BIOS itself for what it wants to know.

use iced_x86::code_asm::{al, byte_ptr, dword_ptr, eax, ebp, ebx, ecx, edi, edx, esi, word_ptr};

use super::super::Shared;
use super::super::asm::{ALL, Asm, Emitter, labels, var};
use super::super::console::{TOO_LONG, say, say_begin, say_line};
use super::super::vars::{CMDLINE_LEN, CMDLINE_READ, LETTER};
use super::call;
use super::fat::{DIRECTORY_BIT, MISSING, UNREADABLE};
use super::memory::RANGE;
use super::memory_map::{CMDLINE, KERNEL, MEMORY, SETUP, SETUP_STACK};
use super::real::Real;
use super::vars::{
    CLUSTER, CLUSTER_OFFSET, CLUSTERS_END, DIRECTORY, FOUND_ATTRIBUTES, FOUND_CLUSTER, FOUND_SIZE,
    INITRD, INITRD_SIZE, KERNEL_END, NAME, RANGES, REAL_NEXT, SETUP_SECTORS,
};
use super::{Bios, SECTOR_SIZE};

/// Fields of the setup header, by their names in boot.rst ("Details of Header Fields").
const SETUP_SECTS: u32 = SETUP + 0x1f1;
const VID_MODE: u32 = SETUP + 0x1fa;
const BOOT_FLAG: u32 = SETUP + 0x1fe;
const HEADER: u32 = SETUP + 0x202;
const VERSION: u32 = SETUP + 0x206;
const TYPE_OF_LOADER: u32 = SETUP + 0x210;
const LOADFLAGS: u32 = SETUP + 0x211;
const RAMDISK_IMAGE: u32 = SETUP + 0x218;
const RAMDISK_SIZE: u32 = SETUP + 0x21c;
const HEAP_END_PTR: u32 = SETUP + 0x224;
const CMD_LINE_PTR: u32 = SETUP + 0x228;
const INITRD_ADDR_MAX: u32 = SETUP + 0x22c;
const CMDLINE_SIZE: u32 = SETUP + 0x238;
const PREF_ADDRESS: u32 = SETUP + 0x258;
const INIT_SIZE: u32 = SETUP + 0x260;

const LOADED_HIGH: u32 = 0x01;
const CAN_USE_HEAP: u32 = 0x80;
/// The oldest protocol that is taken: 2.12, of Linux 3.8.
pub(in crate::boot) const OLDEST_PROTOCOL: u16 = 0x020c;
/// A loader without a number of its own.
const UNDEFINED_LOADER: u32 = 0xff;
const NORMAL_VIDEO: u32 = 0xffff;
/// Sectors of a setup at most: what remains below the stack is its heap.
const MAX_SETUP_SECTORS: u32 = 64;
const _: () = assert!(MAX_SETUP_SECTORS * SECTOR_SIZE < SETUP_STACK);
/// Offset of the heap's end, less 0x200; 512 bytes are left to the stack.
const HEAP_END: u32 = SETUP_STACK - 0x200;
/// Sectors that hold the whole setup header.
const HEADER_SECTORS: u32 = 2;
const PAGE: u32 = 4096;
const MIB_SHIFT: u32 = 20;

labels! {
    /// Routines of this module alone.
    Private {
        /// Looks the file at ESI up, with the slot's letter for a `?` at its end: EAX as
        /// [`Bios::find`] answers.
        open,
        /// Says `/kurmaos/` and the file's name.
        say_name,
        /// Reads the command line: EAX 0, or a message was said.
        load_cmdline,
        /// Checks the kernel's header, and finds out what memory it needs: EAX 0, or a message was said.
        load_header,
        /// Finds a place for the initrd: EAX 0, or a message was said.
        place_initrd,
        /// Says that the file is missing, or cannot be read, by EAX.
        say_fault,
    }
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared, bios: Bios, real: Real) -> Asm {
    let own = Private::declare(&mut e.a);
    boot(e, shared, bios, own, real)?;
    load_cmdline(e, shared, bios, own)?;
    load_header(e, shared, bios, own)?;
    place_initrd(e, shared, own)?;
    open(e, bios, own)?;
    say_name(e, shared, own)?;
    say_fault(e, shared, own)
}

/// A file's name, with a NUL; `?` is the slot's letter.
fn name(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn boot(e: &mut Emitter, shared: Shared, bios: Bios, own: Private, real: Real) -> Asm {
    let [no_initrd, fault, failed, loaded] = e.labels();
    e.place(shared.boot)?;
    e.save(&ALL)?;
    e.a.call(own.load_cmdline)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;
    // The kernel's place depends on its header, the initrd's on both.
    e.a.mov(var(INITRD_SIZE), 0)?;
    e.point_at(&name("initrd-?"))?;
    e.a.call(own.open)?;
    e.a.cmp(eax, MISSING)?;
    e.a.je(no_initrd)?;
    e.a.ja(fault)?;
    e.a.mov(eax, var(FOUND_SIZE))?;
    e.a.mov(var(INITRD_SIZE), eax)?;
    e.place(no_initrd)?;
    e.point_at(&name("vmlinuz-?"))?;
    e.a.call(own.open)?;
    e.a.test(eax, eax)?;
    e.a.jnz(fault)?;
    e.a.call(own.load_header)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;
    e.a.call(own.place_initrd)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;

    e.a.mov(ecx, var(SETUP_SECTORS))?;
    e.a.sub(ecx, HEADER_SECTORS)?;
    e.a.mov(edi, SETUP + HEADER_SECTORS * SECTOR_SIZE)?;
    e.a.call(bios.file_read)?;
    e.a.test(eax, eax)?;
    e.a.jnz(fault)?;
    e.a.mov(ecx, var(FOUND_SIZE))?;
    e.a.add(ecx, SECTOR_SIZE - 1)?;
    e.a.shr(ecx, SECTOR_SIZE.ilog2())?;
    e.a.sub(ecx, var(SETUP_SECTORS))?;
    e.a.mov(edi, KERNEL)?;
    e.a.call(bios.file_read)?;
    e.a.test(eax, eax)?;
    e.a.jnz(fault)?;

    e.a.mov(ecx, var(INITRD_SIZE))?;
    e.a.test(ecx, ecx)?;
    e.a.jz(loaded)?;
    e.point_at(&name("initrd-?"))?;
    e.a.call(own.open)?;
    e.a.test(eax, eax)?;
    e.a.jnz(fault)?;
    e.a.add(ecx, SECTOR_SIZE - 1)?;
    e.a.shr(ecx, SECTOR_SIZE.ilog2())?;
    e.a.mov(edi, var(INITRD))?;
    e.a.call(bios.file_read)?;
    e.a.test(eax, eax)?;
    e.a.jnz(fault)?;

    e.place(loaded)?;
    start(e, shared, real)?;
    e.place(fault)?;
    e.a.call(own.say_fault)?;
    e.place(failed)?;
    e.restore(&ALL)?;
    e.a.ret()
}

/// Tells the kernel what it must know, and enters it.
fn start(e: &mut Emitter, shared: Shared, real: Real) -> Asm {
    e.a.mov(word_ptr(VID_MODE), NORMAL_VIDEO)?;
    e.a.mov(byte_ptr(TYPE_OF_LOADER), UNDEFINED_LOADER)?;
    e.a.or(byte_ptr(LOADFLAGS), CAN_USE_HEAP)?;
    e.a.mov(word_ptr(HEAP_END_PTR), HEAP_END)?;
    e.a.mov(dword_ptr(CMD_LINE_PTR), CMDLINE)?;
    for (field, value) in [(RAMDISK_IMAGE, INITRD), (RAMDISK_SIZE, INITRD_SIZE)] {
        e.a.mov(eax, var(value))?;
        e.a.mov(dword_ptr(field), eax)?;
    }
    say_line(e, shared, "starting Linux")?;
    e.a.mov(var(REAL_NEXT), real.start_kernel)?;
    call::leave(e, real)
}

fn load_cmdline(e: &mut Emitter, shared: Shared, bios: Bios, own: Private) -> Asm {
    let [absent, small, fault, too_long] = e.labels();
    e.place(own.load_cmdline)?;
    e.a.mov(var(CMDLINE_LEN), 0)?;
    e.point_at(&name("cmdline"))?;
    e.a.call(own.open)?;
    e.a.cmp(eax, MISSING)?;
    e.a.je(absent)?;
    e.a.ja(fault)?;
    e.a.mov(ecx, var(FOUND_SIZE))?;
    e.a.cmp(ecx, CMDLINE_READ)?;
    e.a.jbe(small)?;
    e.a.mov(ecx, CMDLINE_READ)?;
    e.place(small)?;
    e.a.mov(var(CMDLINE_LEN), ecx)?;
    e.a.add(ecx, SECTOR_SIZE - 1)?;
    e.a.shr(ecx, SECTOR_SIZE.ilog2())?;
    e.a.mov(edi, CMDLINE)?;
    e.a.call(bios.file_read)?;
    e.a.test(eax, eax)?;
    e.a.jnz(fault)?;
    e.place(absent)?;
    e.a.call(shared.finish_cmdline)?;
    e.a.test(eax, eax)?;
    e.a.jnz(too_long)?;
    e.a.ret()?;
    e.place(too_long)?;
    say_line(e, shared, TOO_LONG)?;
    e.answer(1)?;
    e.place(fault)?;
    e.a.call(own.say_fault)?;
    e.answer(1)
}

fn load_header(e: &mut Emitter, shared: Shared, bios: Bios, own: Private) -> Asm {
    let [wrong, old, fault, given, larger] = e.labels();
    let [next, too_little, fits] = e.labels();
    e.place(own.load_header)?;
    e.a.cmp(var(FOUND_SIZE), HEADER_SECTORS * SECTOR_SIZE)?;
    e.a.jb(wrong)?;
    e.a.mov(ecx, HEADER_SECTORS)?;
    e.a.mov(edi, SETUP)?;
    e.a.call(bios.file_read)?;
    e.a.test(eax, eax)?;
    e.a.jnz(fault)?;
    e.a.cmp(word_ptr(BOOT_FLAG), 0xaa55)?;
    e.a.jne(wrong)?;
    e.a.cmp(dword_ptr(HEADER), u32::from_le_bytes(*b"HdrS"))?;
    e.a.jne(wrong)?;
    e.a.cmp(word_ptr(VERSION), u32::from(OLDEST_PROTOCOL))?;
    e.a.jb(old)?;
    e.a.test(byte_ptr(LOADFLAGS), LOADED_HIGH)?;
    e.a.jz(wrong)?;

    // Sectors of the setup, the first one included; 0 means 4 behind it.
    e.a.movzx(eax, byte_ptr(SETUP_SECTS))?;
    e.a.test(eax, eax)?;
    e.a.jnz(given)?;
    e.a.mov(eax, 4)?;
    e.place(given)?;
    e.a.inc(eax)?;
    e.a.cmp(eax, MAX_SETUP_SECTORS)?;
    e.a.ja(wrong)?;
    e.a.mov(var(SETUP_SECTORS), eax)?;
    // What follows is loaded to 1 MiB; where it ends: EDX.
    e.a.shl(eax, SECTOR_SIZE.ilog2())?;
    e.a.mov(edx, var(FOUND_SIZE))?;
    e.a.sub(edx, eax)?;
    e.a.jbe(wrong)?;
    e.a.add(edx, KERNEL + SECTOR_SIZE)?;
    e.a.jc(too_little)?;
    // It unpacks itself to its preferred address.
    e.a.cmp(dword_ptr(PREF_ADDRESS + 4), 0)?;
    e.a.jne(wrong)?;
    e.a.mov(eax, dword_ptr(PREF_ADDRESS))?;
    e.a.add(eax, dword_ptr(INIT_SIZE))?;
    e.a.jc(too_little)?;
    e.a.cmp(edx, eax)?;
    e.a.jae(larger)?;
    e.a.mov(edx, eax)?;
    e.place(larger)?;
    e.a.mov(var(KERNEL_END), edx)?;
    e.a.mov(eax, dword_ptr(CMDLINE_SIZE))?;
    e.a.cmp(var(CMDLINE_LEN), eax)?;
    e.a.jbe(fits)?;
    say_line(e, shared, TOO_LONG)?;
    e.answer(1)?;

    e.place(fits)?;
    e.a.call(bios.read_memory)?;
    e.a.mov(ecx, var(RANGES))?;
    e.a.mov(esi, MEMORY)?;
    e.place(next)?;
    e.a.test(ecx, ecx)?;
    e.a.jz(too_little)?;
    e.a.dec(ecx)?;
    e.a.mov(eax, dword_ptr(esi))?;
    e.a.mov(ebx, dword_ptr(esi + 4))?;
    e.a.add(esi, RANGE)?;
    e.a.cmp(eax, KERNEL)?;
    e.a.ja(next)?;
    e.a.cmp(ebx, edx)?;
    e.a.jb(next)?;
    e.answer(0)?;

    e.place(wrong)?;
    e.a.call(own.say_name)?;
    say(e, shared, " is no Linux kernel (bzImage)\r\n")?;
    e.answer(1)?;
    e.place(old)?;
    e.a.call(own.say_name)?;
    say(e, shared, " is a kernel older than Linux 3.8\r\n")?;
    e.answer(1)?;
    e.place(too_little)?;
    say_begin(
        e,
        shared,
        "too little memory for the kernel, which needs all up to MiB ",
    )?;
    e.a.mov(eax, edx)?;
    e.a.shr(eax, MIB_SHIFT)?;
    e.a.inc(eax)?;
    e.a.call(shared.put_decimal)?;
    say(e, shared, "\r\n")?;
    e.answer(1)?;
    e.place(fault)?;
    e.a.call(own.say_fault)?;
    e.answer(1)
}

/// As high as the memory and the kernel allow.
fn place_initrd(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let [none, next, low, limited, unlimited, too_little, done] = e.labels();
    e.place(own.place_initrd)?;
    e.a.mov(var(INITRD), 0)?;
    e.a.mov(edx, var(INITRD_SIZE))?;
    e.a.test(edx, edx)?;
    e.a.jz(none)?;
    // Whole pages: EDX.
    e.a.add(edx, PAGE - 1)?;
    e.a.jc(too_little)?;
    e.a.and(edx, !(PAGE - 1))?;
    // The end of where the kernel takes one: EBX.
    e.a.mov(ebx, dword_ptr(INITRD_ADDR_MAX))?;
    e.a.inc(ebx)?;
    e.a.jnz(limited)?;
    e.a.dec(ebx)?;
    e.place(limited)?;
    e.a.mov(ecx, var(RANGES))?;
    e.a.mov(esi, MEMORY)?;
    e.place(next)?;
    e.a.test(ecx, ecx)?;
    e.a.jz(done)?;
    e.a.dec(ecx)?;
    e.a.mov(eax, dword_ptr(esi))?;
    e.a.mov(edi, dword_ptr(esi + 4))?;
    e.a.add(esi, RANGE)?;
    // Of this range what is from EAX up to EDI.
    e.a.cmp(eax, var(KERNEL_END))?;
    e.a.jae(low)?;
    e.a.mov(eax, var(KERNEL_END))?;
    e.place(low)?;
    e.a.cmp(edi, ebx)?;
    e.a.jbe(unlimited)?;
    e.a.mov(edi, ebx)?;
    e.place(unlimited)?;
    e.a.sub(edi, edx)?;
    e.a.jb(next)?;
    e.a.and(edi, !(PAGE - 1))?;
    e.a.cmp(edi, eax)?;
    e.a.jb(next)?;
    e.a.cmp(edi, var(INITRD))?;
    e.a.jbe(next)?;
    e.a.mov(var(INITRD), edi)?;
    e.a.jmp(next)?;
    e.place(done)?;
    e.a.cmp(var(INITRD), 0)?;
    e.a.je(too_little)?;
    e.place(none)?;
    e.answer(0)?;
    e.place(too_little)?;
    say_begin(e, shared, "too little memory for the initrd of ")?;
    e.a.mov(eax, var(INITRD_SIZE))?;
    e.a.shr(eax, MIB_SHIFT)?;
    e.a.inc(eax)?;
    e.a.call(shared.put_decimal)?;
    say(e, shared, " MiB\r\n")?;
    e.answer(1)
}

fn open(e: &mut Emitter, bios: Bios, own: Private) -> Asm {
    let [plain, missing, done] = e.labels();
    e.place(own.open)?;
    e.save(&ALL)?;
    e.a.lea(edi, dword_ptr(ebp + NAME))?;
    let next = e.here()?;
    e.a.lodsb()?;
    e.a.cmp(al, u32::from(b'?'))?;
    e.a.jne(plain)?;
    e.a.mov(eax, var(LETTER))?;
    e.place(plain)?;
    e.a.stosb()?;
    e.a.test(al, al)?;
    e.a.jnz(next)?;
    e.a.lea(esi, dword_ptr(ebp + NAME))?;
    e.a.mov(eax, var(DIRECTORY))?;
    e.a.call(bios.find)?;
    e.a.test(eax, eax)?;
    e.a.jnz(done)?;
    e.a.test(var(FOUND_ATTRIBUTES), DIRECTORY_BIT)?;
    e.a.jnz(missing)?;
    e.a.mov(var(CLUSTER_OFFSET), 0)?;
    e.a.mov(ebx, var(FOUND_CLUSTER))?;
    e.a.mov(var(CLUSTER), ebx)?;
    // An empty file has no cluster; of others the first must be one.
    e.a.cmp(var(FOUND_SIZE), 0)?;
    e.a.je(done)?;
    e.a.cmp(ebx, 2)?;
    e.a.jb(missing)?;
    e.a.cmp(ebx, var(CLUSTERS_END))?;
    e.a.jb(done)?;
    e.a.mov(eax, UNREADABLE)?;
    e.a.jmp(done)?;
    e.place(missing)?;
    e.a.mov(eax, MISSING)?;
    e.place(done)?;
    e.restore(&ALL)?;
    e.a.ret()
}

fn say_name(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    e.place(own.say_name)?;
    e.a.push(esi)?;
    say_begin(e, shared, "/kurmaos/")?;
    e.a.lea(esi, dword_ptr(ebp + NAME))?;
    e.a.call(shared.print)?;
    e.a.pop(esi)?;
    e.a.ret()
}

fn say_fault(e: &mut Emitter, shared: Shared, own: Private) -> Asm {
    let unreadable = e.a.create_label();
    e.place(own.say_fault)?;
    e.a.push(eax)?;
    e.a.call(own.say_name)?;
    e.a.pop(eax)?;
    e.a.cmp(eax, MISSING)?;
    e.a.jne(unreadable)?;
    say(e, shared, " is missing\r\n")?;
    e.a.ret()?;
    e.place(unreadable)?;
    say(e, shared, " cannot be read\r\n")?;
    e.a.ret()
}
