//! Inode tables and directories, encoded when they are read.
//!
//! They are most of a filesystem's metadata, and are needed once: kept, they would be most of a plan's memory.

use std::sync::Arc;

use kurmadisk_formats::error::SourceError;
use kurmadisk_formats::map::{Content, ContentId, ContentStore, Extent, Source};
use zerocopy::IntoBytes;

use crate::fs::ext4::plan::Ext4Plan;

/// The inode tables of a plan, by the numbers of their groups.
#[derive(Debug)]
pub(super) struct InodeTables(Arc<Ext4Plan>);

/// The blocks of a plan's directories, by the numbers of their inodes.
#[derive(Debug)]
pub(super) struct DirectoryBlocks(Arc<Ext4Plan>);

impl InodeTables {
    pub(super) fn new(plan: &Arc<Ext4Plan>) -> Self {
        Self(Arc::clone(plan))
    }

    /// The first `len` bytes of a group's table, at `start`.
    pub(super) fn extent(self: &Arc<Self>, start: u64, group: u32, len: u64) -> Extent {
        made(self, start, group, 0..len)
    }
}

impl DirectoryBlocks {
    pub(super) fn new(plan: &Arc<Ext4Plan>) -> Self {
        Self(Arc::clone(plan))
    }

    /// `len` bytes of the directory with that inode, those from `offset` on, at `start`.
    pub(super) fn extent(
        self: &Arc<Self>,
        start: u64,
        inode: u32,
        offset: u64,
        len: u64,
    ) -> Extent {
        made(self, start, inode, offset..offset + len)
    }
}

/// Bytes `range` of a content of `store`, at `start`.
fn made<S: ContentStore + 'static>(
    store: &Arc<S>,
    start: u64,
    id: u32,
    range: std::ops::Range<u64>,
) -> Extent {
    Extent {
        start,
        len: range.end - range.start,
        source: Source::Content {
            store: Arc::<S>::clone(store),
            id: ContentId(id),
            offset: range.start,
        },
    }
}

impl ContentStore for InodeTables {
    fn open(&self, id: ContentId) -> Result<Box<dyn Content>, SourceError> {
        Ok(Box::new(InodeTable {
            plan: Arc::clone(&self.0),
            group: id.0,
        }))
    }

    fn is_made(&self) -> bool {
        true
    }
}

impl ContentStore for DirectoryBlocks {
    fn open(&self, id: ContentId) -> Result<Box<dyn Content>, SourceError> {
        let plan = &self.0;
        let node = plan.numbers.node(id.0).ok_or(SourceError::OutOfRange)?;
        let seed = plan.checksum_seed().for_inode(id.0);
        let blocks = plan
            .directories
            .encode(&plan.tree, &plan.numbers, node, seed.enabled());
        Ok(Box::new(Blocks(blocks)))
    }

    fn is_made(&self) -> bool {
        true
    }
}

struct InodeTable {
    plan: Arc<Ext4Plan>,
    group: u32,
}

impl Content for InodeTable {
    fn read_exact_at(&self, offset: u64, mut buf: &mut [u8]) -> Result<(), SourceError> {
        let size = u64::from(self.plan.options.inode_size.bytes());
        let first = u64::from(self.group) * u64::from(self.plan.geometry.division.inodes_per_group);
        let mut index = offset / size;
        let mut skip = within(offset % size)?;
        while !buf.is_empty() {
            let number = u32::try_from(first + index + 1).map_err(|_| SourceError::OutOfRange)?;
            let inode = self.plan.inode(number);
            let bytes = &inode.as_bytes()[skip..within(size)?];
            let len = bytes.len().min(buf.len());
            let (now, later) = buf.split_at_mut(len);
            now.copy_from_slice(&bytes[..len]);
            (buf, skip) = (later, 0);
            index += 1;
        }
        Ok(())
    }
}

struct Blocks(Vec<u8>);

impl Content for Blocks {
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let start = within(offset)?;
        let end = start.checked_add(buf.len());
        let bytes = end.and_then(|end| self.0.get(start..end));
        buf.copy_from_slice(bytes.ok_or(SourceError::OutOfRange)?);
        Ok(())
    }
}

fn within(offset: u64) -> Result<usize, SourceError> {
    usize::try_from(offset).map_err(|_| SourceError::OutOfRange)
}
