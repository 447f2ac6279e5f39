//! The disks that packages hold: as few as there can be, since each costs a pass of its own.

use kurmadisk_formats::image::FormatChoice;

use super::{Context, Package, PackageError};
use crate::layout::Size;
use crate::plan::{Plan, PlanError, Trees};
use crate::spec::{ImageSpec, Located, Target, TargetSpec};

/// A disk, and what is made of it.
#[derive(Debug)]
pub struct PlannedDisk {
    /// The disk.
    pub plan: Plan,
    /// Whether plain images hold it, too.
    pub is_plain: bool,
    /// The targets whose packages hold it.
    pub targets: Vec<Target>,
    /// What the description says for these targets.
    options: TargetSpec,
}

impl PlannedDisk {
    /// The disks for packages for `targets`, and, first of all, that for plain images if `plain`.
    ///
    /// Targets share a disk unless they have OEM trees or a command line of their own. Where a platform takes only
    /// disks whose length is a multiple of something, the disk for it is made longer if it has to be.
    pub fn all(spec: &ImageSpec, plain: bool, targets: &[Target]) -> Result<Vec<Self>, PlanError> {
        let spec = spec.clone().with_layout()?;
        let mut disks: Vec<Self> = Vec::new();
        if plain {
            disks.push(Self {
                plan: Plan::new(&spec, Trees::default())?,
                is_plain: true,
                targets: Vec::new(),
                options: TargetSpec::default(),
            });
        }
        for &target in targets {
            let options = spec.target(target);
            let shares = |disk: &&mut Self| disk.has_content_of(&options) && disk.fits(target);
            match disks.iter_mut().find(shares) {
                Some(disk) if disk.targets.contains(&target) => {}
                Some(disk) => disk.targets.push(target),
                None => disks.push(Self::new(&spec, target, options)?),
            }
        }
        Ok(disks)
    }

    /// All that is made of it: images in `formats`, if it is for plain ones, without a target; and the packages.
    pub fn packages(
        &self,
        spec: &ImageSpec,
        formats: &[FormatChoice],
    ) -> Result<Vec<(Option<Target>, Package)>, PackageError> {
        let mut packages = Vec::new();
        if self.is_plain {
            packages.push((None, Package::images(&self.plan, formats)));
        }
        for &target in &self.targets {
            let context = Context::new(spec, &self.plan, target)?;
            packages.push((Some(target), super::package(&context)?));
        }
        Ok(packages)
    }

    /// The disk for `target` alone.
    fn new(spec: &ImageSpec, target: Target, options: TargetSpec) -> Result<Self, PlanError> {
        let mut spec = spec.for_target(target);
        let mut disk = Self {
            plan: Plan::new(&spec, Trees::default())?,
            is_plain: false,
            targets: vec![target],
            options,
        };
        if !disk.fits(target) {
            let unit = Size::Bytes(disk_unit(target));
            spec.disk.disk_alignment = Some(Located::by_caller(unit));
            disk.plan = Plan::new(&spec, Trees::default())?;
        }
        Ok(disk)
    }

    /// Whether the disk has what the description says for a target.
    fn has_content_of(&self, options: &TargetSpec) -> bool {
        self.options.oem == options.oem && self.options.cmdline == options.cmdline
    }

    /// Whether the target takes a disk of this length.
    fn fits(&self, target: Target) -> bool {
        self.plan
            .layout()
            .len_bytes()
            .is_multiple_of(disk_unit(target))
    }
}

/// What the platform wants a disk's length to be a multiple of, in bytes.
fn disk_unit(target: Target) -> u64 {
    match target {
        Target::Gce => 1 << 30,
        Target::Azure => 1 << 20,
        _ => 1,
    }
}
