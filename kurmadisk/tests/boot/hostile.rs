//! Stubs and kernels that are none.

use kurmadisk::boot::kernel::Kernel;
use kurmadisk::boot::uki::{self, UkiParts};
use kurmadisk::boot::{BootError, BootFiles, stage};
use kurmadisk::tree::Tree;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;

use crate::support::{
    COMMAND_LINE, Field, bytes_of, content, files, initrd, kernel, meta, stub, told,
};

/// Bytes that hold all headers of the stub and of the demonstration kernel.
const HEAD: usize = 0x400;

fn build(stub: &DiskMap, kernel: &DiskMap, initrd: &DiskMap) -> Result<DiskMap, BootError> {
    uki::build(&UkiParts {
        stub,
        kernel,
        initrd: Some(initrd),
        cmdline: COMMAND_LINE,
        os_release: None,
        uname: None,
    })
}

fn build_on(stub: Vec<u8>) -> Result<DiskMap, BootError> {
    build(&content(stub), &content(kernel()), &content(initrd()))
}

fn changed(field: Field, value: &[u8]) -> Vec<u8> {
    let mut stub = stub();
    field.set(&mut stub, value);
    stub
}

#[test]
fn faults_of_a_stub_are_named() {
    use Field::{Coff, Optional, Row};
    let word = |value: u32| value.to_le_bytes();
    let whole = stub();
    let uki = bytes_of(&build_on(stub()).unwrap());
    let last_section = usize::from(whole[Coff(6).offset(&whole)]) - 1;
    let cases = [
        (Vec::new(), "not a PE image"),
        (b"MZ".repeat(100), "COFF header reaches to byte"),
        (whole[..0x60].to_vec(), "truncated"),
        (whole[..0x200].to_vec(), "its section table reaches to byte"),
        (
            whole[..0x8000].to_vec(),
            "its section content reaches to byte",
        ),
        (changed(Coff(0), b"NE\0\0"), "not a PE image"),
        (
            changed(Coff(4), &0xaa64_u16.to_le_bytes()),
            "for arm64, not for x86-64",
        ),
        (changed(Coff(4), &0x14c_u16.to_le_bytes()), "for 32-bit x86"),
        (changed(Coff(6), &[0xff, 0xff]), "65535 sections"),
        (changed(Coff(6), &[0, 0]), "no section has content"),
        (
            changed(Coff(20), &[112, 0]),
            "too small for the data directories",
        ),
        (
            changed(Optional(0), &[0x0b, 0x01]),
            "magic 0x10b, not that of PE32+",
        ),
        (changed(Optional(32), &word(0)), "SectionAlignment is 0x0"),
        (
            changed(Optional(32), &word(0x100)),
            "SectionAlignment is 0x100",
        ),
        (changed(Optional(36), &word(0)), "FileAlignment is 0x0"),
        (
            changed(Optional(36), &word(0x300)),
            "FileAlignment is 0x300",
        ),
        (
            changed(Optional(32), &word(1 << 31)),
            "would reach past 4 GiB",
        ),
        (
            changed(Optional(60), &word(0x1_0000)),
            "SizeOfHeaders reaches into",
        ),
        (changed(Optional(68), &[3, 0]), "subsystem is 3"),
        (
            changed(Optional(108), &word(u32::MAX)),
            "too small for the data directories",
        ),
        (
            changed(Row(0, 20), &word(0x10)),
            "begins within the headers",
        ),
        (
            changed(Row(0, 20), &word(u32::MAX)),
            "its section content reaches to byte",
        ),
        (
            changed(Row(0, 12), &word(u32::MAX)),
            "would reach past 4 GiB",
        ),
        (
            changed(Row(0, 12), &word(0x10)),
            "link the stub with more room",
        ),
        (
            changed(Row(last_section + 1, 0), b"x"),
            "something lies behind the section table",
        ),
        (uki, "it has a section .linux already"),
    ];
    for (stub, expected) in cases {
        let error = told(&build_on(stub).unwrap_err());
        assert!(
            error.starts_with("the EFI stub (--efi-stub) cannot be used")
                && error.contains(expected),
            "{expected}: {error}"
        );
    }
}

#[test]
fn an_image_of_more_than_4_gib_is_refused() {
    let kernel = content(kernel());
    let stub = content(stub());
    for len in [(1 << 32) - 0x1_8000, 1 << 32, u64::MAX] {
        let error = told(&build(&stub, &kernel, &DiskMap::new(len)).unwrap_err());
        assert!(error.contains("would reach past 4 GiB"), "{len}: {error}");
    }
    let largest = DiskMap::new((1 << 32) - 0x10_0000);
    assert!(build(&stub, &kernel, &largest).is_ok());
}

#[test]
fn what_is_no_kernel_is_named() {
    let mut no_stub = kernel();
    no_stub[..2].fill(0);
    let marked = |at: usize, magic: &[u8]| {
        let mut bytes = vec![0; 0x1000];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[at..at + magic.len()].copy_from_slice(magic);
        bytes
    };
    let cases = [
        (Vec::new(), "it is empty"),
        (vec![7; 100], "of an unknown kind"),
        (marked(0, b"\x7fELF"), "an ELF file (a vmlinux?)"),
        (marked(0, b"\x1f\x8b"), "gzip-compressed"),
        (marked(0, b"\xfd7zXZ\0"), "xz-compressed"),
        (marked(0, b"\x28\xb5\x2f\xfd"), "zstd-compressed"),
        (marked(0x38, b"ARM\x64"), "an arm64 Image"),
        (marked(0x38, b"RSC\x05"), "a RISC-V Image"),
        (
            marked(0x24, &[0x18, 0x28, 0x6f, 0x01]),
            "a 32-bit Arm zImage",
        ),
        (marked(4, b"zimg"), "a compressed EFI kernel"),
        (
            kurmadisk_fixtures::demo::initrd(),
            "a cpio archive (an initrd?)",
        ),
        (stub(), "an EFI program"),
    ];
    for (bytes, expected) in cases {
        let error = told(&Kernel::read(&content(bytes.clone())).unwrap_err());
        assert!(error.contains(expected), "{expected}: {error}");
        let files = BootFiles {
            kernel: Some(content(bytes)),
            ..files(true)
        };
        let error = told(&stage(&mut Tree::new(meta()), &files, &meta()).unwrap_err());
        assert!(
            error.starts_with("the kernel (--kernel) cannot be used") && error.contains(expected),
            "{error}"
        );
    }
    let error = build(
        &content(stub()),
        &content(no_stub.clone()),
        &content(initrd()),
    );
    assert!(told(&error.unwrap_err()).contains("bzImage without an EFI stub"));
    // For BIOS it is good enough.
    let kernel = Kernel::read(&content(no_stub)).unwrap();
    assert!(!kernel.has_efi_stub());
}

/// Reads what was built, if it was.
fn probe(built: Result<DiskMap, BootError>) -> Result<(), TestCaseError> {
    match built {
        Ok(map) => {
            prop_assert!(map.len() <= 1 << 32);
            let mut head = vec![0; HEAD];
            map.reader().read_exact_at(0, &mut head).unwrap();
        }
        Err(error) => prop_assert!(!told(&error).is_empty()),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_stubs_are_refused_or_used(
        flips in prop::collection::vec((0..HEAD, any::<u8>()), 1..8),
        len in prop_oneof![4 => Just(usize::MAX), 1 => 0..0x1_0000_usize],
    ) {
        let mut stub = stub();
        for (at, value) in flips {
            stub[at] = value;
        }
        stub.truncate(len);
        probe(build_on(stub))?;
    }

    #[test]
    fn damaged_kernels_are_refused_or_used(
        flips in prop::collection::vec((0..HEAD, any::<u8>()), 1..8),
        len in prop_oneof![4 => Just(usize::MAX), 1 => 0..0x2000_usize],
    ) {
        let mut kernel = kernel();
        for (at, value) in flips {
            kernel[at] = value;
        }
        kernel.truncate(len);
        probe(build(&content(stub()), &content(kernel), &content(initrd())))?;
    }

    #[test]
    fn random_bytes_are_no_stub(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        prop_assert!(build_on([b"MZ", &*bytes].concat()).is_err());
    }
}
