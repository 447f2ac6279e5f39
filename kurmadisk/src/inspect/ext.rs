//! ext2, ext3 and ext4: what their superblock says.

use std::borrow::Cow;

use kurmadisk_formats::read_at::ReadAt;
use uuid::Uuid;
use zerocopy::little_endian::U32;

use super::report::{ExtReport, FilesystemReport};
use crate::fs::ext4::read::feature_names;
use crate::fs::ext4::read::spec::{incompat, state};
use crate::fs::ext4::read::superblock::{self, Sizes};
use crate::fs::ext4::spec::{Superblock, compat};

/// Incompatible features that ext3 knows: filetype, `needs_recovery`, `meta_bg`.
const EXT3_INCOMPAT: u32 = 0x2 | incompat::NEEDS_RECOVERY | 0x10;
/// Read-only compatible features that ext3 knows: `sparse_super`, `large_file`, btree directories.
const EXT3_RO_COMPAT: u32 = 0x1 | 0x2 | 0x4;

/// What the filesystem on `volume`, whose begin is `head`, says of itself, if it is one of these.
pub(super) fn read(
    volume: &dyn ReadAt,
    head: &[u8],
    problems: &mut Vec<String>,
) -> Option<FilesystemReport> {
    let superblock = superblock::superblock(head)?;
    let sizes = sizes(&superblock, problems)?;
    judge(&superblock, volume, &sizes, problems);
    let incompat = superblock.feature_incompat.get();
    let inodes = superblock.inodes_count.get().into();
    let free_inodes: u64 = superblock.free_inodes_count.get().into();
    let unclean = superblock.state.get() & (state::CLEAN | state::ERRORS) != state::CLEAN;
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
        clean: !unclean && incompat & incompat::NEEDS_RECOVERY == 0,
        fat: None,
        ext: Some(details(&superblock, &sizes)),
    })
}

/// None, and a problem, when the superblock can't be one for all its signature; otherwise no product of a number
/// of blocks and the block size overflows.
fn sizes(superblock: &Superblock, problems: &mut Vec<String>) -> Option<Sizes> {
    let sizes = Sizes::of(superblock);
    let possible = sizes.are_possible(superblock);
    if !possible {
        problems.push(format!(
            "it has the signature of ext4, but its superblock cannot be one: {} blocks of 2^{} KiB, {} of \
             them free, {} reserved; {} inodes, {} of them free",
            sizes.blocks,
            superblock.log_block_size,
            sizes.free,
            sizes.reserved,
            superblock.inodes_count,
            superblock.free_inodes_count,
        ));
    }
    possible.then_some(sizes)
}

fn judge(superblock: &Superblock, volume: &dyn ReadAt, sizes: &Sizes, problems: &mut Vec<String>) {
    let mut problem = |text: &str| problems.push(text.to_owned());
    if !superblock::checksum_is_right(superblock) {
        problem("the superblock has a wrong checksum");
    }
    if sizes.blocks * sizes.block_size > volume.len() {
        problem("the filesystem is larger than its place");
    }
    let found = superblock.state.get();
    if superblock.feature_incompat.get() & incompat::NEEDS_RECOVERY != 0 {
        problem("the filesystem was not unmounted: its journal waits to be replayed");
    } else if found & state::CLEAN == 0 {
        problem("the filesystem was not unmounted cleanly");
    }
    if found & state::ERRORS != 0 {
        problem("the filesystem has errors on record: run e2fsck");
    }
}

fn kind(superblock: &Superblock) -> &'static str {
    let incompat = superblock.feature_incompat.get();
    if incompat & incompat::JOURNAL_DEVICE != 0 {
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
        features: feature_names::names(superblock),
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
