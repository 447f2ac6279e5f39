//! Everything that is refused: one line that names the field, its place and what is wrong, exit code
//! 1, and no trace of an output.

use std::fs;

use super::Bench;
use crate::common::{demo_kernel, efi_stub};

/// Refuses this description, whose file is `c.toml`, with these parts of a sentence.
#[track_caller]
pub fn refused(config: &str, parts: &[&str]) {
    let bench = Bench::new();
    bench.write("not-a-kernel", &"nothing that boots ".repeat(300));
    bench.write("c.toml", config);
    bench.refuses(["--config", "c.toml", "--format", "raw"], parts);
}

/// A disk by the `efi` layout, with changes.
pub fn efi(more: &str) -> String {
    format!("layout = \"efi\"\n{more}")
}

#[test]
fn keys_that_do_not_exist() {
    refused(
        &efi("siize = \"4G\"\n"),
        &["c.toml:2:1: ", "siize", "`size`"],
    );
    refused(&efi("[disk]\nlabel = \"x\"\n"), &["c.toml:3:1: ", "label"]);
    refused(
        &efi("[[partition]]\nnumbr = 1\n"),
        &["c.toml:3:1: ", "numbr"],
    );
    refused(
        &efi("[[partition]]\nnumber = 1\nfilesystem = { bits = 13 }\n"),
        &["c.toml:4:16: ", "bits", "`fat-bits`"],
    );
    refused(
        &efi("[[files]]\npartition = \"ROOT\"\npath = \"/a\"\ntext = \"\"\nowner = 3\n"),
        &["c.toml:6:1: ", "owner", "`uid`"],
    );
}

#[test]
fn text_that_is_no_toml() {
    refused("layout = \"efi\n", &["c.toml:1:14: "]);
    refused("\n\nlayout\n", &["c.toml:3:"]);
}

#[test]
fn values_of_the_wrong_kind() {
    refused(
        &efi("size = \"12Q\"\n"),
        &["c.toml:2:8: ", "\"12Q\"", "no unit", "GiB"],
    );
    refused(
        &efi("[[partition]]\nnumber = 2\nsize = \"12 foo\"\n"),
        &["c.toml:4:8: ", "\"12 foo\""],
    );
    refused(
        &efi("[[partition]]\nnumber = 2\nsize = -3\n"),
        &["c.toml:4:8: ", "-3"],
    );
    refused(
        &efi("[[partition]]\nnumber = 1\nattributes = [\"foo\"]\n"),
        &["c.toml:4:14: ", "\"foo\"", "legacy-boot"],
    );
    refused(
        &efi("[[partition]]\nnumber = 1\ntype = \"foo\"\n"),
        &["c.toml:4:8: ", "\"foo\"", "esp"],
    );
    refused(
        &efi("[disk]\nsector-size = 520\n"),
        &["c.toml:3:15: sector-size", "520", "4096"],
    );
    refused(
        &efi("[[partition]]\nnumber = 1\nfilesystem.fat-bits = 13\n"),
        &["c.toml:4:23: fat-bits", "13"],
    );
    refused(
        &efi("[[partition]]\nnumber = 1\nfilesystem.data-alignment = \"3M\"\n"),
        &["c.toml:4:29: data-alignment", "3145728", "power of two"],
    );
    refused(
        &efi("[[partition]]\nnumber = 2\nfilesystem.block-size = 3000\n"),
        &["c.toml:4:25: block-size", "4096"],
    );
}

#[test]
fn unknown_names_of_layouts_and_formats() {
    refused(
        "layout = \"nope\"\n",
        &["c.toml:1:10: layout", "\"nope\"", "kurmaos-vm", "bios"],
    );
    let bench = Bench::new();
    bench.refuses(
        ["--layout", "nope"],
        &["--layout: ", "\"nope\"", "kurmaos-vm"],
    );
    bench.write("c.toml", &efi("format = \"qcow9\"\n"));
    bench.refuses(
        ["--config", "c.toml"],
        &[
            "c.toml:2:10: \"qcow9\" is not an image format",
            "raw, raw-fixed, vdi, vdi-fixed, vmdk, vmdk-flat, vmdk-split, vmdk-stream, qcow2, qcow2-v2",
        ],
    );
    bench.refuses(
        ["--layout", "efi"],
        &["no format", "--format", "vmdk-stream"],
    );
    bench.refuses(["--config", "absent.toml"], &["cannot read absent.toml"]);
}

#[test]
fn layouts_that_stand_on_themselves() {
    refused("layout = \"c.toml\"\n", &["c.toml:1:10: layout", "itself"]);
    let bench = Bench::new();
    bench.write("a.toml", "layout = \"more/b.toml\"\n");
    bench.write("more/b.toml", "\nlayout = \"../more/../a.toml\"\n");
    bench.refuses(
        ["--layout", "a.toml", "--format", "raw"],
        &["more/b.toml:2:10: layout", "itself"],
    );
}

#[test]
fn disks_without_what_they_need() {
    refused(
        "name = \"x\"\n",
        &["the disk has no partitions", "kurmaos", "bios"],
    );
    refused(
        &efi("[[partition]]\nnumber = 3\nsize = \"1M\"\n"),
        &["c.toml:3:10: number", "type"],
    );
    refused(
        &efi("[[partition]]\nnumber = 3\ntype = \"linux\"\n"),
        &["c.toml:3:10: number", "size"],
    );
    refused(
        &efi("[[partition]]\nnumber = 3\ntype = \"linux\"\nsize = \"auto\"\n"),
        &["c.toml:5:8: size", "without a filesystem"],
    );
}

#[test]
fn files_that_are_missing() {
    refused(
        &efi("kernel = \"no/bzImage\"\n"),
        &["c.toml:2:10: kernel", "no/bzImage", "No such file"],
    );
    refused(
        &efi("root = \"no\"\n"),
        &["c.toml:2:8: root", "cannot read no", "No such file"],
    );
    refused(
        &efi("root = \"c.toml\"\n"),
        &["c.toml:2:8: root", "c.toml is no folder, no tar"],
    );
    refused(
        &efi("[[files]]\npartition = \"ROOT\"\npath = \"/a\"\nsource = \"no\"\n"),
        &["c.toml:5:10: source", "cannot open no", "No such file"],
    );
    refused(
        &efi("root = \"dir:c.toml\"\n"),
        &["c.toml:2:8: root", "ot a directory"],
    );
    let bench = Bench::new();
    for (option, layout) in [
        ("--root", "efi"),
        ("--oem", "kurmaos"),
        ("--initrd", "kurmaos"),
    ] {
        bench.refuses(
            ["--layout", layout, "--format", "raw", option, "no"],
            &[&format!("{option}: "), " no: No such file"],
        );
    }
}

#[test]
fn partitions_that_collide() {
    refused(
        &efi("[[partition]]\nnumber = 2\nfirst = \"2 MiB\"\n"),
        &[
            "c.toml:4:9: partition 2 (ROOT): first: ",
            "overlaps partition 1 (EFI-SYSTEM)",
        ],
    );
    refused(
        &efi("[[partition]]\nnumber = 2\n[[partition]]\nnumber = 2\n"),
        &["c.toml:5:10: number", "described already"],
    );
    refused(
        &efi("[[partition]]\nnumber = 129\ntype = \"linux\"\nsize = \"1M\"\n"),
        &["c.toml:3:10: ", ": number: ", "128"],
    );
    let guid = "aa608ef3-dc7d-4bdd-b2b2-b87b3832f47f";
    refused(
        &format!("layout = \"kurmaos\"\n[[partition]]\nnumber = 4\nguid = \"{guid}\"\n"),
        &["c.toml:4:8: ", ": guid: ", "partition 3 (KURMA-A)"],
    );
}

#[test]
fn sizes_that_cannot_hold_what_is_in_them() {
    refused(
        &efi("root = \"tree\"\n[[partition]]\nnumber = 2\nsize = \"64K\"\n"),
        &["c.toml:5:8: size", "partition 2 (ROOT)", "give it at least"],
    );
    refused(
        &efi("[[partition]]\nnumber = 1\nsize = \"1M\"\n"),
        &["c.toml:4:8: size", "partition 1 (EFI-SYSTEM)", "FAT32"],
    );
    refused(
        &efi("size = \"40M\"\n"),
        &["c.toml:2:8: partition 2 (ROOT): size: ", "make it larger"],
    );
    refused(
        &efi("[[partition]]\nnumber = 2\nfilesystem.inodes = 3\n"),
        &["c.toml:4:21: inodes", "partition 2 (ROOT)"],
    );
    let bench = Bench::new();
    bench.refuses(
        ["--layout", "kurmaos", "--format", "raw", "--size", "300M"],
        &["--size: ", "partition 6 (ROOT)"],
    );
}

#[test]
fn labels_that_are_too_long() {
    let long = "L".repeat(37);
    refused(
        &efi(&format!(
            "[[partition]]\nnumber = 2\nlabel = \"{long}\"\nfilesystem.label = \"R\"\n"
        )),
        &["c.toml:4:9: ", ": label: ", &long, "36"],
    );
    refused(
        &efi("[[partition]]\nnumber = 1\nlabel = \"TWELVE-BYTES\"\n"),
        &["c.toml:4:9: label", "TWELVE-BYTES", "11"],
    );
    refused(
        &efi("[[partition]]\nnumber = 1\n\nfilesystem.label = \"TWELVE-BYTES\"\n"),
        &["c.toml:5:20: label", "TWELVE-BYTES", "11"],
    );
    refused(
        &efi("[[partition]]\nnumber = 2\nfilesystem.label = \"SEVENTEEN-LETTERS\"\n"),
        &["c.toml:4:20: label", "SEVENTEEN-LETTERS", "16"],
    );
}

#[test]
fn things_that_have_no_place_on_the_disk() {
    refused(
        &efi("oem = \"tree\"\n"),
        &["c.toml:2:7: oem", "no partition"],
    );
    let bench = Bench::new();
    bench.refuses(
        ["--layout", "efi", "--format", "raw", "--oem", "tree"],
        &["--oem: ", "no partition"],
    );
    refused(
        &efi("[[files]]\npartition = \"NONE\"\npath = \"/a\"\ntext = \"\"\n"),
        &["c.toml:3:13: partition", "\"NONE\""],
    );
    refused(
        &efi("[[files]]\npartition = \"ROOT\"\npath = \"/a\"\n"),
        &["c.toml:4:8: path", "source", "text"],
    );
    refused(
        "layout = \"bios\"\n[[partition]]\nnumber = 1\nattributes = [\"required\"]\n",
        &["c.toml:4:14: ", ": attributes: ", "MBR"],
    );
    refused(
        "layout = \"bios\"\n[[partition]]\nnumber = 1\nhybrid = 0x0c\n",
        &["c.toml:4:10: hybrid", "MBR"],
    );
}

#[test]
fn entries_that_a_filesystem_cannot_hold() {
    refused(
        &efi("[[files]]\npartition = \"EFI-SYSTEM\"\npath = \"/a:b/c\"\ntext = \"\"\n"),
        &["c.toml:4:8: path", "partition 1 (EFI-SYSTEM)", "/a:b"],
    );
    let bench = Bench::new();
    std::os::unix::fs::symlink("nowhere", bench.join("tree/link")).unwrap();
    bench.write(
        "c.toml",
        &efi("[[partition]]\nnumber = 2\nfilesystem.type = \"fat\"\n"),
    );
    let options = ["--config", "c.toml", "--format", "raw", "--root", "tree"];
    bench.refuses(
        options,
        &["--root: partition 2 (ROOT)", "/link is a symbolic link"],
    );
    let bench = Bench::new();
    let long = "x".repeat(1500);
    std::os::unix::fs::symlink(&long, bench.join("tree/link")).unwrap();
    bench.write(
        "c.toml",
        &efi("root = \"tree\"\n[[partition]]\nnumber = 2\nfilesystem.block-size = 1024\n"),
    );
    bench.refuses(
        ["--config", "c.toml", "--format", "raw"],
        &["c.toml:2:8: root: partition 2 (ROOT)", "/link: ", "1500"],
    );
}

#[test]
fn a_folder_of_a_layout_that_is_not_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    let folder = bench.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("c.toml"), "layout = \"own.toml\"\n").unwrap();
    let mut command = bench.run(["plan", "--config"]);
    let assert = command.arg(folder.join("c.toml")).assert().code(1);
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(said.contains("c.toml:1:10: layout: "), "{said}");
    assert!(said.contains("own.toml is not UTF-8"), "{said}");
}

#[test]
fn boot_files_that_are_not_what_they_should_be() {
    refused(
        &efi("kernel = \"not-a-kernel\"\n"),
        &["c.toml:2:10: kernel", "bzImage"],
    );
    let stub = efi_stub().to_str().unwrap();
    refused(
        &efi(&format!("efi-stub = \"{stub}\"\n")),
        &["c.toml:2:12: efi-stub", "kernel"],
    );
    let kernel = demo_kernel();
    let kernel = format!("kernel = \"{}\"\n", kernel.to_str().unwrap());
    refused(
        &efi(&format!("{kernel}efi-stub = \"not-a-kernel\"\n")),
        &["c.toml:3:12: efi-stub", "PE image"],
    );
    refused(
        &efi(&format!("{kernel}[disk]\nentries = 2000\n")),
        &["c.toml:4:11: entries", "kurmaboot", "1024"],
    );
    refused(
        &efi(&format!(
            "{kernel}efi-stub = \"{stub}\"\ncmdline = \"a\\nb\"\n"
        )),
        &["c.toml:4:11: cmdline", "line break"],
    );
    let bench = Bench::new();
    bench.refuses(
        ["--layout", "efi", "--format", "raw", "--efi-stub", stub],
        &["--efi-stub: ", "--kernel"],
    );
}

#[test]
fn outputs_that_cannot_be_written() {
    let bench = Bench::new();
    let efi = ["--layout", "efi", "--format", "raw", "-o"];
    bench.refuses(
        efi.into_iter().chain(["no/such/folder/out.raw"]),
        &["cannot write no/such/folder/out.raw", "No such file"],
    );
    bench.refuses(
        efi.into_iter().chain(["tree/etc/hostname/out"]),
        &["cannot write tree/etc"],
    );
    bench.refuses(
        efi.into_iter().chain(["/dev/full"]),
        &["cannot write /dev/full"],
    );
}

#[test]
fn an_output_that_is_there_survives_a_refusal() {
    let bench = Bench::new();
    let out = bench.write("out.raw", "the image of yesterday");
    bench.write("c.toml", &efi("siize = 1\n"));
    let arguments = ["--config", "c.toml", "--format", "raw", "-o", "out.raw"];
    bench.refuses(arguments, &["c.toml:2:1"]);
    assert_eq!(fs::read_to_string(out).unwrap(), "the image of yesterday");
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let bench = Bench::new();
    fs::write(bench.join("tree/large"), vec![0xa5; 8 << 20]).unwrap();
    let out = bench.write("out.vdi", "the image of yesterday");
    // No file of this process may become larger than 4 MiB: a write beyond fails as on a full disk.
    let command = "trap '' XFSZ; ulimit -f 8192; exec \"$0\" build --layout efi --format vdi --root tree -o out.vdi";
    let output = std::process::Command::new("sh")
        .args(["-c", command, env!("CARGO_BIN_EXE_kurmadisk")])
        .current_dir(bench.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("kurmadisk: cannot write out.vdi"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(fs::read_to_string(out).unwrap(), "the image of yesterday");
    assert_eq!(crate::common::names(bench.path()), ["out.vdi", "tree"]);
}

#[test]
fn wrong_usage_is_code_2() {
    let bench = Bench::new();
    for (arguments, part) in [
        (&["build", "--nope"][..], "--nope"),
        (
            &["build", "--layout", "efi", "--format", "qcow9"],
            "vmdk-stream",
        ),
        (&["build", "--size", "12Q"], "12Q"),
        (&["build", "--size", "rest"], "rest"),
        (&["build", "--threads", "0"], "threads"),
        (&["plan", "--files"], "--json"),
        (&["inspect"], "IMAGE"),
        (&[], "Usage"),
    ] {
        let assert = bench.run(arguments.iter().copied()).assert().code(2);
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn a_time_that_is_no_number_is_refused() {
    let bench = Bench::new();
    let mut command = bench.run(["plan", "--layout", "efi"]);
    let assert = command.env("SOURCE_DATE_EPOCH", "noon").assert().code(1);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.starts_with("kurmadisk: SOURCE_DATE_EPOCH"), "{said}");
    assert!(said.contains("noon"), "{said}");
}

#[test]
fn a_time_that_ext4_cannot_express_is_refused() {
    let bench = Bench::new();
    let mut command = bench.run(["plan", "--layout", "efi"]);
    command.env("SOURCE_DATE_EPOCH", "99999999999999");
    let assert = command.assert().code(1);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(
        said.starts_with("kurmadisk: SOURCE_DATE_EPOCH: partition 2 (ROOT): "),
        "{said}"
    );
    refused(
        &efi("source-date-epoch = 99999999999999\n"),
        &["c.toml:2:21: source-date-epoch", "99999999999999"],
    );
}

#[test]
fn names_that_mean_nothing_or_two_things() {
    refused(
        &efi("name = \"../disk\"\n"),
        &["c.toml:2:8: name", "part of a file's name"],
    );
    refused(&efi("name = \"\"\n"), &["c.toml:2:8: name"]);
    refused(
        &efi("[[partition]]\nnumber = 1\nlabel = \"ROOT\"\n\
              [[files]]\npartition = \"ROOT\"\npath = \"/a\"\ntext = \"\"\n"),
        &["c.toml:6:13: partition", "more than one"],
    );
    refused(
        &efi("[[partition]]\nnumber = 1\nhybrid = \"0x100\"\n"),
        &["c.toml:4:10: ", "0x100"],
    );
}

#[test]
fn features_and_mount_options() {
    let refuses = |keys: &str, parts: &[&str]| {
        let config = format!("[[partition]]\nnumber = 2\nfilesystem = {{ {keys} }}\n");
        refused(&efi(&config), parts);
    };
    refuses(
        "features = [\"resize-inode\"]",
        &[
            "c.toml:4:27: ",
            "\"resize-inode\"",
            "did you mean resize_inode",
        ],
    );
    refuses(
        "features = \"^64bit,bigalloc\"",
        &["c.toml:4:27: ", "bigalloc is not made here", "clusters"],
    );
    refuses(
        "features = \"metadata_csum_seed,^metadata_csum\"",
        &[
            "c.toml:4:27: features",
            "metadata_csum_seed needs metadata_csum",
        ],
    );
    refuses(
        "features = [\"orphan_file\"], journal = 0",
        &["c.toml:4:27: features", "orphan_file needs has_journal"],
    );
    refuses(
        "features = \"^has_journal\", journal = \"8 MiB\"",
        &["c.toml:4:53: journal", "has_journal"],
    );
    refuses(
        "inode-size = 512",
        &["c.toml:4:29: inode-size", "128 or 256"],
    );
    refuses("features = 3", &["c.toml:4:27: ", "list of names"]);
    refuses("profile = \"ext5\"", &["c.toml:4:26: ", "ext5", "ext3"]);
    refuses(
        "default-mount-options = [\"nodealloc\"]",
        &["c.toml:4:40: ", "did you mean nodelalloc"],
    );
    refuses(
        &format!("mount-options = \"{}\"", "x".repeat(64)),
        &["c.toml:4:32: mount-options", "64 bytes", "63"],
    );
    refuses(
        "free-inodes = \"some\"",
        &["c.toml:4:30: ", "\"some\"", "\"10%\""],
    );
    refuses(
        "inodes = 20, free-inodes = 1000",
        &["c.toml:4:25: inodes", "1000 shall be free", "more"],
    );
}
