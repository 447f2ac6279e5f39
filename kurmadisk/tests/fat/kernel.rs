//! Volumes in a running Linux, which few test machines' own kernels can mount.

use std::time::Duration;

use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan};
use kurmadisk::fs::fat::{FatOptions, FatType};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{Metadata, Timestamp, Tree, from_dir};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::{Firmware, Machine};
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::names::nasty_tree;
use super::support::{MIB, assert_same, content, forced, in_folder, kept, meta, plan_of, write};

/// What the machine does instead of starting a system: it copies each volume's content to a disk of ext4, then
/// looks up names that are not written as they are stored, and writes to the volume.
const SCRIPT: &[u8] = b"#!/bin/sh
PATH=/usr/sbin:/usr/bin
set -e
mount -t ext4 /dev/vdb /srv
for letter in c d e f g; do
    mount -t vfat -o check=r /dev/vd$letter /mnt
    mkdir /srv/$letter
    cp -a /mnt/. /srv/$letter
    test /mnt/d/UPPER.TXT -ef /mnt/D/upper.txt
    test /mnt/d/LONGNA~2.TXT -ef '/mnt/D/LONG name.txt'
    mkdir /mnt/new
    for number in 1 2 3 4 5 6 7 8; do
        dd if=/dev/zero of=\"/mnt/new/a file made by Linux, $number\" bs=64k count=4 status=none
        echo $number > \"/mnt/d/one more $number\"
    done
    rm -r /mnt/many
    umount /mnt
    echo /dev/vd$letter is read
done
umount /srv
sync
echo o > /proc/sysrq-trigger
sleep 60
";

/// Names, attributes and times of all kinds, and a directory of over 64 KiB.
fn tree() -> Tree {
    let mut tree = nasty_tree();
    for number in 0..1000 {
        let path = format!("many/a file of very many, number {number:04}");
        tree.place_file(path.as_bytes(), meta(), content(path.as_bytes()))
            .expect("new");
    }
    for (number, seconds) in [
        i64::MIN,
        -1,
        315_532_801,
        951_782_399,
        1_709_164_800,
        4_107_542_400,
        i64::MAX,
    ]
    .into_iter()
    .enumerate()
    {
        let meta = Metadata {
            mode: if seconds % 2 == 0 { 0o644 } else { 0o444 },
            mtime: Timestamp { seconds, nanos: 0 },
            ..meta()
        };
        let path = format!("times/{number}");
        tree.make_dirs(format!("{path}.d").as_bytes(), &meta)
            .expect("new");
        tree.place_file(path.as_bytes(), meta, content(&vec![7; 70_000]))
            .expect("new");
    }
    tree
}

/// A system whose first program is [`SCRIPT`].
fn machine() -> NamedTempFile {
    let mut root = from_dir(&debian_root().tree).expect("readable");
    let executable = Metadata {
        mode: 0o755,
        ..meta()
    };
    root.place_file(b"read", executable, content(SCRIPT))
        .expect("new");
    ext4(&root, VolumeSize::Auto(FreeSpace::PerMille(50)))
}

fn ext4(tree: &Tree, size: VolumeSize) -> NamedTempFile {
    let options = Ext4Options::new(Uuid::from_u128(1), Uuid::from_u128(2));
    let plan = Ext4Plan::new(tree.clone(), size, &options).expect("fits");
    write(&plan.build().expect("builds"))
}

/// QEMU's own kernel loader is the first to boot, which the drives of a [`Machine`] want to be.
fn drive(image: &NamedTempFile) -> [String; 2] {
    let file = image.path().display();
    let drive = format!("if=virtio,format=raw,file={file}");
    ["-drive".to_owned(), drive]
}

#[test]
fn linux_reads_and_writes_every_type() {
    let tree = tree();
    let volumes = [
        (FatType::Fat12, 512, 8 * MIB),
        (FatType::Fat16, 512, 32 * MIB),
        (FatType::Fat16, 4096, 64 * MIB),
        (FatType::Fat32, 512, 40 * MIB),
        (FatType::Fat32, 4096, 300 * MIB),
    ];
    let volumes = volumes.map(|(fat_type, sector_size, size)| {
        let options = FatOptions {
            sector_size,
            ..forced(fat_type, None)
        };
        let plan = plan_of(&tree, size, &options).expect("fits");
        write(&plan.build().expect("builds"))
    });
    let system = machine();
    let copies = ext4(&Tree::new(meta()), VolumeSize::Fixed(200 * MIB));
    let debian = debian_root();
    let mut machine = Machine::new(Firmware::Bios)
        .arguments(["-kernel".as_ref(), debian.kernel.as_os_str()])
        .arguments(["-initrd".as_ref(), debian.initrd.as_os_str()])
        .arguments([
            "-append",
            "root=/dev/vda rw console=ttyS0 init=/read panic=-1 quiet",
        ])
        .deadline(Duration::from_mins(4));
    for image in [&system, &copies].into_iter().chain(&volumes) {
        machine = machine.arguments(drive(image));
    }
    let said = machine.run_to_end().expect("it turns itself off");

    let size = copies.path().metadata().expect("there").len();
    let mount = oracle::mount_loop(copies.path(), 0, size).expect("it mounts");
    let expected = kept(&tree);
    for (letter, volume) in ["c", "d", "e", "f", "g"].into_iter().zip(&volumes) {
        assert!(said.contains(&format!("/dev/vd{letter} is read")), "{said}");
        assert_same(&in_folder(&mount.path().join(letter)), &expected);
        oracle::fsck_fat_clean(volume.path(), 0).expect("Linux leaves it clean");
    }
}
