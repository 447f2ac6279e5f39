//! The archives of packages under one interface, whatever their format.

use std::io;
use std::num::NonZero;

use kurmadisk_formats::compress::{Compressed, Compression};
use kurmadisk_formats::image::PredictedSize;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::output::Output;

use crate::package::archive::{
    Packing, Room, SparseMember, Tar, TarMember, Zip, ZipMember, data_stretches, fault,
};
use crate::package::model::ArchiveKind;
use crate::package::place::Place;

/// An archive while it is written.
pub(super) trait Wrapping {
    /// Adds a whole file.
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Adds a file of `len` bytes that are written later.
    fn reserve(&mut self, name: &str, len: u64) -> io::Result<Room>;

    /// Writes a reserved file.
    fn fill(&mut self, room: &Room, bytes: &[u8]) -> io::Result<()>;

    /// Begins the image of `disk`, which will have a file of `size`.
    fn image<'a>(
        &'a mut self,
        name: &str,
        size: PredictedSize,
        disk: &DiskMap,
    ) -> io::Result<Box<dyn WrappedImage + 'a>>;

    /// Ends the archive.
    fn finish(self: Box<Self>) -> io::Result<Place>;
}

/// A member while it is written.
pub(super) trait WrappedImage: Output + Send {
    /// Completes it.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Begins an archive in `place`. Members have the time `time` (seconds since 1970); so many threads compress.
pub(super) fn begin(
    kind: ArchiveKind,
    place: Place,
    time: i64,
    threads: NonZero<usize>,
) -> io::Result<Box<dyn Wrapping>> {
    Ok(match kind {
        ArchiveKind::Zip => Box::new(Zip::new(place, time, threads)),
        ArchiveKind::Tar => Box::new(Tar::new(place, time)),
        ArchiveKind::TarGz | ArchiveKind::GnuSparseTarGz => {
            let gzip = Compressed::new(place, Compression::Gzip, None, threads);
            Box::new(TarGz {
                tar: Tar::new(gzip.map_err(io::Error::other)?, time),
                sparse: kind == ArchiveKind::GnuSparseTarGz,
            })
        }
    })
}

impl Wrapping for Zip<Place> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.add(name, bytes)
    }

    fn reserve(&mut self, name: &str, _: u64) -> io::Result<Room> {
        Err(goes_back(name))
    }

    fn fill(&mut self, _: &Room, _: &[u8]) -> io::Result<()> {
        Err(goes_back("a member"))
    }

    fn image<'a>(
        &'a mut self,
        name: &str,
        size: PredictedSize,
        _: &DiskMap,
    ) -> io::Result<Box<dyn WrappedImage + 'a>> {
        // Only what compresses can't say its length.
        Ok(Box::new(match size {
            PredictedSize::Exact(len) => self.member(name, Some(len), Packing::Deflate)?,
            PredictedSize::AtMost(_) => self.member(name, None, Packing::Store)?,
        }))
    }

    fn finish(self: Box<Self>) -> io::Result<Place> {
        (*self).finish()
    }
}

impl WrappedImage for ZipMember<'_, Place> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}

impl Wrapping for Tar<Place> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.add(name, bytes)
    }

    fn reserve(&mut self, name: &str, len: u64) -> io::Result<Room> {
        self.reserve(name, len)
    }

    fn fill(&mut self, room: &Room, bytes: &[u8]) -> io::Result<()> {
        self.fill(room, bytes)
    }

    fn image<'a>(
        &'a mut self,
        name: &str,
        size: PredictedSize,
        _: &DiskMap,
    ) -> io::Result<Box<dyn WrappedImage + 'a>> {
        let len = match size {
            PredictedSize::Exact(len) => Some(len),
            PredictedSize::AtMost(_) => None,
        };
        Ok(Box::new(self.member(name, len)?))
    }

    fn finish(self: Box<Self>) -> io::Result<Place> {
        (*self).finish()
    }
}

impl<O: Output + Send> WrappedImage for TarMember<'_, O> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}

/// A tar archive that is compressed on its way.
struct TarGz {
    tar: Tar<Compressed<Place>>,
    sparse: bool,
}

impl Wrapping for TarGz {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.tar.add(name, bytes)
    }

    fn reserve(&mut self, name: &str, _: u64) -> io::Result<Room> {
        Err(goes_back(name))
    }

    fn fill(&mut self, _: &Room, _: &[u8]) -> io::Result<()> {
        Err(goes_back("a member"))
    }

    fn image<'a>(
        &'a mut self,
        name: &str,
        size: PredictedSize,
        disk: &DiskMap,
    ) -> io::Result<Box<dyn WrappedImage + 'a>> {
        let PredictedSize::Exact(len) = size else {
            return Err(fault(format!(
                "{name}: the length of such an image isn't known before it is written"
            )));
        };
        if self.sparse {
            let member = self.tar.sparse(name, len, data_stretches(disk))?;
            return Ok(Box::new(member));
        }
        Ok(Box::new(self.tar.member(name, Some(len))?))
    }

    fn finish(self: Box<Self>) -> io::Result<Place> {
        Ok(self.tar.finish()?.into_inner())
    }
}

impl<O: Output + Send> WrappedImage for SparseMember<'_, O> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

fn goes_back(name: &str) -> io::Error {
    fault(format!(
        "{name} stands before what it depends on, and such an archive is written from begin to end"
    ))
}
