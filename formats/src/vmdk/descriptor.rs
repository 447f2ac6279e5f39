//! The disk descriptor: text that says what a VMDK is.
//!
//! Virtual Disk Format 5.0, section "The Disk Descriptor File". The order of its parts, and of the
//! lines within them, is what VMware writes: other programs search for them in this order.

use std::fmt::Write;

use uuid::Uuid;

use super::spec::{DESCRIPTOR_SECTORS, NAME, SECTOR};
use crate::error::PlaceError;
use crate::format::ImageOptions;

/// `CID` of a disk that has none: what `parentCID` says without a parent.
pub(super) const NO_CID: u32 = 0xFFFF_FFFF;

/// Heads and sectors of the geometry that VMware gives a SCSI disk.
const HEADS: u64 = 255;
const TRACK: u64 = 63;

/// QEMU reads no longer names, nor do file systems hold them.
const MAX_NAME: usize = 255;

/// The descriptor of a disk of `capacity` sectors that lies in one file, filled up with zeros to
/// its whole length.
pub(super) fn text(
    create_type: &str,
    capacity: u64,
    options: &ImageOptions,
) -> Result<Vec<u8>, PlaceError> {
    let name = extent_name(&options.file_name)?;
    let content = Uuid::new_v5(&options.identity, b"vmdk content").into_bytes();
    let cid = cid(content);
    let mut long_id = String::new();
    for byte in &content[4..] {
        // Writing to a string doesn't fail.
        let _ = write!(long_id, "{byte:02x}");
    }
    let cylinders = capacity.div_ceil(HEADS * TRACK).min(65_535);
    let text = format!(
        "# Disk DescriptorFile\n\
         version=1\n\
         CID={cid:08x}\n\
         parentCID={NO_CID:08x}\n\
         createType=\"{create_type}\"\n\
         \n\
         # Extent description\n\
         RW {capacity} SPARSE \"{name}\"\n\
         \n\
         # The Disk Data Base\n\
         #DDB\n\
         \n\
         ddb.adapterType = \"lsilogic\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\n\
         ddb.geometry.heads = \"{HEADS}\"\n\
         ddb.geometry.sectors = \"{TRACK}\"\n\
         ddb.longContentID = \"{long_id}{cid:08x}\"\n\
         ddb.toolsInstallType = \"4\"\n\
         ddb.toolsVersion = \"2147483647\"\n\
         ddb.virtualHWVersion = \"7\"\n"
    );
    let mut text = text.into_bytes();
    let len = usize::try_from(DESCRIPTOR_SECTORS * SECTOR).unwrap_or(usize::MAX);
    if text.len() > len {
        return Err(PlaceError::Field {
            format: NAME,
            reason: format!("its descriptor has more than {len} bytes; shorten the file name"),
        });
    }
    text.resize(len, 0);
    Ok(text)
}

/// The content's identifier, never one of the two values with a meaning of their own.
fn cid(content: [u8; 16]) -> u32 {
    let [a, b, c, d, ..] = content;
    match u32::from_be_bytes([a, b, c, d]) {
        cid @ 0xFFFF_FFFE.. => cid & 0x7FFF_FFFF,
        cid => cid,
    }
}

/// The file's name as the descriptor can hold it: ASCII, and no character that ends it.
fn extent_name(name: &str) -> Result<String, PlaceError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(PlaceError::Field {
            format: NAME,
            reason: format!(
                "its file name must have 1 to {MAX_NAME} bytes, not {}",
                name.len()
            ),
        });
    }
    let plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !"\"\\/".contains(c));
    Ok(name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect())
}

/// The value of `key` in a descriptor: without its quotes, and empty when there is none.
pub(super) fn value<'a>(text: &'a str, key: &str) -> &'a str {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == key)
        .map_or("", |(_, value)| value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(file_name: &str) -> ImageOptions {
        ImageOptions::new(Uuid::from_u128(7), file_name)
    }

    #[test]
    fn names_are_made_safe_and_long_ones_refused() {
        assert_eq!(extent_name("a b-1.vmdk").unwrap(), "a b-1.vmdk");
        assert_eq!(extent_name("ä\"\n.vmdk").unwrap(), "___.vmdk");
        assert!(extent_name("").is_err());
        assert!(extent_name(&"x".repeat(256)).is_err());
    }

    #[test]
    fn what_is_written_is_found_again() {
        let bytes = text("monolithicSparse", 100, &options("disk.vmdk")).unwrap();
        assert_eq!(bytes.len(), 20 * 512);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("# Disk DescriptorFile\n"));
        assert_eq!(value(&text, "createType"), "monolithicSparse");
        assert_eq!(value(&text, "parentCID"), "ffffffff");
        assert_eq!(value(&text, "ddb.geometry.cylinders"), "1");
        assert_eq!(value(&text, "absent"), "");
        let long_id = value(&text, "ddb.longContentID");
        assert_eq!(long_id.len(), 32);
        assert!(long_id.ends_with(value(&text, "CID")));
    }

    #[test]
    fn identifiers_with_a_meaning_are_avoided() {
        assert_eq!(cid([0xFF; 16]), 0x7FFF_FFFF);
        let mut content = [0; 16];
        content[..4].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFE]);
        assert_eq!(cid(content), 0x7FFF_FFFE);
        content[0] = 0x12;
        assert_eq!(cid(content), 0x12FF_FFFE);
    }
}
