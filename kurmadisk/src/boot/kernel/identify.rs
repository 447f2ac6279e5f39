//! What a file is that should be a kernel and is none.

use super::KernelFault;

/// A kind of file, known by some bytes of its begin.
struct Kind {
    offset: usize,
    magic: &'static [u8],
    what: &'static str,
    advice: &'static str,
}

const X86: &str = "only kernels for x86-64 can be booted";
const UNPACK: &str = "unpack it, or give arch/x86/boot/bzImage";
const BUILD: &str = "give arch/x86/boot/bzImage of the same build";

/// The more particular ones first: what runs on other processors may look like an EFI program too.
const KINDS: &[Kind] = &[
    kind(0, b"\x7fELF", "an ELF file (a vmlinux?)", BUILD),
    kind(0, b"\x1f\x8b", "gzip-compressed", UNPACK),
    kind(0, b"\xfd7zXZ\0", "xz-compressed", UNPACK),
    kind(0, b"\x28\xb5\x2f\xfd", "zstd-compressed", UNPACK),
    kind(
        0,
        b"070701",
        "a cpio archive (an initrd?)",
        "give that as the initrd",
    ),
    kind(
        4,
        b"zimg",
        "a compressed EFI kernel (vmlinuz.efi) of another architecture",
        X86,
    ),
    kind(0x38, b"ARM\x64", "an arm64 Image", X86),
    kind(0x38, b"RSC\x05", "a RISC-V Image", X86),
    kind(0x24, &[0x18, 0x28, 0x6f, 0x01], "a 32-bit Arm zImage", X86),
    kind(
        0,
        b"MZ",
        "an EFI program (a Unified Kernel Image?)",
        "give the kernel itself",
    ),
];

const fn kind(
    offset: usize,
    magic: &'static [u8],
    what: &'static str,
    advice: &'static str,
) -> Kind {
    Kind {
        offset,
        magic,
        what,
        advice,
    }
}

/// Names the file that begins with `head`.
pub(super) fn other(head: &[u8]) -> KernelFault {
    let found = KINDS.iter().find(|kind| {
        head.get(kind.offset..)
            .is_some_and(|rest| rest.starts_with(kind.magic))
    });
    let (what, advice) = match found {
        Some(kind) => (kind.what, kind.advice),
        None if head.is_empty() => ("empty", BUILD),
        None => ("of an unknown kind", BUILD),
    };
    KernelFault::Other { what, advice }
}
