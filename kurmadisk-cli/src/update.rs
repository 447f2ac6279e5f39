//! `kurmadisk build --update`, and what lies beside an image.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kurmadisk::ImageOptions;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::update::{Done, Options, Way, Whole, bmap_path, plan_path, write};
use serde_json::{Value, json};

use crate::args::{UpdateArgs, WriteArgs};
use crate::inputs::Inputs;
use crate::output::{Bar, Destination};
use crate::text;

/// When a command began, before anything was looked at.
pub struct Begin(Duration);

impl Begin {
    /// Now. A clock before 1970 has all files be young, so that none is taken for what it was.
    pub fn now() -> Self {
        Self(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }
}

/// Writes the one image of `disk`, or brings it up to date.
pub fn run(
    destination: &Destination,
    disk: &DiskMap,
    options: &ImageOptions,
    inputs: &Inputs,
    (args, write_args): (&UpdateArgs, &WriteArgs),
    begin: &Begin,
) -> Result<Done, Box<dyn Error>> {
    let images = destination.files(options);
    let [image] = &images[..] else {
        return Err("--update, --save-plan and --bmap are for one image; name one format".into());
    };
    if destination.is_pipe() {
        return Err("--update, --save-plan and --bmap need a file; name one by --output".into());
    }
    for path in [
        image.path.clone(),
        plan_path(&image.path),
        bmap_path(&image.path),
    ] {
        inputs.check(&path)?;
    }
    let how = Options {
        update: args.update,
        in_place: args.in_place,
        save_plan: args.save_plan,
        bmap: args.bmap,
        now: begin.0,
    };
    let folder = destination.new_folder()?;
    let bar = Bar::new(write_args);
    let done = write(disk, image, &how, &mut |now| bar.tell(now))?;
    folder.keep();
    bar.clear();
    Ok(done)
}

/// What was done, in a line.
pub fn describe(done: &Done) -> String {
    let written = text::size(done.written);
    match &done.way {
        Way::Whole(Whole::Asked) => format!("{written} written\n"),
        Way::Whole(reason) => format!("made as a whole, {written} written: {reason}\n"),
        Way::Copy => format!("updated in a copy by reference: {written} written\n"),
        Way::InPlace => format!("updated in place: {written} written\n"),
    }
}

/// The same as JSON.
pub fn report(done: &Done) -> Value {
    let (way, reason) = match &done.way {
        Way::Whole(reason) => ("whole", Some(reason.to_string())),
        Way::Copy => ("copy", None),
        Way::InPlace => ("in-place", None),
    };
    json!({
        "way": way,
        "reason": reason,
        "written": done.written,
        "cleared": done.cleared,
    })
}
