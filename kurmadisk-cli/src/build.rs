//! `kurmadisk build`.

use std::error::Error;

use kurmadisk::formats::image::names;
use serde_json::json;

use crate::args::BuildArgs;
use crate::describe::Described;
use crate::output::{self, Bar};

pub fn run(args: &BuildArgs) -> Result<String, Box<dyn Error>> {
    let described = Described::new(&args.image)?;
    let format = described.format(args.output.as_deref())?;
    let format = format.ok_or_else(|| {
        let names = names();
        format!("no format; name one by --format, or by the ending of --output: {names}")
    })?;
    let path = described.output(args.output.as_deref(), format);
    output::check(&path)?;
    described.inputs.check(&path)?;
    let plan = &described.plan;
    let mut options = plan.image_options(&output::file_name(&path));
    if let Some(threads) = args.write.threads {
        options.threads = threads;
    }
    let bar = Bar::new(&args.write);
    plan.write_with(format, &options, &path, &mut |now| bar.tell(now))?;
    bar.clear();
    if args.write.quiet {
        return Ok(String::new());
    }
    let size = output::size(&path)?;
    if args.write.json {
        let made = json!({
            "output": path.to_string_lossy(),
            "format": format.name(),
            "size": size,
            "plan": plan.report(false),
        });
        return Ok(serde_json::to_string_pretty(&made)? + "\n");
    }
    let disk = plan.layout().len_bytes();
    Ok(output::describe(&path, format, size, disk))
}
