//! What is refused, and how it is told.

use std::fs;

use kurmadisk::boot::grub::{CoreParts, Folder, Platform, core};
use kurmadisk_fixtures::oracle::{EFI_STUB, SYSTEMD_BOOT, grub_folder};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::{Bench, CMDLINE, copied, description};

#[test]
fn what_could_not_work_is_refused_with_its_place() {
    let bench = Bench::new();
    let kurmaos = description("kurmaos", "");
    let stub = format!("efi-stub = \"{}\"", EFI_STUB.path);
    let manager = format!("systemd-boot = \"{}\"", SYSTEMD_BOOT.path);
    let folder = grub_folder().unwrap().display().to_string();
    for (toml, told) in [
        (
            kurmaos.replace(&folder, "nowhere"),
            "/disk.toml:7:10: folder: /nowhere has no folder i386-pc",
        ),
        (
            kurmaos.clone() + "modules = [\"nonsense\"]\n",
            "x86_64-efi has no module \"nonsense\"; install it",
        ),
        (
            kurmaos.clone() + "prefix = \"boot/grub\"\n",
            "/disk.toml:8:10: prefix: \"boot/grub\" is no absolute path",
        ),
        (
            kurmaos.clone() + "prefix = \"/boot/../grub\"\n",
            "is no absolute path",
        ),
        (
            kurmaos.clone() + "platforms = []\n",
            "platforms: an empty list",
        ),
        (
            kurmaos.clone() + "config = \"missing.cfg\"\n",
            "config: cannot read /missing.cfg",
        ),
        (
            description("efi", "") + "platforms = [\"i386-pc\"]\n",
            "no place for a loader of BIOS machines",
        ),
        (
            description("kurmaos", &stub),
            "the EFI stub (--efi-stub) would start by UEFI, as GRUB would",
        ),
        (
            description("kurmaos", &manager),
            "the boot manager (--systemd-boot) would start by UEFI",
        ),
        (
            kurmaos.replace("kernel = \"kernel\"\ninitrd = \"initrd\"\n", ""),
            "GRUB (--grub) is of no use without a kernel",
        ),
        (
            kurmaos.replace(CMDLINE, "a=\\\\b").replace('\'', "\""),
            "'\\\\' is in it, which GRUB passes on as something else",
        ),
        (
            kurmaos.replace(CMDLINE, &"x".repeat(1960)),
            "kernel's path in front",
        ),
        (
            "layout = \"efi\"\ngrub.modules = [\"cat\"]\n".to_owned(),
            "/disk.toml:2:16: modules: this is for GRUB",
        ),
    ] {
        let error = bench.refused(&toml);
        assert!(
            error.contains(told) && !error.contains('\n'),
            "{told:?} is not in {error:?}"
        );
    }
}

#[test]
fn another_platform_may_have_another_loader() {
    let bench = Bench::new();
    let stub = format!("efi-stub = \"{}\"", EFI_STUB.path);
    let toml = description("kurmaos", &stub) + "platforms = [\"i386-pc\"]\n";
    let plan = bench.plan(&toml).unwrap();
    assert_eq!(plan.report(false).bios_loader, Some("grub"));
    assert_eq!(
        plan.boot().method,
        kurmadisk::boot::BootMethod::UnifiedImage
    );
}

#[test]
fn a_core_image_too_large_for_its_partition_is_refused() {
    let bench = Bench::new();
    let toml = description("kurmaos", "") + "[[partition]]\nnumber = 2\nsize = \"64 KiB\"\n";
    let error = bench.refused(&toml);
    assert!(
        error.contains("65536 fit the bios-boot partition"),
        "{error}"
    );
}

#[test]
fn files_that_are_not_grubs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    copied(Platform::I386Pc, folder.path());
    let platform = folder.path().join("i386-pc");
    let tried = |name: &str, bytes: &[u8]| {
        let path = platform.join(name);
        let kept = fs::read(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let made = Folder::open(folder.path(), Platform::I386Pc)
            .and_then(|found| core(&found.unwrap(), &CoreParts::default()));
        fs::write(&path, kept).unwrap();
        let error = made.unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
        error
    };
    for (name, bytes, told) in [
        ("boot.img", &[0; 512][..], "does not check the drive"),
        ("diskboot.img", &[0; 511], "has not 512 bytes"),
        ("lzma_decompress.img", &[0; 15], "too short"),
        (
            "kernel.img",
            b"no ELF file, though as long as the header of one",
            "is no ELF file",
        ),
        ("moddep.lst", b"normal extcmd\n", "no colon"),
        ("moddep.lst", b"\xff", "is no text"),
    ] {
        let error = tried(name, bytes);
        assert!(error.contains(told), "{error}");
    }
    fs::remove_file(platform.join("kernel.img")).unwrap();
    let found = Folder::open(folder.path(), Platform::I386Pc)
        .unwrap()
        .unwrap();
    let error = core(&found, &CoreParts::default()).unwrap_err().to_string();
    assert!(
        error.contains("cannot read") && error.contains("kernel.img"),
        "{error}"
    );
}

fn any_platform() -> impl Strategy<Value = Platform> {
    prop::sample::select(Platform::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Kernels that are damaged, in their headers mostly, give an error or another image; never more.
    #[test]
    fn damaged_kernels_end_nothing(
        platform in any_platform(),
        at in any::<Index>(),
        in_head in any::<bool>(),
        value in prop::collection::vec(any::<u8>(), 1..9),
        cut in prop::option::of(any::<Index>()),
    ) {
        let from = grub_folder().unwrap().join(platform.name());
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join(platform.name());
        fs::create_dir(&to).unwrap();
        for name in ["boot.img", "diskboot.img", "lzma_decompress.img", "moddep.lst"] {
            if from.join(name).exists() {
                fs::copy(from.join(name), to.join(name)).unwrap();
            }
        }
        let mut kernel = fs::read(from.join("kernel.img")).unwrap();
        let (head, tail) = (512, 4096);
        let at = if in_head { at.index(head) } else { kernel.len() - tail + at.index(tail - 8) };
        kernel[at..at + value.len()].copy_from_slice(&value);
        if let Some(cut) = cut {
            kernel.truncate(cut.index(kernel.len()));
        }
        fs::write(to.join("kernel.img"), kernel).unwrap();
        let found = Folder::open(folder.path(), platform).unwrap().unwrap();
        if let Ok(image) = core(&found, &CoreParts::default()) {
            prop_assert!(image.len() < 70 << 20);
        }
    }
}
