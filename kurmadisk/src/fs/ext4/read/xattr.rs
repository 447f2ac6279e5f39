//! Extended attributes (`attributes.rst`): those in the inode and those in its block, values in inodes of their
//! own, and what of a content lies among them.

use std::collections::HashMap;
use std::sync::Arc;

use byteorder::{ByteOrder, LittleEndian};
use kurmadisk_formats::read_at::ReadAt;

use super::error::Ext4Fault;
use super::inode::RawInode;
use super::mapping;
use super::spec::{MAX_VALUE, inode_flags};
use super::volume::{Volume, front};
use crate::fs::ext4::spec::{XATTR_MAGIC, XattrEntryHead, XattrHeader};
use crate::fs::ext4::xattr::{END, INODE_HEAD, given, is_inline_data};
use crate::tree::{Xattrs, lossy};

/// Copies of what inodes share, which would else let a small filesystem fill the memory: values that lie in inodes
/// of their own, and blocks where an inode adds attributes to those of one that it shares.
const MOST_SHARED: u64 = 256 << 20;
/// What an attribute takes beside its name and its value, about.
const OVERHEAD: u64 = 64;
const BLOCK_HEAD: usize = size_of::<XattrHeader>();
const HEAD: usize = size_of::<XattrEntryHead>();

/// What an inode has beside its fields.
#[derive(Clone, Default)]
pub(super) struct Found {
    pub xattrs: Xattrs,
    /// What of its content lies behind `i_block` (`inline_data`).
    pub inline: Option<Vec<u8>>,
}

/// Reads attributes; blocks and values that inodes share are read once.
#[derive(Default)]
pub(super) struct Reader {
    blocks: HashMap<u64, Xattrs>,
    values: HashMap<u32, Arc<[u8]>>,
    /// Bytes of copies made so far.
    copied: u64,
}

impl Reader {
    pub(super) fn read(
        &mut self,
        volume: &mut Volume<'_>,
        inode: &RawInode,
    ) -> Result<Found, Ext4Fault> {
        let mut found = Found::default();
        let block = inode.attribute_block();
        // Sets share their storage until one is added to.
        let mut is_shared = false;
        if block != 0 {
            found.xattrs = if let Some(known) = self.blocks.get(&block) {
                is_shared = true;
                known.clone()
            } else {
                self.block(volume, inode, block)?
            };
        }
        let body = &inode.bytes[inode.used..];
        let has_magic = body.len() >= INODE_HEAD && LittleEndian::read_u32(body) == XATTR_MAGIC;
        if has_magic {
            let entries = &body[INODE_HEAD..];
            if is_shared && has_entry(entries) {
                let sizes = found.xattrs.iter();
                let sizes = sizes.map(|(name, value)| (name.len() + value.len()) as u64 + OVERHEAD);
                self.copies(sizes.sum())?;
            }
            self.entries(volume, entries, 0, entries, &mut found)?;
        }
        Ok(found)
    }

    /// Counts so many bytes more that are copied.
    fn copies(&mut self, bytes: u64) -> Result<(), Ext4Fault> {
        self.copied += bytes;
        if self.copied > MOST_SHARED {
            return Err(Ext4Fault::TooManyValues { most: MOST_SHARED });
        }
        Ok(())
    }

    fn block(
        &mut self,
        volume: &mut Volume<'_>,
        inode: &RawInode,
        block: u64,
    ) -> Result<Xattrs, Ext4Fault> {
        let fault = |reason| Ext4Fault::Attributes { reason };
        let bytes = volume.own_block(block, inode.number, "the block of its attributes")?;
        let head: XattrHeader = front(&bytes).ok_or(fault("their block is too short"))?;
        if head.magic.get() != XATTR_MAGIC || head.blocks.get() != 1 {
            return Err(fault("their block has no signature"));
        }
        let seed = volume.parameters.seed;
        let (before, behind) = (&bytes[..0x10], &bytes[0x14..]);
        let sum = seed.update(&block.to_le_bytes()).update(before);
        let sum = sum.update(&[0; 4]).update(behind);
        if sum.enabled().is_some() && sum.value() != head.checksum.get() {
            return Err(Ext4Fault::Checksum {
                what: "the block of its extended attributes",
            });
        }
        let mut found = Found::default();
        self.entries(volume, &bytes, BLOCK_HEAD, &bytes, &mut found)?;
        if found.inline.is_some() {
            return Err(fault("content lies among those in their block"));
        }
        self.blocks.insert(block, found.xattrs.clone());
        Ok(found.xattrs)
    }

    /// The entries of `bytes` from `at` on; offsets of values count from the begin of `values`.
    fn entries(
        &mut self,
        volume: &mut Volume<'_>,
        bytes: &[u8],
        at: usize,
        values: &[u8],
        found: &mut Found,
    ) -> Result<(), Ext4Fault> {
        let fault = |reason| Ext4Fault::Attributes { reason };
        let mut rest = &bytes[at..];
        let mut room = values.len();
        while has_entry(rest) {
            let head: XattrEntryHead = front(rest).ok_or(fault("an entry is too short"))?;
            let len = HEAD + usize::from(head.name_len);
            let name = rest
                .get(HEAD..len)
                .ok_or(fault("a name reaches beyond their end"))?;
            let shared;
            let value = if head.value_inode.get() == 0 {
                let value = local_value(&head, values)?;
                // Values that overlap could come to many times what they lie in.
                room = room
                    .checked_sub(value.len())
                    .ok_or(fault("values overlap"))?;
                value
            } else {
                shared = self.value(volume, head.value_inode.get(), head.value_size.get())?;
                &*shared
            };
            if is_inline_data(head.name_index, name) {
                found.inline = Some(value.to_vec());
            } else {
                let attribute = given(head.name_index, name, value);
                let (name, value) = attribute.map_err(|reason| Ext4Fault::Attribute {
                    name: lossy(name),
                    reason,
                })?;
                found.xattrs.set(&name, &value);
            }
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(())
    }

    /// A value that is the content of an inode.
    fn value(
        &mut self,
        volume: &mut Volume<'_>,
        number: u32,
        size: u32,
    ) -> Result<Arc<[u8]>, Ext4Fault> {
        let fault = |reason| Ext4Fault::Attributes { reason };
        self.copies(size.into())?;
        let value = if let Some(known) = self.values.get(&number) {
            Arc::clone(known)
        } else {
            let inode = volume.inode(number)?;
            let len = inode.size(false);
            if !inode.flag(inode_flags::EA_INODE) || len > MAX_VALUE.into() {
                return Err(fault("an inode said to hold a value holds none"));
            }
            let runs = mapping::runs(volume, &inode)?;
            let content = mapping::content(volume, &runs, len)?;
            let mut value = vec![0; usize::try_from(len).unwrap_or(0)];
            content.reader().read_exact_at(0, &mut value)?;
            let value: Arc<[u8]> = value.into();
            self.values.insert(number, Arc::clone(&value));
            value
        };
        if value.len() == usize::try_from(size).unwrap_or(usize::MAX) {
            Ok(value)
        } else {
            Err(fault("a value has another length than its inode"))
        }
    }
}

/// Whether an entry follows, and not the end: four bytes of zeros, or nothing.
fn has_entry(rest: &[u8]) -> bool {
    rest.len() >= END && rest[..END] != [0; END]
}

/// A value that lies where its entry does.
fn local_value<'a>(head: &XattrEntryHead, values: &'a [u8]) -> Result<&'a [u8], Ext4Fault> {
    let start = usize::from(head.value_offset.get());
    let size = usize::try_from(head.value_size.get()).unwrap_or(usize::MAX);
    let value = values.get(start..).and_then(|rest| rest.get(..size));
    value.ok_or(Ext4Fault::Attributes {
        reason: "a value reaches beyond their end",
    })
}
