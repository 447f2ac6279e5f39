//! The files of the host that an image lies in.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{OpenError, SourceError};
use crate::host::{self, HostKind};
use crate::map::{FileIdentity, FileStamp};
use crate::read_at::{FileReader, ReadAt};

/// One file, or one that names others beside it; all of them stay open.
#[derive(Debug)]
pub(crate) struct ImageFiles {
    own: ImageFile,
    others: Vec<ImageFile>,
}

/// A file or block device, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct ImageFile {
    path: PathBuf,
    /// Its bytes.
    pub reader: FileReader,
    /// The ranges of it that are no holes, ascending.
    pub allocated: Vec<Range<u64>>,
    stamp: FileStamp,
}

impl ImageFiles {
    /// Opens the image's own file, or a block device.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let kinds = [HostKind::File, HostKind::BlockDevice];
        let own = ImageFile::open(path, &kinds).map_err(|source| OpenError::file(path, source))?;
        Ok(Self {
            own,
            others: Vec::new(),
        })
    }

    /// The image's own file, which is open already.
    pub(crate) fn of(path: &Path, file: File) -> Result<Self, OpenError> {
        let own = ImageFile::of(path, file).map_err(|source| OpenError::file(path, source))?;
        Ok(Self {
            own,
            others: Vec::new(),
        })
    }

    /// The image's own file.
    pub(crate) fn own(&self) -> &ImageFile {
        &self.own
    }

    /// Opens the file `name` in the folder of the image's own, unless that is open already; its number among
    /// the [`others`](Self::other).
    ///
    /// The name comes from the image, so it is not trusted: it must be that of a regular file right there, no
    /// symbolic link.
    #[cfg(feature = "vmdk")]
    pub(crate) fn beside(&mut self, name: &str) -> Result<usize, OpenError> {
        let own = &self.own.path;
        if !is_plain(name) {
            let reason = format!("it names the file {name:?}, and only its own folder is read");
            let error = io::Error::new(io::ErrorKind::InvalidInput, reason);
            return Err(OpenError::file(own, error));
        }
        let path = own.with_file_name(name);
        if let Some(number) = self.others.iter().position(|other| other.path == path) {
            return Ok(number);
        }
        let file = open_beside(&path).map_err(|source| OpenError::file(&path, source))?;
        let mut others = self.others.iter();
        // The same file under another name.
        if let Some(number) = others.position(|other| other.stamp.is_of_same_file(&file.stamp)) {
            return Ok(number);
        }
        self.others.push(file);
        Ok(self.others.len() - 1)
    }

    /// The file of this number.
    #[cfg(feature = "vmdk")]
    pub(crate) fn other(&self, number: usize) -> &ImageFile {
        &self.others[number]
    }

    fn all(&self) -> impl Iterator<Item = &ImageFile> {
        std::iter::once(&self.own).chain(&self.others)
    }

    /// Where they lie, the image's own file first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.all().map(|file| &*file.path)
    }

    /// The length of all together, in bytes.
    pub(crate) fn len(&self) -> u64 {
        let lengths = self.all().map(|file| file.reader.len());
        lengths.fold(0, u64::saturating_add)
    }

    /// What they are now; nothing for a block device, which can change without a trace.
    pub(crate) fn identities(&self) -> Result<Vec<FileIdentity>, SourceError> {
        let found: Option<Vec<_>> = self.all().map(ImageFile::identity).collect();
        self.check()?;
        Ok(found.unwrap_or_default())
    }

    /// Fails when one of them is no longer what it was when it was opened.
    pub(crate) fn check(&self) -> Result<(), SourceError> {
        self.all().try_for_each(ImageFile::check)
    }
}

impl ImageFile {
    fn open(path: &Path, kinds: &[HostKind]) -> io::Result<Self> {
        // Asked before opening: to open a FIFO would wait for its other end.
        if !kinds.contains(&host::stat(path)?.kind) {
            let reason = match kinds {
                [HostKind::File] => "not a regular file",
                _ => "neither a regular file nor a block device",
            };
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        Self::of(path, File::open(path)?)
    }

    fn of(path: &Path, file: File) -> io::Result<Self> {
        let holes = file.try_clone()?;
        let reader = FileReader::new(file)?;
        Ok(Self {
            path: path.to_path_buf(),
            allocated: host::data_ranges(&holes, reader.len())?,
            stamp: reader.stamp()?,
            reader,
        })
    }

    fn identity(&self) -> Option<FileIdentity> {
        let now = host::stat(&self.path).ok()?;
        // A name that leads elsewhere by now says nothing of what is open.
        let same = now.kind == HostKind::File && now.stamp() == self.stamp;
        now.identity().known().filter(|_| same)
    }

    fn check(&self) -> Result<(), SourceError> {
        let now = self.reader.stamp();
        let now = now.map_err(|source| SourceError::read(&self.path, source))?;
        if now == self.stamp {
            Ok(())
        } else {
            Err(SourceError::Changed {
                path: self.path.clone(),
            })
        }
    }
}

#[cfg(feature = "vmdk")]
fn open_beside(path: &Path) -> io::Result<ImageFile> {
    if path.symlink_metadata()?.is_symlink() {
        let reason = "it is a symbolic link, which could lead anywhere; put the file itself there";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    ImageFile::open(path, &[HostKind::File])
}

/// Whether this is the name of a file in a folder, on every host.
#[cfg(feature = "vmdk")]
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', ':', '\0'])
}
