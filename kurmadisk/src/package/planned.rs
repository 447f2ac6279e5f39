//! Which disks a set of packages needs, and what is made of each.

use kurmadisk_formats::image::FormatChoice;

use super::model::{Member, Package, PackageFile};
use super::{Context, PackageError, package};
use crate::plan::{Plan, Trees};
use crate::spec::{ImageSpec, Target, TargetSpec};

/// A disk, and the packages that hold it: what one pass over the disk writes.
#[derive(Clone, Debug)]
pub struct PlannedPackages {
    /// The disk.
    pub plan: Plan,
    /// The packages, each with its target; images that are in none come first, without one.
    pub packages: Vec<(Option<Target>, Package)>,
}

impl PlannedPackages {
    /// Plans the disks that `spec` describes, for packages for `targets` and for images in `formats`, which are in
    /// none. Targets with an OEM tree or a command line of their own have a disk of their own; all others share one.
    pub fn plan(
        spec: &ImageSpec,
        targets: &[Target],
        formats: &[FormatChoice],
    ) -> Result<Vec<Self>, PackageError> {
        let spec = spec.clone().with_layout()?;
        let mut disks = spec.targets_by_disk(targets);
        let is_common = |targets: &Vec<Target>| {
            let own = targets.first().map(|target| spec.target(*target));
            own.is_none_or(|own| !has_own_disk(&own))
        };
        let mut common = disks.iter().position(is_common);
        if common.is_none() && !formats.is_empty() {
            common = Some(0);
            disks.insert(0, Vec::new());
        }
        let disks = disks.into_iter().enumerate().map(|(index, targets)| {
            let formats = if common == Some(index) { formats } else { &[] };
            Self::plan_disk(&spec, &targets, formats)
        });
        disks.collect()
    }

    /// Plans the disk that is the same for all `targets`.
    fn plan_disk(
        spec: &ImageSpec,
        targets: &[Target],
        formats: &[FormatChoice],
    ) -> Result<Self, PackageError> {
        let spec = match targets.first() {
            Some(target) => &spec.for_target(*target),
            None => spec,
        };
        let plan = Plan::new(spec, Trees::default())?;
        let mut packages = Vec::new();
        if !formats.is_empty() {
            packages.push((None, images(&plan, formats)));
        }
        for target in targets {
            let context = Context::new(spec, &plan, *target)?;
            packages.push((Some(*target), package(&context)?));
        }
        Ok(Self { plan, packages })
    }
}

fn has_own_disk(spec: &TargetSpec) -> bool {
    !spec.oem.0.is_empty() || spec.cmdline.is_some()
}

/// Images that are in no package, called and identified as without any.
fn images(plan: &Plan, formats: &[FormatChoice]) -> Package {
    let names = FormatChoice::file_names(formats, plan.name());
    let files = formats.iter().zip(names).map(|(choice, name)| {
        PackageFile::Plain(Member::Disk {
            name,
            choice: *choice,
            identity: plan.identity(),
        })
    });
    Package {
        files: files.collect(),
        sha1: false,
    }
}
