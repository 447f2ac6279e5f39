//! The volume: its blocks, its groups, its inodes.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use kurmadisk_formats::map::{DiskMap, MapReader};
use kurmadisk_formats::read_at::ReadAt;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::error::{Ext4Fault, Ext4ReadError};
use super::inode::RawInode;
use super::superblock::{Backups, Parameters, superblock};
use crate::fs::claims::Claims;
use crate::fs::ext4::checksum::crc16;
use crate::fs::ext4::division::is_sparse_backup;
use crate::fs::ext4::spec::{GroupDescriptor, ROOT_INODE, SUPERBLOCK_OFFSET, Superblock};

/// A filesystem that is being read.
pub(super) struct Volume<'a> {
    pub map: &'a DiskMap,
    reader: MapReader<'a>,
    pub parameters: Parameters,
    claims: Claims,
    /// Where the inode tables begin of the groups that were needed so far.
    tables: HashMap<u64, u64>,
    /// The block of an inode table that was read last.
    last: Option<(u64, Vec<u8>)>,
}

impl<'a> Volume<'a> {
    pub(super) fn open(map: &'a DiskMap) -> Result<Self, Ext4ReadError> {
        let reader = map.reader();
        let head_len = SUPERBLOCK_OFFSET + size_of::<Superblock>() as u64;
        if map.len() < head_len {
            return Err(Ext4ReadError::NotExt);
        }
        let mut head = [0; 2048];
        reader.read_exact_at(0, &mut head)?;
        let superblock = superblock(&head).ok_or(Ext4ReadError::NotExt)?;
        let parameters = Parameters::new(&superblock, map.len())?;
        Ok(Self {
            map,
            reader,
            parameters,
            claims: Claims::default(),
            tables: HashMap::new(),
            last: None,
        })
    }

    /// Says that all was read.
    pub(super) fn close(self) -> Result<(), Ext4ReadError> {
        self.reader
            .close()
            .map_err(|error| io::Error::other(error).into())
    }

    /// Bytes of a block, which is small.
    pub(super) fn block_len(&self) -> usize {
        usize::try_from(self.parameters.block_size).unwrap_or(usize::MAX)
    }

    /// The content of a block, given that it is one.
    fn read_block(&self, block: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.block_len()];
        self.reader
            .read_exact_at(block * self.parameters.block_size, &mut bytes)?;
        Ok(bytes)
    }

    /// Checks that there are such blocks, and that they are nobody else's than `inode`'s.
    pub(super) fn claim(
        &mut self,
        blocks: Range<u64>,
        inode: u32,
        what: &'static str,
    ) -> Result<(), Ext4Fault> {
        let all = self.parameters.first_data_block + 1..=self.parameters.blocks;
        if !all.contains(&blocks.start) || !all.contains(&blocks.end) {
            let block = blocks.start;
            return Err(Ext4Fault::Range { what, block });
        }
        let claimed = self.claims.claim(blocks, inode);
        claimed.map_err(|taken| Ext4Fault::Overlap {
            block: taken.block,
            other: taken.owner,
        })
    }

    /// The content of a block of metadata that belongs to `inode` alone.
    pub(super) fn own_block(
        &mut self,
        block: u64,
        inode: u32,
        what: &'static str,
    ) -> Result<Vec<u8>, Ext4Fault> {
        let end = block
            .checked_add(1)
            .ok_or(Ext4Fault::Range { what, block })?;
        self.claim(block..end, inode, what)?;
        Ok(self.read_block(block)?)
    }

    /// The content of blocks that were claimed.
    pub(super) fn claimed_block(&self, block: u64) -> Result<Vec<u8>, Ext4Fault> {
        Ok(self.read_block(block)?)
    }

    /// An inode that a file may have, whatever it says.
    pub(super) fn inode(&mut self, number: u32) -> Result<RawInode, Ext4Fault> {
        let parameters = &self.parameters;
        let is_own = number < parameters.first_inode && number != ROOT_INODE;
        if number == 0 || is_own || number > parameters.inodes {
            return Err(Ext4Fault::Number);
        }
        let index = u64::from(number - 1);
        let per_group = u64::from(parameters.inodes_per_group);
        let (group, index) = (index / per_group, index % per_group);
        let (block_size, inode_size) = (parameters.block_size, parameters.inode_size);
        let seed = parameters.seed;
        let at = index * inode_size;
        let block = self.table(group)? + at / block_size;
        if self.last.as_ref().is_none_or(|(last, _)| *last != block) {
            self.last = Some((block, self.read_block(block)?));
        }
        let bytes = self.last.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        // An inode lies within a block, since both sizes are powers of two.
        let start = usize::try_from(at % block_size).unwrap_or(usize::MAX);
        let len = usize::try_from(inode_size).unwrap_or(usize::MAX);
        let bytes = bytes.get(start..start + len).ok_or(Ext4Fault::Number)?;
        RawInode::new(number, bytes.to_vec(), seed)
    }

    /// The first block of a group's inode table.
    fn table(&mut self, group: u64) -> Result<u64, Ext4Fault> {
        if let Some(table) = self.tables.get(&group) {
            return Ok(*table);
        }
        let parameters = &self.parameters;
        let size = parameters.descriptor_size;
        let per_block = parameters.block_size / size;
        let number = u32::try_from(group).map_err(|_| Ext4Fault::Number)?;
        let fault = |reason| Ext4Fault::Group {
            group: number,
            reason,
        };
        let block = parameters.descriptor_block(group / per_block);
        if block >= parameters.blocks {
            return Err(fault("lies outside of the filesystem"));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        let at = block * parameters.block_size + group % per_block * size;
        self.reader.read_exact_at(at, &mut bytes)?;
        let (descriptor, checksum) = parameters.descriptor(number, &mut bytes);
        if checksum != descriptor.checksum.get() {
            return Err(fault("has a wrong checksum"));
        }
        let hi = u64::from(descriptor.inode_table_hi.get());
        let table = hi << 32 | u64::from(descriptor.inode_table_lo.get());
        let inodes = u64::from(parameters.inodes_per_group);
        let len = (inodes * parameters.inode_size).div_ceil(parameters.block_size);
        let end = table.checked_add(len);
        if table <= parameters.first_data_block || end.is_none_or(|end| end > parameters.blocks) {
            return Err(fault("puts its inode table outside of the filesystem"));
        }
        self.tables.insert(group, table);
        Ok(table)
    }
}

impl Parameters {
    /// Where block number `index` of the group descriptors lies.
    fn descriptor_block(&self, index: u64) -> u64 {
        // With blocks of 1 KiB and clusters of more, block 0 belongs to a group, and the superblock is in
        // block 1 nevertheless.
        let superblock = SUPERBLOCK_OFFSET / self.block_size;
        match self.first_meta_bg {
            Some(first) if index >= first => {
                let group = index * (self.block_size / self.descriptor_size);
                let behind = u64::from(self.has_superblock(group))
                    + u64::from(group == 0 && superblock > self.first_data_block);
                self.first_data_block
                    .saturating_add(group.saturating_mul(self.blocks_per_group))
                    .saturating_add(behind)
            }
            _ => superblock + 1 + index,
        }
    }

    fn has_superblock(&self, group: u64) -> bool {
        let Ok(group) = u32::try_from(group) else {
            return false;
        };
        match self.backups {
            Backups::All => true,
            Backups::Sparse => is_sparse_backup(group),
            Backups::Two(two) => group == 0 || two.contains(&group),
        }
    }

    /// A descriptor, and the checksum it should have.
    fn descriptor(&self, group: u32, bytes: &mut [u8]) -> (GroupDescriptor, u16) {
        let mut descriptor = GroupDescriptor::new_zeroed();
        let used = bytes.len().min(size_of::<GroupDescriptor>());
        descriptor.as_mut_bytes()[..used].copy_from_slice(&bytes[..used]);
        let number = group.to_le_bytes();
        let checksum = match self.crc16 {
            Some(uuid) => [uuid.as_bytes(), &number[..], &bytes[..0x1e], &bytes[0x20..]]
                .into_iter()
                .fold(!0, crc16),
            None if self.seed.enabled().is_none() => descriptor.checksum.get(),
            None => {
                bytes[0x1e..0x20].fill(0);
                self.seed.update(&number).update(bytes).lo()
            }
        };
        (descriptor, checksum)
    }
}

/// Two halves of a number of 48 bits.
pub(super) fn joined48(lo: U32, hi: U16) -> u64 {
    u64::from(hi.get()) << 32 | u64::from(lo.get())
}

/// A structure at the front of `bytes`.
pub(super) fn front<T: FromBytes>(bytes: &[u8]) -> Option<T> {
    T::read_from_prefix(bytes).ok().map(|(value, _)| value)
}
