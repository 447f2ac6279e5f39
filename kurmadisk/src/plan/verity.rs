//! Filesystems that are protected by hash trees.
//!
//! A root hash is part of the command line, and its halves are the PARTUUIDs of two partitions. So the filesystem
//! is planned, put together and read before anything else of the disk is decided. That works since a read-only
//! filesystem is as large as its tree needs, wherever it lies.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::PlannedPartition;
use super::contents::PartitionTrees;
use super::error::PlanError;
use super::identity::{Identity, Steady};
use super::resolve::{Disk, Partition, whole_sectors};
use super::volumes;
use crate::fs::Volume;
use crate::layout::PartitionType;
use crate::source::Scratch;
use crate::spec::{Content, FilesystemKind, Located, TableKind};
use crate::verity::{HashArea, RootHash, VerityError, VerityOptions};

/// A hash tree that is planned and made.
#[derive(Clone, Debug)]
pub struct PlannedHashes {
    /// Number of the partition whose filesystem it protects.
    pub data_partition: u32,
    /// Bytes of the filesystem, whole blocks of data.
    pub data_len: u64,
    /// How it was made.
    pub options: VerityOptions,
    /// Where it begins, in bytes from the begin of the partition it lies in.
    pub offset: u64,
    /// The superblock and the tree.
    pub area: HashArea,
}

/// The protected filesystems of a disk.
#[derive(Debug, Default)]
pub(super) struct Protections(Vec<Protection>);

#[derive(Debug)]
struct Protection {
    /// Index of the partition with the data.
    data: usize,
    /// Index of the partition with the hashes; the same for a tree behind the filesystem.
    hashes: usize,
    volume: Volume,
    planned: PlannedHashes,
}

/// Whether any partition is to be protected.
pub(super) fn is_asked_for(disk: &Disk) -> bool {
    let mut partitions = disk.partitions.iter();
    partitions.any(|partition| partition.spec.verity.data.is_some())
}

/// Refuses what can't be protected, or would protect nothing.
pub(super) fn check(disk: &Disk) -> Result<(), PlanError> {
    let mut protected = Vec::new();
    for (index, partition) in disk.partitions.iter().enumerate() {
        let spec = &partition.spec.verity;
        if let Some((field, place)) = spec.key_without_data() {
            let reason = "this counts for a hash tree; say in data which partition it protects";
            return Err(PlanError::Value(reason.to_owned()).at_place(place.clone(), field));
        }
        let Some(data) = &spec.data else { continue };
        let refuse = |reason: String| Err(PlanError::Value(reason).at(data, "data"));
        if disk.table != TableKind::Gpt {
            return refuse("a hash tree is found by GUIDs, which only a GPT has".to_owned());
        }
        let found = data_partition(disk, partition)?;
        if found != index && partition.filesystem.is_some() {
            return refuse("hashes of another partition need one without a filesystem".to_owned());
        }
        let other = &disk.partitions[found];
        if other.filesystem != Some(FilesystemKind::Ext4) || !other.is_read_only() {
            return refuse(format!(
                "partition {} has no filesystem that is never written to; give it type = \"ext4\" and \
                 read-only = true",
                other.name()
            ));
        }
        if protected.contains(&found) {
            return refuse(format!("partition {} is protected already", other.name()));
        }
        protected.push(found);
    }
    Ok(())
}

/// Index of the partition that the hashes in `partition` are for.
fn data_partition(disk: &Disk, partition: &Partition) -> Result<usize, PlanError> {
    let Some(data) = &partition.spec.verity.data else {
        return Err(PlanError::Value("no data".to_owned()));
    };
    let mut called = (0..)
        .zip(&disk.partitions)
        .filter(|(_, partition)| partition.is_called(&data.value.0));
    match (called.next(), called.next()) {
        (Some((index, _)), None) => Ok(index),
        (found, _) => {
            let wanted = &data.value.0;
            let reason = match found {
                None => format!("no partition {wanted:?}"),
                Some(_) => {
                    format!("{wanted:?} is the label or number of more than one partition")
                }
            };
            Err(PlanError::Value(reason).at(data, "data"))
        }
    }
}

impl Protections {
    /// Plans the filesystems that are to be protected, and reads and hashes them.
    pub fn make(
        disk: &Disk,
        trees: &PartitionTrees,
        steady: &Steady,
        identity: &Identity,
    ) -> Result<Self, PlanError> {
        let folder = disk.spec.scratch.as_ref();
        let folder = folder.map(|folder| folder.value.clone());
        let scratch = folder.map_or(Scratch::Memory, Scratch::Folder);
        let hashes = disk.partitions.iter().enumerate();
        let asked = hashes.filter(|(_, partition)| partition.spec.verity.data.is_some());
        asked
            .map(|(index, partition)| {
                protect(
                    disk,
                    trees,
                    (steady, identity),
                    (index, partition),
                    &scratch,
                )
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Bytes that partition `index` must have for hashes, and for the data they lie behind.
    pub fn bytes(&self, index: usize) -> Option<u64> {
        let of_hashes = self.0.iter().find(|each| each.hashes == index)?;
        Some(of_hashes.planned.offset + of_hashes.planned.area.map.len())
    }

    /// The GUID of partition `index` that a root hash makes.
    pub fn guid(&self, index: usize) -> Option<Uuid> {
        let apart = self.0.iter().filter(|each| each.data != each.hashes);
        apart.into_iter().find_map(|each| {
            let root = each.root_hash();
            match index {
                _ if index == each.data => Some(root.data_partition()),
                _ if index == each.hashes => Some(root.hash_partition()),
                _ => None,
            }
        })
    }

    /// What the command line needs to have of all root hashes, with a space before each part.
    pub fn command_line(&self, disk: &Disk, identity: &Identity) -> String {
        let parts = self.0.iter().filter_map(|each| {
            let data = &disk.partitions[each.data];
            let hashes = &disk.partitions[each.hashes];
            let what = is_of(data, hashes)?;
            let root = each.root_hash();
            let guid = |index: usize, partition: &Partition| {
                let own = partition.guid.or_else(|| self.guid(index));
                own.unwrap_or_else(|| identity.partition(partition.number))
            };
            let (data, hashes) = (guid(each.data, data), guid(each.hashes, hashes));
            let hash_name = if what == "root" { "roothash" } else { "usrhash" };
            let told = format!(" {hash_name}={root}");
            // By the root hash alone partitions are found whose PARTUUIDs are made of it.
            if (data, hashes) == (root.data_partition(), root.hash_partition()) {
                return Some(told);
            }
            let offset = match each.planned.offset {
                0 => String::new(),
                offset => format!(" systemd.verity_{what}_options=hash-offset={offset}"),
            };
            Some(format!(
                "{told} systemd.verity_{what}_data=PARTUUID={data} systemd.verity_{what}_hash=PARTUUID={hashes}{offset}"
            ))
        });
        parts.collect()
    }

    /// Puts the filesystems and their hashes into the partitions.
    pub fn put_into(
        self,
        disk: &Disk,
        partitions: &mut [PlannedPartition],
    ) -> Result<(), PlanError> {
        for each in self.0 {
            let needed = each.planned.offset + each.planned.area.map.len();
            let partition = &mut partitions[each.hashes];
            let room = partition.entry.sectors * disk.sector_size.bytes();
            if needed > room {
                let asked = &disk.partitions[each.hashes];
                let reason = format!(
                    "partition {} has {room} bytes, and {needed} are needed with the hash tree; give it more, \
                     or size = \"auto\"",
                    asked.name()
                );
                return Err(PlanError::Value(reason).near(asked.spec.size.as_ref(), "size"));
            }
            partition.hashes = Some(each.planned);
            if let Some(volume) = &mut partitions[each.data].volume {
                *volume = each.volume;
            }
        }
        Ok(())
    }
}

impl Protection {
    fn root_hash(&self) -> RootHash {
        self.planned.area.root_hash
    }
}

/// What systemd calls the filesystem that is protected, when it knows it: `root` or `usr`.
fn is_of(data: &Partition, hashes: &Partition) -> Option<&'static str> {
    if data.content == Some(Content::Root) || hashes.kind == PartitionType::ROOT_X86_64_VERITY {
        Some("root")
    } else if [data.kind, hashes.kind]
        .iter()
        .any(|kind| [PartitionType::USR_X86_64, PartitionType::USR_X86_64_VERITY].contains(kind))
    {
        Some("usr")
    } else {
        None
    }
}

fn protect(
    disk: &Disk,
    trees: &PartitionTrees,
    (steady, identity): (&Steady, &Identity),
    (index, partition): (usize, &Partition),
    scratch: &Scratch,
) -> Result<Protection, PlanError> {
    let data = data_partition(disk, partition)?;
    let of = &disk.partitions[data];
    let options = options(disk, partition, identity)?;
    let Some(tree) = &trees[data] else {
        return Err(PlanError::Value(format!(
            "partition {} has no tree",
            of.name()
        )));
    };
    let volume = volumes::smallest(disk, of, tree, (steady, identity))?;
    let mut map = volume.build().map_err(|source| PlanError::Volume {
        partition: of.name(),
        source,
    })?;
    // Where hashes follow in the same partition, they begin at one of their blocks.
    let block = options.data_block_size.max(options.hash_block_size);
    map.grow(map.len().next_multiple_of(block.into()));
    let made = HashArea::build(&map, &options, scratch);
    let area = made.map_err(|source| locate(partition, source))?;
    Ok(Protection {
        data,
        hashes: index,
        volume,
        planned: PlannedHashes {
            data_partition: of.number,
            data_len: map.len(),
            options,
            offset: if data == index { map.len() } else { 0 },
            area,
        },
    })
}

fn options(
    disk: &Disk,
    partition: &Partition,
    identity: &Identity,
) -> Result<VerityOptions, PlanError> {
    let spec = &partition.spec.verity;
    let name = format!("verity {}", partition.number);
    let uuid = spec.uuid.as_ref().map(|uuid| uuid.value);
    let salt = spec.salt.as_ref().map(|salt| salt.value.0.clone());
    let derived = || Sha256::digest(identity.derive(&format!("{name} salt"))).to_vec();
    let mut options = VerityOptions::new(
        uuid.unwrap_or_else(|| identity.derive(&name)),
        salt.unwrap_or_else(derived),
    );
    for (size, field, to) in [
        (
            &spec.data_block_size,
            "data-block-size",
            &mut options.data_block_size,
        ),
        (
            &spec.hash_block_size,
            "hash-block-size",
            &mut options.hash_block_size,
        ),
    ] {
        let Some(size) = size else { continue };
        let bytes = whole_sectors(size, disk.sector_size, field)? * disk.sector_size.bytes();
        *to = u32::try_from(bytes)
            .map_err(|_| PlanError::Value("too large".to_owned()).at(size, field))?;
    }
    let checked = options.check();
    checked.map_err(|source| locate(partition, source))?;
    Ok(options)
}

/// An error with the place of the key it is about.
fn locate(partition: &Partition, source: VerityError) -> PlanError {
    fn at<T>(error: PlanError, value: Option<&Located<T>>) -> PlanError {
        // The error names the field itself.
        error.near(value, "")
    }
    let spec = &partition.spec.verity;
    match &source {
        VerityError::BlockSize {
            field: "data-block-size",
            ..
        } => at(source.into(), spec.data_block_size.as_ref()),
        VerityError::BlockSize { .. } => at(source.into(), spec.hash_block_size.as_ref()),
        VerityError::Salt { .. } => at(source.into(), spec.salt.as_ref()),
        _ => at(source.into(), spec.data.as_ref()),
    }
}
