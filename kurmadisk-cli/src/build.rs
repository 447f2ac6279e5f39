//! `kurmadisk build`.

use std::error::Error;
use std::mem::ManuallyDrop;

use serde_json::json;

use crate::args::BuildArgs;
use crate::describe::Described;
use crate::update::{self, Begin};
use crate::{output, package};

pub fn run(args: &BuildArgs) -> Result<String, Box<dyn Error>> {
    if !args.package.is_empty() {
        return package::run_build(args);
    }
    let begin = Begin::now();
    // The process ends with this command: to free a million entries one by one would be for nothing.
    let described = ManuallyDrop::new(Described::new(&args.image)?);
    let destination = described.destination(args.output.as_deref())?;
    let plan = &described.plan;
    let options = plan.image_options("");
    let options = options.with_threads(output::threads(&args.write));
    let inputs = &described.inputs;
    let disk = ManuallyDrop::new(plan.disk_map()?);
    let done = if args.update.is_asked() {
        let how = (&args.update, &args.write);
        let done = update::run(&destination, &disk, &options, inputs, how, &begin)?;
        Some(done)
    } else {
        destination.write(&disk, &options, inputs, &args.write)?;
        None
    };
    if args.write.quiet {
        return Ok(String::new());
    }
    let said = if args.write.json {
        let mut said = json!({ "plan": plan.report(false) });
        if let Some(done) = &done {
            said["update"] = update::report(done);
        }
        destination.report(said)?
    } else {
        let done = done.as_ref().map(update::describe);
        destination.describe(plan.layout().len_bytes())? + &done.unwrap_or_default()
    };
    destination.say(said)
}
