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
///
/// The kernel reads them all; e2fsck takes those from 2310-04-04 to 2378-04-22 for times before 1970,
/// as old kernels wrote them.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel reads: signed seconds, with two more bits above them.
    fn decoded(seconds: U32, extra: U32) -> (i64, u32) {
        let above = i64::from(extra.get() & 3) << 32;
        (
            i64::from(seconds.get().cast_signed()) + above,
            extra.get() >> 2,
        )
    }

    #[test]
    fn times_have_34_bits_and_nanoseconds() {
        let times = [
            (0, 0),
            (-1, 500_000_000),
            (SECONDS.start, 0),
            (i64::from(i32::MAX), 999_999_999),
            (i64::from(i32::MAX) + 1, 1),
            (i64::from(u32::MAX), 5),
            (i64::from(u32::MAX) + 1, 6),
            (6_442_450_944, 7),
            (SECONDS.end - 1, 999_999_999),
        ];
        for (seconds, nanos) in times {
            let (low, extra) = timestamp(Timestamp { seconds, nanos });
            assert_eq!(decoded(low, extra), (seconds, nanos));
        }
        // The table of inodes.rst: with both extra bits set, from 2310-04-04 on.
        let (low, extra) = timestamp(Timestamp {
            seconds: 0x2_8000_0000,
            nanos: 0,
        });
        assert_eq!((low.get(), extra.get()), (0x8000_0000, 3));
        assert_eq!(SECONDS.end - 1, 0x3_7fff_ffff);
    }

    #[test]
    fn device_numbers_have_an_old_and_a_new_form() {
        let block = |major, minor| device_block(DeviceNumber { major, minor });
        assert_eq!(block(8, 1)[..8], [1, 8, 0, 0, 0, 0, 0, 0]);
        assert_eq!(block(255, 255)[..8], [255, 255, 0, 0, 0, 0, 0, 0]);
        assert_eq!(block(0, 0), [0; 60]);
        // 12 bits of major between the lowest 8 and the upper 12 bits of minor.
        assert_eq!(block(8, 256)[..8], [0, 0, 0, 0, 0, 8, 0x10, 0]);
        assert_eq!(
            block(0xabc, 0x1_2345)[..8],
            [0, 0, 0, 0, 0x45, 0xbc, 0x3a, 0x12]
        );
        let fits = |major, minor| device_fits(DeviceNumber { major, minor });
        assert!(fits(4095, 1_048_575) && !fits(4096, 0) && !fits(0, 1_048_576));
    }

    #[test]
    fn an_inode_says_what_it_was_given() {
        let meta = Metadata {
            mode: 0o4751,
            uid: 0x1_2345,
            gid: 0xfffe_dcba,
            mtime: Timestamp {
                seconds: -5,
                nanos: 6,
            },
        };
        let fields = InodeFields {
            meta: &meta,
            type_bits: file_type::REGULAR.0,
            links: 3,
            size: 0x12_3456_789a,
            blocks: 0x1_0000_0001,
            block: Block::Extents([7; 60]),
            created: Timestamp::default(),
        };
        let seed = Checksum::START.for_inode(77);
        let mut inode = encode(&fields, 4096, seed);
        assert_eq!(inode.mode.get(), 0o104_751);
        assert_eq!((inode.uid_lo.get(), inode.uid_hi.get()), (0x2345, 1));
        assert_eq!((inode.gid_lo.get(), inode.gid_hi.get()), (0xdcba, 0xfffe));
        assert_eq!(
            (inode.size_lo.get(), inode.size_hi.get()),
            (0x3456_789a, 0x12)
        );
        // In sectors, of 48 bits.
        assert_eq!((inode.blocks_lo.get(), inode.blocks_hi.get()), (8, 8));
        assert_eq!(
            (inode.flags.get(), inode.block),
            (inode_flags::EXTENTS, [7; 60])
        );
        for (low, extra) in [
            (inode.mtime, inode.mtime_extra),
            (inode.atime, inode.atime_extra),
            (inode.ctime, inode.ctime_extra),
        ] {
            assert_eq!(decoded(low, extra), (-5, 6));
        }
        assert_eq!(decoded(inode.crtime, inode.crtime_extra), (0, 0));
        let sum = (inode.checksum_lo.get(), inode.checksum_hi.get());
        (inode.checksum_lo, inode.checksum_hi) = (U16::new(0), U16::new(0));
        let expected = seed.update(inode.as_bytes());
        assert_eq!(sum, (expected.lo(), expected.hi()));
    }
}
