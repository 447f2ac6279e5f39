//! The filesystems of a plan, and the sizes they ask for.

use std::sync::Arc;

use uuid::Uuid;

use crate::fs::ext4::{
    BlockSize, ErrorPolicy, Ext4Error, Ext4Options, Ext4Plan, Feature, Features, FreeInodes,
    InodeCount, InodeSize, JournalSize, Profile,
};
use crate::fs::fat::{FatOptions, FatPlan, FatType};
use crate::fs::{FreeSpace, Volume, VolumeError, VolumeSize};
use crate::layout::{DiskLayout, PlacedPartition, SectorSize, Size};
use crate::spec::{
    ErrorsSpec, FilesystemKind, FilesystemSpec, FreeInodesSpec, FreeSpec, Located, PerMille,
    ProfileSpec, SizeSpec,
};
use crate::tree::Tree;

use super::PlannedPartition;
use super::contents::PartitionTrees;
use super::error::PlanError;
use super::identity::{Identity, Steady};
use super::locate;
use super::resolve::{Disk, Partition, whole_sectors};
use super::verity::Protections;

/// Free space of a filesystem sized for its content, where nothing else is said.
const FREE: FreeSpec = FreeSpec::Share(PerMille(100));

/// Inodes that are free, and thousandths of them, where nothing else is said: small files may well outgrow
/// one inode for so many bytes.
const FREE_INODES: (u32, u16) = (16, 100);

/// The sizes of the partitions, in their order.
#[derive(Debug)]
pub(super) struct Sizes(Vec<Wanted>);

#[derive(Debug)]
enum Wanted {
    /// What the others leave.
    Rest,
    /// So many sectors, whatever is in it.
    Sectors(u64),
    /// What this filesystem needs, rounded up to whole units of the partitions' alignment.
    Volume { sectors: u64, volume: Box<Volume> },
}

impl Sizes {
    /// In sectors; none for the rest of the disk.
    pub fn sectors(&self) -> impl Iterator<Item = Option<u64>> {
        self.0.iter().map(|wanted| match wanted {
            Wanted::Rest => None,
            Wanted::Sectors(sectors) | Wanted::Volume { sectors, .. } => Some(*sectors),
        })
    }
}

/// Finds the size of every partition; those that depend on their content are planned for it.
pub(super) fn sizes(
    disk: &Disk,
    trees: &PartitionTrees,
    protections: &Protections,
    steady: &Steady,
) -> Result<Sizes, PlanError> {
    let wanted = disk
        .partitions
        .iter()
        .zip(trees)
        .enumerate()
        .map(|(index, (partition, tree))| match (partition.size, tree) {
            (SizeSpec::Fixed(size), _) => Ok(Wanted::Sectors(size.sectors(disk.sector_size))),
            (SizeSpec::Auto, Some(tree)) => {
                let free = free_space(partition, disk.sector_size)?;
                let context = Context {
                    disk,
                    partition,
                    steady,
                    identity: None,
                };
                let volume = context.plan(tree, VolumeSize::Auto(free), 0)?;
                let bytes = protections.bytes(index).unwrap_or_default();
                let sectors = aligned_sectors(disk, bytes.max(volume.size()));
                Ok(Wanted::Volume {
                    sectors,
                    volume: Box::new(volume),
                })
            }
            (SizeSpec::Auto, None) => {
                let bytes = protections.bytes(index).unwrap_or_default();
                Ok(Wanted::Sectors(aligned_sectors(disk, bytes)))
            }
            (SizeSpec::Rest, _) => Ok(Wanted::Rest),
        });
    wanted.collect::<Result<_, _>>().map(Sizes)
}

/// The sectors of a partition for so many bytes.
fn aligned_sectors(disk: &Disk, bytes: u64) -> u64 {
    let sectors = bytes.div_ceil(disk.sector_size.bytes());
    sectors.next_multiple_of(disk.partition_alignment.max(1))
}

/// A partition's filesystem, as small as its tree allows.
pub(super) fn smallest(
    disk: &Disk,
    partition: &Partition,
    tree: &Arc<Tree>,
    (steady, identity): (&Steady, &Identity),
) -> Result<Volume, PlanError> {
    let context = Context {
        disk,
        partition,
        steady,
        identity: Some(identity),
    };
    context.plan(tree, VolumeSize::Auto(FreeSpace::Bytes(0)), 0)
}

/// Plans the filesystems for the partitions as they were placed.
pub(super) fn final_plans(
    disk: &Disk,
    trees: &PartitionTrees,
    sizes: Sizes,
    layout: &DiskLayout,
    (steady, identity): (&Steady, &Identity),
) -> Result<Vec<PlannedPartition>, PlanError> {
    let mut planned = Vec::new();
    for ((partition, tree), wanted) in disk.partitions.iter().zip(trees).zip(sizes.0) {
        let entry = layout
            .partition(partition.number)
            .expect("the layout has every partition that was asked for")
            .clone();
        let volume = match tree {
            Some(tree) => {
                let context = Context {
                    disk,
                    partition,
                    steady,
                    identity: Some(identity),
                };
                Some(context.place(tree, wanted, &entry, layout)?)
            }
            None => None,
        };
        planned.push(PlannedPartition {
            entry,
            volume,
            hashes: None,
        });
    }
    Ok(planned)
}

/// How many sectors of the disk are before the partition. The field has 32 bits; firmware of disks beyond them
/// does not read it.
fn hidden_sectors(entry: &PlacedPartition) -> u32 {
    u32::try_from(entry.first.0).unwrap_or(u32::MAX)
}

fn free_space(partition: &Partition, sector_size: SectorSize) -> Result<FreeSpace, PlanError> {
    let free = partition.filesystem_spec().free.as_ref();
    if partition.is_read_only() {
        return Ok(FreeSpace::Bytes(0));
    }
    match free.map_or(FREE, |free| free.value) {
        FreeSpec::Share(PerMille(share)) => Ok(FreeSpace::PerMille(share)),
        FreeSpec::Size(size) => size
            .bytes(sector_size)
            .map(FreeSpace::Bytes)
            .ok_or_else(|| PlanError::Value("more than 2^64 bytes".to_owned()).near(free, "free")),
    }
}

/// What planning one partition's filesystem needs to know.
#[derive(Clone, Copy)]
struct Context<'a> {
    disk: &'a Disk,
    partition: &'a Partition,
    steady: &'a Steady,
    /// Not there yet while a size is looked for, which does not depend on it.
    identity: Option<&'a Identity>,
}

impl Context<'_> {
    /// The filesystem for the partition's place. One that was sized for its content keeps its size, and gets its
    /// identity; what the alignment leaves over behind it stays unused.
    fn place(
        self,
        tree: &Arc<Tree>,
        wanted: Wanted,
        entry: &PlacedPartition,
        layout: &DiskLayout,
    ) -> Result<Volume, PlanError> {
        match wanted {
            Wanted::Volume { volume, .. } => Ok(match *volume {
                Volume::Fat(plan) => {
                    let plan = plan.with_hidden_sectors(hidden_sectors(entry));
                    Volume::Fat(plan.with_serial(self.serial()))
                }
                Volume::Ext4(plan) => Volume::Ext4(Box::new(plan.with_uuid(self.uuid()))),
            }),
            Wanted::Rest | Wanted::Sectors(_) => {
                let range = layout.byte_range(entry);
                let size = self.size_within(range.end - range.start)?;
                self.plan(tree, VolumeSize::Fixed(size), hidden_sectors(entry))
            }
        }
    }

    /// The filesystem's size in a partition of so many bytes.
    fn size_within(self, partition: u64) -> Result<u64, PlanError> {
        let Some(own) = &self.partition.filesystem_spec().size else {
            return Ok(partition);
        };
        let bytes = own.value.bytes(self.disk.sector_size);
        bytes.filter(|bytes| *bytes <= partition).ok_or_else(|| {
            let reason =
                format!("the partition has {partition} bytes, fewer than its filesystem would");
            value(own, "size", reason)
        })
    }

    fn plan(self, tree: &Arc<Tree>, size: VolumeSize, hidden: u32) -> Result<Volume, PlanError> {
        let volume = if self.partition.filesystem == Some(FilesystemKind::Fat) {
            let plan = FatPlan::new(Arc::clone(tree), size, &self.fat_options(hidden)?);
            plan.map(Volume::Fat).map_err(VolumeError::from)
        } else {
            let plan = self.ext4_plan(tree, size, self.ext4_options()?);
            plan.map(|plan| Volume::Ext4(Box::new(plan)))
                .map_err(VolumeError::from)
        };
        volume.map_err(|source| locate::volume_error(self.disk, self.partition, source))
    }

    /// What nobody asked for is no reason to fail where the size is given: a read-only filesystem is no
    /// larger than it needs to be, another one has the usual number of free inodes if they fit.
    fn ext4_plan(
        self,
        tree: &Arc<Tree>,
        size: VolumeSize,
        options: Ext4Options,
    ) -> Result<Ext4Plan, Ext4Error> {
        let VolumeSize::Fixed(bytes) = size else {
            return Ext4Plan::new(Arc::clone(tree), size, &options);
        };
        if self.partition.is_read_only() {
            let full = Ext4Plan::new(
                Arc::clone(tree),
                VolumeSize::Auto(FreeSpace::Bytes(0)),
                &options,
            )?;
            if full.size() <= bytes {
                return Ok(full);
            }
        }
        match Ext4Plan::new(Arc::clone(tree), size, &options) {
            Err(Ext4Error::TooSmall { .. }) if self.has_usual_free_inodes() => {
                let options = Ext4Options {
                    free_inodes: FreeInodes::default(),
                    ..options
                };
                Ext4Plan::new(Arc::clone(tree), size, &options)
            }
            plan => plan,
        }
    }

    /// Whether it is not said how many inodes there are, or are free.
    fn has_usual_free_inodes(self) -> bool {
        let spec = self.partition.filesystem_spec();
        spec.free_inodes.is_none() && spec.inodes.is_none() && !self.partition.is_read_only()
    }

    fn label(self) -> String {
        let own = self.partition.filesystem_spec().label.as_ref();
        own.map_or_else(|| self.partition.label.clone(), |label| label.value.clone())
    }

    /// A FAT volume's serial number.
    fn serial(self) -> u32 {
        if let Some(serial) = &self.partition.filesystem_spec().serial {
            return serial.value.0;
        }
        let number = self.partition.number;
        let derive = |identity: &Identity| identity.derive_u32(&format!("filesystem {number}"));
        self.identity.map(derive).unwrap_or_default()
    }

    /// An ext4 filesystem's UUID.
    fn uuid(self) -> Uuid {
        if let Some(uuid) = &self.partition.filesystem_spec().uuid {
            return uuid.value;
        }
        let number = self.partition.number;
        let derive = |identity: &Identity| identity.derive(&format!("filesystem {number}"));
        self.identity.map(derive).unwrap_or_default()
    }

    fn fat_options(self, hidden_sectors: u32) -> Result<FatOptions, PlanError> {
        let spec = self.partition.filesystem_spec();
        let sector_size = self.disk.sector_size;
        let fat_type = spec.fat_bits.as_ref().map(|bits| match bits.value {
            12 => Ok(FatType::Fat12),
            16 => Ok(FatType::Fat16),
            32 => Ok(FatType::Fat32),
            other => Err(value(
                bits,
                "fat-bits",
                format!("{other} is none of 12, 16 and 32"),
            )),
        });
        let cluster = spec.cluster_size.as_ref().map(|size| {
            u32::try_from(whole_sectors(size, sector_size, "cluster-size")?)
                .map_err(|_| value(size, "cluster-size", "too large".to_owned()))
        });
        let alignment = spec.data_alignment.as_ref().map(|size| {
            let bytes = size.value.bytes(sector_size);
            bytes
                .and_then(|bytes| u32::try_from(bytes).ok())
                .ok_or_else(|| value(size, "data-alignment", "too large".to_owned()))
        });
        let label = self.label();
        Ok(FatOptions {
            label: (!label.is_empty()).then_some(label),
            label_time: self.disk.time,
            serial: self.serial(),
            fat_type: fat_type.transpose()?,
            sector_size: u32::try_from(sector_size.bytes()).unwrap_or(512),
            sectors_per_cluster: cluster.transpose()?,
            data_alignment: alignment.transpose()?,
            hidden_sectors,
        })
    }

    fn ext4_options(self) -> Result<Ext4Options, PlanError> {
        let spec = self.partition.filesystem_spec();
        let number = self.partition.number;
        // Another seed could give large directories other lengths, and move all that lies behind them.
        let steady = || self.steady.derive(&format!("hash seed {number}"));
        let hash_seed = spec.hash_seed.as_ref();
        let hash_seed = hash_seed.map_or_else(steady, |seed| seed.value);
        let mut options = Ext4Options::new(self.uuid(), hash_seed);
        options.label = self.label();
        options.time = self.disk.time;
        options.features = features(spec);
        if let Some(size) = &spec.block_size {
            options.block_size = size
                .value
                .bytes(self.disk.sector_size)
                .and_then(BlockSize::from_bytes)
                .ok_or_else(|| {
                    value(
                        size,
                        "block-size",
                        "it must be 1024, 2048 or 4096".to_owned(),
                    )
                })?;
        }
        self.inodes(&mut options)?;
        if let Some(share) = &spec.reserved {
            options.reserved_per_mille = share.value.0;
        }
        if let Some(journal) = &spec.journal {
            options.journal = self.journal(journal, options.block_size)?;
        }
        if let Some(errors) = &spec.errors {
            options.errors = match errors.value {
                ErrorsSpec::Continue => ErrorPolicy::Continue,
                ErrorsSpec::RemountRo => ErrorPolicy::RemountReadOnly,
                ErrorsSpec::Panic => ErrorPolicy::Panic,
            };
        }
        if let Some(wanted) = &spec.lost_found {
            options.lost_found = wanted.value;
        }
        if let Some(names) = &spec.default_mount_options {
            options.default_mount_options = names.value.0;
        }
        if let Some(text) = &spec.mount_options {
            options.mount_options.clone_from(&text.value);
        }
        if self.partition.is_read_only() {
            self.read_only(options)
        } else {
            Ok(options)
        }
    }

    /// A read-only filesystem has no journal, whatever the profile says, but who asks for what only
    /// another one can have is told.
    fn read_only(self, options: Ext4Options) -> Result<Ext4Options, PlanError> {
        let useless = [
            Feature::HasJournal,
            Feature::ResizeInode,
            Feature::OrphanFile,
        ];
        let features = self.partition.filesystem_spec().features.as_ref();
        let asked = features.and_then(|asked| {
            let found = useless.into_iter().find(|each| asked.value.0.adds(*each));
            found.map(|feature| (asked, feature))
        });
        match asked {
            Some((asked, feature)) => {
                let reason =
                    format!("a read-only filesystem has no use for {feature}; leave it out");
                Err(value(asked, "features", reason))
            }
            None => Ok(options.read_only()),
        }
    }

    /// How large inodes are, how many there are, and how many of them are free.
    fn inodes(self, options: &mut Ext4Options) -> Result<(), PlanError> {
        let spec = self.partition.filesystem_spec();
        if let Some(size) = &spec.inode_size {
            options.inode_size = InodeSize::from_bytes(size.value.into())
                .ok_or_else(|| value(size, "inode-size", "it must be 128 or 256".to_owned()))?;
        }
        if let Some(bytes) = &spec.bytes_per_inode {
            options.inodes = InodeCount::PerBytes(bytes.value);
        }
        if let Some(count) = &spec.inodes {
            options.inodes = InodeCount::Exact(count.value);
        }
        let (count, per_mille) = match &spec.free_inodes {
            Some(free) => match free.value {
                FreeInodesSpec::Count(count) => (count, 0),
                FreeInodesSpec::Share(PerMille(share)) => (0, share),
            },
            None if self.has_usual_free_inodes() => FREE_INODES,
            None => (0, 0),
        };
        options.free_inodes = FreeInodes { count, per_mille };
        Ok(())
    }

    fn journal(
        self,
        journal: &Located<SizeSpec>,
        block_size: BlockSize,
    ) -> Result<JournalSize, PlanError> {
        match journal.value {
            SizeSpec::Auto => Ok(JournalSize::Auto),
            SizeSpec::Fixed(Size::Bytes(0) | Size::Sectors(0)) => Ok(JournalSize::None),
            SizeSpec::Fixed(size) => {
                let block = u64::from(block_size.bytes());
                let too_large = || value(journal, "journal", "too large".to_owned());
                let bytes = size.bytes(self.disk.sector_size).ok_or_else(too_large)?;
                if !bytes.is_multiple_of(block) {
                    let reason = format!("{size} is no whole number of blocks of {block} bytes");
                    return Err(value(journal, "journal", reason));
                }
                let blocks = u32::try_from(bytes / block).map_err(|_| too_large())?;
                Ok(JournalSize::Blocks(blocks))
            }
            SizeSpec::Rest => Err(value(
                journal,
                "journal",
                "it is a size, \"auto\" or 0".to_owned(),
            )),
        }
    }
}

/// The features a filesystem begins with, and those that are named.
fn features(spec: &FilesystemSpec) -> Features {
    let profile = match spec.profile.as_ref().map(|profile| profile.value) {
        None | Some(ProfileSpec::Ext4) => Profile::Ext4,
        Some(ProfileSpec::Ext3) => Profile::Ext3,
        Some(ProfileSpec::Ext2) => Profile::Ext2,
    };
    let changes = spec.features.as_ref().map(|names| names.value.0);
    profile.features().changed(changes.unwrap_or_default())
}

fn value<T>(located: &Located<T>, field: &str, reason: String) -> PlanError {
    PlanError::Value(reason).at(located, field)
}
