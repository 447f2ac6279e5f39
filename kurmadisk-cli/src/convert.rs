//! `kurmadisk convert`.

use std::error::Error;
use std::num::NonZero;

use kurmadisk::ImageOptions;
use kurmadisk::formats::open::ImageStore;
use kurmadisk::formats::output::NewFile;
use kurmadisk::formats::read_at::ReadAt;
use serde_json::json;

use crate::args::{ConvertArgs, WriteArgs};
use crate::inputs::{self, Inputs};
use crate::output::{self, Bar};

pub fn run(args: &ConvertArgs) -> Result<String, Box<dyn Error>> {
    let (input, path) = (&args.input, &args.output);
    let format = match args.format {
        Some(format) => format,
        None => output::format_of(path)?,
    };
    output::check(path)?;
    let store = ImageStore::open(input).map_err(|error| inputs::open_error(input, &error))?;
    Inputs::file(input).check(path)?;
    let disk = store.disk()?;
    let options = ImageOptions::new(store.identity(&args.seed)?, output::file_name(path));
    let options = options.with_threads(threads(&args.write));
    let mut file = NewFile::create(path)?;
    let bar = Bar::new(&args.write);
    format.write(&disk, &options, &mut file, &mut |now| bar.tell(now))?;
    file.commit()?;
    bar.clear();
    if args.write.quiet {
        return Ok(String::new());
    }
    let size = output::size(path)?;
    if args.write.json {
        let made = json!({
            "input": input.to_string_lossy(),
            "input-format": store.image().format().name(),
            "output": path.to_string_lossy(),
            "format": format.name(),
            "size": size,
            "disk-size": store.image().len(),
        });
        return Ok(serde_json::to_string_pretty(&made)? + "\n");
    }
    Ok(output::describe(path, format, size, disk.len()))
}

fn threads(args: &WriteArgs) -> NonZero<usize> {
    let processors = || std::thread::available_parallelism().ok();
    let threads = args.threads.or_else(processors);
    threads.unwrap_or(NonZero::<usize>::MIN)
}
