//! From a description to a plan: every default, size, identity and time is fixed here, and no
//! content is read, but that of filesystems which hash trees protect.
//!
//! | file | holds |
//! |---|---|
//! | `resolve` | the description's layers as one list of partitions, checked |
//! | `check` | refuses what could have no effect |
//! | `grub` | GRUB as a description asks for it |
//! | `signing` | EFI programs signed |
//! | `trees` | trees read and put over one another |
//! | `mounts` | parts of the root tree that have partitions of their own |
//! | `files` | single files and trees placed in them |
//! | `adjust` | metadata changed when all is in them |
//! | `contents` | what goes into the partitions |
//! | `identity` | identifiers derived from name, seed and a digest of all that |
//! | `verity` | hash trees, which are made here |
//! | `volumes` | the filesystems, and the sizes they ask for |
//! | `arrange` | where the partitions lie |
//! | `bios` | the loader for BIOS machines, and where it lies |
//! | `locate` | errors of layouts and filesystems, with the place of the value they are about |
//! | `alone` | [`RootTree`]: a description's tree without a disk around it |
//! | `report` | the plan as people and programs read it |
//! | `error` | [`PlanError`] |

mod adjust;
mod alone;
mod arrange;
mod bios;
mod check;
mod contents;
mod error;
mod files;
mod grub;
mod identity;
mod locate;
mod mounts;
mod report;
mod resolve;
mod signing;
mod trees;
mod verity;
mod volumes;

use kurmadisk_formats::shares::beside;
use uuid::Uuid;

pub use alone::RootTree;
pub use contents::Trees;
pub use error::PlanError;
pub use report::{FileReport, HashesReport, PartitionReport, PlanReport, VolumeReport};
pub use verity::PlannedHashes;

use crate::boot::BootSummary;
use crate::fs::Volume;
use crate::layout::{DiskLayout, PlacedPartition};
use crate::spec::ImageSpec;
use crate::tree::Timestamp;
pub(crate) use bios::BiosBoot;
use contents::Late;
use identity::{Identity, Steady};
use trees::TreeReader;
use verity::Protections;

/// A disk, decided to the last byte; nothing of it is written yet.
#[derive(Clone, Debug)]
pub struct Plan {
    name: String,
    identity: Uuid,
    time: Timestamp,
    layout: DiskLayout,
    partitions: Vec<PlannedPartition>,
    boot: BootSummary,
    bios: Option<BiosBoot>,
}

/// A partition, and the filesystem in it.
#[derive(Clone, Debug)]
pub struct PlannedPartition {
    /// Its entry in the table.
    pub entry: PlacedPartition,
    /// Its filesystem, if it has one.
    pub volume: Option<Volume>,
    /// The hash tree in it, if it has one.
    pub hashes: Option<PlannedHashes>,
}

impl Plan {
    /// Plans the disk that `spec` describes, with the trees of `trees` in place of folders.
    pub fn new(spec: &ImageSpec, trees: Trees) -> Result<Self, PlanError> {
        let spec = spec.clone().with_layout()?;
        let disk = resolve::disk(&spec)?;
        check::disk(&disk)?;
        let made = contents::made(&disk);
        let reader = TreeReader::new(&spec, &made);
        let signer = signing::signer(&spec)?;
        let trees = contents::read(&spec, trees, &reader)?;
        let steady = Steady::new(&spec, &disk);
        let (identity, protections) = if verity::is_asked_for(&disk) {
            // What boots tells of the hashes, so first it is put together without them.
            let (trees, _) =
                contents::gather(&spec, &disk, trees.clone(), &reader, Late::default())?;
            let identity = Identity::new(&steady, &disk, &trees);
            let protections = Protections::make(&disk, &trees, &steady, &identity)?;
            (Some(identity), protections)
        } else {
            (None, Protections::default())
        };
        let told = identity.as_ref();
        let told = told.map(|identity| protections.command_line(&disk, identity));
        let late = Late {
            command_line: told.as_deref().unwrap_or_default(),
            signer: signer.as_ref(),
        };
        let (trees, mut boot) = contents::gather(&spec, &disk, trees, &reader, late)?;
        let identify = || Identity::new(&steady, &disk, &trees);
        let size = || volumes::sizes(&disk, &trees, &protections, &steady);
        let (identity, sized) = match identity {
            Some(identity) => (identity, size()),
            None => beside(identify, size),
        };
        let sized = sized?;
        let layout = arrange::arrange(&disk, &sized, &protections, &identity)?;
        let bios = if boot.bios {
            bios::loader(&spec, &layout, boot.pc_core.as_ref())?
        } else {
            None
        };
        boot.bios = bios.is_some();
        let mut partitions =
            volumes::final_plans(&disk, &trees, sized, &layout, (&steady, &identity))?;
        protections.put_into(&disk, &mut partitions)?;
        Ok(Self {
            name: disk.name,
            identity: identity.image(),
            time: disk.time,
            layout,
            partitions,
            boot,
            bios,
        })
    }

    /// The image's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The identity all identifiers of the image are derived from.
    #[must_use]
    pub fn identity(&self) -> Uuid {
        self.identity
    }

    /// The time of what has none of its own.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The disk and its partition table.
    #[must_use]
    pub fn layout(&self) -> &DiskLayout {
        &self.layout
    }

    /// The partitions, in their order on disk.
    #[must_use]
    pub fn partitions(&self) -> &[PlannedPartition] {
        &self.partitions
    }

    /// The loader for BIOS machines.
    pub(crate) fn bios(&self) -> Option<&BiosBoot> {
        self.bios.as_ref()
    }

    /// How the disk boots.
    #[must_use]
    pub fn boot(&self) -> &BootSummary {
        &self.boot
    }
}
