//! `kurmadisk convert`.

use std::error::Error;

use kurmadisk::ImageOptions;
use kurmadisk::source::disk::open_image;
use serde_json::json;

use crate::args::ConvertArgs;
use crate::describe::scratch_folder;
use crate::grow;
use crate::inputs::Inputs;
use crate::output::{self, Destination};

pub fn run(args: &ConvertArgs) -> Result<String, Box<dyn Error>> {
    let input = &args.input;
    let name = input.file_stem().unwrap_or_default().to_string_lossy();
    let formats = output::flat(&args.format);
    let destination = Destination::new(&formats, Some(&args.output), &name)?;
    let scratch = args.scratch.clone().unwrap_or_else(scratch_folder);
    let store = open_image(input, &scratch)?;
    let inputs = Inputs::files(store.files());
    let mut disk = store.disk()?;
    if let Some(size) = args.size {
        disk = grow::growth(store.image(), Some(size), None)?.apply(&disk)?;
    }
    let options = ImageOptions::new(store.identity(&args.seed)?, "");
    let options = options.with_threads(output::threads(&args.write));
    destination.write(&disk, &options, &inputs, &args.write)?;
    if args.write.quiet {
        return Ok(String::new());
    }
    let said = if args.write.json {
        destination.report(json!({
            "input": input.to_string_lossy(),
            "input-format": store.image().format().name(),
            "disk-size": disk.len(),
        }))?
    } else {
        destination.describe(disk.len())?
    };
    destination.say(said)
}
