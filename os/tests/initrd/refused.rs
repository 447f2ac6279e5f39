//! What can't be, and what is said of it; nothing is left behind.

use std::fs;

use crate::support::{Case, link};

/// Descriptions, and what is said of them among other things.
const CASES: [(&str, &str); 26] = [
    (
        "[[link]]\npath = \"/a\"\ntarget = \"/none\"\nhard = true",
        "spec.toml:3:10: target: it is not in the initrd, and a hard link needs a file that is",
    ),
    (
        "binaries = [\"/bin/none\"]",
        "spec.toml:1:13: binaries: /bin/none is not in the sysroot (none), or is no file",
    ),
    (
        "sysroot = \"none\"",
        "spec.toml:1:11: sysroot: cannot read none: No such file",
    ),
    (
        "sysroot = \"root\"\nbinaries = [\"/bin/loop\"]",
        "spec.toml:2:13: binaries: /bin/loop is not in the sysroot root",
    ),
    (
        "sysroot = \"root\"\nbinaries = [\"bin/x\"]",
        "spec.toml:2:13: binaries: \"bin/x\" is no path that begins with /",
    ),
    (
        "sysroot = \"root\"\nbinaries = [\"/bin/../x\"]",
        "goes nowhere by ..",
    ),
    (
        "sysroot = \"root\"\nbinaries = [\"/bin/damaged\"]",
        "spec.toml:2:13: binaries: /bin/damaged: ",
    ),
    (
        "sysroot = \"root\"\n[busybox]\n",
        "/bin/none is not in the sysroot",
    ),
    (
        "sysroot = \"root\"\nmodules = [\"a\"]",
        "modules: root has modules of 1, 2; say which by kernel = \"RELEASE\"",
    ),
    (
        "sysroot = \"root\"\n[modules]\nnames = [\"a\"]\nkernel = \"1\"",
        "spec.toml:3:10: modules: module kernel/a.ko: ",
    ),
    (
        "sysroot = \"root\"\n[modules]\nnames = [\"c\"]\nkernel = \"1\"",
        "modules: \"c\" is no module of kernel 1, nor built into it",
    ),
    (
        "sysroot = \"root\"\nudev-rules = [\"9-*\"]",
        "spec.toml:2:15: udev-rules: ",
    ),
    (
        "microcode = [\"short.bin\"]",
        "microcode: short.bin: it is no microcode of AMD or Intel",
    ),
    (
        "microcode = [\"tree\"]",
        "microcode: tree: there is no microcode in it",
    ),
    (
        "init = \"/none\"",
        "spec.toml:1:8: init: it is not in the initrd",
    ),
    (
        "lsb-release = true",
        "lsb-release: it says what os-release says, which is missing",
    ),
    (
        "[os-release]\nname = \"x\"",
        "os-release: \"name\" is no key of it",
    ),
    (
        "level = 10",
        "spec.toml:1:9: level: gzip for the kernel has no level 10; it has those from 1 to 9",
    ),
    (
        "compression = \"none\"\nlevel = 1",
        "level: what is not compressed has no level",
    ),
    ("[[file]]\npath = \"/a\"", "it has one of source and text"),
    (
        "[[file]]\npath = \"/a\"\ntext = \"1\"\n[[file]]\npath = \"/a\"\ntext = \"2\"",
        "spec.toml:5:8: path: \"/a\" ",
    ),
    (
        "[[file]]\npath = \"/a\"\ntext = \"1\"\n[[file]]\npath = \"/a/b\"\ntext = \"2\"",
        "spec.toml:5:8: path: ",
    ),
    (
        "[[file]]\npath = \"/a\"\ntext = \"1\"\n[[link]]\npath = \"/b\"\ntarget = \"/a\"\nhard = true\n[[node]]\npath = \"/b\"\ntype = \"fifo\"",
        "spec.toml:9:8: path: \"/b\" ",
    ),
    (
        "[[node]]\npath = \"/a\"\ntype = \"char\"",
        "type: a device has major and minor",
    ),
    (
        "[[node]]\npath = \"/a\"\ntype = \"fifo\"\nmajor = 1",
        "type: a pipe has no numbers",
    ),
    (
        "acis = [\"none.aci\"]",
        "spec.toml:1:9: acis: cannot open none.aci: No such file",
    ),
];

/// The headers of an ELF file of 64 bits with one segment, of notes, that is as long as the file.
fn notes_of(len: u64) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // An executable for x86-64, of version 1.
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    // Its entry, and where its headers of segments and of sections are.
    for number in [0_u64, 64, 0] {
        file.extend(number.to_le_bytes());
    }
    // Flags; lengths of this header and of a segment's, how many there are; the same of sections.
    file.extend([0; 4]);
    for number in [64_u16, 56, 1, 64, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    // PT_NOTE, readable; offset, addresses, lengths, alignment.
    file.extend([4, 0, 0, 0, 4, 0, 0, 0]);
    for number in [0, 0, 0, len, len, 4] {
        file.extend(number.to_le_bytes());
    }
    file
}

#[test]
fn each_mistake_is_named_with_its_place_and_what_to_do() {
    let case = Case::new();
    case.write(
        "root/bin/damaged",
        [b"\x7fELF\x02\x01\x01".as_slice(), &[9; 100]].concat(),
    );
    case.write("root/bin/busybox", "#!/bin/none\n");
    case.write("root/lib/modules/1/kernel/a.ko", "no module");
    case.write("root/lib/modules/2/kernel/b.ko", "no module");
    case.write("tree/etc/x", "x");
    case.write("short.bin", "no microcode");
    link("loop", &case.path("root/bin/loop"));
    let file = "[[file]]\npath = \"/a\"\ntext = \"a\"\n";
    for (text, expected) in CASES {
        let said = case.refusal(text);
        assert!(said.contains(expected), "{text}\n{said}");
        assert!(!said.contains('\n'), "{said}");
    }
    for script in 0..9 {
        let next = format!("#!/bin/script-{}\n", script + 1);
        case.write(&format!("root/bin/script-{script}"), next);
    }
    let said = case.refusal("sysroot = \"root\"\nbinaries = [\"/bin/script-0\"]");
    assert!(
        said.contains("/bin/script-4 is run by too many scripts"),
        "{said}"
    );
    // A segment of notes that would fill the memory: the file is a hole.
    let path = case.write("root/bin/large", notes_of(1 << 40));
    let large = fs::OpenOptions::new().write(true).open(path).unwrap();
    large.set_len(1 << 40).unwrap();
    let said = case.refusal("sysroot = \"root\"\nbinaries = [\"/bin/large\"]");
    assert!(
        said.contains("/bin/large: one of its segments has 1099511627776 bytes"),
        "{said}"
    );
    let said = case.refusal(&format!(
        "compression = \"lz4\"\n{file}[[segment]]\n[[segment.file]]\npath = \"/b\"\ntext = \"b\""
    ));
    assert!(
        said.starts_with("spec.toml:1:15: compression: nothing can follow an archive in lz4"),
        "{said}"
    );
    let said = case.refusal(&format!("{file}[[segment]]\n[[segment.segment]]\n"));
    assert!(said.contains("a segment has no segments"), "{said}");
    let said = case.refusal("[[segment]]\narchive = \"short.bin\"");
    assert!(
        said.contains("short.bin") && said.contains("no cpio header"),
        "{said}"
    );
}
