//! BIOSes that fail: a disk of its own starts first, puts itself between the loader and the BIOS, and then starts
//! the disk in question.

use std::fs;

use iced_x86::code_asm::{
    CodeAssembler, ah, ax, bp, bx, byte_ptr, cx, dh, di, dl, ds, dword_ptr, eax, es, si, sp, ss,
    word_ptr,
};
use iced_x86::{BlockEncoderOptions, Code, IcedError, Instruction, MemoryOperand};
use kurmadisk_fixtures::demo;
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use tempfile::NamedTempFile;

use crate::bios::ENTERED;
use crate::support::{
    COMMAND_LINE, Disk, Parts, Table, boots, initrd, said, sector_with, shows, with_screen,
};

/// Where the boot sector stays: the loader uses nothing below 0x1000.
const RESIDENT: u32 = 0x600;
/// Places in it: the vector that was there, and a counter.
const OLD: u32 = RESIDENT + 0x1f0;
const COUNTER: u32 = RESIDENT + 0x1f4;
const BOOT: u32 = 0x7c00;
/// Times that are never reached.
const ALWAYS: u32 = 0xffff;

/// What the BIOS fails at.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// INT 13h with this in AH.
    Disk(u32),
    /// Reads that begin in this range of sectors, so many times.
    Read(u32, u32, u32),
    /// INT 15h with these in AX.
    Memory(&'static [u32]),
}

impl Fault {
    fn interrupt(self) -> u32 {
        match self {
            Self::Disk(_) | Self::Read(..) => 0x13,
            Self::Memory(_) => 0x15,
        }
    }
}

/// The boot sector.
fn shim(fault: Fault) -> Result<Vec<u8>, IcedError> {
    let (_, addresses) = assemble(fault, [0, 0])?;
    let (mut sector, _) = assemble(fault, addresses)?;
    assert!(sector.len() < 0x1f0);
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    Ok(sector)
}

/// The code, and the addresses of what goes on in the copy and of the handler: those of the first time.
fn assemble(fault: Fault, [copy, handler]: [u32; 2]) -> Result<(Vec<u8>, [u32; 2]), IcedError> {
    let mut a = CodeAssembler::new(16)?;
    a.cli()?;
    a.xor(ax, ax)?;
    a.mov(ds, ax)?;
    a.mov(es, ax)?;
    a.mov(ss, ax)?;
    a.mov(sp, BOOT)?;
    a.cld()?;
    a.mov(si, BOOT)?;
    a.mov(di, RESIDENT)?;
    a.mov(cx, 256)?;
    a.rep().movsw()?;
    let vector = fault.interrupt() * 4;
    a.mov(eax, dword_ptr(vector))?;
    a.mov(dword_ptr(OLD), eax)?;
    a.mov(dword_ptr(vector), handler)?;
    a.sti()?;
    // The second disk's MBR, over this sector: so from the copy.
    let mut in_copy = a.create_label();
    far_jump(&mut a, copy)?;
    a.set_label(&mut in_copy)?;
    a.mov(ax, 0x0201)?;
    a.mov(bx, BOOT)?;
    a.mov(cx, 1)?;
    a.mov(dh, 0)?;
    a.mov(dl, 0x81)?;
    a.int(0x13)?;
    a.mov(dl, 0x81)?;
    far_jump(&mut a, BOOT)?;

    let mut handler = a.create_label();
    let (mut fail, mut pass) = (a.create_label(), a.create_label());
    a.set_label(&mut handler)?;
    match fault {
        Fault::Disk(function) => {
            a.cmp(ah, function)?;
            a.je(fail)?;
        }
        Fault::Read(first, end, times) => {
            a.cmp(ah, 0x42)?;
            a.jne(pass)?;
            a.cmp(dword_ptr(si + 8), first)?;
            a.jb(pass)?;
            a.cmp(dword_ptr(si + 8), end)?;
            a.jae(pass)?;
            a.cmp(word_ptr(COUNTER).cs(), times)?;
            a.jae(pass)?;
            a.inc(word_ptr(COUNTER).cs())?;
            a.jmp(fail)?;
        }
        Fault::Memory(functions) => {
            for function in functions {
                a.cmp(ax, *function)?;
                a.je(fail)?;
            }
        }
    }
    a.set_label(&mut pass)?;
    let old = MemoryOperand::new(
        iced_x86::Register::None,
        iced_x86::Register::None,
        1,
        OLD.into(),
        2,
        false,
        iced_x86::Register::CS,
    );
    a.add_instruction(Instruction::with1(Code::Jmp_m1616, old)?)?;
    a.set_label(&mut fail)?;
    a.push(bp)?;
    a.mov(bp, sp)?;
    // The carry of the flags that IRET takes.
    a.or(byte_ptr(bp + 6), 1)?;
    a.pop(bp)?;
    a.mov(ah, 4)?;
    a.iret()?;
    let options = BlockEncoderOptions::RETURN_NEW_INSTRUCTION_OFFSETS;
    let result = a.assemble_options(RESIDENT.into(), options)?;
    let [copy, handler] = [in_copy, handler].map(|label| {
        let address = result.label_ip(&label).expect("it is set");
        u32::try_from(address).expect("it is in the first 64 KiB")
    });
    Ok((result.inner.code_buffer, [copy, handler]))
}

fn far_jump(a: &mut CodeAssembler, address: u32) -> Result<(), IcedError> {
    a.add_instruction(Instruction::with_far_branch(Code::Jmp_ptr1616, 0, address)?)
}

/// A machine whose BIOS has the fault.
fn machine(disk: &Disk, fault: Fault) -> (Machine, NamedTempFile) {
    let file = NamedTempFile::new().unwrap();
    let mut sectors = shim(fault).unwrap();
    sectors.resize(1 << 20, 0);
    fs::write(file.path(), sectors).unwrap();
    let machine = Machine::new(Firmware::Bios)
        .drive(Drive::new(file.path(), "raw", Interface::Ide))
        .drive(Drive::new(disk.path(), "raw", Interface::Ide));
    (machine, file)
}

#[track_caller]
fn says(disk: &Disk, fault: Fault, lines: &[&str]) {
    let (machine, _file) = machine(disk, fault);
    let serial = machine.run_until(lines.last().unwrap()).unwrap();
    said(&serial, lines);
}

#[track_caller]
fn boots_all_the_same(disk: &Disk, fault: Fault) {
    let (machine, _file) = machine(disk, fault);
    let serial = machine.run_to_end().unwrap();
    let cmdline = format!("{COMMAND_LINE} kurma.booted=PARTLABEL=KURMA-A");
    boots(&serial, ENTERED, &cmdline, &initrd(300_001));
}

fn disk() -> Disk {
    Parts::new(Table::Slots("priority=1,successful", "")).build()
}

#[test]
fn a_bios_without_lba_is_named() {
    says(
        &disk(),
        Fault::Disk(0x41),
        &["kurmaboot: this BIOS cannot address the disk by LBA"],
    );
}

#[test]
fn the_boot_code_speaks_on_the_screen_too() {
    let disk = disk();
    let (machine, _file) = machine(&disk, Fault::Disk(0x41));
    let (machine, screen) = with_screen(machine, disk.folder.path());
    let _running = machine.start().unwrap();
    shows(
        &screen,
        "kurmaboot: this BIOS cannot address the disk by LBA",
    );
}

#[test]
fn a_bios_that_hides_the_size_is_named() {
    let line = "the BIOS does not tell the disk's size, or its sectors have not 512 bytes";
    says(&disk(), Fault::Disk(0x48), &[line, "the machine stops"]);
}

#[test]
fn unreadable_sectors_are_told_by_what_is_in_them() {
    let disk = disk();
    let place =
        |number: u32| u32::try_from(disk.layout.partition(number).unwrap().first.0).unwrap();
    let (boot, stage2) = (place(1), place(2));
    for (first, end, lines) in [
        (
            stage2,
            stage2 + 1,
            &["kurmaboot: read error at stage 2"][..],
        ),
        (
            0,
            1,
            &[
                "both copies of the partition table are damaged, or cannot be read",
                "the machine stops",
            ],
        ),
        (
            boot,
            boot + 1,
            &["the boot partition cannot be read", "the machine stops"],
        ),
    ] {
        says(&disk, Fault::Read(first, end, ALWAYS), lines);
    }
    for (content, name) in [
        (COMMAND_LINE.as_bytes().to_vec(), "cmdline"),
        (demo::bz_image().unwrap()[..512].to_vec(), "vmlinuz-a"),
        (initrd(512), "initrd-a"),
    ] {
        let sector = sector_with(&disk, &content);
        says(
            &disk,
            Fault::Read(sector, sector + 1, ALWAYS),
            &[
                &format!("/kurmaos/{name} cannot be read"),
                "no other slot is bootable",
                "the machine stops",
            ],
        );
    }
}

#[test]
fn a_read_that_fails_twice_is_tried_again() {
    boots_all_the_same(&disk(), Fault::Read(0, u32::MAX, 2));
}

#[test]
fn an_old_bios_tells_of_its_memory_in_the_old_way() {
    boots_all_the_same(&disk(), Fault::Memory(&[0xe820]));
    says(
        &disk(),
        Fault::Memory(&[0xe820, 0xe801]),
        &[
            "too little memory for the kernel, which needs all up to MiB 2",
            "the machine stops",
        ],
    );
}

#[test]
fn the_shim_itself_changes_nothing() {
    let disk = disk();
    let (machine, _file) = machine(&disk, Fault::Disk(0xff));
    assert!(machine.run_to_end().unwrap().contains(demo::DONE));
}
