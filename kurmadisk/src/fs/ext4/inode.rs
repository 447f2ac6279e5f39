//! Inodes (`inodes.rst`).

use byteorder::{ByteOrder, LittleEndian};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::checksum::Checksum;
use super::extents::split48;
use super::spec::{EXTRA_ISIZE, Inode, file_type, inode_flags};
use crate::tree::{DeviceNumber, Metadata, NodeKind, Timestamp};

/// Symbolic links with targets up to this length lie in the inode.
pub const FAST_SYMLINK: usize = 59;

/// Seconds since 1970 that an inode of 256 bytes can express: 34 bits from -2³¹ on.
pub const SECONDS: std::ops::Range<i64> = -(1 << 31)..(1 << 34) - (1 << 31);

/// What an inode's `i_block` holds.
pub enum Block {
    /// The root of an extent tree.
    Extents([u8; 60]),
    /// Something else, or nothing: a short symbolic link, a device number.
    Plain([u8; 60]),
}

/// All that an inode says.
pub struct InodeFields<'a> {
    pub meta: &'a Metadata,
    /// The type bits of `i_mode`.
    pub type_bits: u16,
    pub links: u16,
    /// Size in bytes.
    pub size: u64,
    /// Blocks of the filesystem it occupies, those of its extent tree included.
    pub blocks: u64,
    pub block: Block,
    pub created: Timestamp,
}

/// The 256 bytes of an inode; `seed` is the one of its own.
pub fn encode(fields: &InodeFields<'_>, block_size: u32, seed: Checksum) -> Inode {
    let mut inode = Inode::new_zeroed();
    let meta = fields.meta;
    inode.mode = U16::new(fields.type_bits | meta.mode);
    (inode.uid_lo, inode.uid_hi) = halves(meta.uid);
    (inode.gid_lo, inode.gid_hi) = halves(meta.gid);
    inode.size_lo = low(fields.size);
    inode.size_hi = low(fields.size >> 32);
    // Access and change times of the host differ from copy to copy: the one that lasts is used.
    (inode.mtime, inode.mtime_extra) = timestamp(meta.mtime);
    (inode.atime, inode.atime_extra) = (inode.mtime, inode.mtime_extra);
    (inode.ctime, inode.ctime_extra) = (inode.mtime, inode.mtime_extra);
    (inode.crtime, inode.crtime_extra) = timestamp(fields.created);
    inode.links_count = U16::new(fields.links);
    let (lo, hi) = split48(fields.blocks * u64::from(block_size / 512));
    inode.blocks_lo = U32::new(lo);
    inode.blocks_hi = U16::new(hi);
    inode.extra_isize = U16::new(EXTRA_ISIZE);
    match fields.block {
        Block::Extents(root) => {
            inode.block = root;
            inode.flags = U32::new(inode_flags::EXTENTS);
        }
        Block::Plain(bytes) => inode.block = bytes,
    }
    let checksum = seed.update(inode.as_bytes());
    inode.checksum_lo = U16::new(checksum.lo());
    inode.checksum_hi = U16::new(checksum.hi());
    inode
}

/// The type bits of a node's mode, and its file type in directory entries.
pub fn type_of(kind: &NodeKind) -> (u16, u8) {
    match kind {
        NodeKind::Directory(_) => file_type::DIRECTORY,
        NodeKind::File(_) => file_type::REGULAR,
        NodeKind::Symlink(_) => file_type::SYMLINK,
        NodeKind::CharDevice(_) => file_type::CHAR_DEVICE,
        NodeKind::BlockDevice(_) => file_type::BLOCK_DEVICE,
        NodeKind::Fifo => file_type::FIFO,
        NodeKind::Socket => file_type::SOCKET,
    }
}

/// A device number in `i_block`: 8 + 8 bits in the first word, or 12 + 20 bits in the second.
pub fn device_block(device: DeviceNumber) -> [u8; 60] {
    let mut block = [0; 60];
    let DeviceNumber { major, minor } = device;
    if major < 256 && minor < 256 {
        LittleEndian::write_u32(&mut block[0..4], major << 8 | minor);
    } else {
        let word = minor & 0xff | major << 8 | (minor & !0xff) << 12;
        LittleEndian::write_u32(&mut block[4..8], word);
    }
    block
}

/// Whether a device number fits 12 + 20 bits.
pub fn device_fits(device: DeviceNumber) -> bool {
    device.major < 1 << 12 && device.minor < 1 << 20
}

/// Seconds in 32 bits; the extra word has 2 more of them below 30 bits of nanoseconds.
fn timestamp(time: Timestamp) -> (U32, U32) {
    let seconds = time.seconds.cast_unsigned();
    let low_signed = i64::from(low(seconds).get().cast_signed());
    let epoch = (time.seconds.wrapping_sub(low_signed) >> 32).cast_unsigned() & 3;
    (low(seconds), U32::new(time.nanos << 2 | low(epoch).get()))
}

fn low(value: u64) -> U32 {
    U32::new(split48(value).0)
}

fn halves(id: u32) -> (U16, U16) {
    let [a, b, c, d] = id.to_le_bytes();
    (U16::from_bytes([a, b]), U16::from_bytes([c, d]))
}
