//! `kurmadisk slot`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use kurmadisk::ImageFormat;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::open::ImageStore;
use kurmadisk::slot::{self, Change, Install, NewContent, Slot, SlotError};
use kurmadisk::tree::Timestamp;

use crate::args::{SlotArgs, SlotChange};
use crate::inputs;
use crate::text::{self, Table};

pub fn run(args: &SlotArgs) -> Result<String, Box<dyn Error>> {
    let path = &args.image;
    if let Some(letter) = args.slot {
        let format = open(path)?.image().format();
        if format != ImageFormat::Raw {
            let name = text::shown(&path.to_string_lossy());
            let reason = "only raw images and block devices can be changed";
            return Err(format!("{name} is {format}; {reason}").into());
        }
        match args.change.install.as_slice() {
            [] => {
                slot::change(path, letter, change(&args.change))?;
            }
            [kernel, initrd @ ..] => install(path, letter, kernel, initrd.first(), &args.change)?,
        }
    }
    // Opened anew: a store takes no image that changes while it is open.
    let slots = match slot::read(&open(path)?.disk()?.reader()) {
        // What was installed is booted without slots.
        Err(SlotError::NoGpt) if args.slot.is_some() => Vec::new(),
        slots => slots?,
    };
    if args.json {
        return Ok(serde_json::to_string_pretty(&slots)? + "\n");
    }
    Ok(describe(&slots))
}

fn install(
    image: &Path,
    letter: char,
    kernel: &Path,
    initrd: Option<&PathBuf>,
    asked: &SlotChange,
) -> Result<(), Box<dyn Error>> {
    let kernel = Input::open(kernel)?;
    let initrd = initrd.map(|path| Input::open(path)).transpose()?;
    let install = Install {
        kernel: kernel.content(),
        initrd: initrd.as_ref().map(Input::content),
        change: change(asked),
    };
    slot::install(image, letter, &install)?;
    Ok(())
}

/// A file that is installed.
struct Input {
    bytes: DiskMap,
    time: Timestamp,
}

impl Input {
    fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let bytes = kurmadisk::host_file(path)?;
        // FAT begins in 1980; a file whose time is not known gets that.
        let modified = path.metadata().and_then(|meta| meta.modified()).ok();
        let age = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let time = age.unwrap_or_default();
        let time = Timestamp {
            seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            nanos: time.subsec_nanos(),
        };
        Ok(Self { bytes, time })
    }

    fn content(&self) -> NewContent<'_> {
        NewContent {
            bytes: &self.bytes,
            time: self.time,
        }
    }
}

fn open(path: &Path) -> Result<ImageStore, String> {
    ImageStore::open(path).map_err(|error| inputs::open_error(path, &error))
}

fn change(asked: &SlotChange) -> Change {
    Change {
        priority: asked.set_priority,
        tries: asked.set_tries,
        successful: match (asked.mark_successful, asked.clear_successful) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
    }
}

/// The slots, in the order in which they are tried.
fn describe(slots: &[Slot]) -> String {
    if slots.is_empty() {
        return "no slots\n".to_owned();
    }
    let mut table = Table::new([
        "slot",
        "label",
        "priority",
        "tries",
        "successful",
        "bootable",
    ]);
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    for slot in slots {
        table.row([
            slot.letter.to_string(),
            text::shown(&slot.label),
            slot.priority.to_string(),
            slot.tries.to_string(),
            word(slot.successful),
            word(slot.is_bootable()),
        ]);
    }
    table.to_string()
}
