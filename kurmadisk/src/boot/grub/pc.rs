//! The core image of BIOS machines: a sector that loads the rest, a decompressor, and the kernel with its objects,
//! compressed.

use std::io::Write;

use lzma_rust2::{LzmaOptions, LzmaWriter};

use super::elf::Segment;
use super::objects::{Objects, Word};
use super::{Folder, GrubError, folder};
use crate::table::BOOT_CODE_LEN;

/// The MBR's code; the sector that loads the core image; the decompressor.
const BOOT: &str = "boot.img";
const DISKBOOT: &str = "diskboot.img";
const DECOMPRESSOR: &str = "lzma_decompress.img";

const SECTOR: usize = 512;
/// Where the kernel runs once it is uncompressed (GRUB's `offsets.h`).
const KERNEL_ADDRESS: u64 = 0x9000;
/// What the image may have, for it is loaded at 0x8000 and must end below 0x78000, with room for its stack.
const MAX_LEN: usize = 0x6_f000;
/// Where the kernel with its variables must end.
const MAX_KERNEL_END: u64 = 0x6_8000;
/// Fields of the decompressor: how long its input and its output are.
const COMPRESSED_LEN: usize = 8;
const UNCOMPRESSED_LEN: usize = 12;
/// The dictionary that the decompressor has room for, in bytes.
const DICTIONARY: u32 = 1 << 16;

/// Fields of the MBR's code: the sector of the core image; the drive, or that which the BIOS names; a jump over
/// what corrects drives that BIOSes of old name wrongly, which counts for hard disks.
const CORE_SECTOR: usize = 0x5c;
const BOOT_DRIVE: usize = 0x64;
const DRIVE_CHECK: usize = 0x66;
const BIOS_DRIVE: u8 = 0xff;
const JUMP: [u8; 2] = [0xeb, 0x05];
const NO_OPERATIONS: [u8; 2] = [0x90, 0x90];

/// The list of stretches at the end of the first sector: it grows downwards, and one of no length ends it.
const STRETCH: usize = 0x1f4;
const STRETCH_LEN: usize = 12;
/// The segment that the second sector of the core image is loaded to.
const SEGMENT: u16 = 0x0820;

/// The core image for BIOS machines, and the MBR's code that loads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcCore {
    boot: Vec<u8>,
    image: Vec<u8>,
}

impl PcCore {
    pub(super) fn new(folder: &Folder, objects: &Objects) -> Result<Self, GrubError> {
        let boot = sector(folder, BOOT)?;
        if boot[DRIVE_CHECK..][..JUMP.len()] != JUMP {
            return Err(folder.malformed(BOOT, "it does not check the drive where it should"));
        }
        let mut diskboot = sector(folder, DISKBOOT)?;
        let mut decompressor = folder.read(DECOMPRESSOR)?;
        if decompressor.len() < UNCOMPRESSED_LEN + 4 {
            return Err(folder.malformed(DECOMPRESSOR, "it is too short"));
        }
        let kernel = folder.kernel()?;
        let malformed = |problem| folder.malformed(folder::KERNEL, problem);
        let kernel = Segment::read(&kernel).map_err(malformed)?;
        if kernel.address != KERNEL_ADDRESS {
            return Err(malformed("it is linked to run elsewhere"));
        }
        if kernel.address.saturating_add(kernel.memory_len) > MAX_KERNEL_END {
            return Err(malformed("it is too large"));
        }
        let payload = [kernel.bytes, &objects.bytes(Word::Bits32)].concat();
        let compressed = compress(&payload).map_err(|source| GrubError::Read {
            path: folder.path().join(folder::KERNEL),
            source,
        })?;
        for (at, len) in [
            (COMPRESSED_LEN, compressed.len()),
            (UNCOMPRESSED_LEN, payload.len()),
        ] {
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            decompressor[at..at + 4].copy_from_slice(&len.to_le_bytes());
        }
        let rest = decompressor.len() + compressed.len();
        if rest > MAX_LEN {
            return Err(GrubError::TooLarge {
                len: rest as u64,
                most: MAX_LEN as u64,
                place: "a PC's low memory",
            });
        }
        let sectors = u16::try_from(rest.div_ceil(SECTOR)).unwrap_or(u16::MAX);
        diskboot[STRETCH + 8..STRETCH + 10].copy_from_slice(&sectors.to_le_bytes());
        Ok(Self {
            boot,
            image: [diskboot, decompressor, compressed].concat(),
        })
    }

    /// The core image, which says nothing of its own place yet.
    #[must_use]
    pub fn into_image(self) -> Vec<u8> {
        self.image
    }

    /// The MBR's code, and the core image in whole sectors, for a place that begins at sector `lba` of the disk.
    #[must_use]
    pub fn embedded(&self, lba: u64) -> (Vec<u8>, Vec<u8>) {
        let mut boot = self.boot.clone();
        boot[CORE_SECTOR..CORE_SECTOR + 8].copy_from_slice(&lba.to_le_bytes());
        boot[BOOT_DRIVE] = BIOS_DRIVE;
        boot[DRIVE_CHECK..DRIVE_CHECK + 2].copy_from_slice(&NO_OPERATIONS);
        boot.truncate(BOOT_CODE_LEN);

        let mut image = self.image.clone();
        image.resize(image.len().next_multiple_of(SECTOR), 0);
        let sectors = u16::try_from(image.len() / SECTOR - 1).unwrap_or(u16::MAX);
        image[STRETCH..STRETCH + 8].copy_from_slice(&(lba + 1).to_le_bytes());
        image[STRETCH + 8..STRETCH + 10].copy_from_slice(&sectors.to_le_bytes());
        image[STRETCH + 10..SECTOR].copy_from_slice(&SEGMENT.to_le_bytes());
        image[STRETCH - STRETCH_LEN..STRETCH].fill(0);
        (boot, image)
    }
}

/// A file of one sector.
fn sector(folder: &Folder, name: &str) -> Result<Vec<u8>, GrubError> {
    let bytes = folder.read(name)?;
    if bytes.len() != SECTOR {
        return Err(folder.malformed(name, "it has not 512 bytes"));
    }
    Ok(bytes)
}

/// LZMA without a header or an end mark, of the parameters that the decompressor is made for.
fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    const PRESET: u32 = 9;
    let mut options = LzmaOptions::with_preset(PRESET);
    (options.lc, options.lp, options.pb) = (3, 0, 2);
    options.dict_size = DICTIONARY;
    let len = bytes.len() as u64;
    let mut writer = LzmaWriter::new(Vec::new(), &options, false, false, Some(len))?;
    writer.write_all(bytes)?;
    writer.finish()
}
