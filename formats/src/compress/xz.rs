//! xz: one stream, with a block for each block of the file, an index of all, and CRC-64 as their checks, or CRC-32
//! where the Linux kernel is to read it.
//!
//! Sections are those of "The .xz File Format", version 1.2.

use std::io::{self, Write};

use lzma_rust2::{CheckType, XzOptions, XzWriter};

use super::codec::{Codec, Envelope, Packed};

/// Bytes of a block: as far back as level 6 looks. Higher levels would look further in larger ones.
const BLOCK: usize = 8 << 20;

/// Level 6, as the program xz itself: whoever chooses xz wants small files.
pub(super) const CODEC: Codec = Codec {
    name: "xz",
    levels: (0, 9),
    level: 6,
    block: BLOCK,
    pack: |data, level, packed| pack(data, CheckType::Crc64, level, packed),
    envelope: || Box::new(Stream::new(CheckType::Crc64)),
};

/// The same with the checks that the Linux kernel knows.
pub(super) const KERNEL_CODEC: Codec = Codec {
    pack: |data, level, packed| pack(data, CheckType::Crc32, level, packed),
    envelope: || Box::new(Stream::new(CheckType::Crc32)),
    ..CODEC
};

/// Bytes of a stream's header, and of its footer.
const HEADER: usize = 12;

/// Compresses `data` into a stream of one block, and takes the block out of it.
fn pack(data: &[u8], check: CheckType, level: u32, packed: &mut Packed) -> io::Result<()> {
    let mut options = XzOptions::with_preset(level);
    options.set_check_sum_type(check);
    let lzma = &mut options.lzma_options;
    lzma.dict_size = lzma.dict_size.min(u32::try_from(BLOCK).unwrap_or(u32::MAX));
    packed.bytes.clear();
    let mut writer = XzWriter::new(&mut packed.bytes, options)?;
    writer.write_all(data)?;
    writer.finish()?;

    let wrong = || io::Error::other("the stream of a block is not as it should be");
    let end = packed.bytes.len().checked_sub(HEADER).ok_or_else(wrong)?;
    let (stream, footer) = packed.bytes.split_at(end);
    // 2.1.2.2: the size of the index in units of four bytes, less one.
    let units = footer[4..8].try_into().map_or(0, u32::from_le_bytes);
    let index = usize::try_from(units).map_err(io::Error::other)? * 4 + 4;
    let at = stream.len().checked_sub(index).ok_or_else(wrong)?;
    // 4: an indicator, the number of records, and the block's size without its padding.
    let record = stream[at..].strip_prefix(&[0, 1]).ok_or_else(wrong)?;
    packed.note = number(record).ok_or_else(wrong)?;
    packed.bytes.truncate(at);
    packed.bytes.drain(..HEADER);
    Ok(())
}

/// The number that `bytes` begin with (1.2): seven bits in each byte, the lowest first.
fn number(bytes: &[u8]) -> Option<u64> {
    let len = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let bits = |value, byte: &u8| (value << 7) | u64::from(byte & 0x7F);
    (len <= 9).then(|| bytes[..len].iter().rev().fold(0, bits))
}

/// Appends a number in that form.
fn append(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7F) as u8);
}

/// Blocks that follow one another and are alike.
struct Record {
    /// Bytes of the block without its padding.
    unpadded: u64,
    /// Bytes of its content.
    len: u64,
    times: u64,
}

/// The blocks of a stream.
struct Stream {
    /// 2.1.1.2: which checks its blocks have.
    flags: [u8; 2],
    records: Vec<Record>,
}

impl Stream {
    fn new(check: CheckType) -> Self {
        Self {
            flags: [0, check as u8],
            records: Vec::new(),
        }
    }

    fn index(&self) -> Vec<u8> {
        let mut bytes = vec![0];
        append(
            &mut bytes,
            self.records.iter().map(|record| record.times).sum(),
        );
        for record in &self.records {
            let start = bytes.len();
            append(&mut bytes, record.unpadded);
            append(&mut bytes, record.len);
            let one = bytes[start..].to_vec();
            for _ in 1..record.times {
                bytes.extend_from_slice(&one);
            }
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }
}

impl Envelope for Stream {
    /// 2.1.1.
    fn begin(&self) -> Vec<u8> {
        let mut bytes = b"\xFD7zXZ\0".to_vec();
        bytes.extend(self.flags);
        bytes.extend(crc32fast::hash(&self.flags).to_le_bytes());
        bytes
    }

    fn add(&mut self, note: u64, len: u64, times: u64) {
        self.records.push(Record {
            unpadded: note,
            len,
            times,
        });
    }

    /// 4 and 2.1.2.
    fn end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = self.index();
        let units = u32::try_from(bytes.len() / 4 - 1).map_err(io::Error::other)?;
        let mut footer = units.to_le_bytes().to_vec();
        footer.extend(self.flags);
        bytes.extend(crc32fast::hash(&footer).to_le_bytes());
        bytes.extend(footer);
        bytes.extend(b"YZ");
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for value in [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 8 << 20, (1 << 63) - 1] {
            let mut bytes = Vec::new();
            append(&mut bytes, value);
            assert_eq!(number(&bytes), Some(value));
            bytes.push(0xFF);
            assert_eq!(number(&bytes), Some(value));
        }
        assert_eq!(number(&[0x80; 9]), None);
        assert_eq!(number(&[]), None);
    }
}
