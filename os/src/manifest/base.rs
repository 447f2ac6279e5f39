//! The steps of the base: container images that compile, and the kernel.

use super::places;
use super::spec::Manifest;
use super::steps::make_folder;
use crate::base::Stage;
use crate::chain::{Input, Outputs, Step};
use crate::run::{Environment, Runner};

/// The steps that a manifest needs of the base: none if the kernel is there already and nothing is built in a container.
pub(super) fn steps<'a>(manifest: &'a Manifest, environment: &'a Environment) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    if manifest.uses_stage4() {
        steps.extend(
            [Stage::Stage3, Stage::Stage4].map(|stage| build(manifest, stage, environment)),
        );
    }
    if let Some(kernel) = &manifest.kernel {
        let image = &kernel.image.value;
        steps.push(Step {
            name: "kernel".to_owned(),
            needs: Vec::new(),
            inputs: vec![manifest.input(image.clone())],
            outputs: Outputs::Files(vec![places::BZ_IMAGE.to_owned()]),
            problem: None,
            run: Box::new(move |context| {
                make_folder(context, places::KERNEL)?;
                let path = context.folder.join(places::BZ_IMAGE);
                std::fs::copy(image, &path)?;
                Ok(())
            }),
        });
    } else if manifest.has_kernel() {
        steps.push(build(manifest, Stage::Kernel, environment));
    }
    steps
}

/// The step that builds a stage with the container engine.
fn build<'a>(manifest: &'a Manifest, stage: Stage, environment: &'a Environment) -> Step<'a> {
    let folder = match stage {
        Stage::Kernel => places::KERNEL,
        Stage::Stage3 | Stage::Stage4 => places::BASE,
    };
    let planned = manifest.base.plan(stage, std::path::Path::new(""));
    let digest = planned.and_then(|plan| plan.digest());
    let (value, problem) = match digest {
        Ok(digest) => (digest.to_string(), None),
        Err(error) => (
            String::new(),
            Some(kurmadisk::formats::error::chain(&error)),
        ),
    };
    Step {
        name: stage.to_string(),
        needs: stage.below().iter().map(ToString::to_string).collect(),
        inputs: vec![Input::Text {
            key: "stage".to_owned(),
            value,
        }],
        outputs: Outputs::Found,
        problem,
        run: Box::new(move |context| {
            make_folder(context, folder)?;
            let plan = manifest.base.plan(stage, &context.folder.join(folder))?;
            let mut log = |line: &str| context.say(line);
            let record = plan.build(&mut Runner::new(environment, &mut log))?;
            context.command(record.command.join(" "));
            context.version(record.engine.to_string(), &record.engine_version);
            Ok(())
        }),
    }
}
