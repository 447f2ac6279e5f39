//! Filesystems grow: offline by resize2fs, online in a running kernel.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use kurmadisk::fs::ext4::{BlockSize, Ext4Options, Ext4Plan, InodeCount};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{Metadata, Tree, from_dir};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle::{self, LoopMount, Tool};
use kurmadisk_fixtures::qemu::{Firmware, Machine};

use super::support::{
    GIB, Image, Kind, MIB, checked, content, fields, fixed, listing, meta, options, tree_of, write,
};

const RESIZE2FS: Tool = Tool {
    program: "resize2fs",
    package: "e2fsprogs",
};

fn tree() -> Tree {
    tree_of(&[
        ("dir/large", &vec![0x5a; 3_000_000]),
        ("dir/small", b"content"),
        ("empty", b""),
    ])
}

fn small_blocks() -> Ext4Options {
    Ext4Options {
        block_size: BlockSize::B1024,
        inodes: InodeCount::PerBytes(4096),
        ..options()
    }
}

/// Gives the image's file another length, as a partition becomes larger.
fn enlarge(image: &Image, size: u64) {
    let file = OpenOptions::new().write(true).open(image.path());
    file.expect("ours").set_len(size).expect("sparse");
}

/// The filesystem fills its file, is clean, and has what `tree` has.
fn grown(image: &Image, size: u64, tree: &Tree) -> LoopMount {
    oracle::e2fsck_clean(image.path(), 0).expect("e2fsck finds no fault");
    let found = fields(image);
    let number = |field: &str| found[field].parse::<u64>().expect("a number");
    let bytes = number("Block count") * number("Block size");
    assert!(bytes <= size && bytes + MIB > size, "{bytes} of {size}");
    // The second reader does not know the meta_bg that the kernel has added.
    let mount = oracle::mount_loop(image.path(), 0, size).expect("the kernel mounts it");
    for (path, seen) in listing(tree) {
        let path = mount.path().join(OsStr::from_bytes(&path));
        if let Kind::File(bytes) = seen.kind {
            assert!(std::fs::read(&path).expect("there") == bytes);
            let meta = std::fs::metadata(&path).expect("there");
            assert_eq!((meta.mtime(), meta.mtime_nsec()), (seen.mtime.0, 0));
        }
    }
    mount
}

#[test]
fn resize2fs_makes_it_larger() {
    let tree = tree();
    let full = VolumeSize::Auto(FreeSpace::Bytes(0));
    let plans = [
        fixed(&tree, 20 * MIB, &options()).expect("fits"),
        fixed(&tree, 300 * MIB, &options()).expect("fits"),
        Ext4Plan::new(&tree, full, &options()).expect("fits"),
        Ext4Plan::new(&tree, full, &small_blocks()).expect("fits"),
        fixed(&tree, 70 * MIB, &small_blocks()).expect("fits"),
    ];
    for plan in plans {
        let image = checked(&tree, &plan);
        for size in [400 * MIB, 3 * GIB] {
            enlarge(&image, size);
            let mut command = RESIZE2FS.command().expect("installed");
            let output = command.arg(image.path()).output().expect("it starts");
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{text}");
            drop(grown(&image, size, &tree));
        }
    }
}

/// What the machine does instead of starting a system.
const SCRIPT: &[u8] = b"#!/bin/sh
PATH=/usr/sbin:/usr/bin
set -e
grow() {
    mount -t ext4 $1 /mnt
    resize2fs $1
    mkdir /mnt/new
    for number in 1 2 3 4 5 6 7 8; do
        dd if=/dev/zero of=/mnt/new/$number bs=1M count=4 status=none
    done
    umount /mnt
    echo $1 has grown
}
grow /dev/vdb
grow /dev/vdc
grow /dev/vdd
sync
echo o > /proc/sysrq-trigger
sleep 60
";

/// A system whose first program is [`SCRIPT`].
fn machine() -> Image {
    let mut root = from_dir(&debian_root().tree).expect("readable");
    let executable = Metadata {
        mode: 0o755,
        ..meta()
    };
    root.place_file(b"grow", executable, content(SCRIPT))
        .expect("new");
    let size = VolumeSize::Auto(FreeSpace::PerMille(50));
    let plan = Ext4Plan::new(&root, size, &options()).expect("fits");
    write(&plan.build(&root).expect("builds"))
}

/// QEMU's own kernel loader is the first to boot, which the drives of a [`Machine`] want to be.
fn drive(image: &Image, snapshot: &str) -> [String; 2] {
    let file = image.path().display();
    let drive = format!("if=virtio,format=raw,snapshot={snapshot},file={file}");
    ["-drive".to_owned(), drive]
}

#[test]
fn the_kernel_makes_it_larger_while_it_is_mounted() {
    let (tree, root) = (tree(), machine());
    let full = VolumeSize::Auto(FreeSpace::Bytes(0));
    let cases = [
        (fixed(&tree, 64 * MIB, &options()).expect("fits"), 20 * GIB),
        (Ext4Plan::new(&tree, full, &options()).expect("fits"), GIB),
        (fixed(&tree, 40 * MIB, &small_blocks()).expect("fits"), GIB),
    ];
    let cases = cases.map(|(plan, size)| {
        let image = checked(&tree, &plan);
        enlarge(&image, size);
        (image, size)
    });
    let debian = debian_root();
    let mut machine = Machine::new(Firmware::Bios)
        .arguments(["-kernel".as_ref(), debian.kernel.as_os_str()])
        .arguments(["-initrd".as_ref(), debian.initrd.as_os_str()])
        .arguments([
            "-append",
            "root=/dev/vda rw console=ttyS0 init=/grow panic=-1 quiet",
        ])
        .arguments(drive(&root, "on"))
        .deadline(Duration::from_secs(240));
    for (image, _) in &cases {
        machine = machine.arguments(drive(image, "off"));
    }
    let said = machine.run_to_end().expect("it turns itself off");
    for drive in ["/dev/vdb", "/dev/vdc", "/dev/vdd"] {
        assert!(said.contains(&format!("{drive} has grown")), "{said}");
    }
    for (image, size) in &cases {
        let mount = grown(image, *size, &tree);
        let new = std::fs::read_dir(mount.path().join("new")).expect("made");
        assert_eq!(new.count(), 8);
    }
}
