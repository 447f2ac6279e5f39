//! Filesystems grow: offline by resize2fs, online in a running kernel.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use kurmadisk::fs::ext4::{BlockSize, Ext4Options, Ext4Plan, InodeCount, InodeSize};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{Metadata, Tree, from_dir};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle::{self, LoopMount};
use kurmadisk_fixtures::qemu::{Firmware, Machine};

use super::support::{
    GIB, Image, Kind, MIB, checked, content, fields, fixed, listing, meta, options, tree_of, write,
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

/// These options, with features added and taken away.
fn with_features(options: Ext4Options, features: &str) -> Ext4Options {
    let changes = features.parse().expect("names of features");
    Ext4Options {
        features: options.features.changed(changes),
        ..options
    }
}

fn resize2fs(image: &Image) {
    oracle::resize2fs(image.path(), &[]).expect("it can");
}

#[test]
fn resize2fs_makes_it_larger() {
    let tree = tree();
    let full = VolumeSize::Auto(FreeSpace::Bytes(0));
    let plans = [
        fixed(&tree, 20 * MIB, &options()).expect("fits"),
        fixed(&tree, 300 * MIB, &options()).expect("fits"),
        Ext4Plan::new(tree.clone(), full, &options()).expect("fits"),
        Ext4Plan::new(tree.clone(), full, &small_blocks()).expect("fits"),
        fixed(&tree, 70 * MIB, &small_blocks()).expect("fits"),
    ];
    for plan in plans {
        let image = checked(&tree, &plan);
        for size in [400 * MIB, 3 * GIB] {
            enlarge(&image, size);
            resize2fs(&image);
            drop(grown(&image, size, &tree));
        }
    }
}

#[test]
fn resize2fs_makes_it_a_hundred_times_as_large() {
    let tree = tree();
    for features in [
        "resize_inode",
        "resize_inode,^64bit",
        "^64bit",
        "orphan_file,metadata_csum_seed",
        "^flex_bg",
        "^sparse_super",
        "resize_inode,^metadata_csum",
        "^metadata_csum,uninit_bg,resize_inode",
    ] {
        let short = Ext4Options {
            inode_size: InodeSize::B128,
            ..small_blocks()
        };
        for options in [options(), small_blocks(), short] {
            let plan = fixed(&tree, 20 * MIB, &with_features(options, features));
            let image = checked(&tree, &plan.expect("fits"));
            enlarge(&image, 2000 * MIB);
            resize2fs(&image);
            drop(grown(&image, 2000 * MIB, &tree));
        }
    }
}

#[test]
fn resize2fs_makes_it_as_small_as_it_can_and_large_again() {
    let tree = tree();
    for features in [
        "",
        "resize_inode",
        "resize_inode,^64bit,orphan_file",
        "^metadata_csum,uninit_bg,^flex_bg",
        "^sparse_super,^64bit,^extent",
    ] {
        for (options, size) in [(options(), 600 * MIB), (small_blocks(), 100 * MIB)] {
            let plan = fixed(&tree, size, &with_features(options, features)).expect("fits");
            let image = checked(&tree, &plan);
            oracle::resize2fs(image.path(), &["-M"]).expect("it can");
            let found = fields(&image);
            let number = |field: &str| found[field].parse::<u64>().expect("a number");
            let bytes = number("Block count") * number("Block size");
            assert!(bytes < size / 3, "{bytes} of {size}");
            drop(grown(&image, bytes, &tree));
            enlarge(&image, 2 * size);
            resize2fs(&image);
            drop(grown(&image, 2 * size, &tree));
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
for letter in b c d e f g h; do
    grow /dev/vd$letter
done
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
    let plan = Ext4Plan::new(root.clone(), size, &options()).expect("fits");
    write(&plan.build().expect("builds"))
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
    let with = |features: &str, options| {
        let options = with_features(options, features);
        let plan = fixed(&tree, 20 * MIB, &options).expect("fits");
        (plan, 2000 * MIB)
    };
    let cases = [
        (fixed(&tree, 64 * MIB, &options()).expect("fits"), 20 * GIB),
        (
            Ext4Plan::new(tree.clone(), full, &options()).expect("fits"),
            GIB,
        ),
        (fixed(&tree, 40 * MIB, &small_blocks()).expect("fits"), GIB),
        with("resize_inode", options()),
        with("resize_inode,^64bit,^metadata_csum", options()),
        with("resize_inode,orphan_file", small_blocks()),
        with(
            "^64bit,metadata_csum_seed",
            Ext4Options {
                inode_size: InodeSize::B128,
                ..small_blocks()
            },
        ),
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
        .deadline(Duration::from_mins(4));
    for (image, _) in &cases {
        machine = machine.arguments(drive(image, "off"));
    }
    let said = machine.run_to_end().expect("it turns itself off");
    for letter in 'b'..='h' {
        let grown = format!("/dev/vd{letter} has grown");
        assert!(said.contains(&grown), "{said}");
    }
    for (image, size) in &cases {
        let mount = grown(image, *size, &tree);
        let new = std::fs::read_dir(mount.path().join("new")).expect("made");
        assert_eq!(new.count(), 8);
    }
}
