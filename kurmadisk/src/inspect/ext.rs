//! ext2, ext3 and ext4: what their superblock says.

use std::borrow::Cow;

use kurmadisk_formats::read_at::ReadAt;
use uuid::Uuid;
use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::features;
use super::report::{ExtReport, FilesystemReport};
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::spec::{MAGIC, SUPERBLOCK_OFFSET, Superblock, compat, incompat, ro_compat};

/// `s_log_block_size` of blocks of 64 KiB, the largest there are.
const MAX_LOG_BLOCK_SIZE: u32 = 6;
/// `s_state`: unmounted cleanly.
const STATE_CLEAN: u16 = 1;
/// `s_state`: errors were found.
const STATE_ERRORS: u16 = 2;
/// Incompatible feature: the journal must be replayed.
const NEEDS_RECOVERY: u32 = 0x4;
/// Incompatible feature: this is the journal of another filesystem.
const JOURNAL_DEVICE: u32 = 0x8;
/// Incompatible features that ext3 knows: filetype, `needs_recovery`, `meta_bg`.
const EXT3_INCOMPAT: u32 = 0x2 | NEEDS_RECOVERY | 0x10;
/// Read-only compatible features that ext3 knows: `sparse_super`, `large_file`, btree directories.
const EXT3_RO_COMPAT: u32 = 0x1 | 0x2 | 0x4;

/// What the filesystem on `volume`, whose begin is `head`, says of itself, if it is one of these.
pub(super) fn read(
    volume: &dyn ReadAt,
    head: &[u8],
    problems: &mut Vec<String>,
) -> Option<FilesystemReport> {
    let start = usize::try_from(SUPERBLOCK_OFFSET).ok()?;
    let bytes = head.get(start..)?.get(..size_of::<Superblock>())?;
    let superblock = Superblock::read_from_bytes(bytes).ok()?;
    if superblock.magic.get() != MAGIC {
        return None;
    }
    let sizes = Sizes::of(&superblock, problems)?;
    judge(&superblock, bytes, volume, &sizes, problems);
    let incompat = superblock.feature_incompat.get();
    let inodes = superblock.inodes_count.get().into();
    let free_inodes: u64 = superblock.free_inodes_count.get().into();
    let unclean = superblock.state.get() & (STATE_CLEAN | STATE_ERRORS) != STATE_CLEAN;
    Some(FilesystemReport {
        kind: kind(&superblock),
        label: text(&superblock.volume_name).into_owned(),
        id: Uuid::from_bytes(superblock.uuid).to_string(),
        size: sizes.blocks * sizes.block_size,
        block_size: sizes.block_size,
        blocks: sizes.blocks,
        free: Some(sizes.free * sizes.block_size),
        inodes: Some(inodes),
        inodes_used: Some(inodes.saturating_sub(free_inodes)),
        clean: !unclean && incompat & NEEDS_RECOVERY == 0,
        fat: None,
        ext: Some(details(&superblock, &sizes)),
    })
}

/// The filesystem's sizes; no product of a number of blocks and the block size overflows.
struct Sizes {
    block_size: u64,
    blocks: u64,
    free: u64,
    reserved: u64,
}

impl Sizes {
    /// None, and a problem, when the superblock can't be one for all its signature.
    fn of(superblock: &Superblock, problems: &mut Vec<String>) -> Option<Self> {
        let log = superblock.log_block_size.get();
        let is_64bit = superblock.feature_incompat.get() & incompat::BITS64 != 0;
        let count = |lo: U32, hi: U32| {
            let hi = if is_64bit { hi.get() } else { 0 };
            u64::from(hi) << 32 | u64::from(lo.get())
        };
        let block_size = 1024 << log.min(MAX_LOG_BLOCK_SIZE);
        let sizes = Self {
            block_size,
            blocks: count(superblock.blocks_count_lo, superblock.blocks_count_hi),
            free: count(
                superblock.free_blocks_count_lo,
                superblock.free_blocks_count_hi,
            ),
            reserved: count(superblock.r_blocks_count_lo, superblock.r_blocks_count_hi),
        };
        let possible = log <= MAX_LOG_BLOCK_SIZE
            && (1..=u64::MAX / block_size).contains(&sizes.blocks)
            && sizes.free <= sizes.blocks
            && sizes.reserved <= sizes.blocks
            && superblock.free_inodes_count.get() <= superblock.inodes_count.get();
        if !possible {
            problems.push(format!(
                "it has the signature of ext4, but its superblock cannot be one: {} blocks of \
                 2^{log} KiB, {} of them free, {} reserved; {} inodes, {} of them free",
                sizes.blocks,
                sizes.free,
                sizes.reserved,
                superblock.inodes_count,
                superblock.free_inodes_count,
            ));
        }
        possible.then_some(sizes)
    }
}

fn judge(
    superblock: &Superblock,
    bytes: &[u8],
    volume: &dyn ReadAt,
    sizes: &Sizes,
    problems: &mut Vec<String>,
) {
    let mut problem = |text: &str| problems.push(text.to_owned());
    if superblock.feature_ro_compat.get() & ro_compat::METADATA_CSUM != 0 {
        let summed = bytes.len() - size_of::<U32>();
        if Checksum::START.update(&bytes[..summed]).value() != superblock.checksum.get() {
            problem("the superblock has a wrong checksum");
        }
    }
    if sizes.blocks * sizes.block_size > volume.len() {
        problem("the filesystem is larger than its place");
    }
    let state = superblock.state.get();
    if superblock.feature_incompat.get() & NEEDS_RECOVERY != 0 {
        problem("the filesystem was not unmounted: its journal waits to be replayed");
    } else if state & STATE_CLEAN == 0 {
        problem("the filesystem was not unmounted cleanly");
    }
    if state & STATE_ERRORS != 0 {
        problem("the filesystem has errors on record: run e2fsck");
    }
}

fn kind(superblock: &Superblock) -> &'static str {
    let incompat = superblock.feature_incompat.get();
    if incompat & JOURNAL_DEVICE != 0 {
        "ext journal"
    } else if incompat & !EXT3_INCOMPAT != 0
        || superblock.feature_ro_compat.get() & !EXT3_RO_COMPAT != 0
    {
        "ext4"
    } else if superblock.feature_compat.get() & compat::HAS_JOURNAL != 0 {
        "ext3"
    } else {
        "ext2"
    }
}

fn details(superblock: &Superblock, sizes: &Sizes) -> ExtReport {
    let has_journal = superblock.feature_compat.get() & compat::HAS_JOURNAL != 0;
    let internal = superblock.journal_inum.get() != 0;
    let [size_hi, size_lo] = [15, 16].map(|at| superblock.jnl_blocks[at].get());
    let journal_size = u64::from(size_hi) << 32 | u64::from(size_lo);
    let mounted_on = text(&superblock.last_mounted);
    let [_, mtime_hi, mkfs_time_hi, ..] = superblock.time_hi;
    ExtReport {
        features: features::names(superblock),
        journal: has_journal.then_some(if internal { "internal" } else { "external" }),
        journal_size: (has_journal && internal && journal_size > 0).then_some(journal_size),
        errors: match superblock.errors.get() {
            2 => "remount-ro",
            3 => "panic",
            // The kernel takes what it doesn't know for this.
            _ => "continue",
        },
        reserved: sizes.reserved * sizes.block_size,
        inode_size: match superblock.rev_level.get() {
            0 => 128,
            _ => superblock.inode_size.get().into(),
        },
        made: time(superblock.mkfs_time, mkfs_time_hi),
        mounted: time(superblock.mtime, mtime_hi),
        mounted_on: (!mounted_on.is_empty()).then(|| mounted_on.into_owned()),
    }
}

/// A time of 40 bits; none when it was never set.
fn time(lo: U32, hi: u8) -> Option<i64> {
    let seconds = i64::from(hi) << 32 | i64::from(lo.get());
    (seconds != 0).then_some(seconds)
}

/// Text up to the first zero byte.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())])
}
