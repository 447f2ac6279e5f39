//! The disk and its packages, in one pass over what they are made from.

use std::num::NonZero;
use std::ops::ControlFlow;

use kurmadisk::FormatChoice;
use kurmadisk::package::{PlannedDisk, Release, SUMS};
use kurmadisk::spec::{ImageSpec, Located, Target};

use super::error::ManifestError;
use super::spec::Manifest;
use crate::chain::{Context, Input, Step, StepError};

/// The step that makes them, if the manifest describes a disk.
pub(super) fn step(manifest: &Manifest) -> Result<Option<Step<'_>>, ManifestError> {
    let Some(disk) = &manifest.disk else {
        return Ok(None);
    };
    let (mut spec, layouts) = disk.clone().with_layout_files()?;
    let time = i64::try_from(manifest.time()).unwrap_or(i64::MAX);
    spec.source_date_epoch
        .get_or_insert(Located::by_caller(time));
    let own = &manifest.release;
    if let Some(version) = &own.version {
        spec.machine.version.get_or_insert(version.clone());
    }
    let mut paths = spec.input_paths();
    paths.extend(layouts);
    let mut step = manifest.step("release", paths, &["disk"])?;
    let Input::Text { value, .. } = manifest.described(&["release"]) else {
        return Ok(None);
    };
    step.inputs.push(Input::Text {
        key: "release".to_owned(),
        value,
    });
    let raw = || vec![FormatChoice::from(kurmadisk::ImageFormat::Raw)];
    let formats = own
        .formats
        .as_ref()
        .map_or_else(raw, |formats| formats.value.0.clone());
    let targets: Vec<Target> = own.targets.iter().map(|target| target.value).collect();
    step.run = Box::new(move |context| write(&spec, &formats, &targets, context));
    Ok(Some(step))
}

fn write(
    spec: &ImageSpec,
    formats: &[FormatChoice],
    targets: &[Target],
    context: &Context<'_>,
) -> Result<(), StepError> {
    let mut spec = spec.clone();
    // What is only needed meanwhile has no name there.
    spec.scratch = Some(Located::by_caller(context.folder.to_path_buf()));
    let disks = PlannedDisk::all(&spec, !formats.is_empty(), targets)?;
    let time = disks.first().map_or(0, |disk| disk.plan.time().seconds);
    let mut release = Release::new(context.folder, time)?;
    for disk in &disks {
        let packages = disk.packages(&spec, formats)?;
        let packages: Vec<_> = packages.into_iter().map(|(_, package)| package).collect();
        let options = disk.plan.image_options("").with_threads(threads());
        let map = disk.plan.disk_map()?;
        release.write(
            &map,
            &options,
            &packages,
            &mut |_| ControlFlow::Continue(()),
        )?;
    }
    for file in release.finish()? {
        if let Ok(name) = file.path.strip_prefix(context.folder) {
            context.say(&name.display().to_string());
        }
    }
    // The digests of all that is made have a file of their own.
    std::fs::remove_file(context.folder.join(SUMS))?;
    Ok(())
}

/// Threads that compress.
fn threads() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}
