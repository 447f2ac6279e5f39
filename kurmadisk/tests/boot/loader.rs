//! kurmaboot as binutils see it, and what it must not exceed.

use kurmadisk::boot::kurmaboot::{bios_loader, uefi_loader, uefi_stub};
use kurmadisk::table::BOOT_CODE_LEN;

use crate::support::Image;

#[test]
fn the_uefi_loader_is_an_image_of_one_section() {
    let loader = uefi_loader().unwrap();
    let image = Image::new(&loader);
    assert_eq!(image.sections(), [(".text".to_owned(), 0x1000, 0x1000)]);
    assert_eq!(image.header("AddressOfEntryPoint"), 0x1000);
    assert_eq!(image.header("SizeOfHeaders"), 0x1000);
    let code = image.header("SizeOfCode");
    assert_eq!(loader.len() as u64, 0x1000 + code);
    assert_eq!(
        image.header("SizeOfImage"),
        0x1000 + code.next_multiple_of(0x1000)
    );
    assert_eq!(image.header("Subsystem"), 0x0a);
    assert!(image.section(".text").len() as u64 <= code);
}

/// Another one for generations, with room for those of others.
#[test]
fn the_stub_has_a_section_for_generations() {
    let stub = uefi_stub().unwrap();
    let image = Image::new(&stub);
    let sections = image.sections();
    let [(text, _, _), (sbat, address, offset)] = sections.as_slice() else {
        panic!("{sections:?}");
    };
    assert_eq!((text.as_str(), sbat.as_str()), (".text", ".sbat"));
    assert_eq!(address, offset);
    assert_eq!(stub.len() as u64, offset + 0x1000);
    assert_eq!(image.header("SizeOfImage"), address + 0x1000);
    assert_eq!(image.header("SizeOfInitializedData"), 0x1000);
    let generations = String::from_utf8(image.section(".sbat")).unwrap();
    assert!(generations.starts_with("sbat,1,"), "{generations}");
    assert!(generations.contains("\nkurmaboot,1,"), "{generations}");
}

/// Small enough to be read, and for any place: what a place changes is its number in the boot code.
#[test]
fn the_bios_loader_is_small_and_knows_its_place() {
    let [low, high] = [1, 0x1122_3344_5566_7788].map(|lba| bios_loader(lba).unwrap());
    assert!(low.boot_code.len() <= BOOT_CODE_LEN);
    assert!(low.stage2.len() <= 8 << 10, "{} bytes", low.stage2.len());
    assert!(low.stage2.len().is_multiple_of(512));
    assert_eq!(low.stage2, high.stage2);
    let place = |code: &[u8], lba: u64| {
        let number = lba.to_le_bytes();
        code.windows(8).position(|window| window == number).unwrap()
    };
    let at = place(&high.boot_code, 0x1122_3344_5566_7788);
    let mut moved = high.boot_code.clone();
    moved[at..at + 8].copy_from_slice(&1_u64.to_le_bytes());
    assert_eq!(moved, low.boot_code);
    assert_eq!(bios_loader(1).unwrap(), low);
}
