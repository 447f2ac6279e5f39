//! The disk that the boot volume is a partition of, found by the firmware's device paths.
//!
//! Specification: UEFI 2.10, sections 10.3 (device paths) and 13.9 (block I/O).

use iced_x86::code_asm::{
    dword_ptr, eax, ecx, edi, edx, ptr, qword_ptr, r8, r9, r9d, r10, r15, rax, rbx, rcx, rdi, rdx,
    rsi, word_ptr,
};

use super::super::Shared;
use super::super::asm::{Asm, Emitter, Reg, labels};
use super::super::vars::{BLOCK_SIZE, LAST_LBA, MAX_BLOCK_SIZE};
use super::firmware::{
    BLOCK_IO as BLOCK_IO_GUID, DEVICE_PATH, LOCATE_DEVICE_PATH, boot_service, call,
    handle_protocol, wide,
};
use super::vars::{ANSWER, BLOCK_IO, LOADED_IMAGE, PATH, PATH_ADDRESS, PATH_ROOM};

/// `EFI_LOADED_IMAGE_PROTOCOL` (9.1.1).
pub(super) const DEVICE_HANDLE: u32 = 0x18;
/// `EFI_BLOCK_IO_PROTOCOL` (13.9.1) and what its media says.
const MEDIA: u32 = 0x08;
const READ_BLOCKS: u32 = 0x18;
const WRITE_BLOCKS: u32 = 0x20;
const FLUSH_BLOCKS: u32 = 0x28;
const MEDIA_ID: u32 = 0x00;
const MEDIA_BLOCK_SIZE: u32 = 0x0c;
const MEDIA_LAST_BLOCK: u32 = 0x18;
/// A device path's nodes (10.3.1): type, subtype, u16 length. The word of the first two.
const NODE_LEN: u32 = 2;
const HARD_DRIVE: u32 = 0x0104;
pub(super) const END_NODE: u32 = 0xff7f;
/// An end node.
pub(super) const END: [u8; 4] = [0x7f, 0xff, 4, 0];
pub(super) const END_WORD: u32 = u32::from_le_bytes(END);
/// Bytes of the least node.
const MIN_NODE: u32 = 4;

labels! {
    /// Routines of this module.
    Disk {
        /// Copies the boot volume's device path to [`PATH`], without its end, and up to its partition's node if
        /// EAX is 1: RDI is behind the copy. EAX is 0 when that went well, and what was asked for is there.
        copy_path,
        /// Finds the disk: EAX is 0 when there is one.
        find_disk,
    }
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared, disk: Disk) -> Asm {
    copy_path(e, disk)?;
    find_disk(e, disk)?;
    transfer(e, shared)
}

fn copy_path(e: &mut Emitter, disk: Disk) -> Asm {
    const KEPT: [Reg; 4] = [Reg::Bx, Reg::Cx, Reg::Dx, Reg::Si];
    let [node, done, failed, whole] = e.labels();
    e.place(disk.copy_path)?;
    e.save(&KEPT)?;
    e.a.mov(rbx, rax)?;
    e.a.mov(rcx, wide(LOADED_IMAGE))?;
    e.a.mov(rcx, qword_ptr(rcx + DEVICE_HANDLE))?;
    handle_protocol(e, &DEVICE_PATH)?;
    e.a.jnz(failed)?;
    e.a.mov(rsi, wide(ANSWER))?;
    e.a.lea(rdi, ptr(r15 + PATH))?;
    e.a.lea(rdx, ptr(r15 + (PATH + PATH_ROOM)))?;
    e.place(node)?;
    e.a.movzx(eax, word_ptr(rsi))?;
    e.a.cmp(eax, END_NODE)?;
    e.a.je(whole)?;
    e.a.cmp(eax, HARD_DRIVE)?;
    let copied = e.a.create_label();
    e.a.jne(copied)?;
    e.a.test(rbx, rbx)?;
    e.a.jnz(done)?;
    e.place(copied)?;
    e.a.movzx(ecx, word_ptr(rsi + NODE_LEN))?;
    e.a.cmp(ecx, MIN_NODE)?;
    e.a.jb(failed)?;
    e.a.lea(rax, ptr(rdi + rcx))?;
    e.a.cmp(rax, rdx)?;
    e.a.ja(failed)?;
    e.a.rep().movsb()?;
    e.a.jmp(node)?;
    // The end came first: well, if no partition was looked for.
    e.place(whole)?;
    e.a.mov(rax, rbx)?;
    e.restore(&KEPT)?;
    e.a.ret()?;
    e.place(done)?;
    e.restore(&KEPT)?;
    e.answer(0)?;
    e.place(failed)?;
    e.restore(&KEPT)?;
    e.answer(1)
}

fn find_disk(e: &mut Emitter, disk: Disk) -> Asm {
    let failed = e.a.create_label();
    e.place(disk.find_disk)?;
    e.a.mov(eax, 1)?;
    e.a.call(disk.copy_path)?;
    e.a.test(eax, eax)?;
    e.a.jnz(failed)?;
    e.a.mov(dword_ptr(rdi), END_WORD)?;
    e.a.lea(rax, ptr(r15 + PATH))?;
    e.a.mov(wide(PATH_ADDRESS), rax)?;
    e.point_at(&BLOCK_IO_GUID.bytes())?;
    e.a.mov(rcx, rsi)?;
    e.a.lea(rdx, ptr(r15 + PATH_ADDRESS))?;
    e.a.lea(r8, ptr(r15 + ANSWER))?;
    boot_service(e, LOCATE_DEVICE_PATH)?;
    e.a.jnz(failed)?;
    // All of the path must have been found, or it is the disk's controller.
    e.a.mov(rax, wide(PATH_ADDRESS))?;
    e.a.cmp(word_ptr(rax), END_NODE)?;
    e.a.jne(failed)?;
    e.a.mov(rcx, wide(ANSWER))?;
    handle_protocol(e, &BLOCK_IO_GUID)?;
    e.a.jnz(failed)?;
    e.a.mov(rax, wide(ANSWER))?;
    e.a.mov(wide(BLOCK_IO), rax)?;
    e.a.mov(rax, qword_ptr(rax + MEDIA))?;
    e.a.mov(ecx, dword_ptr(rax + MEDIA_BLOCK_SIZE))?;
    e.a.cmp(ecx, MAX_BLOCK_SIZE)?;
    e.a.ja(failed)?;
    e.a.mov(dword_ptr(r15 + BLOCK_SIZE), ecx)?;
    e.a.mov(rax, qword_ptr(rax + MEDIA_LAST_BLOCK))?;
    e.a.mov(wide(LAST_LBA), rax)?;
    e.answer(0)?;
    e.place(failed)?;
    e.answer(1)
}

/// What was written is flushed at once: the order of writes is what makes them safe.
fn transfer(e: &mut Emitter, shared: Shared) -> Asm {
    const KEPT: [Reg; 3] = [Reg::Bx, Reg::Cx, Reg::Dx];
    let [start, read, done] = e.labels();
    e.place(shared.read_blocks)?;
    e.save(&KEPT)?;
    e.a.mov(rbx, i64::from(READ_BLOCKS))?;
    e.a.jmp(start)?;
    e.place(shared.write_blocks)?;
    e.save(&KEPT)?;
    e.a.mov(rbx, i64::from(WRITE_BLOCKS))?;
    e.place(start)?;
    e.a.mov(r8, rdx)?;
    e.a.shl(r8, 32)?;
    e.a.mov(eax, eax)?;
    e.a.or(r8, rax)?;
    e.a.mov(r9d, ecx)?;
    e.a.mov(eax, dword_ptr(r15 + BLOCK_SIZE))?;
    e.a.imul_2(r9, rax)?;
    e.a.mov(edi, edi)?;
    e.a.mov(r10, rdi)?;
    e.a.mov(rcx, wide(BLOCK_IO))?;
    e.a.mov(rdx, qword_ptr(rcx + MEDIA))?;
    e.a.mov(edx, dword_ptr(rdx + MEDIA_ID))?;
    call(e, qword_ptr(rcx + rbx))?;
    e.a.jnz(done)?;
    e.a.cmp(rbx, i32::try_from(READ_BLOCKS).unwrap_or_default())?;
    e.a.je(read)?;
    e.a.mov(rcx, wide(BLOCK_IO))?;
    call(e, qword_ptr(rcx + FLUSH_BLOCKS))?;
    e.a.jnz(done)?;
    e.place(read)?;
    e.a.xor(eax, eax)?;
    e.restore(&KEPT)?;
    e.a.ret()?;
    e.place(done)?;
    e.restore(&KEPT)?;
    e.answer(1)
}
