//! The structures of a qcow2 file, as `docs/interop/qcow2.txt` of QEMU defines them.
//!
//! All numbers are big-endian. A file consists of clusters; a disk's clusters are found by a table of
//! two levels, L1 and L2.

use zerocopy::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The format's name in messages and on command lines.
pub(super) const NAME: &str = "qcow2";

/// The name of version 2 on command lines.
pub(super) const V2_NAME: &str = "qcow2-v2";

/// The name of compressed files on command lines.
#[cfg(feature = "qcow2-compressed")]
pub(super) const COMPRESSED_NAME: &str = "qcow2-compressed";

/// The name of files compressed with zstd on command lines.
#[cfg(feature = "qcow2-zstd")]
pub(super) const ZSTD_NAME: &str = "qcow2-zstd";

/// [`Header::magic`].
pub(super) const MAGIC: [u8; 4] = *b"QFI\xFB";

/// [`Header::version`] that QEMU calls `compat=0.10`.
pub(super) const VERSION_2: u32 = 2;

/// [`Header::version`] that QEMU calls `compat=1.1`.
pub(super) const VERSION_3: u32 = 3;

/// [`Header::cluster_bits`] of the files written here: QEMU's own choice, and the one size that
/// every reader accepts.
pub(super) const CLUSTER_BITS: u32 = 16;

/// Bytes of a cluster of the files written here.
pub(super) const CLUSTER: u64 = 1 << CLUSTER_BITS;

/// What the lengths of compressed clusters count.
pub(super) const SECTOR: u64 = 512;

/// Entries of an L2 table, and of a cluster of any other table of offsets.
pub(super) const ENTRIES: u64 = CLUSTER / 8;

/// [`Header::refcount_order`] of the files written here, and of all of version 2: 16 bits.
pub(super) const REFCOUNT_ORDER: u32 = 4;

/// Reference counts in a refcount block.
pub(super) const REFCOUNTS: u64 = CLUSTER / 2;

/// Smallest and largest [`Header::cluster_bits`]: 512 bytes and 2 MiB.
pub(super) const CLUSTER_BITS_RANGE: std::ops::RangeInclusive<u32> = 9..=21;

/// Largest [`Header::refcount_order`]: 64 bits.
pub(super) const MAX_REFCOUNT_ORDER: u32 = 6;

/// Entry of an L1 or L2 table: the cluster's reference count is exactly one.
pub(super) const COPIED: u64 = 1 << 63;

/// Entry of an L2 table: the cluster is compressed.
pub(super) const COMPRESSED: u64 = 1 << 62;

/// Entry of an L2 table, of version 3: the cluster reads as zeros, wherever it lies.
pub(super) const ZERO: u64 = 1;

/// Where in an entry of an L1 or L2 table the offset of what it points to is.
pub(super) const OFFSET: u64 = 0x00FF_FFFF_FFFF_FE00;

/// [`Header::incompatible`]: reference counts may be wrong.
pub(super) const DIRTY: u64 = 1 << 0;
/// [`Header::incompatible`]: tables may be wrong.
pub(super) const CORRUPT: u64 = 1 << 1;
/// [`Header::incompatible`]: the disk's content is in another file.
pub(super) const EXTERNAL_DATA: u64 = 1 << 2;
/// [`Header::incompatible`]: the header says how clusters are compressed.
pub(super) const COMPRESSION_TYPE: u64 = 1 << 3;
/// [`Header::incompatible`]: L2 entries of 128 bits.
pub(super) const EXTENDED_L2: u64 = 1 << 4;

/// Where the type of compression lies in headers that have one.
pub(super) const COMPRESSION_TYPE_AT: u64 = 104;

/// How a file's clusters are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// Streams of RFC 1951 without a header.
    Deflate,
    /// Frames of RFC 8878.
    #[cfg(feature = "qcow2-zstd")]
    Zstd,
}

impl Compression {
    /// The type of compression of this number, if it is one that is read.
    pub(super) fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Deflate),
            #[cfg(feature = "qcow2-zstd")]
            1 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What the specification calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Deflate => "deflate",
            #[cfg(feature = "qcow2-zstd")]
            Self::Zstd => "zstd",
        }
    }

    /// What a header of version 3 has behind its own fields: the type of compression and padding, if it is not the
    /// first one.
    pub(super) fn header_end(self) -> &'static [u8] {
        match self {
            Self::Deflate => &[],
            #[cfg(feature = "qcow2-zstd")]
            Self::Zstd => &[1, 0, 0, 0, 0, 0, 0, 0],
        }
    }

    /// The most that a cluster can have shrunk by: to this share of it.
    pub(super) fn most(self) -> u64 {
        match self {
            Self::Deflate => 1032,
            // A block of 128 KiB in four bytes.
            #[cfg(feature = "qcow2-zstd")]
            Self::Zstd => 32 << 10,
        }
    }
}

/// The header of version 3; version 2 ends at [`V2_LEN`].
#[expect(
    clippy::struct_field_names,
    reason = "one field is the header's own length"
)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Header {
    pub magic: [u8; 4],
    pub version: U32,
    /// Where the name of the image that this one stands on lies; 0 without one.
    pub backing_offset: U64,
    pub backing_len: U32,
    /// A cluster has two to the power of this bytes.
    pub cluster_bits: U32,
    /// The disk's size in bytes.
    pub size: U64,
    /// 0 for none, 1 for AES, 2 for LUKS.
    pub encryption: U32,
    /// Entries of the L1 table.
    pub l1_entries: U32,
    pub l1_offset: U64,
    pub refcount_offset: U64,
    /// Clusters of the refcount table.
    pub refcount_clusters: U32,
    pub snapshots: U32,
    pub snapshots_offset: U64,
    /// Bits of features that a reader must know.
    pub incompatible: U64,
    pub compatible: U64,
    pub autoclear: U64,
    /// A reference count has two to the power of this bits.
    pub refcount_order: U32,
    /// Bytes of the header, this version's own and those that newer programs add.
    pub header_len: U32,
}

/// Bytes of a header of version 2.
pub(super) const V2_LEN: usize = 72;

const _: () = assert!(size_of::<Header>() == 104);
const _: () = assert!(std::mem::offset_of!(Header, cluster_bits) == 20);
const _: () = assert!(std::mem::offset_of!(Header, l1_offset) == 40);
const _: () = assert!(std::mem::offset_of!(Header, snapshots_offset) == 64);
const _: () = assert!(std::mem::offset_of!(Header, incompatible) == V2_LEN);
const _: () = assert!(std::mem::offset_of!(Header, header_len) == 100);

/// The bit of an L2 entry above the offset of a compressed cluster of this size.
fn size_shift(cluster: u64) -> u32 {
    62 - (cluster.trailing_zeros() - 8)
}

/// Offset and length of what the L2 entry of a compressed cluster points to. The length is at least
/// that of the stream: it ends with a whole sector.
pub(super) fn compressed(entry: u64, cluster: u64) -> (u64, u64) {
    let shift = size_shift(cluster);
    let at = entry & ((1 << shift) - 1);
    let sectors = ((entry & (COMPRESSED - 1)) >> shift) + 1;
    (at, sectors * SECTOR - at % SECTOR)
}

/// The L2 entry of a compressed cluster whose stream has these `len` bytes, at least one.
#[cfg(feature = "qcow2-compressed")]
pub(super) fn compressed_entry(at: u64, len: u64) -> u64 {
    let more = (at + len - 1) / SECTOR - at / SECTOR;
    COMPRESSED | (more << size_shift(CLUSTER)) | at
}
