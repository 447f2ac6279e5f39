//! The superblock: whether it is one, and what it says of the filesystem (`globals.rst`, "Super Block").

use uuid::Uuid;
use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::error::Ext4ReadError;
use super::feature_names;
use super::spec::{
    CRC32C, MAX_LOG_BLOCK_SIZE, compat as compat_more, incompat as incompat_more,
    ro_compat as ro_compat_more, state,
};
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::spec::{
    FIRST_INODE, MAGIC, OLD_INODE_SIZE, SUPERBLOCK_OFFSET, Superblock, compat, incompat, ro_compat,
};

/// Bytes of a descriptor without the feature `64bit`.
const SHORT_DESCRIPTOR: u64 = 32;

/// Features that change what lies where, and are known here.
const KNOWN: u32 = incompat::FILETYPE
    | incompat::EXTENTS
    | incompat::BITS64
    | incompat::FLEX_BG
    | incompat::CSUM_SEED
    | incompat::LARGE_DIR
    | incompat_more::META_BG
    | incompat_more::MMP
    | incompat_more::EA_INODE
    | incompat_more::INLINE_DATA
    // Only what is encrypted can't be read, and is refused by itself.
    | incompat_more::ENCRYPT
    | incompat_more::CASEFOLD;

/// The superblock within the front of a volume, if it has the signature of one.
pub(crate) fn superblock(head: &[u8]) -> Option<Superblock> {
    let start = usize::try_from(SUPERBLOCK_OFFSET).ok()?;
    let bytes = head.get(start..)?.get(..size_of::<Superblock>())?;
    let superblock = Superblock::read_from_bytes(bytes).ok()?;
    (superblock.magic.get() == MAGIC).then_some(superblock)
}

/// Whether the superblock has no checksum, or a right one.
pub(crate) fn checksum_is_right(superblock: &Superblock) -> bool {
    use zerocopy::IntoBytes;
    let bytes = superblock.as_bytes();
    let summed = &bytes[..bytes.len() - size_of::<U32>()];
    superblock.feature_ro_compat.get() & ro_compat::METADATA_CSUM == 0
        || Checksum::START.update(summed).value() == superblock.checksum.get()
}

/// A filesystem's sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub block_size: u64,
    pub blocks: u64,
    pub free: u64,
    pub reserved: u64,
}

impl Sizes {
    pub(crate) fn of(superblock: &Superblock) -> Self {
        let is_64bit = superblock.feature_incompat.get() & incompat::BITS64 != 0;
        let count = |lo: U32, hi: U32| {
            let hi = if is_64bit { hi.get() } else { 0 };
            u64::from(hi) << 32 | u64::from(lo.get())
        };
        let log = superblock.log_block_size.get().min(MAX_LOG_BLOCK_SIZE);
        Self {
            block_size: 1024 << log,
            blocks: count(superblock.blocks_count_lo, superblock.blocks_count_hi),
            free: count(
                superblock.free_blocks_count_lo,
                superblock.free_blocks_count_hi,
            ),
            reserved: count(superblock.r_blocks_count_lo, superblock.r_blocks_count_hi),
        }
    }

    /// Whether they can be a filesystem's; then no product of a number of blocks and the block size
    /// overflows.
    pub(crate) fn are_possible(&self, superblock: &Superblock) -> bool {
        superblock.log_block_size.get() <= MAX_LOG_BLOCK_SIZE
            && (1..=u64::MAX / self.block_size).contains(&self.blocks)
            && self.free <= self.blocks
            && self.reserved <= self.blocks
            && superblock.free_inodes_count.get() <= superblock.inodes_count.get()
    }
}

/// What is needed of the superblock to find everything else.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    pub block_size: u64,
    pub blocks: u64,
    pub first_data_block: u64,
    pub blocks_per_group: u64,
    pub groups: u64,
    pub inodes: u32,
    pub inodes_per_group: u32,
    pub inode_size: u64,
    pub descriptor_size: u64,
    /// The first inode that is not for the filesystem's own use.
    pub first_inode: u32,
    /// What checksums begin with.
    pub seed: Checksum,
    /// The UUID, where descriptors alone have checksums (`uninit_bg`).
    pub crc16: Option<Uuid>,
    /// With `meta_bg`: from which block of descriptors on they lie with their groups.
    pub first_meta_bg: Option<u64>,
    pub backups: Backups,
    compat: u32,
    incompat: u32,
}

/// Which groups have copies of the superblock.
#[derive(Clone, Copy, Debug)]
pub(super) enum Backups {
    All,
    Sparse,
    /// The first group and these.
    Two([u32; 2]),
}

impl Parameters {
    /// Reads and checks a superblock; `volume_len` is the length of its place in bytes.
    pub(super) fn new(superblock: &Superblock, volume_len: u64) -> Result<Self, Ext4ReadError> {
        check_features(superblock)?;
        if !checksum_is_right(superblock) {
            return damaged("the superblock has a wrong checksum");
        }
        check_state(superblock)?;
        let parameters = Self::unchecked(superblock);
        parameters.check(superblock, volume_len)?;
        Ok(parameters)
    }

    fn unchecked(superblock: &Superblock) -> Self {
        let sizes = Sizes::of(superblock);
        let [compat, incompat, ro_compat] = [
            superblock.feature_compat,
            superblock.feature_incompat,
            superblock.feature_ro_compat,
        ]
        .map(U32::get);
        let uuid = Uuid::from_bytes(superblock.uuid);
        let has_checksums = ro_compat & ro_compat::METADATA_CSUM != 0;
        let first_data_block = superblock.first_data_block.get().into();
        let blocks_per_group = u64::from(superblock.blocks_per_group.get());
        let in_groups = sizes.blocks.saturating_sub(first_data_block);
        let is_first_revision = superblock.rev_level.get() == 0;
        Self {
            block_size: sizes.block_size,
            blocks: sizes.blocks,
            first_data_block,
            blocks_per_group,
            groups: in_groups.div_ceil(blocks_per_group.max(1)),
            inodes: superblock.inodes_count.get(),
            inodes_per_group: superblock.inodes_per_group.get(),
            inode_size: if is_first_revision {
                OLD_INODE_SIZE.into()
            } else {
                superblock.inode_size.get().into()
            },
            descriptor_size: match incompat & incompat::BITS64 {
                0 => SHORT_DESCRIPTOR,
                _ => superblock.desc_size.get().into(),
            },
            first_inode: if is_first_revision {
                FIRST_INODE
            } else {
                superblock.first_ino.get()
            },
            seed: if !has_checksums {
                Checksum::OFF
            } else if incompat & incompat::CSUM_SEED != 0 {
                Checksum::seeded(superblock.checksum_seed.get())
            } else {
                Checksum::seed(uuid)
            },
            crc16: (!has_checksums && ro_compat & ro_compat::GDT_CSUM != 0).then_some(uuid),
            first_meta_bg: (incompat & incompat_more::META_BG != 0)
                .then(|| superblock.first_meta_bg.get().into()),
            backups: if compat & compat_more::SPARSE_SUPER2 != 0 {
                Backups::Two(superblock.backup_bgs.map(U32::get))
            } else if ro_compat & ro_compat::SPARSE_SUPER != 0 {
                Backups::Sparse
            } else {
                Backups::All
            },
            compat,
            incompat,
        }
    }

    fn check(&self, superblock: &Superblock, volume_len: u64) -> Result<(), Ext4ReadError> {
        let bits_in_block = self.block_size * 8;
        // With `bigalloc` a bit stands for a cluster of blocks.
        let log_cluster = superblock.log_cluster_size.get();
        let log_block = superblock.log_block_size.get();
        let cluster = 1_u64
            .checked_shl(log_cluster.saturating_sub(log_block))
            .unwrap_or(1);
        let sizes = Sizes::of(superblock);
        let checks = [
            (sizes.are_possible(superblock), "impossible sizes"),
            (
                self.first_data_block <= 1 && self.first_data_block < self.blocks,
                "an impossible first data block",
            ),
            (
                self.blocks_per_group > 0
                    && self.blocks_per_group <= bits_in_block.saturating_mul(cluster),
                "an impossible number of blocks in a group",
            ),
            (
                (1..=bits_in_block).contains(&u64::from(self.inodes_per_group)),
                "an impossible number of inodes in a group",
            ),
            (
                u64::from(self.inodes) <= self.groups.saturating_mul(self.inodes_per_group.into()),
                "more inodes than its groups have",
            ),
            (
                self.inode_size.is_power_of_two()
                    && (u64::from(OLD_INODE_SIZE)..=self.block_size).contains(&self.inode_size),
                "an impossible inode size",
            ),
            (
                self.descriptor_size.is_power_of_two()
                    && (SHORT_DESCRIPTOR..=self.block_size).contains(&self.descriptor_size)
                    && (self.descriptor_size > SHORT_DESCRIPTOR
                        || self.incompat & incompat::BITS64 == 0),
                "an impossible size of group descriptors",
            ),
            (
                self.seed == Checksum::OFF || superblock.checksum_type == CRC32C,
                "an unknown kind of checksums",
            ),
        ];
        if let Some((_, what)) = checks.into_iter().find(|(holds, _)| !holds) {
            return damaged(&format!("its superblock has {what}"));
        }
        match self.blocks * self.block_size {
            size if size <= volume_len => Ok(()),
            size => damaged(&format!(
                "it has {size} bytes and its place {volume_len}: the image was cut short"
            )),
        }
    }

    pub(super) fn has_index(&self) -> bool {
        self.compat & compat::DIR_INDEX != 0
    }

    pub(super) fn has_large_dir(&self) -> bool {
        self.incompat & incompat::LARGE_DIR != 0
    }
}

fn check_features(superblock: &Superblock) -> Result<(), Ext4ReadError> {
    let incompat = superblock.feature_incompat.get();
    if incompat & incompat_more::JOURNAL_DEVICE != 0 {
        return Err(Ext4ReadError::Journal);
    }
    let unknown = incompat & !KNOWN & !incompat_more::NEEDS_RECOVERY;
    if unknown != 0 {
        let features = feature_names::incompat(unknown).join(", ");
        return Err(Ext4ReadError::Features { features });
    }
    Ok(())
}

fn check_state(superblock: &Superblock) -> Result<(), Ext4ReadError> {
    let unclean = |reason| Err(Ext4ReadError::Unclean { reason });
    let state = superblock.state.get();
    if superblock.feature_incompat.get() & incompat_more::NEEDS_RECOVERY != 0 {
        return unclean(
            "the ext4 filesystem is in use, or was not unmounted: its journal waits to be replayed",
        );
    }
    if state & state::CLEAN == 0 {
        return unclean("the ext4 filesystem is in use, or was not unmounted cleanly");
    }
    if state & state::ERRORS != 0 {
        return unclean("the ext4 filesystem has errors on record");
    }
    if superblock.feature_ro_compat.get() & ro_compat_more::ORPHAN_PRESENT != 0 {
        return unclean("the ext4 filesystem has files that wait to be removed");
    }
    Ok(())
}

fn damaged<T>(reason: &str) -> Result<T, Ext4ReadError> {
    Err(Ext4ReadError::Superblock {
        reason: reason.to_owned(),
    })
}
