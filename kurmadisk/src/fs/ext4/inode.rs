//! Inodes (`inodes.rst`).

use byteorder::{ByteOrder, LittleEndian};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::checksum::Checksum;
use super::extents::split48;
use super::options::InodeSize;
use super::spec::{EXTRA_ISIZE, Inode, file_type, inode_flags};
use super::xattr::Stored;
use crate::tree::{DeviceNumber, Metadata, NodeKind, Timestamp};

/// Symbolic links with targets up to this length lie in the inode.
pub const FAST_SYMLINK: usize = 59;

/// Whether an inode can express this time, in seconds since 1970: 34 bits from -2³¹ on; 32 in one of 128 bytes.
///
/// The kernel reads them all, but e2fsck takes those from 2310-04-04 to
/// 2378-04-22, for times before 1970 that old kernels wrote so, and changes them.
pub fn has_time(size: InodeSize, seconds: i64) -> bool {
    const UNIT: i64 = 1 << 31;
    match size {
        InodeSize::B128 => (-UNIT..UNIT).contains(&seconds),
        InodeSize::B256 => {
            (-UNIT..5 * UNIT).contains(&seconds) || (6 * UNIT..7 * UNIT).contains(&seconds)
        }
    }
}

/// The years of [`has_time`], and what to do with a time of another, for messages.
pub fn years(size: InodeSize) -> (&'static str, &'static str) {
    match size {
        InodeSize::B128 => (
            "1901 to 2038",
            "give it another, or use inodes of 256 bytes",
        ),
        InodeSize::B256 => ("1901 to 2310 and 2378 to 2446", "give it another"),
    }
}

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
    /// Blocks of the filesystem it occupies, those of its extent tree included, that of its attributes not.
    pub blocks: u64,
    pub block: Block,
    /// Whether it is a directory with an index.
    pub indexed: bool,
    /// Its extended attributes.
    pub attributes: Stored<'a>,
    pub created: Timestamp,
}

/// What all inodes of a filesystem have in common.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Bytes in a block.
    pub block_size: u32,
    pub inode_size: InodeSize,
}

/// An inode, of which as much is to be used as its size says; `seed` is the one of its own.
pub fn encode(fields: &InodeFields<'_>, format: Format, seed: Checksum) -> Inode {
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
    let blocks = fields.blocks + u64::from(fields.attributes.block.is_some());
    let (lo, hi) = split48(blocks * u64::from(format.block_size / 512));
    inode.blocks_lo = U32::new(lo);
    inode.blocks_hi = U16::new(hi);
    inode.extra_isize = U16::new(EXTRA_ISIZE);
    inode.flags = U32::new(meta.flags.bits());
    match fields.block {
        Block::Extents(root) => {
            inode.block = root;
            inode.flags |= U32::new(inode_flags::EXTENTS);
        }
        Block::Plain(bytes) => inode.block = bytes,
    }
    if fields.indexed {
        inode.flags |= U32::new(inode_flags::INDEX);
    }
    let (lo, hi) = split48(fields.attributes.block.unwrap_or(0));
    (inode.file_acl_lo, inode.file_acl_hi) = (U32::new(lo), U16::new(hi));
    let body = fields.attributes.body;
    inode.attributes[..body.len()].copy_from_slice(body);
    let used = usize::from(format.inode_size.bytes());
    let checksum = seed.update(&inode.as_bytes()[..used]);
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
    use crate::tree::FileFlags;

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
        const FIRST: i64 = i32::MIN as i64;
        const LAST: i64 = 0x3_7fff_ffff;
        let times = [
            (0, 0),
            (-1, 500_000_000),
            (FIRST, 0),
            (i64::from(i32::MAX), 999_999_999),
            (i64::from(i32::MAX) + 1, 1),
            (i64::from(u32::MAX), 5),
            (i64::from(u32::MAX) + 1, 6),
            (6_442_450_944, 7),
            (0x2_7fff_ffff, 0),
            (0x3_0000_0000, 0),
            (LAST, 999_999_999),
        ];
        for (seconds, nanos) in times {
            assert!(has_time(InodeSize::B256, seconds), "{seconds}");
            assert_eq!(
                has_time(InodeSize::B128, seconds),
                i32::try_from(seconds).is_ok()
            );
            let (low, extra) = timestamp(Timestamp { seconds, nanos });
            assert_eq!(decoded(low, extra), (seconds, nanos));
        }
        // From 2310-04-04 on, with both extra bits set and a negative time (the table of inodes.rst).
        let mistaken = [0x2_8000_0000, 0x2_ffff_ffff];
        for seconds in [FIRST - 1, LAST + 1].into_iter().chain(mistaken) {
            assert!(!has_time(InodeSize::B256, seconds), "{seconds}");
        }
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

    fn format(inode_size: InodeSize) -> Format {
        Format {
            block_size: 4096,
            inode_size,
        }
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
            flags: FileFlags::IMMUTABLE.with(FileFlags::NODUMP),
            ..Metadata::default()
        };
        let fields = InodeFields {
            meta: &meta,
            type_bits: file_type::REGULAR.0,
            links: 3,
            size: 0x12_3456_789a,
            blocks: 0x1_0000_0000,
            block: Block::Extents([7; 60]),
            indexed: true,
            attributes: Stored {
                body: &[9; 96],
                block: Some(0x1_2345_6789),
            },
            created: Timestamp::default(),
        };
        let seed = Checksum::START.for_inode(77);
        let mut inode = encode(&fields, format(InodeSize::B256), seed);
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
            (inode_flags::EXTENTS | inode_flags::INDEX | 0x50, [7; 60])
        );
        assert_eq!(
            (inode.file_acl_lo.get(), inode.file_acl_hi.get()),
            (0x2345_6789, 1)
        );
        assert_eq!(inode.attributes, [9; 96]);
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
        // The front of it is all of a shorter one, whose checksum has 16 bits.
        let short = encode(&fields, format(InodeSize::B128), seed);
        assert_eq!(short.as_bytes()[..0x7c], inode.as_bytes()[..0x7c]);
        let expected = seed.update(&inode.as_bytes()[..128]);
        assert_eq!(short.checksum_lo.get(), expected.lo());
    }
}
