//! `kurmadisk grow`.

use std::error::Error;
use std::fs::OpenOptions;

use kurmadisk::formats::open::ImageStore;
use kurmadisk::formats::read_at::ReadAt;
use kurmadisk::layout::Size;
use kurmadisk::table::grow::{self, Growth};
use serde_json::json;

use crate::args::GrowArgs;
use crate::inputs;
use crate::text;

/// What a format must be called for its file to be the disk itself.
const RAW: &str = "raw";

pub fn run(args: &GrowArgs) -> Result<String, Box<dyn Error>> {
    let path = &args.image;
    let store = ImageStore::open(path).map_err(|error| inputs::open_error(path, &error))?;
    let image = store.image();
    let name = text::shown(&path.to_string_lossy());
    if image.format().name() != RAW {
        return Err(format!(
            "{name} is no raw image ({}); make a larger one of it by `kurmadisk convert --size`, or enlarge it by its \
             hypervisor's tool and grow it from inside",
            image.format().name()
        )
        .into());
    }
    let old = image.len();
    let growth = growth(image, args.size, args.partition.as_deref())?;
    let cannot = |error| format!("cannot write {name}: {error}");
    let file = OpenOptions::new().write(true).open(path).map_err(cannot)?;
    if growth.len > old && !file.metadata().map_err(cannot)?.is_file() {
        return Err(
            format!("{name} is a device of {old} bytes, which is not made larger here").into(),
        );
    }
    growth.perform(&file).map_err(cannot)?;
    if args.quiet {
        return Ok(String::new());
    }
    let partition = &growth.partition;
    let [before, after] = [partition.sectors, growth.sectors].map(|all| all * growth.sector_size);
    if args.json {
        let said = json!({
            "image": path.to_string_lossy(),
            "size-before": old,
            "size": growth.len,
            "partition": partition.number,
            "partition-size-before": before,
            "partition-size": after,
        });
        return Ok(serde_json::to_string_pretty(&said)? + "\n");
    }
    Ok(format!(
        "{name}: {} instead of {}, partition {} has {} instead of {}\n",
        text::size(growth.len),
        text::size(old),
        partition.number,
        text::size(after),
        text::size(before),
    ))
}

/// What makes the disk as large as `size`, or its table as large as the disk.
pub fn growth(
    disk: &dyn ReadAt,
    size: Option<Size>,
    partition: Option<&str>,
) -> Result<Growth, Box<dyn Error>> {
    let len = match size {
        None => disk.len(),
        Some(Size::Bytes(bytes)) => bytes,
        Some(Size::Sectors(_)) => {
            return Err("a disk's size is given in bytes here, such as `16 GiB`".into());
        }
    };
    Ok(grow::grow(disk, len, partition)?)
}
