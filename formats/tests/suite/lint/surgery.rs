//! Changing images, and taking streams apart and putting them together.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use kurmadisk_formats::image::ImageFormat;

use super::sample_image;
use crate::support::{SECTOR, number};

/// Puts `with` at offset `at`.
pub fn put(bytes: &mut [u8], at: u64, with: &[u8]) {
    let at = usize::try_from(at).unwrap();
    bytes[at..at + with.len()].copy_from_slice(with);
}

/// The sample as `format`, with these bytes at these offsets.
pub fn patched(format: ImageFormat, patches: &[(u64, &[u8])]) -> Vec<u8> {
    let mut bytes = sample_image(format);
    for (at, with) in patches {
        put(&mut bytes, *at, with);
    }
    bytes
}

/// Replaces text by another one of the same length or shorter, filled up with `fill`.
pub fn replaced(mut bytes: Vec<u8>, old: &str, new: &str, fill: char) -> Vec<u8> {
    let at = bytes
        .windows(old.len())
        .position(|text| text == old.as_bytes());
    let at = at.unwrap_or_else(|| panic!("no {old:?}")) as u64;
    let filled = format!("{new}{}", fill.to_string().repeat(old.len() - new.len()));
    put(&mut bytes, at, filled.as_bytes());
    bytes
}

/// A streamOptimized file in parts.
pub struct Stream {
    /// Header and descriptor, up to the first marker.
    pub head: Vec<u8>,
    /// First sector and content of each grain.
    pub grains: Vec<(u64, Vec<u8>)>,
    /// Compresses a grain.
    pub compress: fn(&[u8]) -> Vec<u8>,
    /// What stands before each grain but the first.
    pub between: Vec<u8>,
    /// Changes the footer.
    pub footer: fn(&mut [u8]),
    /// What follows the footer.
    pub end: Vec<u8>,
}

impl Stream {
    /// The sample.
    pub fn new() -> Self {
        let bytes = sample_image(ImageFormat::VmdkStream);
        let first = usize::try_from(number::<8>(&bytes, 64) * SECTOR).unwrap();
        let mut at = first;
        let mut grains = Vec::new();
        loop {
            let (lba, size) = (
                number::<8>(&bytes, at as u64),
                number::<4>(&bytes, at as u64 + 8),
            );
            let sectors = if size > 0 {
                let data = &bytes[at + 12..][..usize::try_from(size).unwrap()];
                let mut grain = Vec::new();
                ZlibDecoder::new(data).read_to_end(&mut grain).unwrap();
                grains.push((lba, grain));
                (12 + size).div_ceil(SECTOR)
            } else if number::<4>(&bytes, at as u64 + 12) == 1 {
                1 + lba
            } else {
                break;
            };
            at += usize::try_from(sectors * SECTOR).unwrap();
        }
        Self {
            head: bytes[..first].to_vec(),
            grains,
            compress: zlib,
            between: Vec::new(),
            footer: |_| {},
            end: vec![0; 512],
        }
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        let tables = usize::try_from(number::<8>(&self.head, 12).div_ceil(512 * 128)).unwrap();
        let mut entries = vec![[0_u32; 512]; tables];
        for (index, (lba, grain)) in self.grains.iter().enumerate() {
            if index > 0 {
                bytes.extend_from_slice(&self.between);
            }
            let grain_number = usize::try_from(lba / 128).unwrap();
            entries[grain_number / 512][grain_number % 512] = sectors(&bytes);
            let data = (self.compress)(grain);
            bytes.extend_from_slice(&lba.to_le_bytes());
            bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(&data);
            pad(&mut bytes);
        }
        let mut directory = Vec::new();
        for table in entries {
            if table == [0; 512] {
                directory.extend_from_slice(&[0; 4]);
                continue;
            }
            marker(&mut bytes, 4, 1);
            directory.extend_from_slice(&sectors(&bytes).to_le_bytes());
            bytes.extend(table.iter().flat_map(|entry| entry.to_le_bytes()));
        }
        marker(&mut bytes, (directory.len() as u64).div_ceil(SECTOR), 2);
        let at = u64::from(sectors(&bytes));
        bytes.extend_from_slice(&directory);
        pad(&mut bytes);
        marker(&mut bytes, 1, 3);
        let mut footer = self.head[..512].to_vec();
        put(&mut footer, 56, &at.to_le_bytes());
        (self.footer)(&mut footer);
        bytes.extend_from_slice(&footer);
        bytes.extend_from_slice(&self.end);
        bytes
    }
}

fn sectors(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len() / 512).unwrap()
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(512), 0);
}

fn marker(bytes: &mut Vec<u8>, sectors: u64, kind: u32) {
    bytes.extend_from_slice(&sectors.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&kind.to_le_bytes());
    pad(bytes);
}

/// As RFC 1950 has it.
pub fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// As RFC 1951 has it.
pub fn bare(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A zlib stream that is longer than it needs to be: empty stored blocks before the data.
pub fn bloated(data: &[u8]) -> Vec<u8> {
    let plain = zlib(data);
    let mut long = plain[..2].to_vec();
    while long.len() < 66_000 {
        long.extend_from_slice(&[0, 0, 0, 0xFF, 0xFF]);
    }
    long.extend_from_slice(&plain[2..]);
    long
}
