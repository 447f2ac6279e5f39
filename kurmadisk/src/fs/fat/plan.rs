//! Sizes and places, fixed before any content is read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::contents::{Contents, ROOT};
use super::geometry::{Format, Geometry};
use super::name::{self, ShortBytes};
use super::rules::{FAT32_FROM, Rules};
use super::spec::{FIRST_CLUSTER, MAX_CLUSTER, NO_LABEL};
use super::{FatError, FatOptions, FatType};
use crate::fs::{FreeSpace, VolumeSize};
use crate::tree::{Timestamp, Tree};

/// Largest [`data_alignment`](FatOptions::data_alignment), bytes: what the 16 bits of the reserved sectors can
/// bring about whatever the size of a sector.
const MAX_DATA_ALIGNMENT: u32 = 16 << 20;

/// A FAT volume whose every byte has its place.
#[derive(Clone, Debug)]
pub struct FatPlan {
    pub(super) tree: Arc<Tree>,
    pub(super) size: u64,
    pub(super) label: Option<ShortBytes>,
    pub(super) label_time: Timestamp,
    pub(super) serial: u32,
    pub(super) hidden_sectors: u32,
    pub(super) geometry: Geometry,
    pub(super) contents: Contents,
    /// Where each directory and then each file lies, as [`Contents::chains`] counts them.
    pub(super) runs: Vec<Run>,
    pub(super) used_clusters: u32,
}

/// Clusters that follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The first cluster; 0 when there is none.
    pub first: u32,
    pub count: u32,
}

impl FatPlan {
    /// Plans a volume that holds `tree`.
    ///
    /// Fails when an option or the size is one FAT does not know, when something in the tree cannot
    /// be expressed in FAT, or when the content does not fit.
    pub fn new(
        tree: impl Into<Arc<Tree>>,
        size: VolumeSize,
        options: &FatOptions,
    ) -> Result<Self, FatError> {
        let tree = tree.into();
        options.check()?;
        let label = match &options.label {
            Some(text) => Some(name::label(text).map_err(|problem| FatError::Option {
                field: "label",
                value: format!("{text:?}"),
                problem,
            })?),
            None => None,
        };
        let contents = Contents::new(&tree, label.is_some())?;
        let rules = Rules {
            sector_size: options.sector_size,
            fat_type: options.fat_type,
            sectors_per_cluster: options.sectors_per_cluster,
            data_alignment: options.data_alignment,
            root_entries: contents.dirs[ROOT].slots,
            fat32_from: FAT32_FROM,
        };
        check_root(&rules)?;
        let geometry = choose(&contents, size, &rules)?;
        let (runs, used_clusters) = place(&contents, &geometry.format);
        Ok(Self {
            tree,
            size: match size {
                VolumeSize::Fixed(bytes) => bytes,
                VolumeSize::Auto(_) => geometry.size(),
            },
            label,
            label_time: options.label_time,
            serial: options.serial,
            hidden_sectors: options.hidden_sectors,
            geometry,
            contents,
            runs,
            used_clusters,
        })
    }

    /// The same volume at another place of the disk: behind so many sectors.
    #[must_use]
    pub fn with_hidden_sectors(self, hidden_sectors: u32) -> Self {
        Self {
            hidden_sectors,
            ..self
        }
    }

    /// The same volume with another serial number.
    #[must_use]
    pub fn with_serial(self, serial: u32) -> Self {
        Self { serial, ..self }
    }

    /// The tree that is in it.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Bytes of the volume.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The type, which follows from the number of clusters.
    #[must_use]
    pub fn fat_type(&self) -> FatType {
        self.geometry.format.fat_type
    }

    /// Bytes per sector.
    #[must_use]
    pub fn sector_size(&self) -> u32 {
        self.geometry.format.sector_size
    }

    /// Bytes per cluster.
    #[must_use]
    pub fn cluster_size(&self) -> u32 {
        self.geometry.format.cluster_size()
    }

    /// Clusters of the volume.
    #[must_use]
    pub fn cluster_count(&self) -> u32 {
        self.geometry.clusters
    }

    /// Clusters that files and directories take.
    #[must_use]
    pub fn used_clusters(&self) -> u32 {
        self.used_clusters
    }

    /// Clusters that are left.
    #[must_use]
    pub fn free_clusters(&self) -> u32 {
        self.geometry.clusters - self.used_clusters
    }

    /// Bytes that are left for files, in whole clusters.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        u64::from(self.free_clusters()) * u64::from(self.cluster_size())
    }

    /// Bytes that are not left: boot sectors, tables, directories and files.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.size - self.free_bytes()
    }

    /// Where the first cluster begins, in bytes from the volume's begin.
    #[must_use]
    pub fn data_offset(&self) -> u64 {
        self.geometry.cluster_offset(FIRST_CLUSTER)
    }

    /// The serial number; GRUB, Linux and Windows show it as `1234-5678`.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// The label, without padding.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        let label = self.label.as_ref()?;
        Some(std::str::from_utf8(label).ok()?.trim_end_matches(' '))
    }

    /// Files of the volume; each name of a hard-linked file counts.
    #[must_use]
    pub fn file_count(&self) -> usize {
        self.contents.files.len()
    }

    /// Directories of the volume, the root included.
    #[must_use]
    pub fn directory_count(&self) -> usize {
        self.contents.dirs.len()
    }

    /// Every file's path, from `/`, and the ranges of bytes of the volume that are its content, in
    /// the order of the file: one range, or none for an empty file. In the volume's order.
    pub fn files(&self) -> impl Iterator<Item = (String, Vec<Range<u64>>)> {
        let files = self.contents.files.iter().enumerate();
        files.map(|(index, file)| {
            let range = self.file_range(index);
            let ranges = Some(range).filter(|range| !range.is_empty());
            (self.contents.file_path(file), ranges.into_iter().collect())
        })
    }

    /// The label as the boot sector holds it.
    pub(super) fn label_bytes(&self) -> ShortBytes {
        self.label.unwrap_or(NO_LABEL)
    }

    /// The clusters of a directory.
    pub(super) fn dir_run(&self, dir: usize) -> Run {
        self.runs[dir]
    }

    /// The clusters of a file.
    pub(super) fn file_run(&self, file: usize) -> Run {
        self.runs[self.contents.dirs.len() + file]
    }

    /// The bytes of the volume that are a file's content.
    pub(super) fn file_range(&self, file: usize) -> Range<u64> {
        let len = u64::from(self.contents.files[file].len);
        if len == 0 {
            return 0..0;
        }
        let start = self.geometry.cluster_offset(self.file_run(file).first);
        start..start + len
    }
}

impl FatOptions {
    fn check(&self) -> Result<(), FatError> {
        let refuse = |field, value: u32, problem| {
            Err(FatError::Option {
                field,
                value: value.to_string(),
                problem,
            })
        };
        let sector = self.sector_size;
        if ![512, 4096].contains(&sector) {
            return refuse("sector_size", sector, "a sector has 512 or 4096 bytes");
        }
        match self.sectors_per_cluster {
            Some(sectors)
                if !sectors.is_power_of_two()
                    || sectors > 128
                    || sectors * sector > MAX_CLUSTER =>
            {
                let problem =
                    "it is a power of two from 1 to 128, and a cluster has at most 65536 bytes";
                return refuse("sectors_per_cluster", sectors, problem);
            }
            _ => {}
        }
        match self.data_alignment {
            Some(bytes)
                if !bytes.is_power_of_two() || !(sector..=MAX_DATA_ALIGNMENT).contains(&bytes) =>
            {
                let problem = "it is a power of two from the size of a sector to 16777216";
                refuse("data_alignment", bytes, problem)
            }
            _ => Ok(()),
        }
    }
}

/// Checks that the type asked for can hold the root directory.
fn check_root(rules: &Rules) -> Result<(), FatError> {
    let limit = rules.max_root_entries();
    match rules.fat_type {
        Some(FatType::Fat12 | FatType::Fat16) if rules.root_entries > limit => {
            Err(FatError::DirectoryTooLarge {
                path: "/".to_owned(),
                entries: rules.root_entries.into(),
                limit,
            })
        }
        _ => Ok(()),
    }
}

fn choose(contents: &Contents, size: VolumeSize, rules: &Rules) -> Result<Geometry, FatError> {
    // Asked for many formats, of which most have clusters of the same size.
    let sums = RefCell::new(HashMap::new());
    let content = |format: &Format| {
        let key = (format.cluster_size(), format.fat_type);
        let mut sums = sums.borrow_mut();
        *sums
            .entry(key)
            .or_insert_with(|| contents.chains(format).sum::<u64>())
    };
    let too_much = || FatError::TooMuch {
        fat_type: rules.fat_type.unwrap_or(FatType::Fat32),
        sectors_per_cluster: rules.sectors_per_cluster,
    };
    match size {
        VolumeSize::Auto(free) => {
            check_free(free)?;
            let needed = |format: &Format| with_free(free, content(format), format);
            let rules = rules.suited_to(needed);
            rules.smallest(0, needed).ok_or_else(too_much)
        }
        VolumeSize::Fixed(given) => {
            let rules = &rules.suited_to(content);
            let found = rules.fixed(given);
            if let Some(found) = found
                && content(&found.format) <= u64::from(found.clusters)
            {
                return Ok(found);
            }
            let (smallest, largest) = rules.bounds();
            if found.is_none() && given >= smallest {
                return Err(unsuitable(rules, given, smallest, largest));
            }
            let needed = rules.smallest(given, content).ok_or_else(too_much)?;
            if found.is_none() && rules.fat_type.is_some() && needed.size() == smallest {
                return Err(unsuitable(rules, given, smallest, largest));
            }
            Err(FatError::TooSmall {
                needed: needed.size(),
                given,
            })
        }
    }
}

fn unsuitable(rules: &Rules, given: u64, smallest: u64, largest: u64) -> FatError {
    FatError::Unsuitable {
        fat_type: rules.fat_type.unwrap_or(FatType::Fat32),
        sectors_per_cluster: rules.sectors_per_cluster,
        given,
        smallest,
        largest,
    }
}

fn check_free(free: FreeSpace) -> Result<(), FatError> {
    match free {
        FreeSpace::PerMille(share @ 1000..) => Err(FatError::Option {
            field: "free",
            value: format!("{share} thousandths"),
            problem: "the free share of a volume is below 1000 thousandths",
        }),
        _ => Ok(()),
    }
}

/// Clusters of a volume with so many used ones, and as many free ones as asked.
fn with_free(free: FreeSpace, used: u64, format: &Format) -> u64 {
    match free {
        FreeSpace::PerMille(share) => (used * 1000).div_ceil(1000 - u64::from(share)),
        FreeSpace::Bytes(bytes) => used + bytes.div_ceil(u64::from(format.cluster_size())),
    }
}

/// Puts every chain behind the one before it.
fn place(contents: &Contents, format: &Format) -> (Vec<Run>, u32) {
    let mut next = FIRST_CLUSTER;
    let runs = contents
        .chains(format)
        .map(|count| {
            // The volume was chosen to have room for all of them.
            let count = u32::try_from(count).expect("chains fit the volume");
            let first = if count == 0 { 0 } else { next };
            next += count;
            Run { first, count }
        })
        .collect();
    (runs, next - FIRST_CLUSTER)
}
