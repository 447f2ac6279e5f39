//! Attributes as bytes, in an inode or a block: entries from the front, values from the end.

use byteorder::{ByteOrder, LittleEndian};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::{Attribute, Format};
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::spec::{XATTR_MAGIC, XattrEntryHead, XattrHeader};

/// What an inode has before its entries.
pub const INODE_HEAD: usize = 4;

/// What a block holds but for its head, without the room between entries and values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    entries: Vec<u8>,
    values: Vec<u8>,
    hash: u32,
}

/// The end of an inode; empty when there is nothing to say.
pub fn body(attributes: &[&Attribute<'_>], format: Format) -> Vec<u8> {
    if attributes.is_empty() {
        return Vec::new();
    }
    // Values are counted from the first entry on.
    let (entries, values) = parts(attributes, format.body - INODE_HEAD, |_| 0);
    let mut bytes = XATTR_MAGIC.to_le_bytes().to_vec();
    bytes.extend_from_slice(&entries);
    bytes.resize(format.body - values.len(), 0);
    bytes.extend_from_slice(&values);
    bytes
}

/// What a block of these attributes holds, sorted as [`Attribute::key`] says.
pub fn content(attributes: &[&Attribute<'_>], format: Format) -> Content {
    let (entries, values) = parts(attributes, format.block_size, entry_hash);
    // A block with an entry of hash 0 has no hash either.
    let mut hashes = attributes.iter().map(|attribute| entry_hash(attribute));
    let hash = hashes.try_fold(0_u32, |sum, hash| {
        (hash != 0).then_some(sum.rotate_left(16) ^ hash)
    });
    Content {
        entries,
        values,
        hash: hash.unwrap_or(0),
    }
}

impl Content {
    /// The block at `number` for `users` inodes; `seed` is the filesystem's.
    pub fn block(&self, number: u64, users: u32, format: Format, seed: Checksum) -> Vec<u8> {
        let mut head = XattrHeader::new_zeroed();
        head.magic = U32::new(XATTR_MAGIC);
        head.refcount = U32::new(users);
        head.blocks = U32::new(1);
        head.hash = U32::new(self.hash);
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend_from_slice(&self.entries);
        bytes.resize(format.block_size - self.values.len(), 0);
        bytes.extend_from_slice(&self.values);
        let checksum = seed.update(&number.to_le_bytes()).update(&bytes).value();
        head.checksum = U32::new(checksum);
        bytes[..size_of::<XattrHeader>()].copy_from_slice(head.as_bytes());
        bytes
    }
}

/// Entries, and values that end at `end`.
fn parts(
    attributes: &[&Attribute<'_>],
    end: usize,
    hash: impl Fn(&Attribute<'_>) -> u32,
) -> (Vec<u8>, Vec<u8>) {
    let mut entries = Vec::new();
    let mut values: Vec<Vec<u8>> = Vec::new();
    let mut at = end;
    for attribute in attributes {
        let value = padded(&attribute.value);
        at -= value.len();
        let head = XattrEntryHead {
            name_len: low8(attribute.name.len()),
            name_index: attribute.index,
            // An empty value has no place.
            value_offset: U16::new(if value.is_empty() { 0 } else { low16(at) }),
            value_inode: U32::new(0),
            value_size: U32::new(low16(attribute.value.len()).into()),
            hash: U32::new(hash(attribute)),
        };
        entries.extend_from_slice(head.as_bytes());
        entries.extend_from_slice(&padded(attribute.name));
        values.push(value);
    }
    values.reverse();
    (entries, values.concat())
}

/// The hash of an entry in a block (`e_hash`): over its name, then its value in words. Bytes of names count
/// from 0 to 255, whatever the machine.
fn entry_hash(attribute: &Attribute<'_>) -> u32 {
    let name = attribute.name.iter();
    let hash = name.fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
    let value = padded(&attribute.value);
    let words = value.chunks_exact(4).map(LittleEndian::read_u32);
    words.fold(hash, |hash, word| hash.rotate_left(16) ^ word)
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}

/// Names were checked to have no more than 255 bytes.
fn low8(len: usize) -> u8 {
    len.to_le_bytes()[0]
}

/// All that is in a block is at most 4096 bytes from its begin.
fn low16(len: usize) -> u16 {
    let [a, b, ..] = len.to_le_bytes();
    u16::from_le_bytes([a, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format {
        block_size: 1024,
        body: 96,
        allowed: true,
    };

    fn attributes() -> [Attribute<'static>; 3] {
        [
            Attribute::new(b"user.a", b"12345").unwrap(),
            Attribute::new(b"user.b", b"").unwrap(),
            Attribute::new(b"security.\xff", b"9876").unwrap(),
        ]
    }

    #[test]
    fn an_inode_has_no_hashes() {
        let body = body(&attributes().each_ref(), FORMAT);
        assert_eq!(body.len(), 96);
        let mut expected = vec![0, 0, 2, 0xea];
        // 92 bytes from the first entry on: the first value takes the last eight of them.
        expected.extend([1, 1, 84, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend(*b"a\0\0\0");
        expected.extend([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend(*b"b\0\0\0");
        expected.extend([1, 6, 80, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend(*b"\xff\0\0\0");
        assert_eq!(body[..64], expected);
        assert_eq!(body[64..84], [0; 20]);
        assert_eq!(&body[84..], b"987612345\0\0\0");
        assert!(super::body(&[], FORMAT).is_empty());
    }

    #[test]
    fn hashes_are_of_names_and_values() {
        let hashes = attributes().each_ref().map(entry_hash);
        // 0x61 turned by 16 bits, then "1234", then again with "5".
        let first = (0x61_0000_u32 ^ 0x3433_3231).rotate_left(16) ^ 0x35;
        assert_eq!(hashes, [first, 0x62, 0xff_0000 ^ 0x3637_3839]);
        let content = content(&attributes().each_ref(), FORMAT);
        let expected = (first.rotate_left(16) ^ 0x62).rotate_left(16) ^ hashes[2];
        assert_eq!(content.hash, expected);
        // The names' hashes are turned by five bits a byte.
        let long = Attribute::new(b"user.ab", b"").unwrap();
        assert_eq!(entry_hash(&long), 0x61 << 5 ^ 0x62);
        let zero = Attribute::new(b"user.a", b"\0\0\x61\0").unwrap();
        assert_eq!(entry_hash(&zero), 0);
        let [first, ..] = attributes();
        let sum = |list: &[&Attribute<'_>]| super::content(list, FORMAT).hash;
        assert_eq!(sum(&[&zero, &first]), 0);
        assert_eq!(sum(&[&first, &zero]), 0);
    }

    #[test]
    fn a_block_says_where_it_is_and_for_how_many() {
        let content = content(&attributes().each_ref(), FORMAT);
        let block = content.block(0x1_2345_6789, 77, FORMAT, Checksum::START);
        assert_eq!(block.len(), 1024);
        assert_eq!(block[..12], [0, 0, 2, 0xea, 77, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(block[12..16], content.hash.to_le_bytes());
        // The first value's place is counted from the block's begin.
        assert_eq!(block[34..36], 1016_u16.to_le_bytes());
        assert_eq!(&block[1012..], b"987612345\0\0\0");
        let mut covered = 0x1_2345_6789_u64.to_le_bytes().to_vec();
        covered.extend_from_slice(&block);
        covered[8 + 16..8 + 20].fill(0);
        let checksum = Checksum::START.update(&covered).value();
        assert_eq!(block[16..20], checksum.to_le_bytes());
        let off = content.block(5, 1, FORMAT, Checksum::OFF);
        assert_eq!(off[16..20], [0; 4]);
    }
}
