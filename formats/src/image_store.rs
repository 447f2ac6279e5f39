//! The disk in an image as content that other maps refer to.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::{Uuid, uuid};

use crate::error::{MapError, OpenError, SourceError};
use crate::image_files::ImageFiles;
use crate::map::{
    Content, ContentId, ContentStore, DiskMap, Extent, FileIdentity, MapBuilder, Source,
};
use crate::opened::Image;
use crate::read_at::ReadAt;

/// Where identities of images of disks that are there already come from; never changes.
const NAMESPACE: Uuid = uuid!("4889cd40-1820-5e97-909b-ceecb45fda9e");

/// Bytes at a disk's begin that tell it from others.
const HEAD: u64 = 1 << 20;

/// An image that stays open, with one descriptor for each of its files, as long as a map refers to the disk in it.
///
/// The files must stay what they were when they were opened: their length, time and inode are looked at whenever
/// reading begins and ends, since one that is written to would be read half old, half new. Of a block device only
/// its length can change: that nobody writes to it, the caller has to see to.
#[derive(Clone, Debug)]
pub struct ImageStore(Arc<OpenImage>);

#[derive(Debug)]
struct OpenImage {
    path: PathBuf,
    files: ImageFiles,
    image: Image,
}

impl ImageStore {
    /// Opens the image file or block device at `path`, as [`open`](crate::open::open) does.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::of(path, ImageFiles::open(path)?)
    }

    /// The image in `file`, which messages call `path`.
    pub fn from_file(path: &Path, file: File) -> Result<Self, OpenError> {
        Self::of(path, ImageFiles::of(path, file)?)
    }

    fn of(path: &Path, mut files: ImageFiles) -> Result<Self, OpenError> {
        let image = Image::of_files(&mut files)?;
        Ok(Self(Arc::new(OpenImage {
            path: path.to_path_buf(),
            files,
            image,
        })))
    }

    /// The image.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.0.image
    }

    /// The files that the image lies in: the one that was opened, and those it names.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.files.paths()
    }

    /// The length of all its files together, in bytes.
    #[must_use]
    pub fn files_len(&self) -> u64 {
        self.0.files.len()
    }

    /// The whole disk as a map: extents where the image holds content, and holes elsewhere.
    ///
    /// Fails only if the image's own account of what it holds contradicts itself, which opening it rules out.
    pub fn disk(&self) -> Result<DiskMap, MapError> {
        let image = &self.0.image;
        let mut disk = MapBuilder::new(image.len());
        // One store for all extents: the image is looked at once, not for each of them.
        let store = self.store();
        for range in image.allocated() {
            disk.push(Extent {
                start: range.start,
                len: range.end - range.start,
                source: whole_disk(&store, range.start),
            });
        }
        disk.finish()
    }

    /// An identity for another image of this disk: another one for another length, first MiB (where tables and
    /// filesystems have the identifiers that tell disks apart) or `seed`. The container does not matter.
    pub fn identity(&self, seed: &str) -> Result<Uuid, SourceError> {
        let len = self.0.image.len();
        // Below 1 MiB, so it fits.
        let head = usize::try_from(len.min(HEAD)).unwrap_or(0);
        let mut told = vec![0; head];
        Content::read_exact_at(self, 0, &mut told)?;
        told.extend(len.to_le_bytes());
        told.extend(seed.as_bytes());
        Ok(Uuid::new_v5(&NAMESPACE, &told))
    }

    /// `len` bytes of the disk from `start` on, as a map without holes; what lies beyond the disk's end is
    /// left out.
    ///
    /// What the container has no room for are zeros like any other: a disk is the same in every container.
    ///
    /// # Panics
    ///
    /// Never: the map has room for its one extent.
    #[must_use]
    pub fn map(&self, start: u64, len: u64) -> DiskMap {
        let disk = self.0.image.len();
        let start = start.min(disk);
        let len = len.min(disk - start);
        let mut map = DiskMap::new(len);
        let whole = Extent {
            start: 0,
            len,
            source: whole_disk(&self.store(), start),
        };
        map.insert(whole)
            .expect("the only extent, as long as the map");
        map
    }

    fn store(&self) -> Arc<dyn ContentStore> {
        Arc::new(self.clone())
    }

    /// The error that a file ended where it did not when it was opened.
    fn changed(&self) -> SourceError {
        let path = self.0.path.clone();
        let found = self.0.files.check().err();
        found.unwrap_or(SourceError::Changed { path })
    }
}

/// The disk from `offset` on.
fn whole_disk(store: &Arc<dyn ContentStore>, offset: u64) -> Source {
    Source::Content {
        store: Arc::clone(store),
        id: ContentId(0),
        offset,
    }
}

impl ContentStore for ImageStore {
    /// Any number is the disk.
    fn open(&self, _: ContentId) -> Result<Box<dyn Content>, SourceError> {
        self.0.files.check()?;
        Ok(Box::new(self.clone()))
    }

    fn files(&self, _: ContentId) -> Result<Vec<FileIdentity>, SourceError> {
        self.0.files.identities()
    }
}

impl Content for ImageStore {
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let read = self.0.image.read_exact_at(offset, buf);
        read.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => SourceError::read(&self.0.path, source),
        })
    }

    fn close(self: Box<Self>) -> Result<(), SourceError> {
        self.0.files.check()
    }
}
