//! Core images beside those of `grub-mkimage`.

use kurmadisk::boot::grub::{CoreParts, Platform, core};
use kurmadisk_fixtures::oracle::{
    grub_folder, grub_mkimage, lzma_raw_decompress, pefile_sections, readelf,
};
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::support::{folder, modules, number};

const PREFIX: &str = "(memdisk)/boot/grub";
/// Bytes of the first sector of a core image, and of the fields that the tests change in the decompressor.
const SECTOR: usize = 512;

fn parts(modules: &[&str], memdisk: Option<Vec<u8>>) -> CoreParts {
    CoreParts {
        modules: modules.iter().map(|name| (*name).to_owned()).collect(),
        memdisk,
        prefix: PREFIX.to_owned(),
    }
}

/// Our image and theirs.
#[track_caller]
fn both(platform: Platform, parts: &CoreParts) -> (Vec<u8>, Vec<u8>) {
    let ours = core(&folder(platform), parts).unwrap();
    let memdisk = parts.memdisk.as_deref();
    let theirs = grub_mkimage(platform.name(), &parts.prefix, memdisk, &parts.modules);
    (ours, theirs.unwrap())
}

/// The decompressor without its two fields, and what it uncompresses.
#[track_caller]
fn uncompressed(image: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let decompressor = grub_folder().unwrap().join("i386-pc/lzma_decompress.img");
    let len = usize::try_from(decompressor.metadata().unwrap().len()).unwrap();
    let (mut head, compressed) = {
        let (head, rest) = image[SECTOR..].split_at(len);
        (head.to_vec(), rest)
    };
    assert_eq!(
        number(&head, 8) as usize,
        compressed.len(),
        "compressed length"
    );
    assert_eq!(
        number(image, 0x1fc) & 0xffff,
        u32::try_from((image.len() - SECTOR).div_ceil(SECTOR)).unwrap(),
        "sectors to load"
    );
    let plain = lzma_raw_decompress(compressed, number(&head, 12).into()).unwrap();
    head[8..16].fill(0);
    (head, plain)
}

/// Where the first difference is, if there is one.
fn difference(ours: &[u8], theirs: &[u8]) -> Option<String> {
    if ours.len() != theirs.len() {
        return Some(format!("{} and {} bytes", ours.len(), theirs.len()));
    }
    let at = ours
        .iter()
        .zip(theirs)
        .position(|(one, other)| one != other)?;
    let end = ours.len().min(at + 16);
    Some(format!(
        "at {at:#x}: {:02x?} and {:02x?}",
        &ours[at..end],
        &theirs[at..end]
    ))
}

#[track_caller]
fn check(platform: Platform, parts: &CoreParts) {
    let (mut ours, mut theirs) = both(platform, parts);
    match platform {
        Platform::I386Pc => {
            assert_eq!(
                difference(&ours[..0x1fc], &theirs[..0x1fc]),
                None,
                "first sector"
            );
            let [ours, theirs] = [ours, theirs].map(|image| uncompressed(&image));
            assert_eq!(difference(&ours.0, &theirs.0), None, "decompressor");
            assert_eq!(difference(&ours.1, &theirs.1), None, "{:?}", parts.modules);
        }
        Platform::X86_64Efi => {
            // The program for MS-DOS in front of the headers, and when the image was made, are their own.
            for image in [&mut ours, &mut theirs] {
                image[0x02..0x3c].fill(0);
                image[0x40..0x80].fill(0);
                image[0x88..0x8c].fill(0);
            }
            assert_eq!(difference(&ours, &theirs), None, "{:?}", parts.modules);
        }
        _ => assert_eq!(difference(&ours, &theirs), None, "{:?}", parts.modules),
    }
}

#[test]
fn a_core_image_is_what_grub_mkimage_makes() {
    let memdisk = [b"no archive, and no whole sector".repeat(50), vec![0; 7]].concat();
    for platform in Platform::ALL {
        check(platform, &parts(&[], None));
        let usual = [
            "normal", "linux", "ext2", "part_gpt", "memdisk", "tar", "search",
        ];
        check(platform, &parts(&usual, Some(memdisk.clone())));
    }
}

#[test]
fn binutils_and_pefile_read_the_core_images() {
    let folder_of = tempfile::tempdir().unwrap();
    let parts = parts(&["normal", "linux"], None);
    let program = folder_of.path().join("core.efi");
    std::fs::write(
        &program,
        core(&folder(Platform::X86_64Efi), &parts).unwrap(),
    )
    .unwrap();
    let sections = pefile_sections(&program).unwrap();
    let names: Vec<_> = sections.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, [".text", ".data", "mods", ".reloc"]);

    let guest = folder_of.path().join("core.elf");
    std::fs::write(&guest, core(&folder(Platform::X86_64Xen), &parts).unwrap()).unwrap();
    let said = readelf(&guest).unwrap();
    for line in [
        "Class:                             ELF64",
        "EXEC (Executable file)",
        "NOTE ",
    ] {
        assert!(said.contains(line), "no {line:?} in {said}");
    }
    assert_eq!(
        said.lines()
            .filter(|line| line.trim().starts_with("Xen "))
            .count(),
        5,
        "{said}"
    );
}

fn any_parts(platform: Platform) -> impl Strategy<Value = CoreParts> {
    let memdisk = prop::option::of(prop::collection::vec(any::<u8>(), 1..3000));
    let modules = subsequence(modules(platform), 0..12).prop_shuffle();
    (modules, memdisk, "[ -~]{1,60}").prop_map(|(modules, memdisk, prefix)| CoreParts {
        modules,
        memdisk,
        // An argument that begins with a dash would be an option.
        prefix: format!("({prefix}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 40, ..ProptestConfig::with_cases(12) })]

    #[test]
    fn so_are_those_of_any_modules(
        pc in any_parts(Platform::I386Pc),
        efi in any_parts(Platform::X86_64Efi),
        xen in any_parts(Platform::X86_64Xen),
    ) {
        check(Platform::X86_64Efi, &efi);
        check(Platform::X86_64Xen, &xen);
        // More than a PC has room for is refused by both.
        if core(&folder(Platform::I386Pc), &pc).is_ok() {
            check(Platform::I386Pc, &pc);
        } else {
            prop_assert!(grub_mkimage("i386-pc", &pc.prefix, pc.memdisk.as_deref(), &pc.modules).is_err());
        }
    }
}

#[test]
fn more_than_a_pc_has_room_for_is_refused() {
    let all = modules(Platform::I386Pc);
    let parts = CoreParts {
        modules: all,
        memdisk: None,
        prefix: PREFIX.to_owned(),
    };
    let error = core(&folder(Platform::I386Pc), &parts)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("a PC's low memory") && error.contains("fewer modules"),
        "{error}"
    );
    assert!(grub_mkimage("i386-pc", PREFIX, None, &parts.modules).is_err());
}

#[test]
fn modules_come_once_and_behind_what_they_need() {
    let folder = folder(Platform::X86_64Efi);
    let order = folder.closure(&["normal", "linux", "normal"]).unwrap();
    let at = |name: &str| order.iter().position(|each| each == name).unwrap();
    assert_eq!(order.iter().filter(|each| *each == "normal").count(), 1);
    assert!(
        at("extcmd") < at("normal") && at("relocator") < at("linux"),
        "{order:?}"
    );
    let error = folder
        .closure(&["normal", "nonsense"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("no module \"nonsense\""), "{error}");
}
