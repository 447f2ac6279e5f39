//! A kernel that unpacks archives of every compression one behind the other, and runs what is in them.

use std::time::Duration;

use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::qemu::{Firmware, Machine};

use crate::support::Case;

const INIT: &str = r#"#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
exec >/dev/console 2>&1
for each in gzip none xz zstd lz4; do
    echo "$each: $(cat /from-$each)"
done
echo "sticky: $(stat -c %a /tmp)"
echo "hard: $(stat -c %h /etc/motd)"
echo "root: $(getent passwd root)"
/usr/sbin/modprobe btrfs && echo "kmod: $(grep -c '^raid6_pq ' /proc/modules)"
busybox modprobe virtio_net && echo "busybox: $(grep -c '^virtio_net ' /proc/modules)"
echo "device: $(stat -c %t:%T /dev/null-of-ours)"
echo finished
poweroff -f
"#;

#[test]
fn the_kernel_unpacks_every_compression_and_runs_what_is_there() {
    let case = Case::new();
    let debian = debian_root();
    case.write("init", INIT);
    case.write("amd.bin", b"DMA\0amd");
    // busybox is this machine's, with its libraries; all else is Debian's in the fixture.
    let file = |name: &str, segment: &str| {
        format!("[[{segment}file]]\npath = \"/from-{name}\"\ntext = \"yes\"\n")
    };
    let big = "0123456789 padding so that there is more than one block\n".repeat(200_000);
    case.write("big", big);
    let text = [
        format!("sysroot = {:?}\nmicrocode = [\"amd.bin\"]\nnss = true\n", debian.tree.display().to_string()),
        "binaries = [\"/usr/bin/getent\", \"/usr/sbin/modprobe\", \"/etc/passwd\", \"/usr/bin/stat\"]\n".to_owned(),
        "modules = [\"btrfs\", \"virtio_net\"]\n".to_owned(),
        file("gzip", ""),
        "[[file]]\npath = \"/init\"\nsource = \"init\"\nmode = \"0755\"\n".to_owned(),
        "[[file]]\npath = \"/etc/motd\"\ntext = \"hi\"\n".to_owned(),
        "[[link]]\npath = \"/etc/motd.too\"\ntarget = \"/etc/motd\"\nhard = true\n".to_owned(),
        "[[directory]]\npath = \"/tmp\"\nmode = \"1777\"\n[[directory]]\npath = \"/proc\"\n[[directory]]\npath = \"/sys\"\n".to_owned(),
        "[[node]]\npath = \"/dev/console\"\ntype = \"c\"\nmajor = 5\nminor = 1\n".to_owned(),
        "[[node]]\npath = \"/dev/null-of-ours\"\ntype = \"c\"\nmajor = 1\nminor = 3\n".to_owned(),
        "[[segment]]\ncompression = \"none\"\nsysroot = \"/\"\nbusybox = {}\n".to_owned(),
        file("none", "segment."),
        "[[segment]]\ncompression = \"xz\"\n".to_owned(),
        file("xz", "segment."),
        "[[segment.file]]\npath = \"/tmp/big-1\"\nsource = \"big\"\n".to_owned(),
        "[[segment]]\ncompression = \"zstd\"\n".to_owned(),
        file("zstd", "segment."),
        "[[segment.file]]\npath = \"/tmp/big-2\"\nsource = \"big\"\n".to_owned(),
        "[[segment]]\ncompression = \"lz4\"\n".to_owned(),
        file("lz4", "segment."),
        "[[segment.file]]\npath = \"/tmp/big-3\"\nsource = \"big\"\n".to_owned(),
    ];
    case.build(&text.concat(), "initrd");
    let machine = Machine::new(Firmware::Bios)
        .deadline(Duration::from_mins(4))
        .memory_mib(1024)
        .arguments(["-kernel".as_ref(), debian.kernel.as_os_str()])
        .arguments(["-initrd".as_ref(), case.path("initrd").as_os_str()])
        .arguments(["-append", "console=ttyS0 panic=-1"]);
    let said = machine.run_until("finished").unwrap();
    for expected in [
        "gzip: yes",
        "none: yes",
        "xz: yes",
        "zstd: yes",
        "lz4: yes",
        "sticky: 1777",
        "hard: 2",
        "root: root:",
        "kmod: 1",
        "busybox: 1",
        "device: 1:3",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    assert!(!said.contains("Initramfs unpacking failed"), "{said}");
}
