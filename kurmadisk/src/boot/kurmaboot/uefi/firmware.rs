//! The firmware as the loader calls it.
//!
//! Specification: UEFI 2.10; on x86-64 (2.3.4.2) arguments are in RCX, RDX, R8, R9 and from RSP + 0x20 on, RSP
//! is a multiple of 16, and callees keep RBX, RBP, RSI, RDI and R12 to R15. Here the fifth and sixth argument
//! are given in R10 and R11. In all of the loader's 64-bit code R12 is the system table, R13 the boot
//! services, R14 the loader's image handle, and R15 the variables, as EBP is in the shared code.

use iced_x86::code_asm::{
    AsmMemoryOperand, al, ax, ptr, qword_ptr, r8, r10, r11, r12, r13, r15, rax, rbp, rcx, rdx, rsi,
    rsp, word_ptr,
};

use super::super::Shared;
use super::super::asm::{Asm, Emitter, Reg};
use super::vars::{ANSWER, CHARACTER};

/// `EFI_SYSTEM_TABLE` (4.3.1).
const CON_OUT: u32 = 0x40;
pub(super) const BOOT_SERVICES: u32 = 0x60;
/// `EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL` (12.4.1).
const OUTPUT_STRING: u32 = 0x08;
/// `EFI_BOOT_SERVICES` (4.4.1).
pub(super) const ALLOCATE_PAGES: u32 = 0x28;
pub(super) const INSTALL_PROTOCOL: u32 = 0x80;
pub(super) const UNINSTALL_PROTOCOL: u32 = 0x90;
const HANDLE_PROTOCOL: u32 = 0x98;
pub(super) const LOCATE_DEVICE_PATH: u32 = 0xb8;
pub(super) const LOAD_IMAGE: u32 = 0xc8;
pub(super) const START_IMAGE: u32 = 0xd0;
pub(super) const UNLOAD_IMAGE: u32 = 0xe0;
pub(super) const STALL: u32 = 0xf8;
pub(super) const LOCATE_PROTOCOL: u32 = 0x140;

/// Status codes (appendix D).
pub(super) const LOAD_ERROR: u64 = 0x8000_0000_0000_0001;
pub(super) const BUFFER_TOO_SMALL: u64 = 0x8000_0000_0000_0005;
pub(super) const NOT_FOUND: u64 = 0x8000_0000_0000_000e;
pub(super) const ACCESS_DENIED: u64 = 0x8000_0000_0000_000f;
pub(super) const SECURITY_VIOLATION: u64 = 0x8000_0000_0000_001a;

/// A GUID of the firmware's (appendix A).
pub(super) struct Guid(u32, u16, u16, [u8; 8]);

/// 9.1.1.
pub(super) const LOADED_IMAGE: Guid = Guid(
    0x5b1b_31a1,
    0x9562,
    0x11d2,
    [0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b],
);
/// 10.2.
pub(super) const DEVICE_PATH: Guid = Guid(
    0x0957_6e91,
    0x6d3f,
    0x11d2,
    [0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b],
);
/// 13.2.1.
pub(super) const LOAD_FILE2: Guid = Guid(
    0x4006_c0c1,
    0xfcb3,
    0x403e,
    [0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d],
);
/// 13.4.1.
pub(super) const SIMPLE_FILE_SYSTEM: Guid = Guid(
    0x964e_5b22,
    0x6459,
    0x11d2,
    [0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b],
);
/// 13.9.1.
pub(super) const BLOCK_IO: Guid = Guid(
    0x964e_5b21,
    0x6459,
    0x11d2,
    [0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b],
);
/// 3.3, the firmware's own variables.
pub(super) const GLOBAL_VARIABLE: Guid = Guid(
    0x8be4_df61,
    0x93ca,
    0x11d2,
    [0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c],
);
/// 37.7.
pub(super) const MEMORY_ATTRIBUTE: Guid = Guid(
    0xf456_0cf6,
    0x40ec,
    0x4b4a,
    [0xa1, 0x92, 0xbf, 0x1d, 0x57, 0xd0, 0xb1, 0x89],
);
/// The UEFI Shell 2.2, section 2.5.
pub(super) const SHELL_PARAMETERS: Guid = Guid(
    0x752f_3136,
    0x4e16,
    0x4fdc,
    [0xa2, 0x2a, 0xe5, 0xf4, 0x68, 0x12, 0xf4, 0xca],
);
/// `LINUX_EFI_INITRD_MEDIA_GUID`: the kernel's `include/linux/efi.h`.
pub(super) const LINUX_INITRD_MEDIA: Guid = Guid(
    0x5568_e427,
    0x68fc,
    0x4f3d,
    [0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68],
);

impl Guid {
    /// As it lies in memory.
    pub fn bytes(&self) -> Vec<u8> {
        let Self(a, b, c, d) = self;
        [&a.to_le_bytes()[..], &b.to_le_bytes(), &c.to_le_bytes(), d].concat()
    }
}

/// A variable of 64 bits.
pub(super) fn wide(offset: u32) -> AsmMemoryOperand {
    qword_ptr(r15 + offset)
}

/// Calls a function of the firmware: its status in RAX, the flags by that.
pub(super) fn call(e: &mut Emitter, function: AsmMemoryOperand) -> Asm {
    e.a.push(rbp)?;
    e.a.mov(rbp, rsp)?;
    e.a.and(rsp, -16)?;
    e.a.sub(rsp, 0x30)?;
    e.a.mov(qword_ptr(rsp + 0x20), r10)?;
    e.a.mov(qword_ptr(rsp + 0x28), r11)?;
    e.a.call(function)?;
    e.a.mov(rsp, rbp)?;
    e.a.pop(rbp)?;
    e.a.test(rax, rax)
}

/// Calls a boot service.
pub(super) fn boot_service(e: &mut Emitter, offset: u32) -> Asm {
    call(e, qword_ptr(r13 + offset))
}

/// What the handle in RCX has of a protocol: [`ANSWER`], and the status in RAX. Clobbers RSI.
pub(super) fn handle_protocol(e: &mut Emitter, protocol: &Guid) -> Asm {
    e.point_at(&protocol.bytes())?;
    e.a.mov(rdx, rsi)?;
    e.a.lea(r8, ptr(r15 + ANSWER))?;
    boot_service(e, HANDLE_PROTOCOL)
}

/// Emits what says AL on the firmware's console.
pub(super) fn put_char(e: &mut Emitter, shared: Shared) -> Asm {
    const KEPT: [Reg; 2] = [Reg::Cx, Reg::Dx];
    e.place(shared.put_char)?;
    e.save(&KEPT)?;
    e.a.movzx(ax, al)?;
    e.a.mov(word_ptr(r15 + CHARACTER), ax)?;
    e.a.mov(rcx, qword_ptr(r12 + CON_OUT))?;
    e.a.lea(rdx, ptr(r15 + CHARACTER))?;
    call(e, qword_ptr(rcx + OUTPUT_STRING))?;
    e.restore(&KEPT)?;
    e.a.ret()
}
