//! `kurmadisk slot`.

use std::error::Error;
use std::path::Path;

use kurmadisk::ImageFormat;
use kurmadisk::formats::open::ImageStore;
use kurmadisk::slot::{self, Change, Slot};

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
        slot::change(path, letter, change(&args.change))?;
    }
    // Opened anew: a store takes no image that changes while it is open.
    let slots = slot::read(&open(path)?.disk()?.reader())?;
    if args.json {
        return Ok(serde_json::to_string_pretty(&slots)? + "\n");
    }
    Ok(describe(&slots))
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
