//! Unified Kernel Images as binutils see them.

use kurmadisk::boot::uki::{self, UkiParts};
use kurmadisk_fixtures::debian::debian_root;

use crate::support::{
    COMMAND_LINE, Image, OS_RELEASE, bytes_of, content, initrd, kernel, stub, stub_without_room,
};

const ADDED: [&str; 5] = [".osrel", ".cmdline", ".uname", ".initrd", ".linux"];

/// Checks that `image` has everything of `stub`, and behind it these sections.
fn check(image: &Image, stub: &[u8], expected: &[(&str, &[u8])]) {
    let before = Image::new(stub);
    let own = before.sections();
    let sections = image.sections();
    let names: Vec<_> = sections.iter().map(|(name, ..)| name.as_str()).collect();
    let (kept, added) = names.split_at(own.len());
    assert!(kept.iter().zip(&own).all(|(name, own)| *name == own.0));
    assert!(added.iter().eq(expected.iter().map(|(name, _)| name)));

    for ((name, address, offset), own) in sections.iter().zip(&own) {
        assert_eq!(address, &own.1, "{name}");
        assert!(*offset >= own.2, "{name}");
    }
    // Sections of the stub without content have none to compare.
    for (name, ..) in own.iter().filter(|(name, ..)| !name.starts_with(".fill")) {
        assert!(
            image.section(name) == before.section(name),
            "{name} differs"
        );
    }
    for (name, content) in expected {
        let mut found = image.section(name);
        // It is longer in memory than in the file, where zeros fill the last unit of its alignment.
        if *name == ".linux" {
            assert!(found.len() - content.len() < 0x200, "{name}");
            let padding = found.split_off(content.len());
            assert!(padding.iter().all(|byte| *byte == 0), "{name}");
        }
        assert!(found == *content, "{name} differs");
    }
    let alignment = image.header("SectionAlignment");
    let mut end = 0;
    for (name, address, offset) in &sections[own.len()..] {
        assert!(
            *address >= end && address.is_multiple_of(alignment),
            "{name}"
        );
        assert!(
            offset.is_multiple_of(image.header("FileAlignment")),
            "{name}"
        );
        end = address + image.section(name).len() as u64;
    }
    assert_eq!(image.header("CheckSum"), 0);
    assert!(
        image.header("SizeOfHeaders")
            <= sections
                .iter()
                .map(|row| row.2)
                .filter(|at| *at > 0)
                .min()
                .unwrap()
    );
}

#[test]
fn every_section_is_there_behind_the_stubs_own() {
    let (kernel, initrd) = (kernel(), initrd());
    for stub in [stub(), stub_without_room()] {
        let image = uki::build(&UkiParts {
            stub: &content(stub.clone()),
            kernel: &content(kernel.clone()),
            initrd: Some(&content(initrd.clone())),
            cmdline: COMMAND_LINE,
            os_release: Some(OS_RELEASE),
            uname: Some("6.1.0-test"),
        })
        .unwrap();
        let contents: [&[u8]; 5] = [
            OS_RELEASE.as_bytes(),
            COMMAND_LINE.as_bytes(),
            b"6.1.0-test",
            &initrd,
            &kernel,
        ];
        let expected: Vec<_> = ADDED.into_iter().zip(contents).collect();
        let before = Image::new(&stub);
        let image = Image::new(&bytes_of(&image));
        check(&image, &stub, &expected);

        // 0x2000 is what the demonstration kernel takes in memory.
        let (_, linux, _) = image.sections().pop().unwrap();
        let end = linux + 0x2000;
        let alignment = image.header("SectionAlignment");
        assert_eq!(image.header("SizeOfImage"), end.next_multiple_of(alignment));
        let raw = |bytes: &[u8]| (bytes.len() as u64).next_multiple_of(0x200);
        let data: u64 = contents[..4].iter().map(|bytes| raw(bytes)).sum();
        assert_eq!(
            image.header("SizeOfInitializedData"),
            before.header("SizeOfInitializedData") + data
        );
        assert_eq!(
            image.header("SizeOfCode"),
            before.header("SizeOfCode") + raw(&kernel)
        );
    }
}

#[test]
fn what_is_not_given_has_no_section() {
    let (stub, kernel) = (stub(), kernel());
    let image = uki::build(&UkiParts {
        stub: &content(stub.clone()),
        kernel: &content(kernel.clone()),
        initrd: None,
        cmdline: " ",
        os_release: None,
        uname: None,
    })
    .unwrap();
    // The demonstration kernel's version string begins so.
    let expected: [(&str, &[u8]); 2] = [(".uname", b"1.0"), (".linux", &kernel)];
    check(&Image::new(&bytes_of(&image)), &stub, &expected);
}

#[test]
fn a_real_kernel_keeps_its_content_and_tells_its_release() {
    let root = debian_root();
    let stub = stub();
    let kernel = std::fs::read(&root.kernel).unwrap();
    let initrd = std::fs::read(&root.initrd).unwrap();
    let parts = [&root.kernel, &root.initrd].map(|path| kurmadisk::host_file(path).unwrap());
    let map = uki::build(&UkiParts {
        stub: &content(stub.clone()),
        kernel: &parts[0],
        initrd: Some(&parts[1]),
        cmdline: COMMAND_LINE,
        os_release: None,
        uname: None,
    })
    .unwrap();
    let name = root.kernel.file_name().unwrap().to_str().unwrap();
    let release = name.strip_prefix("vmlinuz-").unwrap();
    let expected: [(&str, &[u8]); 4] = [
        (".cmdline", COMMAND_LINE.as_bytes()),
        (".uname", release.as_bytes()),
        (".initrd", &initrd),
        (".linux", &kernel),
    ];
    check(&Image::new(&bytes_of(&map)), &stub, &expected);
}

#[test]
fn kernel_and_initrd_are_referenced() {
    let initrd = kurmadisk_formats::map::DiskMap::new(1 << 30);
    let map = uki::build(&UkiParts {
        stub: &content(stub()),
        kernel: &content(kernel()),
        initrd: Some(&initrd),
        cmdline: "",
        os_release: None,
        uname: None,
    })
    .unwrap();
    assert!(map.len() > 1 << 30);
    assert!(map.data_len() < 1 << 20, "{} bytes", map.data_len());
}
