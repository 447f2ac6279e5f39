//! What GRUB's disks have, and where.

use kurmadisk::boot::BootMethod;
use kurmadisk::boot::grub::{Folder, Platform};
use kurmadisk::formats::read_at::ReadAt;
use kurmadisk_fixtures::oracle::{grub_folder, grub_script_check, openssl_key, sbverify};

use crate::support::{Bench, copied, description, file, has, modules, tree};

#[test]
fn everything_lies_where_kurmaos_had_it() {
    let bench = Bench::new();
    let plan = bench.plan(&description("kurmaos", "")).unwrap();
    assert_eq!(plan.boot().method, BootMethod::Grub);
    let report = plan.report(false);
    assert_eq!(
        (report.boot_by_bios, report.bios_loader),
        (true, Some("grub"))
    );

    let esp = tree(&plan, "EFI-SYSTEM");
    for platform in Platform::ALL {
        for name in modules(platform) {
            let path = format!("boot/grub/{}/{name}.mod", platform.name());
            let installed = grub_folder()
                .unwrap()
                .join(format!("{}/{name}.mod", platform.name()));
            assert!(
                file(esp, &path) == std::fs::read(installed).unwrap(),
                "{path}"
            );
        }
        assert!(has(
            esp,
            &format!("boot/grub/{}/moddep.lst", platform.name())
        ));
    }
    for path in [
        "kurmaos/vmlinuz-a",
        "kurmaos/initrd-a",
        "kurmaos/cmdline",
        "EFI/BOOT/BOOTX64.EFI",
    ] {
        assert!(has(esp, path), "{path}");
    }
    assert!(file(esp, "xen/pvboot-x86_64.elf").starts_with(b"\x7fELF"));
    let menu = String::from_utf8(file(esp, "boot/grub/menu.lst")).unwrap();
    assert_eq!(
        menu,
        "timeout 0\ntitle Linux\nroot (hd0,0)\nkernel /xen/pvboot-x86_64.elf\n"
    );
}

/// As `grub-bios-setup` has it, told by its own files.
#[test]
fn the_boot_code_and_the_core_image_know_their_places() {
    let bench = Bench::new();
    let boot_img = std::fs::read(grub_folder().unwrap().join("i386-pc/boot.img")).unwrap();
    for (layout, lba) in [("kurmaos", None), ("bios", Some(1))] {
        let plan = bench.plan(&description(layout, "")).unwrap();
        let lba = lba.unwrap_or_else(|| {
            let mut partitions = plan.partitions().iter();
            partitions
                .find(|each| each.entry.label == "BIOS-BOOT")
                .unwrap()
                .entry
                .first
                .0
        });
        let map = plan.disk_map().unwrap();
        let mut mbr = vec![0; 512];
        map.reader().read_exact_at(0, &mut mbr).unwrap();
        let mut expected = boot_img[..440].to_vec();
        expected[0x5c..0x64].copy_from_slice(&lba.to_le_bytes());
        expected[0x64] = 0xff;
        expected[0x66..0x68].copy_from_slice(&[0x90, 0x90]);
        assert_eq!(mbr[..440], expected, "{layout}");
        assert_ne!(mbr[446..510], [0; 64], "{layout}: the table is there");

        let mut first = vec![0; 512];
        map.reader().read_exact_at(lba * 512, &mut first).unwrap();
        assert_eq!(first[0x1e8..0x1f4], [0; 12], "{layout}: one stretch");
        assert_eq!(first[0x1f4..0x1fc], (lba + 1).to_le_bytes(), "{layout}");
        assert_eq!(first[0x1fe..], 0x0820_u16.to_le_bytes(), "{layout}");
    }
}

/// The texts of the core image's memory disk.
fn configuration(core: &[u8]) -> String {
    let at = core
        .windows(8)
        .position(|window| window == b"ustar\x0000")
        .unwrap()
        - 257;
    let len = std::str::from_utf8(&core[at + 124..at + 135]).unwrap();
    let len = usize::from_str_radix(len, 8).unwrap();
    String::from_utf8(core[at + 512..][..len].to_vec()).unwrap()
}

#[test]
fn grubs_shell_reads_the_configuration_whatever_is_in_it() {
    let bench = Bench::new();
    let told = "PRETTY_NAME=\"It's \\$HOME; } { \\\\ done\"\n";
    std::fs::create_dir(bench.join("root/etc")).unwrap();
    std::fs::write(bench.join("root/etc/os-release"), told).unwrap();
    for layout in ["kurmaos", "efi", "bios"] {
        let more = "root = \"root\"";
        let toml = description(layout, more).replace("name=two words", "name=$x; {two} words #");
        let plan = bench.plan(&toml).unwrap();
        let label = if layout == "bios" {
            "BOOT"
        } else {
            "EFI-SYSTEM"
        };
        let text = configuration(&file(tree(&plan, label), "EFI/BOOT/BOOTX64.EFI"));
        grub_script_check(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(text.contains("'name=$x; {two} words #'"), "{text}");
        assert!(text.contains(r"'It'\''s $HOME; } { \ done"), "{text}");
        assert_eq!(text.contains("kurma.booted"), layout == "kurmaos", "{text}");
    }
}

/// Debian's GRUB has no such module; here is an empty one of that name.
#[test]
fn gptprio_chooses_the_slot_where_it_is_there() {
    let bench = Bench::new();
    let folder = bench.join("grub");
    copied(Platform::X86_64Efi, &folder);
    let platform = folder.join("x86_64-efi");
    std::fs::copy(platform.join("true.mod"), platform.join("gptprio.mod")).unwrap();
    let list = platform.join("moddep.lst");
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, format!("gptprio: extcmd\n{text}")).unwrap();
    let toml =
        description("kurmaos", "").replace(&grub_folder().unwrap().display().to_string(), "grub");
    let core = file(
        tree(&bench.plan(&toml).unwrap(), "EFI-SYSTEM"),
        "EFI/BOOT/BOOTX64.EFI",
    );
    let text = configuration(&core);
    grub_script_check(&text).unwrap();
    for line in [
        "gptprio.next -d slot_device -u slot_uuid",
        "if [ \"$slot_device\" = \"$disk,gpt4\" ]; then",
        "kurma.booted=PARTLABEL=\"$slot_label\"",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    let folder = Folder::open(&folder, Platform::X86_64Efi).unwrap().unwrap();
    assert!(folder.has("gptprio"));
}

/// A platform that GRUB is not asked for keeps the loader it would have.
#[test]
fn other_platforms_keep_their_loaders() {
    let bench = Bench::new();
    for (platform, method, bios) in [
        ("i386-pc", BootMethod::Kurmaboot, "grub"),
        ("x86_64-efi", BootMethod::Grub, "kurmaboot"),
        ("x86_64-xen", BootMethod::Kurmaboot, "kurmaboot"),
    ] {
        let toml = description("kurmaos", "") + &format!("platforms = [\"{platform}\"]\n");
        let plan = bench.plan(&toml).unwrap();
        assert_eq!(plan.boot().method, method, "{platform}");
        assert_eq!(plan.report(false).bios_loader, Some(bios), "{platform}");
        let esp = tree(&plan, "EFI-SYSTEM");
        assert_eq!(has(esp, "xen"), platform == "x86_64-xen");
        for other in Platform::ALL {
            let path = format!("boot/grub/{}", other.name());
            assert_eq!(has(esp, &path), other.name() == platform, "{path}");
        }
    }
    // Without a place for a BIOS machine's loader its platform is left out.
    let plan = bench.plan(&description("efi", "")).unwrap();
    assert_eq!(plan.report(false).bios_loader, None);
    assert!(!has(tree(&plan, "EFI-SYSTEM"), "boot/grub/i386-pc"));
}

#[test]
fn the_same_disk_has_the_same_bytes() {
    let bench = Bench::new();
    let toml = description("bios", "");
    let disks = [(); 2].map(|()| {
        let map = bench.plan(&toml).unwrap().disk_map().unwrap();
        let mut head = vec![0; 1 << 20];
        map.reader().read_exact_at(0, &mut head).unwrap();
        head
    });
    assert!(disks[0] == disks[1]);
}

#[test]
fn the_core_image_for_uefi_is_signed_like_any_program() {
    let bench = Bench::new();
    let (key, certificate) = (bench.join("own.key"), bench.join("own.pem"));
    openssl_key(&key, &certificate, 2048, "/CN=Own").unwrap();
    let toml =
        description("efi", "") + "[secure-boot]\nkey = \"own.key\"\ncertificate = \"own.pem\"\n";
    let plan = bench.plan(&toml).unwrap();
    let program = bench.join("signed.efi");
    std::fs::write(
        &program,
        file(tree(&plan, "EFI-SYSTEM"), "EFI/BOOT/BOOTX64.EFI"),
    )
    .unwrap();
    sbverify(&program, &certificate).unwrap();
}
