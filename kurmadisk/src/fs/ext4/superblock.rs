//! The superblock (`globals.rst`, "Super Block").

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::checksum::Checksum;
use super::division::Division;
use super::extents::split48;
use super::features::Feature;
use super::options::{ErrorPolicy, Ext4Options, NameBytes};
use super::spec::{
    DX_HASH_HALF_MD4, EXTRA_ISIZE, FIRST_INODE, JOURNAL_INODE, MAGIC, OLD_INODE_SIZE, Superblock,
    ro_compat,
};

/// `s_flags`: names are hashed as signed bytes.
const SIGNED_HASH: u32 = 1;
/// `s_flags`: names are hashed as unsigned bytes.
const UNSIGNED_HASH: u32 = 2;
/// `s_checksum_type`: crc32c.
const CRC32C: u8 = 1;
/// `s_jnl_backup_type`: `s_jnl_blocks` repeats the journal's inode.
const JOURNAL_BACKUP: u8 = 1;

/// What the superblock says of the filesystem's content.
pub struct Totals {
    pub free_blocks: u64,
    pub free_inodes: u32,
    /// The journal's `i_block` and size in bytes, if there is one.
    pub journal: Option<([u8; 60], u64)>,
    /// The orphan file's inode, if there is one.
    pub orphan_file: Option<u32>,
    /// Whether a directory needs the feature `large_dir`.
    pub large_dir: bool,
}

/// The superblock of group 0.
pub fn primary(options: &Ext4Options, division: &Division, totals: &Totals) -> Superblock {
    let mut sb = Superblock::new_zeroed();
    counts(&mut sb, options, division, totals);
    features(&mut sb, options, totals);
    identity(&mut sb, options);
    if let Some((block, size)) = &totals.journal {
        journal(&mut sb, block, *size);
    }
    seal(&mut sb);
    sb
}

/// The copy in another group.
pub fn backup(primary: &Superblock, group: u32) -> Superblock {
    let mut sb = primary.clone();
    // The field is too short for the last groups of large filesystems; it is then what fits.
    sb.block_group_nr = U16::new(u16::try_from(group).unwrap_or(u16::MAX));
    seal(&mut sb);
    sb
}

fn counts(sb: &mut Superblock, options: &Ext4Options, division: &Division, totals: &Totals) {
    let inodes = split48(division.inodes()).0;
    let reserved = reserved_blocks(options, division.blocks);
    (sb.blocks_count_lo, sb.blocks_count_hi) = word(division.blocks);
    (sb.r_blocks_count_lo, sb.r_blocks_count_hi) = word(reserved);
    (sb.free_blocks_count_lo, sb.free_blocks_count_hi) = word(totals.free_blocks);
    sb.inodes_count = U32::new(inodes);
    sb.free_inodes_count = U32::new(totals.free_inodes);
    sb.first_data_block = word(division.first_data_block()).0;
    sb.log_block_size = U32::new(division.shape.block_size.log());
    sb.log_cluster_size = sb.log_block_size;
    sb.blocks_per_group = U32::new(division.blocks_per_group());
    sb.clusters_per_group = sb.blocks_per_group;
    sb.inodes_per_group = U32::new(division.inodes_per_group);
    if options.features.has(Feature::Bits64) {
        sb.desc_size = U16::new(division.shape.descriptor_size());
    }
    sb.log_groups_per_flex = division.shape.log_groups_per_flex();
    // It has room for what one block lists: 1024.
    sb.reserved_gdt_blocks = U16::new(low16(division.reserved_descriptor_blocks));
    sb.first_ino = U32::new(FIRST_INODE);
    sb.inode_size = U16::new(division.shape.inode_size);
    if division.shape.inode_size > OLD_INODE_SIZE {
        sb.min_extra_isize = U16::new(EXTRA_ISIZE);
        sb.want_extra_isize = U16::new(EXTRA_ISIZE);
    }
}

/// Blocks that only root may fill.
fn reserved_blocks(options: &Ext4Options, blocks: u64) -> u64 {
    blocks / 1000 * u64::from(options.reserved_per_mille)
        + blocks % 1000 * u64::from(options.reserved_per_mille) / 1000
}

fn features(sb: &mut Superblock, options: &Ext4Options, totals: &Totals) {
    let mut features = options.features;
    if totals.journal.is_none() {
        features = features.without(Feature::HasJournal);
    }
    if options.inode_size.bytes() == OLD_INODE_SIZE {
        features = features.without(Feature::ExtraIsize);
    }
    if totals.large_dir {
        features = features.with(Feature::LargeDir);
    }
    let [compat, incompat, ro_compat] = features.words();
    sb.feature_compat = U32::new(compat);
    sb.feature_incompat = U32::new(incompat);
    sb.feature_ro_compat = U32::new(ro_compat);
    if features.has(Feature::MetadataCsum) {
        sb.checksum_type = CRC32C;
    }
    if features.has(Feature::MetadataCsumSeed) {
        sb.checksum_seed = U32::new(Checksum::seed(options.uuid).value());
    }
    sb.orphan_file_inum = U32::new(totals.orphan_file.unwrap_or(0));
    sb.def_hash_version = DX_HASH_HALF_MD4;
}

fn identity(sb: &mut Superblock, options: &Ext4Options) {
    sb.magic = U16::new(MAGIC);
    sb.rev_level = U32::new(1);
    sb.state = U16::new(1);
    sb.errors = U16::new(match options.errors {
        ErrorPolicy::Continue => 1,
        ErrorPolicy::RemountReadOnly => 2,
        ErrorPolicy::Panic => 3,
    });
    sb.default_mount_opts = U32::new(options.default_mount_options.bits());
    sb.mount_opts[..options.mount_options.len()].copy_from_slice(options.mount_options.as_bytes());
    // No check by number of mounts, nor by time.
    sb.max_mnt_count = U16::new(u16::MAX);
    // These times have no sign; an inode's have one.
    let time = options.time.seconds.max(0).cast_unsigned();
    let (lo, hi) = split48(time);
    for field in [&mut sb.wtime, &mut sb.lastcheck, &mut sb.mkfs_time] {
        *field = U32::new(lo);
    }
    let hi = hi.to_le_bytes()[0];
    sb.time_hi = [hi, 0, hi, hi, 0, 0];
    sb.uuid = options.uuid.into_bytes();
    sb.hash_seed = options.hash_seed.into_bytes();
    sb.flags = U32::new(match options.hash_bytes {
        NameBytes::Signed => SIGNED_HASH,
        NameBytes::Unsigned => UNSIGNED_HASH,
    });
    sb.volume_name[..options.label.len()].copy_from_slice(options.label.as_bytes());
}

fn journal(sb: &mut Superblock, block: &[u8; 60], size: u64) {
    sb.journal_inum = U32::new(JOURNAL_INODE);
    sb.jnl_backup_type = JOURNAL_BACKUP;
    for (field, bytes) in sb.jnl_blocks.iter_mut().zip(block.chunks_exact(4)) {
        *field = U32::from_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    sb.jnl_blocks[15] = word(size >> 32).0;
    sb.jnl_blocks[16] = word(size).0;
}

fn seal(sb: &mut Superblock) {
    if sb.feature_ro_compat.get() & ro_compat::METADATA_CSUM == 0 {
        return;
    }
    let sum = Checksum::START.update(&sb.as_bytes()[..1020]);
    sb.checksum = U32::new(sum.value());
}

fn low16(value: u64) -> u16 {
    let [a, b, ..] = value.to_le_bytes();
    u16::from_le_bytes([a, b])
}

fn word(value: u64) -> (U32, U32) {
    let bytes = value.to_le_bytes();
    let half =
        |at: usize| U32::from_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    (half(0), half(4))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::fs::ext4::division::{InodeDemand, Shape};
    use crate::tree::Timestamp;

    fn superblock(seconds: i64) -> Superblock {
        let demand = InodeDemand {
            least: 100,
            per_bytes: None,
        };
        let options = Ext4Options {
            reserved_per_mille: 333,
            time: Timestamp { seconds, nanos: 0 },
            ..Ext4Options::new(Uuid::nil(), Uuid::nil())
        };
        let division = Division::new(Shape::new(&options), 5_000_000_000, demand).unwrap();
        let totals = Totals {
            free_blocks: 0x1_0000_0002,
            free_inodes: 3,
            journal: Some(([9; 60], 0x5_0000_0006)),
            orphan_file: None,
            large_dir: false,
        };
        primary(&options, &division, &totals)
    }

    #[test]
    fn numbers_of_more_than_32_bits_have_two_halves() {
        let sb = superblock(0x12_3456_789a);
        assert_eq!(
            (sb.blocks_count_lo.get(), sb.blocks_count_hi.get()),
            (705_032_704, 1)
        );
        assert_eq!(sb.r_blocks_count_lo.get(), 1_665_000_000);
        assert_eq!(
            (sb.free_blocks_count_lo.get(), sb.free_blocks_count_hi.get()),
            (2, 1)
        );
        for time in [sb.wtime, sb.lastcheck, sb.mkfs_time] {
            assert_eq!(time.get(), 0x3456_789a);
        }
        assert_eq!(sb.time_hi, [0x12, 0, 0x12, 0x12, 0, 0]);
        let journal: Vec<u32> = sb.jnl_blocks.iter().map(|word| word.get()).collect();
        assert_eq!(journal[..15], [0x0909_0909; 15]);
        assert_eq!(journal[15..], [5, 6]);
        let before = superblock(-1);
        assert_eq!((before.wtime.get(), before.time_hi), (0, [0; 6]));
    }

    #[test]
    fn a_copy_has_its_own_group_and_checksum() {
        let first = superblock(0);
        for (group, number) in [(3, 3), (78125, u16::MAX)] {
            let copy = backup(&first, group);
            assert_eq!(copy.block_group_nr.get(), number);
            let sum = Checksum::START.update(&copy.as_bytes()[..1020]).value();
            assert_eq!(copy.checksum.get(), sum);
        }
    }
}
