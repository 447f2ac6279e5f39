//! Converts an image: `convert IN OUT FORMAT [THREADS]`.
//!
//! Any image that the library reads becomes an extent map whose content stays in the image, and the
//! map becomes an image of another format.

use std::error::Error;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use kurmadisk_formats::error::SourceError;
use kurmadisk_formats::image::{ImageFormat, ImageOptions};
use kurmadisk_formats::map::{Content, ContentId, ContentStore, DiskMap, Extent, Source};
use kurmadisk_formats::open::{Image, open};
use kurmadisk_formats::output::NewFile;
use kurmadisk_formats::read_at::ReadAt;
use uuid::Uuid;

/// The disk in an image, as the one content of a store.
#[derive(Clone, Debug)]
struct ImageStore(Arc<Image>);

impl ContentStore for ImageStore {
    fn open(&self, _: ContentId) -> Result<Box<dyn Content>, SourceError> {
        Ok(Box::new(self.clone()))
    }
}

impl Content for ImageStore {
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let read = self.0.read_exact_at(offset, buf);
        read.map_err(|source| SourceError::Read {
            path: "the image".into(),
            source,
        })
    }
}

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

    let image = Arc::new(open(Path::new(input))?);
    let store: Arc<dyn ContentStore> = Arc::new(ImageStore(Arc::clone(&image)));
    let mut disk = DiskMap::new(image.len());
    for range in image.allocated() {
        disk.insert(Extent {
            start: range.start,
            len: range.end - range.start,
            source: Source::Content {
                store: Arc::clone(&store),
                id: ContentId(0),
                offset: range.start,
            },
        })?;
    }

    let output = Path::new(output);
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let options = ImageOptions {
        identity: Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()),
        file_name: name.into_owned(),
        threads: NonZero::max(threads, NonZero::<usize>::MIN),
    };
    let mut file = NewFile::create(output)?;
    format.write(&disk, &options, &mut file, &mut |_| {
        ControlFlow::Continue(())
    })?;
    file.commit()?;
    Ok(())
}
