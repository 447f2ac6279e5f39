//! The disk descriptor: text that says what a VMDK is.
//!
//! Virtual Disk Format 5.0, section "The Disk Descriptor File". The order of its parts, and of the
//! lines within them, is what VMware writes: other programs search for them in this order.

use std::fmt::Write;

use uuid::Uuid;

use super::extent::{ExtentLine, Place};
use super::spec::{DESCRIPTOR_SECTORS, NAME, SECTOR};
use crate::error::PlaceError;
use crate::format::{Adapter, ImageOptions};

/// `CID` of a disk that has none: what `parentCID` says without a parent.
pub(super) const NO_CID: u32 = 0xFFFF_FFFF;

/// QEMU reads no longer names, nor do file systems hold them.
pub(super) const MAX_NAME: usize = 255;

/// Cylinders, heads and sectors of a track of a disk of `capacity` sectors, as the adapter's firmware tells them.
fn geometry(adapter: Adapter, capacity: u64) -> [u64; 3] {
    let (most, heads, track) = match adapter {
        // What ATA can say.
        Adapter::Ide => (16_383, 16, 63),
        Adapter::Lsilogic | Adapter::Buslogic => (65_535, 255, 63),
    };
    [capacity.div_ceil(heads * track).min(most), heads, track]
}

/// The descriptor of a disk in these extents, which are in the order of the disk.
pub(super) fn text(create_type: &str, extents: &[ExtentLine], options: &ImageOptions) -> String {
    let content = Uuid::new_v5(&options.identity, b"vmdk content").into_bytes();
    let cid = cid(content);
    let mut text = format!(
        "# Disk DescriptorFile\n\
         version=1\n\
         CID={cid:08x}\n\
         parentCID={NO_CID:08x}\n\
         createType=\"{create_type}\"\n\
         \n\
         # Extent description\n"
    );
    // Writing to a string doesn't fail.
    for extent in extents {
        let _ = writeln!(text, "{extent}");
    }
    let capacity = extents.iter().map(|extent| extent.sectors).sum();
    let adapter = options.tuning.adapter.unwrap_or(Adapter::Lsilogic);
    let [cylinders, heads, track] = geometry(adapter, capacity);
    let adapter = adapter.name();
    let mut long_id = String::new();
    for byte in &content[4..] {
        let _ = write!(long_id, "{byte:02x}");
    }
    let _ = write!(
        text,
        "\n\
         # The Disk Data Base\n\
         #DDB\n\
         \n\
         ddb.adapterType = \"{adapter}\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\n\
         ddb.geometry.heads = \"{heads}\"\n\
         ddb.geometry.sectors = \"{track}\"\n\
         ddb.longContentID = \"{long_id}{cid:08x}\"\n\
         ddb.toolsInstallType = \"4\"\n\
         ddb.toolsVersion = \"2147483647\"\n\
         ddb.virtualHWVersion = \"7\"\n"
    );
    text
}

/// The descriptor of a disk of `capacity` sectors in the one file that it lies in itself, filled up with zeros to its
/// whole length.
pub(super) fn embedded(
    create_type: &str,
    capacity: u64,
    options: &ImageOptions,
) -> Result<Vec<u8>, PlaceError> {
    let file = extent_name(&options.file_name)?;
    let extent = ExtentLine {
        sectors: capacity,
        place: Place::Sparse { file },
    };
    let mut text = text(create_type, &[extent], options).into_bytes();
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

/// The file's name as the descriptor can hold it: ASCII, and no character that ends it. Nobody opens the file by it:
/// who reads it has found the file.
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
    Ok(name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect())
}

/// Whether the character can be in the names of a descriptor, for all who read it.
pub(super) fn is_plain(c: char) -> bool {
    c == ' ' || (c.is_ascii_graphic() && !"\"\\/:".contains(c))
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

    #[test]
    fn names_are_made_safe_and_long_ones_refused() {
        assert_eq!(extent_name("a b-1.vmdk").unwrap(), "a b-1.vmdk");
        assert_eq!(extent_name("ä\"\n.vmdk").unwrap(), "___.vmdk");
        assert!(extent_name("").is_err());
        assert!(extent_name(&"x".repeat(256)).is_err());
    }

    fn embedded_text(capacity: u64, adapter: Option<Adapter>) -> String {
        let mut options = ImageOptions::new(Uuid::from_u128(7), "disk.vmdk");
        options.tuning.adapter = adapter;
        let bytes = embedded("monolithicSparse", capacity, &options).unwrap();
        assert_eq!(bytes.len(), 20 * 512);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_written_is_found_again() {
        let text = embedded_text(100, None);
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
    fn each_adapter_has_its_geometry() {
        for (adapter, capacity, expected) in [
            (Some(Adapter::Ide), 1, ["ide", "1", "16", "63"]),
            (Some(Adapter::Ide), 10 << 21, ["ide", "16383", "16", "63"]),
            (Some(Adapter::Ide), 5 << 21, ["ide", "10403", "16", "63"]),
            (None, 10 << 21, ["lsilogic", "1306", "255", "63"]),
            (
                Some(Adapter::Buslogic),
                2 << 31,
                ["buslogic", "65535", "255", "63"],
            ),
        ] {
            let text = embedded_text(capacity, adapter);
            let keys = [
                "ddb.adapterType",
                "ddb.geometry.cylinders",
                "ddb.geometry.heads",
                "ddb.geometry.sectors",
            ];
            assert_eq!(keys.map(|key| value(&text, key)), expected);
        }
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
