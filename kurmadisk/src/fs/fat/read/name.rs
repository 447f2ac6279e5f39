//! Names as directory entries have them.

use zerocopy::little_endian::U16;

use super::error::FatFault;
use crate::fs::fat::name::ShortName;
use crate::fs::fat::spec::{CASE_LOWER_BASE, CASE_LOWER_EXTENSION, LongEntry, ShortEntry};

const BASE_LEN: usize = 8;
/// What a name begins with whose first byte is that of a deleted entry.
const KANJI: (u8, u8) = (0x05, 0xe5);

/// The characters 0x80 to 0xff of code page 437.
const CODE_PAGE_437: &str = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
    áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
    αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The short name, with the case that Windows NT notes. Bytes beyond ASCII are those of code page 437, what
/// MS-DOS and Linux take them for unless told otherwise.
pub(super) fn short(entry: &ShortEntry) -> String {
    let mut bytes = entry.name;
    if bytes[0] == KANJI.0 {
        bytes[0] = KANJI.1;
    }
    let (base, extension) = bytes.split_at(BASE_LEN);
    let part = |part: &[u8], lower: u8| -> String {
        let characters = part.trim_ascii_end().iter().map(|byte| character(*byte));
        match entry.case & lower {
            0 => characters.collect(),
            _ => characters.flat_map(char::to_lowercase).collect(),
        }
    };
    let base = part(base, CASE_LOWER_BASE);
    match part(extension, CASE_LOWER_EXTENSION) {
        extension if extension.is_empty() => base,
        extension => format!("{base}.{extension}"),
    }
}

fn character(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(index) => {
            let found = CODE_PAGE_437.chars().nth(index.into());
            found.unwrap_or(char::REPLACEMENT_CHARACTER)
        }
    }
}

/// Whether a long name with that checksum is of this entry.
pub(super) fn belongs(checksum: u8, entry: &ShortEntry) -> bool {
    let name = ShortName {
        bytes: entry.name,
        case: 0,
        needs_long: true,
    };
    name.checksum() == checksum
}

/// The units of a part of a long name.
pub(super) fn units(part: &LongEntry) -> impl Iterator<Item = u16> {
    let units = part.units_1.into_iter().chain(part.units_2);
    units.chain(part.units_3).map(U16::get)
}

/// A long name, which a zero ends if there is room for one.
pub(super) fn long(units: &[u16]) -> Result<String, FatFault> {
    let end = units.iter().position(|unit| *unit == 0);
    let units = &units[..end.unwrap_or(units.len())];
    String::from_utf16(units).map_err(|_| FatFault::Name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: &[u8; 11], case: u8) -> String {
        short(&ShortEntry {
            name: *bytes,
            case,
            ..ShortEntry::default()
        })
    }

    #[test]
    fn short_names_have_case_and_a_code_page() {
        assert_eq!(name(b"README  TXT", 0), "README.TXT");
        assert_eq!(name(b"README  TXT", 0x18), "readme.txt");
        assert_eq!(name(b"README  TXT", 0x08), "readme.TXT");
        assert_eq!(name(b"INITRD-A   ", 0x10), "INITRD-A");
        assert_eq!(name(b"A B     C  ", 0), "A B.C");
        assert_eq!(name(b"\x9aBER\xe1   \x80  ", 0), "ÜBERß.Ç");
        assert_eq!(name(b"\x9aBER\xe1   \x80  ", 0x18), "überß.ç");
        assert_eq!(name(b"\x05A\xff\xfe       ", 0), "σA\u{a0}■");
        assert_eq!(CODE_PAGE_437.chars().count(), 128);
    }

    #[test]
    fn half_of_a_pair_is_no_name() {
        assert_eq!(long(&[0x61, 0, 0xffff]).unwrap(), "a");
        assert_eq!(long(&[0xd83d, 0xde00]).unwrap(), "\u{1f600}");
        assert!(matches!(long(&[0xd83d]), Err(FatFault::Name)));
    }
}
