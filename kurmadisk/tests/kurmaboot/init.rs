//! An initrd for real kernels: one program that shows the command line and turns the machine off.
//!
//! Debian's own takes a minute to come up in an emulated machine, and more memory than some have.

use iced_x86::code_asm::{CodeAssembler, eax, edi, edx, esi, ptr, r8d, r10d, rdi, rdx, rsi};
use iced_x86::{BlockEncoderOptions, IcedError};

/// What it says in front of the command line.
pub const RUNS: &str = "init has ";
/// What it says behind it.
pub const ENDS: &str = "init ends";

/// Where the program lies in memory, and its header's length.
const BASE: u64 = 0x40_0000;
const HEADERS: usize = 64 + 56;
/// Memory behind the code for what is read.
const BUFFER: u64 = BASE + 0x1000;
const BUFFER_LEN: u32 = 0x1000;

/// Linux's system calls for x86-64.
const READ: u32 = 0;
const WRITE: u32 = 1;
const OPEN: u32 = 2;
const MOUNT: u32 = 165;
const REBOOT: u32 = 169;
/// reboot(2): two numbers that make it sure, and turning off.
const REBOOT_MAGIC: u32 = 0xfee1_dead;
const REBOOT_MAGIC2: u32 = 672_274_793;
const POWER_OFF: u32 = 0x4321_fedc;

/// The archive, with `padding` bytes in a file of their own.
pub fn initrd(padding: usize) -> Vec<u8> {
    let mut archive = Vec::new();
    let program = program().unwrap();
    let padding = vec![0x5a; padding];
    for (name, mode, content) in [
        ("proc", 0o040_755, &[][..]),
        ("init", 0o100_755, &program),
        ("padding", 0o100_644, &padding),
        ("TRAILER!!!", 0, &[]),
    ] {
        let numbers = [
            0,
            mode,
            0,
            0,
            1,
            0,
            content.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        archive.extend(b"070701");
        archive.extend(numbers.iter().flat_map(|n| format!("{n:08x}").into_bytes()));
        for part in [&[name.as_bytes(), &[0]].concat(), content] {
            archive.extend(part);
            archive.resize(archive.len().next_multiple_of(4), 0);
        }
    }
    archive
}

/// A static ELF executable of one segment.
fn program() -> Result<Vec<u8>, IcedError> {
    let code = code()?;
    let len = (HEADERS + code.len()) as u64;
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend([2_u16, 62].iter().flat_map(|half| half.to_le_bytes()));
    file.extend(1_u32.to_le_bytes());
    file.extend(
        [BASE + HEADERS as u64, 64, 0]
            .iter()
            .flat_map(|word| word.to_le_bytes()),
    );
    file.extend(0_u32.to_le_bytes());
    file.extend(
        [64_u16, 56, 1, 0, 0, 0]
            .iter()
            .flat_map(|half| half.to_le_bytes()),
    );
    // The program header: loaded, and readable, writable, executable.
    file.extend([1_u32, 7].iter().flat_map(|word| word.to_le_bytes()));
    let segment = [
        0,
        BASE,
        BASE,
        len,
        BUFFER + u64::from(BUFFER_LEN) - BASE,
        0x1000,
    ];
    file.extend(segment.iter().flat_map(|word| word.to_le_bytes()));
    assert_eq!(file.len(), HEADERS);
    file.extend(code);
    Ok(file)
}

fn code() -> Result<Vec<u8>, IcedError> {
    let mut a = CodeAssembler::new(64)?;
    point_at(&mut a, b"proc\0")?;
    a.mov(rdi, rsi)?;
    // mount("proc", "/proc", "proc", 0, 0)
    a.mov(rdx, rsi)?;
    point_at(&mut a, b"/proc\0")?;
    a.xor(r10d, r10d)?;
    a.xor(r8d, r8d)?;
    call(&mut a, MOUNT)?;
    say(&mut a, RUNS)?;
    point_at(&mut a, b"/proc/cmdline\0")?;
    a.mov(rdi, rsi)?;
    a.xor(esi, esi)?;
    call(&mut a, OPEN)?;
    a.mov(edi, eax)?;
    a.mov(rsi, BUFFER)?;
    a.mov(edx, BUFFER_LEN)?;
    call(&mut a, READ)?;
    a.mov(edx, eax)?;
    a.mov(rsi, BUFFER)?;
    a.mov(edi, 1)?;
    call(&mut a, WRITE)?;
    say(&mut a, &format!("{ENDS}\n"))?;
    a.mov(edi, REBOOT_MAGIC)?;
    a.mov(esi, REBOOT_MAGIC2)?;
    a.mov(edx, POWER_OFF)?;
    call(&mut a, REBOOT)?;
    let mut halt = a.create_label();
    a.set_label(&mut halt)?;
    a.jmp(halt)?;
    let address = BASE + HEADERS as u64;
    let result = a.assemble_options(address, BlockEncoderOptions::NONE)?;
    Ok(result.inner.code_buffer)
}

fn call(a: &mut CodeAssembler, number: u32) -> Result<(), IcedError> {
    a.mov(eax, number)?;
    a.syscall()
}

fn say(a: &mut CodeAssembler, text: &str) -> Result<(), IcedError> {
    point_at(a, text.as_bytes())?;
    a.mov(edx, u32::try_from(text.len()).expect("a short text"))?;
    a.mov(edi, 1)?;
    call(a, WRITE)
}

/// RSI is the address of these bytes, which lie in the code.
fn point_at(a: &mut CodeAssembler, bytes: &[u8]) -> Result<(), IcedError> {
    let (mut behind, mut data) = (a.create_label(), a.create_label());
    a.jmp(behind)?;
    a.set_label(&mut data)?;
    a.db(bytes)?;
    a.set_label(&mut behind)?;
    a.lea(rsi, ptr(data))
}
