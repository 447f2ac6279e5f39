//! The file an image goes to: its format by its name, a bar while it is written, and what is said of it.

use std::error::Error;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use kurmadisk::formats::image::names;
use kurmadisk::{ImageFormat, Progress};

use crate::args::WriteArgs;
use crate::text;

/// The format that the name of the image's file stands for.
pub fn format_of(path: &Path) -> Result<ImageFormat, String> {
    ImageFormat::by_ending(path).ok_or_else(|| {
        let path = path.display();
        let names = names();
        format!("{path}: the ending of its name tells no format; name one by --format: {names}")
    })
}

/// Refuses what is no file.
pub fn check(path: &Path) -> Result<(), Box<dyn Error>> {
    if path.as_os_str() == "-" {
        return Err("images go to files; the standard output can't be one yet".into());
    }
    Ok(())
}

/// The name of the image's file, which some formats repeat inside.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The length of the image's file in bytes.
pub fn size(path: &Path) -> Result<u64, String> {
    let metadata = std::fs::metadata(path);
    let metadata = metadata.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(metadata.len())
}

/// What was made, in one line: a file of `size` bytes with a disk of `disk` bytes.
pub fn describe(path: &Path, format: ImageFormat, size: u64, disk: u64) -> String {
    format!(
        "{}: {format}, {} (a disk of {})\n",
        text::shown(&path.to_string_lossy()),
        text::size(size),
        text::size(disk),
    )
}

/// A bar where somebody sees it.
pub struct Bar(Option<ProgressBar>);

impl Bar {
    pub fn new(args: &WriteArgs) -> Self {
        const LOOK: &str = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec}";
        if args.quiet || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let style = ProgressStyle::with_template(LOOK);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(Some(ProgressBar::new(0).with_style(style)))
    }

    pub fn tell(&self, now: Progress) -> ControlFlow<()> {
        if let Some(bar) = &self.0 {
            bar.set_length(now.total);
            bar.set_position(now.done);
        }
        ControlFlow::Continue(())
    }

    pub fn clear(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
