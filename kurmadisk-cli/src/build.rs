//! `kurmadisk build`.

use std::error::Error;

use serde_json::json;

use crate::args::BuildArgs;
use crate::describe::Described;
use crate::{output, package};

pub fn run(args: &BuildArgs) -> Result<String, Box<dyn Error>> {
    if !args.package.is_empty() {
        return package::run_build(args);
    }
    let described = Described::new(&args.image)?;
    let destination = described.destination(args.output.as_deref())?;
    let plan = &described.plan;
    let options = plan.image_options("");
    let options = options.with_threads(output::threads(&args.write));
    let inputs = &described.inputs;
    destination.write(&plan.disk_map()?, &options, inputs, &args.write)?;
    if args.write.quiet {
        return Ok(String::new());
    }
    let said = if args.write.json {
        destination.report(json!({ "plan": plan.report(false) }))?
    } else {
        destination.describe(plan.layout().len_bytes())?
    };
    destination.say(said)
}
