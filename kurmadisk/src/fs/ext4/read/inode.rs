//! Inodes (`inodes.rst`).

use byteorder::{ByteOrder, LittleEndian};
use zerocopy::little_endian::U16;
use zerocopy::{FromZeros, IntoBytes};

use super::error::Ext4Fault;
use super::spec::inode_flags as more_flags;
use super::volume::joined48;
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::spec::{EXTRA_ISIZE, Inode, OLD_INODE_SIZE, file_type, inode_flags};
use crate::tree::{DeviceNumber, FileFlags, Metadata, Timestamp, Xattrs};

/// Where the upper half of the checksum lies, and where the time of modification's further bits do.
const CHECKSUM_HI: usize = core::mem::offset_of!(Inode, checksum_hi);
const MTIME_EXTRA: usize = core::mem::offset_of!(Inode, mtime_extra);

/// An inode whose checksum is right.
pub(super) struct RawInode {
    pub number: u32,
    pub fields: Inode,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Bytes of it before its attributes.
    pub used: usize,
    /// What checksums of its own structures begin with.
    pub seed: Checksum,
}

impl RawInode {
    pub(super) fn new(number: u32, bytes: Vec<u8>, seed: Checksum) -> Result<Self, Ext4Fault> {
        let mut fields = Inode::new_zeroed();
        let known = bytes.len().min(size_of::<Inode>());
        fields.as_mut_bytes()[..known].copy_from_slice(&bytes[..known]);
        let old = usize::from(OLD_INODE_SIZE);
        let extra = fields.extra_isize.get();
        let used = match bytes.len() {
            len if len <= old => old,
            len => {
                let used = old + usize::from(extra);
                if used > len || !extra.is_multiple_of(4) {
                    let (field, value) = ("i_extra_isize", extra.into());
                    return Err(Ext4Fault::Field { field, value });
                }
                used
            }
        };
        let inode = Self {
            number,
            seed: seed.for_generation(number, fields.generation.get()),
            fields,
            bytes,
            used,
        };
        inode.check_checksum()?;
        Ok(inode)
    }

    fn check_checksum(&self) -> Result<(), Ext4Fault> {
        let mut summed = self.bytes.clone();
        let has_hi = self.has(CHECKSUM_HI, size_of::<U16>());
        let lo = core::mem::offset_of!(Inode, checksum_lo);
        summed[lo..lo + 2].fill(0);
        if has_hi {
            summed[CHECKSUM_HI..CHECKSUM_HI + 2].fill(0);
        }
        let sum = self.seed.update(&summed);
        let is_right = sum.lo() == self.fields.checksum_lo.get()
            && (!has_hi || sum.hi() == self.fields.checksum_hi.get());
        if sum.enabled().is_none() || is_right {
            Ok(())
        } else {
            Err(Ext4Fault::Checksum { what: "the inode" })
        }
    }

    /// Whether a field beyond the first 128 bytes is in use.
    fn has(&self, at: usize, len: usize) -> bool {
        at + len <= self.used
    }

    pub(super) fn flag(&self, flag: u32) -> bool {
        self.fields.flags.get() & flag != 0
    }

    /// The type bits of its mode.
    pub(super) fn type_bits(&self) -> u16 {
        self.fields.mode.get() & 0xf000
    }

    pub(super) fn is_directory(&self) -> bool {
        self.type_bits() == file_type::DIRECTORY.0
    }

    /// Size in bytes; only regular files, and directories with `large_dir`, have more than 32 bits.
    pub(super) fn size(&self, has_large_dir: bool) -> u64 {
        let is_large =
            self.type_bits() == file_type::REGULAR.0 || self.is_directory() && has_large_dir;
        let hi = if is_large {
            self.fields.size_hi.get()
        } else {
            0
        };
        u64::from(hi) << 32 | u64::from(self.fields.size_lo.get())
    }

    /// The block of its attributes, or 0.
    pub(super) fn attribute_block(&self) -> u64 {
        joined48(self.fields.file_acl_lo, self.fields.file_acl_hi)
    }

    pub(super) fn has_extents(&self) -> bool {
        self.flag(inode_flags::EXTENTS)
    }

    pub(super) fn is_inline(&self) -> bool {
        self.flag(more_flags::INLINE_DATA)
    }

    /// Refuses what can't be read as it is, and what reading would change.
    pub(super) fn check_special(&self) -> Result<(), Ext4Fault> {
        let special = [
            (more_flags::ENCRYPT, "is encrypted"),
            (more_flags::VERITY, "is protected by fs-verity"),
            (
                more_flags::CASEFOLD,
                "is a directory whose names are compared without case",
            ),
            (
                more_flags::EA_INODE,
                "holds the value of an extended attribute",
            ),
        ];
        match special.into_iter().find(|(flag, _)| self.flag(*flag)) {
            Some((_, what)) => Err(Ext4Fault::Special { what }),
            None => Ok(()),
        }
    }

    pub(super) fn metadata(&self, xattrs: Xattrs) -> Result<Metadata, Ext4Fault> {
        let fields = &self.fields;
        let id = |lo: U16, hi: U16| u32::from(hi.get()) << 16 | u32::from(lo.get());
        Ok(Metadata {
            mode: fields.mode.get() & 0o7777,
            uid: id(fields.uid_lo, fields.uid_hi),
            gid: id(fields.gid_lo, fields.gid_hi),
            mtime: self.mtime()?,
            xattrs,
            flags: FileFlags::from_bits(fields.flags.get()),
        })
    }

    /// Signed seconds, with two more bits above them where there is room for those and nanoseconds.
    fn mtime(&self) -> Result<Timestamp, Ext4Fault> {
        let low = i64::from(self.fields.mtime.get().cast_signed());
        let extra = if self.has(MTIME_EXTRA, size_of::<u32>()) {
            self.fields.mtime_extra.get()
        } else {
            0
        };
        let nanos = extra >> 2;
        if nanos >= 1_000_000_000 {
            let (field, value) = ("i_mtime_extra", extra.into());
            return Err(Ext4Fault::Field { field, value });
        }
        Ok(Timestamp {
            seconds: low + (i64::from(extra & 3) << 32),
            nanos,
        })
    }

    /// 8 + 8 bits in the first word of `i_block`, or 12 + 20 bits in the second.
    pub(super) fn device(&self) -> DeviceNumber {
        let word = |at: usize| LittleEndian::read_u32(&self.fields.block[at..at + 4]);
        let (old, new) = (word(0), word(4));
        if old != 0 {
            DeviceNumber {
                major: old >> 8 & 0xff,
                minor: old & 0xff,
            }
        } else {
            DeviceNumber {
                major: new >> 8 & 0xfff,
                minor: new & 0xff | new >> 12 & 0xf_ff00,
            }
        }
    }
}

const _: () = assert!(MTIME_EXTRA + 4 <= (OLD_INODE_SIZE + EXTRA_ISIZE) as usize);
