//! What an image is made from, so that it is not written over it.

use std::error::Error;
use std::path::{Path, PathBuf};

use kurmadisk::spec::ImageSpec;

/// The files and folders a description names.
pub struct Inputs {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Inputs {
    pub fn of(spec: &ImageSpec) -> Self {
        let files = [
            &spec.kernel,
            &spec.initrd,
            &spec.efi_stub,
            &spec.systemd_boot,
        ];
        let placed = spec.files.iter().map(|file| &file.source);
        let files = files.into_iter().chain(placed).flatten();
        let folders = [&spec.root, &spec.oem].into_iter().flatten();
        Self {
            files: files.map(|path| path.value.clone()).collect(),
            folders: folders.map(|path| path.value.clone()).collect(),
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

fn same(input: &Path, output: &Path) -> bool {
    input.canonicalize().is_ok_and(|input| input == output)
}
