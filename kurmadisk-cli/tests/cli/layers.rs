//! Descriptions in layers: built-in layouts, layout files, the configuration, its paths and files.

use std::fs;

use super::Bench;
use crate::common::{demo_initrd, demo_kernel, gpt, json, judged, labelled};
use kurmadisk_fixtures::oracle;

#[test]
fn a_description_changes_one_partition_of_a_built_in_layout() {
    let bench = Bench::new();
    let image = bench.builds(
        "layout = \"efi\"\n[[partition]]\nnumber = 2\nlabel = \"SYSTEM\"\nsize = \"40 MiB\"\nattributes = [\"read-only\"]\n",
    );
    let disk = gpt(&image);
    assert_eq!(disk.partitions.len(), 2);
    let (esp, root) = (labelled(&disk, "EFI-SYSTEM"), labelled(&disk, "SYSTEM"));
    assert_eq!((esp.first, esp.attributes), (2048, 0));
    assert_eq!((root.length(), root.attributes), (40 << 20, 1 << 60));
    judged(oracle::e2fsck_clean(&image, root.offset()));
    // What is not said stays the layout's.
    let superblock = judged(oracle::dumpe2fs(&image, root.offset()));
    assert!(superblock.contains("Remount read-only"));
    // The filesystem's label follows the partition's.
    assert!(superblock.contains("Filesystem volume name:   SYSTEM\n"));
}

#[test]
fn a_description_adds_a_partition_with_a_gap_in_the_numbers() {
    let bench = Bench::new();
    let image = bench.builds(
        "layout = \"efi\"\n[[partition]]\nnumber = 9\nlabel = \"DATA\"\ntype = \"linux\"\nsize = \"20M\"\n\
         filesystem = { type = \"ext4\", block-size = 1024, reserved = \"0%\", errors = \"panic\" }\n",
    );
    let disk = gpt(&image);
    assert_eq!(
        disk.partitions
            .iter()
            .map(|each| each.number)
            .collect::<Vec<_>>(),
        [1, 2, 9]
    );
    let offset = labelled(&disk, "DATA").offset();
    judged(oracle::e2fsck_clean(&image, offset));
    let superblock = judged(oracle::dumpe2fs(&image, offset));
    for line in [
        "Block size:               1024\n",
        "Reserved block count:     0\n",
        "Panic",
    ] {
        assert!(superblock.contains(line), "no {line:?} in {superblock}");
    }
}

#[test]
fn a_layout_file_may_stand_on_another_one() {
    let bench = Bench::new();
    bench.write(
        "layouts/middle.toml",
        "layout = \"efi\"\n[[partition]]\nnumber = 2\nlabel = \"MIDDLE\"\nsize = \"30M\"\n",
    );
    bench.write(
        "layouts/top.toml",
        "layout = \"middle.toml\"\n[[partition]]\nnumber = 2\nsize = \"50M\"\n",
    );
    bench.write("c.toml", "layout = \"layouts/top.toml\"\n");
    let by_file = json(&mut bench.run(["plan", "--json", "--config", "c.toml"]));
    let by_option = json(&mut bench.run(["plan", "--json", "--layout", "layouts/top.toml"]));
    for plan in [by_file, by_option] {
        assert_eq!(plan["partitions"][0]["label"], "EFI-SYSTEM");
        assert_eq!(plan["partitions"][1]["label"], "MIDDLE");
        assert_eq!(plan["partitions"][1]["size"], 50_u64 << 20);
    }
}

#[test]
fn a_layout_of_ones_own_needs_no_built_in_one() {
    let bench = Bench::new();
    bench.write(
        "own.toml",
        "[disk]\ntable = \"gpt\"\nentries = 256\nguid = \"12345678-9abc-4ef0-8234-56789abcdef0\"\n\
         [[partition]]\nlabel = \"one\"\ntype = \"linux\"\nsize = \"1M\"\n\
         [[partition]]\nnumber = 200\nlabel = \"two\"\ntype = \"0657fd6d-a4ab-43c4-84e5-0933c84b4f4f\"\nsize = \"rest\"\n",
    );
    bench
        .run([
            "build", "--layout", "own.toml", "--size", "64M", "--format", "raw", "-o", "own.raw",
        ])
        .assert()
        .success();
    let disk = gpt(&bench.join("own.raw"));
    assert_eq!((disk.entries, disk.sectors), (256, 131_072));
    assert_eq!(disk.guid, "12345678-9abc-4ef0-8234-56789abcdef0");
    let two = labelled(&disk, "two");
    assert_eq!(
        (two.number, two.type_guid.as_str()),
        (200, "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f")
    );
    assert_eq!(labelled(&disk, "one").first, 2048);
    assert_eq!(two.first, 4096);
    assert!(two.last <= disk.last_usable && two.last > disk.last_usable - 2048);
}

#[test]
fn paths_in_a_file_are_relative_to_its_folder() {
    let bench = Bench::new();
    fs::create_dir_all(bench.join("images/boot")).unwrap();
    fs::copy(demo_kernel(), bench.join("images/boot/bzImage")).unwrap();
    fs::copy(demo_initrd(), bench.join("images/boot/initrd")).unwrap();
    bench.write("images/note", "a note\n");
    bench.write(
        "images/disk.toml",
        "layout = \"kurmaos\"\nformat = \"raw\"\noutput = \"disk.raw\"\nkernel = \"boot/bzImage\"\n\
         initrd = \"boot/initrd\"\nroot = \"../tree\"\n\
         [[files]]\npartition = \"ROOT\"\npath = \"/note\"\nsource = \"note\"\n",
    );
    bench
        .run(["build", "--config", "images/disk.toml"])
        .assert()
        .success();
    let image = bench.join("images/disk.raw");
    let disk = gpt(&image);
    let esp = labelled(&disk, "EFI-SYSTEM").offset();
    let kernel = judged(oracle::mcopy_read(&image, esp, "::/kurmaos/vmlinuz-a"));
    assert!(kernel == fs::read(demo_kernel()).unwrap());
    let root = labelled(&disk, "ROOT").offset();
    assert_eq!(
        judged(oracle::debugfs(&image, root, "cat /etc/hostname")),
        "kurma\n"
    );
    assert_eq!(
        judged(oracle::debugfs(&image, root, "cat /note")),
        "a note\n"
    );
}

#[test]
fn kurmadisk_toml_is_read_where_it_is() {
    let bench = Bench::new();
    bench.write(
        "kurmadisk.toml",
        "layout = \"efi\"\nname = \"here\"\nroot = \"tree\"\n",
    );
    bench.run(["build", "--format", "vdi"]).assert().success();
    judged(oracle::qemu_img_check(&bench.join("here.vdi"), "vdi"));
}

#[test]
fn files_are_placed_with_their_owners_and_modes() {
    let bench = Bench::new();
    bench.write("motd", "from the host\n");
    let image = bench.builds(
        "layout = \"efi\"\nroot = \"tree\"\nsource-date-epoch = 1000000000\n\
         [[files]]\npartition = \"ROOT\"\npath = \"/etc/motd\"\nsource = \"motd\"\n\
         [[files]]\npartition = \"2\"\npath = \"/opt/deep/key\"\ntext = \"secret\"\nmode = \"0600\"\nuid = 70000\ngid = 12\n\
         [[files]]\npartition = \"2\"\npath = \"/etc/hostname\"\ntext = \"other\"\n\
         [[files]]\npartition = \"EFI-SYSTEM\"\npath = \"/loader/a long name.conf\"\ntext = \"timeout 3\\n\"\n",
    );
    let disk = gpt(&image);
    let root = labelled(&disk, "ROOT");
    judged(oracle::e2fsck_clean(&image, root.offset()));
    let ask = |command: &str| judged(oracle::debugfs(&image, root.offset(), command));
    assert_eq!(ask("cat /etc/motd"), "from the host\n");
    assert_eq!(ask("cat /etc/hostname"), "other");
    assert_eq!(ask("cat /opt/deep/key"), "secret");
    let key = ask("stat /opt/deep/key");
    for part in [
        "Mode:  0600",
        "User: 70000",
        "Group:    12",
        "mtime: 0x3b9aca00:00000000",
    ] {
        assert!(key.contains(part), "no {part:?} in {key}");
    }
    let esp = labelled(&disk, "EFI-SYSTEM").offset();
    judged(oracle::fsck_fat_clean(&image, esp));
    let conf = judged(oracle::mcopy_read(
        &image,
        esp,
        "::/loader/a long name.conf",
    ));
    assert_eq!(conf, b"timeout 3\n");
}

#[test]
fn the_oem_tree_goes_into_its_partition() {
    let bench = Bench::new();
    bench.write("oem/grub.cfg", "set timeout=0\n");
    bench
        .run([
            "build", "--layout", "kurmaos", "--root", "tree", "--oem", "oem",
        ])
        .args(["--format", "raw", "-o", "disk.raw"])
        .assert()
        .success();
    let image = bench.join("disk.raw");
    let disk = gpt(&image);
    let cat = |label: &str, path: &str| {
        let offset = labelled(&disk, label).offset();
        judged(oracle::e2fsck_clean(&image, offset));
        judged(oracle::debugfs(&image, offset, &format!("cat {path}")))
    };
    assert_eq!(cat("OEM", "/grub.cfg"), "set timeout=0\n");
    assert_eq!(cat("ROOT", "/etc/hostname"), "kurma\n");
}

#[test]
fn a_layout_file_may_say_all_that_a_description_may() {
    let bench = Bench::new();
    bench.write(
        "own/layout.toml",
        "name = \"own\"\nformat = \"vdi\"\noutput = \"below.img\"\n\
         [[partition]]\ntype = \"linux\"\nsize = \"1M\"\n\
         [[partition]]\ntype = \"linux\"\nsize = \"2M\"\n",
    );
    let build = ["build", "--layout", "own/layout.toml"];
    bench.run(build).assert().success();
    judged(oracle::qemu_img_check(&bench.join("own/below.img"), "vdi"));
    // As with any layer, the upper one counts.
    bench.write(
        "c.toml",
        "layout = \"own/layout.toml\"\nformat = \"raw\"\noutput = \"top.img\"\n",
    );
    bench
        .run(["build", "--config", "c.toml"])
        .assert()
        .success();
    let disk = gpt(&bench.join("top.img"));
    assert_eq!(disk.partitions.len(), 2);
}

#[test]
fn staged_files_are_not_executable() {
    let bench = Bench::new();
    let kernel = demo_kernel();
    let image = bench.builds(&format!(
        "root = \"tree\"\nkernel = {:?}\ncmdline = \"quiet\"\n[[partition]]\nlabel = \"ROOT\"\ntype = \"linux\"\n\
         size = \"auto\"\ncontent = \"root\"\nfilesystem.type = \"ext4\"\n",
        kernel.to_str().unwrap()
    ));
    let plan = json(&mut bench.run(["plan", "--json", "--config", "disk.toml"]));
    let offset = plan["partitions"][0]["first"].as_u64().unwrap() * 512;
    let mode = |path: &str| judged(oracle::debugfs(&image, offset, &format!("stat {path}")));
    for (path, wanted) in [
        ("/boot", "Mode:  0755"),
        ("/boot/kurmaos", "Mode:  0755"),
        ("/boot/kurmaos/vmlinuz-a", "Mode:  0644"),
        ("/boot/kurmaos/cmdline", "Mode:  0644"),
    ] {
        let said = mode(path);
        assert!(said.contains(wanted), "{path}: {said}");
    }
}

#[test]
fn an_unreadable_os_release_does_not_matter() {
    let bench = Bench::new();
    bench.write("tree/etc/os-release", "NAME=a\0\n");
    bench.builds("layout = \"efi\"\nroot = \"tree\"\n");
}

#[test]
fn numbers_are_written_as_tools_show_them() {
    let bench = Bench::new();
    let image = bench.builds(
        "layout = \"efi\"\n[[partition]]\nnumber = 1\nhybrid = \"0x0c\"\nfilesystem.serial = \"1234-ABCD\"\n\
         [[files]]\npartition = 1\npath = \"/note.txt\"\ntext = \"here\"\n",
    );
    let esp = labelled(&gpt(&image), "EFI-SYSTEM").offset();
    assert_eq!(
        judged(oracle::mcopy_read(&image, esp, "::/note.txt")),
        b"here"
    );
    let bytes = fs::read(&image).unwrap();
    assert_eq!(bytes[0x1c2], 0x0c);
    let serial = usize::try_from(esp).unwrap() + 67;
    assert_eq!(bytes[serial..serial + 4], 0x1234_abcd_u32.to_le_bytes());
}
