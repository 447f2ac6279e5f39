//! What an image is made from: opening it, and not writing over it.

use std::error::Error;
use std::path::{Path, PathBuf};

use kurmadisk::formats::error::{OpenError, chain};
use kurmadisk::spec::ImageSpec;

/// The files and folders a description names.
pub struct Inputs {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Inputs {
    pub fn of(spec: &ImageSpec) -> Self {
        Self::paths(spec.input_paths())
    }

    /// What is made from files and folders.
    pub fn paths(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let (folders, files) = paths.into_iter().partition(|path| path.is_dir());
        Self { files, folders }
    }

    /// An image that is made from another one, of these files, or from a block device.
    pub fn files<'a>(paths: impl Iterator<Item = &'a Path>) -> Self {
        Self {
            files: paths.map(Path::to_path_buf).collect(),
            folders: Vec::new(),
        }
    }

    /// Refuses an image that would replace what it is made from, or lie in a folder it holds.
    ///
    /// Paths that can't be resolved are left to whoever opens them.
    pub fn check(&self, output: &Path) -> Result<(), Box<dyn Error>> {
        if let Ok(output) = output.canonicalize()
            && let Some(input) = self.files.iter().find(|input| same(input, &output))
        {
            let input = input.display();
            return Err(format!("{input} is an input of the image; name another output").into());
        }
        let folder = match output.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let Ok(folder) = folder.canonicalize() else {
            return Ok(());
        };
        let holds = |input: &&PathBuf| {
            input
                .canonicalize()
                .is_ok_and(|input| folder.starts_with(input))
        };
        match self.folders.iter().find(holds) {
            Some(input) => Err(format!(
                "{} lies in {}, whose content goes into the image; name an output outside of it",
                output.display(),
                input.display(),
            )
            .into()),
            None => Ok(()),
        }
    }
}

/// Why the image at `path` can't be opened, with its name.
pub fn open_error(path: &Path, error: &OpenError) -> String {
    match error {
        // It names the file itself.
        OpenError::File { .. } => chain(error),
        _ => format!("{}: {}", path.display(), chain(error)),
    }
}

fn same(input: &Path, output: &Path) -> bool {
    input.canonicalize().is_ok_and(|input| input == output)
}
