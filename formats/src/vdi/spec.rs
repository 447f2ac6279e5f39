//! The VDI header, version 1.1, as VirtualBox defines it in `VDICore.h`.
//!
//! There is no other specification. All numbers are little-endian.

use uuid::Uuid;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The format's name in messages and on command lines.
pub(super) const NAME: &str = "vdi";

/// The name of the format with all blocks allocated.
pub(super) const NAME_FIXED: &str = "vdi-fixed";

/// Says what the file is to who looks at its first line; no program reads it.
pub(super) const TEXT: &[u8] = b"<<< kurmadisk VirtualBox Disk Image >>>\n";

/// [`Header::signature`].
pub(super) const SIGNATURE: u32 = 0xBEDA_107F;

/// [`Header::version`]: major in the upper half, minor in the lower one.
pub(super) const VERSION_1_1: u32 = 0x0001_0001;

/// [`Header::header_size`]: from that field to the end of [`Header::geometry`].
pub(super) const HEADER_SIZE: u32 = 0x190;

/// [`Header::kind`] of an image whose blocks are allocated when they are written.
pub(super) const KIND_DYNAMIC: u32 = 1;
/// [`Header::kind`] of an image with all blocks allocated.
pub(super) const KIND_FIXED: u32 = 2;

/// Bytes of a block: the one size that every reader accepts.
pub(super) const BLOCK: u32 = 1 << 20;

/// Entry of the block map: not allocated, reads as zeros (as there is no parent image).
pub(super) const FREE: u32 = 0xFFFF_FFFF;
/// Entry of the block map: not allocated, reads as zeros even over a parent image.
pub(super) const ZERO: u32 = 0xFFFF_FFFE;

/// A disk geometry (`VDIDISKGEOMETRY`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Geometry {
    pub cylinders: U32,
    pub heads: U32,
    pub sectors: U32,
    /// Always 512.
    pub sector_size: U32,
}

/// Pre-header and header (`VDIPREHEADER`, `VDIHEADER1PLUS`), filled up to a sector.
#[expect(
    clippy::struct_field_names,
    reason = "one field is the header's own size"
)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Header {
    pub text: [u8; 64],
    pub signature: U32,
    pub version: U32,
    pub header_size: U32,
    pub kind: U32,
    pub flags: U32,
    pub comment: [u8; 256],
    /// Offset of the block map in the file.
    pub blocks_offset: U32,
    /// Offset of block 0 in the file.
    pub data_offset: U32,
    /// Unused but for its sector size.
    pub legacy_geometry: Geometry,
    pub unused: U32,
    /// The disk's size in bytes.
    pub disk_size: U64,
    pub block_size: U32,
    /// Bytes before each block's data: 0.
    pub block_extra: U32,
    /// Entries of the block map.
    pub blocks: U32,
    pub allocated: U32,
    /// Identifies the image.
    pub create_uuid: [u8; 16],
    /// Changes with the content.
    pub modify_uuid: [u8; 16],
    /// The parent's create UUID; null without one.
    pub link_uuid: [u8; 16],
    /// The parent's modify UUID; null without one.
    pub parent_uuid: [u8; 16],
    /// Logical geometry.
    pub geometry: Geometry,
    pub padding: [u8; 40],
}

const _: () = assert!(size_of::<Header>() == 512);
const _: () = assert!(std::mem::offset_of!(Header, signature) == 0x40);
const _: () = assert!(std::mem::offset_of!(Header, blocks_offset) == 0x154);
const _: () = assert!(std::mem::offset_of!(Header, disk_size) == 0x170);
const _: () = assert!(std::mem::offset_of!(Header, create_uuid) == 0x188);
const _: () = assert!(std::mem::offset_of!(Header, geometry) == 0x1C8);
const _: () = assert!(
    std::mem::offset_of!(Header, padding) - std::mem::offset_of!(Header, header_size)
        == HEADER_SIZE as usize
);

/// UUIDs lie in the file as Microsoft's GUIDs do: the first three fields little-endian.
pub(super) fn uuid_bytes(uuid: Uuid) -> [u8; 16] {
    uuid.to_bytes_le()
}

/// The UUID that lies in the file as `bytes`.
pub(super) fn uuid(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes_le(bytes)
}
