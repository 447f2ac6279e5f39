//! Converts an image: `convert IN OUT FORMAT [THREADS]`.
//!
//! Any image that the library reads becomes an extent map whose content stays in the image, and the
//! map becomes an image of another format. A name that ends with `.gz`, `.zst` or `.xz` has it compressed.

use std::error::Error;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::Path;

use kurmadisk_formats::compress::{Compressed, Compression};
use kurmadisk_formats::image::{ImageFormat, ImageOptions};
use kurmadisk_formats::open::ImageStore;
use kurmadisk_formats::output::{NewFile, Output};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, format, threads @ ..] = &arguments[..] else {
        return Err("usage: convert IN OUT FORMAT [THREADS]".into());
    };
    let format: ImageFormat = format.parse()?;
    let threads = match threads.first() {
        Some(threads) => threads.parse()?,
        None => std::thread::available_parallelism()?,
    };

    let image = ImageStore::open(Path::new(input))?;
    let output = Path::new(output);
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let options = ImageOptions::new(image.identity("")?, name.into_owned());
    let options = options.with_threads(NonZero::max(threads, NonZero::<usize>::MIN));
    let mut file = NewFile::create(output)?;
    let mut out: Box<dyn Output + Send> = match Compression::by_ending(output) {
        Some(kind) => Box::new(Compressed::new(&mut file, kind, None, options.threads)?),
        None => Box::new(&mut file),
    };
    format.write(&image.disk()?, &options, &mut *out, &mut |_| {
        ControlFlow::Continue(())
    })?;
    drop(out);
    file.commit()?;
    Ok(())
}
