//! The superblock (`globals.rst`, "Super Block").

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::checksum::Checksum;
use super::division::Division;
use super::extents::split48;
use super::options::{ErrorPolicy, Ext4Options};
use super::spec::{
    DESCRIPTOR_SIZE, EXTRA_ISIZE, FIRST_INODE, INODE_SIZE, JOURNAL_INODE, LOG_GROUPS_PER_FLEX,
    MAGIC, Superblock, compat, incompat, ro_compat,
};

/// Half-MD4, the hash of names in large directories.
const HASH_HALF_MD4: u8 = 1;
/// `s_flags`: names are hashed as signed bytes.
const SIGNED_HASH: u32 = 1;
/// `s_default_mount_opts`: user attributes and ACLs.
const XATTR_AND_ACL: u32 = 0xc;
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
}

/// The superblock of group 0.
pub fn primary(options: &Ext4Options, division: &Division, totals: &Totals) -> Superblock {
    let mut sb = Superblock::new_zeroed();
    counts(&mut sb, options, division, totals);
    features(&mut sb, totals);
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
    sb.log_block_size = U32::new(division.block_size.log());
    sb.log_cluster_size = sb.log_block_size;
    sb.blocks_per_group = U32::new(division.blocks_per_group());
    sb.clusters_per_group = sb.blocks_per_group;
    sb.inodes_per_group = U32::new(division.inodes_per_group);
    sb.desc_size = U16::new(DESCRIPTOR_SIZE);
    sb.log_groups_per_flex = LOG_GROUPS_PER_FLEX;
    sb.first_ino = U32::new(FIRST_INODE);
    sb.inode_size = U16::new(INODE_SIZE);
    sb.min_extra_isize = U16::new(EXTRA_ISIZE);
    sb.want_extra_isize = U16::new(EXTRA_ISIZE);
}

/// Blocks that only root may fill.
fn reserved_blocks(options: &Ext4Options, blocks: u64) -> u64 {
    blocks / 1000 * u64::from(options.reserved_per_mille)
        + blocks % 1000 * u64::from(options.reserved_per_mille) / 1000
}

fn features(sb: &mut Superblock, totals: &Totals) {
    let journal = if totals.journal.is_some() {
        compat::HAS_JOURNAL
    } else {
        0
    };
    sb.feature_compat = U32::new(journal | compat::EXT_ATTR | compat::DIR_INDEX);
    sb.feature_incompat =
        U32::new(incompat::FILETYPE | incompat::EXTENTS | incompat::BITS64 | incompat::FLEX_BG);
    sb.feature_ro_compat = U32::new(
        ro_compat::SPARSE_SUPER
            | ro_compat::LARGE_FILE
            | ro_compat::HUGE_FILE
            | ro_compat::DIR_NLINK
            | ro_compat::EXTRA_ISIZE
            | ro_compat::METADATA_CSUM,
    );
    sb.checksum_type = CRC32C;
    sb.default_mount_opts = U32::new(XATTR_AND_ACL);
    sb.def_hash_version = HASH_HALF_MD4;
    sb.flags = U32::new(SIGNED_HASH);
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
    // No check by number of mounts.
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
    let sum = Checksum::START.update(&sb.as_bytes()[..1020]);
    sb.checksum = U32::new(sum.value());
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
    use crate::fs::ext4::division::InodeDemand;
    use crate::fs::ext4::options::BlockSize;
    use crate::tree::Timestamp;

    fn superblock(seconds: i64) -> Superblock {
        let demand = InodeDemand {
            least: 100,
            per_bytes: None,
        };
        let division = Division::new(BlockSize::B4096, 5_000_000_000, demand).unwrap();
        let options = Ext4Options {
            reserved_per_mille: 333,
            time: Timestamp { seconds, nanos: 0 },
            ..Ext4Options::new(Uuid::nil(), Uuid::nil())
        };
        let totals = Totals {
            free_blocks: 0x1_0000_0002,
            free_inodes: 3,
            journal: Some(([9; 60], 0x5_0000_0006)),
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
