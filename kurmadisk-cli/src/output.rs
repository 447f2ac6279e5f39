//! Where images go, how they are written there, and what is said of them.

use std::collections::HashSet;
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use kurmadisk::formats::image::{FormatList, ImageFile, names, write_files, write_images};
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::open::ImageStore;
use kurmadisk::formats::output::Forward;
use kurmadisk::{FormatChoice, ImageFormat, ImageOptions, Progress};
use serde_json::{Value, json};

use crate::args::WriteArgs;
use crate::inputs::{Inputs, open_error};
use crate::text;

/// The name that stands for the standard output.
const PIPE: &str = "-";

/// The images that are wanted, and their files.
pub struct Destination {
    pub images: Vec<(FormatChoice, PathBuf)>,
    /// Where the files lie, when only the folder was named.
    folder: Option<PathBuf>,
    /// The usual name of an image that goes to the standard output.
    piped: Option<String>,
}

impl Destination {
    /// Images of a disk called `name`, in these formats, or in that which the ending of `output` stands for.
    ///
    /// `output` is the file of one image, the folder of several, or the standard output.
    pub fn new(
        formats: &[FormatChoice],
        output: Option<&Path>,
        name: &str,
    ) -> Result<Self, String> {
        let by_ending;
        let formats = match (formats, output) {
            ([], None) => {
                let names = names();
                return Err(format!(
                    "no format; name one by --format, or by the ending of --output: {names}"
                ));
            }
            ([], Some(path)) => {
                by_ending = [format_of(path)?];
                &by_ending
            }
            (named, _) => named,
        };
        let folder = match (formats, output) {
            (_, Some(path)) if is_pipe(path) => return Self::pipe(formats, name),
            ([choice], Some(path)) if !is_folder(path) => {
                let mut choice = *choice;
                let compressed = choice.compress_by_ending(path);
                compressed.map_err(|error| format!("{}: {error}", path.display()))?;
                return Ok(Self {
                    images: vec![(choice, path.to_path_buf())],
                    folder: None,
                    piped: None,
                });
            }
            (_, folder) => folder,
        };
        if let Some(path) = folder
            && path.exists()
            && !path.is_dir()
        {
            let path = path.display();
            return Err(format!("{path} is a file; several images need a folder"));
        }
        let within = folder.unwrap_or(Path::new(""));
        let files = FormatChoice::file_names(formats, name);
        let mut seen = HashSet::new();
        if let Some(twice) = files.iter().find(|file| !seen.insert(*file)) {
            return Err(format!(
                "two files would be called {twice}; leave one of them out"
            ));
        }
        let files = files.into_iter().map(|file| within.join(file));
        Ok(Self {
            images: formats.iter().copied().zip(files).collect(),
            folder: folder.map(Path::to_path_buf),
            piped: None,
        })
    }

    fn pipe(formats: &[FormatChoice], name: &str) -> Result<Self, String> {
        let [choice] = formats else {
            return Err("the standard output takes one image; name a folder".to_owned());
        };
        let format = choice.format;
        if format.has_parts() {
            return Err(format!(
                "{format} is several files, and a pipe is one; name a file"
            ));
        }
        if !format.is_forward() {
            return Err(format!(
                "{format} can't go through a pipe: its first bytes are known last; name a file"
            ));
        }
        if std::io::stdout().is_terminal() {
            return Err("the standard output is a terminal; send the image elsewhere".to_owned());
        }
        Ok(Self {
            images: vec![(*choice, PathBuf::from(PIPE))],
            folder: None,
            piped: FormatChoice::file_names(formats, name).pop(),
        })
    }

    /// Whether the image goes to the standard output.
    pub fn is_pipe(&self) -> bool {
        self.images.iter().any(|(_, path)| is_pipe(path))
    }

    /// The images with their files, with these options but for what each has of its own.
    pub fn files(&self, options: &ImageOptions) -> Vec<ImageFile> {
        let images = self.images.iter().map(|(choice, path)| {
            let mut options = options.clone();
            let path_within = self.piped.as_ref().map_or(path.as_path(), Path::new);
            options.file_name = file_name(path_within);
            ImageFile {
                choice: *choice,
                options,
                path: path.clone(),
            }
        });
        images.collect()
    }

    /// Makes the folder that was named, if it is missing.
    pub fn new_folder(&self) -> Result<NewFolder<'_>, String> {
        NewFolder::create(self.folder.as_deref())
    }

    /// Writes all images of `disk`, with these options but for what each has of its own.
    ///
    /// None of their files may replace one of the `inputs`, of which the disk is made.
    pub fn write(
        &self,
        disk: &DiskMap,
        options: &ImageOptions,
        inputs: &Inputs,
        args: &WriteArgs,
    ) -> Result<(), Box<dyn Error>> {
        let images = self.files(options);
        for image in images.iter().filter(|image| !is_pipe(&image.path)) {
            inputs.check(&image.path)?;
            for other in image.choice.format.other_files(disk, &image.options)? {
                inputs.check(&image.path.with_file_name(other))?;
            }
        }
        let bar = Bar::new(args);
        if let [image] = &images[..]
            && is_pipe(&image.path)
        {
            let out = Forward::new(std::io::stdout(), "the standard output");
            let job = image.job(Box::new(out))?;
            write_images(disk, vec![job], &mut |now| bar.tell(now))?;
        } else {
            let folder = self.new_folder()?;
            write_files(disk, &images, &mut |now| bar.tell(now))?;
            folder.keep();
        }
        bar.clear();
        Ok(())
    }

    /// What was made, a line each: images of a disk of `disk` bytes.
    pub fn describe(&self, disk: u64) -> Result<String, String> {
        let disk = text::size(disk);
        let line = |(choice, path): &(FormatChoice, PathBuf)| {
            let format = described(choice);
            let shown = text::shown(&path.to_string_lossy());
            if is_pipe(path) {
                return Ok(format!("{shown}: {format} (a disk of {disk})\n"));
            }
            let size = text::size(size(choice.format, path)?);
            Ok(format!("{shown}: {format}, {size} (a disk of {disk})\n"))
        };
        self.images.iter().map(line).collect()
    }

    /// The same as JSON: `more`, and every image under `outputs`; a single one's members beside it too.
    pub fn report(&self, mut more: Value) -> Result<String, Box<dyn Error>> {
        let mut outputs = Vec::new();
        for (choice, path) in &self.images {
            let mut made = json!({
                "output": path.to_string_lossy(),
                "format": choice.format.name(),
            });
            if let Some(compression) = choice.compression {
                made["compression"] = compression.name().into();
            }
            if !is_pipe(path) {
                made["size"] = size(choice.format, path)?.into();
            }
            outputs.push(made);
        }
        if let [Value::Object(only)] = &outputs[..] {
            for (key, value) in only {
                more[key] = value.clone();
            }
        }
        more["outputs"] = outputs.into();
        Ok(serde_json::to_string_pretty(&more)? + "\n")
    }

    /// Gives back what is to be printed, or prints it where an image is not.
    pub fn say(&self, said: String) -> Result<String, Box<dyn Error>> {
        if !self.is_pipe() {
            return Ok(said);
        }
        std::io::stderr().write_all(said.as_bytes())?;
        Ok(String::new())
    }
}

/// A format and its compression, in words.
pub fn described(choice: &FormatChoice) -> String {
    let format = choice.format;
    match choice.compression {
        Some(compression) => format!("{format}, compressed with {compression}"),
        None => format.to_string(),
    }
}

/// A folder that is removed again unless the images in it were made.
pub struct NewFolder<'a>(Option<&'a Path>);

impl<'a> NewFolder<'a> {
    fn create(path: Option<&'a Path>) -> Result<Self, String> {
        match path {
            Some(path) if !path.is_dir() => match std::fs::create_dir(path) {
                Ok(()) => Ok(Self(Some(path))),
                Err(error) => Err(format!("cannot make {}: {error}", path.display())),
            },
            _ => Ok(Self(None)),
        }
    }

    pub fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for NewFolder<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            // What hindered the images is told.
            let _ = std::fs::remove_dir(path);
        }
    }
}

pub fn is_pipe(path: &Path) -> bool {
    path.as_os_str() == PIPE
}

pub fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// The format that the name of the image's file stands for.
fn format_of(path: &Path) -> Result<FormatChoice, String> {
    FormatChoice::by_ending(path).ok_or_else(|| {
        let path = path.display();
        let names = names();
        format!("{path}: the ending of its name tells no format; name one by --format: {names}")
    })
}

/// The name of the image's file before it is compressed, which some formats repeat inside.
pub fn file_name(path: &Path) -> String {
    let path = FormatChoice::uncompressed(path);
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The length of the image's file, or of all its files, in bytes.
fn size(format: ImageFormat, path: &Path) -> Result<u64, String> {
    if format.has_parts() {
        let image = ImageStore::open(path).map_err(|error| open_error(path, &error))?;
        return Ok(image.files_len());
    }
    let metadata = std::fs::metadata(path);
    let metadata = metadata.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(metadata.len())
}

/// All formats of the lists, in their order.
pub fn flat(lists: &[FormatList]) -> Vec<FormatChoice> {
    lists.iter().flat_map(|list| &list.0).copied().collect()
}

/// Threads that compress, when it is not said how many.
pub fn threads(args: &WriteArgs) -> NonZero<usize> {
    let processors = || std::thread::available_parallelism().ok();
    let threads = args.threads.or_else(processors);
    threads.unwrap_or(NonZero::<usize>::MIN)
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
