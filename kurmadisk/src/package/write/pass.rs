//! One pass over a disk, and all files of the packages that hold it.

use kurmadisk_formats::emit::OnProgress;
use kurmadisk_formats::error::EmitError;
use kurmadisk_formats::image::{
    FormatChoice, ImageFormat, ImageJob, ImageOptions, PredictedSize, write_images,
};
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::output::{NewFile, Output};
use uuid::Uuid;

use super::wrapping::{self, WrappedImage, Wrapping};
use super::{Release, WriteError, failed, put};
use crate::package::archive::Room;
use crate::package::model::{Archive, ArchiveKind, Facts, FileFacts, Member, Package, PackageFile};
use crate::package::place::{Digested, Digests, Place};

/// Writes the files of `packages` into `release`.
pub(super) fn write(
    release: &mut Release,
    disk: &DiskMap,
    options: &ImageOptions,
    packages: &[Package],
    progress: &mut OnProgress<'_>,
) -> Result<(), WriteError> {
    let pass = Pass { disk, options };
    let mut open = Vec::new();
    for package in packages {
        open.push(OpenPackage::open(release, &pass, package)?);
    }
    let mut images = Vec::new();
    for (index, package) in open.iter_mut().enumerate() {
        package.images(index, &pass, &mut images)?;
    }
    let jobs = images.iter_mut().map(Image::job).collect();
    write_images(disk, jobs, progress)?;
    let mut found = Vec::new();
    for image in images {
        found.extend(image.finish()?);
    }
    for (index, name, facts) in found {
        open[index].facts.insert(name, facts);
    }
    for package in open {
        package.complete(release)?;
    }
    Ok(())
}

/// What all images of a pass share.
struct Pass<'d> {
    disk: &'d DiskMap,
    options: &'d ImageOptions,
}

/// A package whose files are begun.
struct OpenPackage<'p> {
    package: &'p Package,
    files: Vec<(&'p PackageFile, Open<'p>)>,
    facts: Facts,
}

/// A file of a package that is begun.
enum Open<'p> {
    Complete(NewFile, FileFacts),
    Image(Place),
    Derived(NewFile),
    Archive(OpenArchive<'p>),
}

struct OpenArchive<'p> {
    wrapping: Box<dyn Wrapping>,
    members: Divided<'p>,
    /// Those of the derived members before the disk, in their order.
    rooms: Vec<(&'p Member, Room)>,
}

/// An archive's members by when they are written.
#[derive(Clone, Copy)]
struct Divided<'p> {
    before: &'p [Member],
    image: Option<(&'p str, FormatChoice, Uuid)>,
    after: &'p [Member],
}

impl<'p> OpenPackage<'p> {
    /// Begins its files: what stands before its disks is written.
    fn open(
        release: &mut Release,
        pass: &Pass<'_>,
        package: &'p Package,
    ) -> Result<Self, WriteError> {
        let mut open = Self {
            package,
            files: Vec::new(),
            facts: Facts::default(),
        };
        for file in &package.files {
            let new = release.create(name(file))?;
            let state = match file {
                PackageFile::Plain(member) => open.open_plain(member, new)?,
                PackageFile::Archive(archive) => {
                    open.open_archive(release.time, pass, archive, new)?
                }
            };
            open.files.push((file, state));
        }
        Ok(open)
    }

    fn open_plain(&mut self, member: &'p Member, mut new: NewFile) -> Result<Open<'p>, EmitError> {
        Ok(match member {
            Member::Text { name, bytes } => {
                put(&mut new, bytes)?;
                Open::Complete(new, self.learn(name, bytes))
            }
            Member::Disk { choice, .. } => Open::Image(if choice.format.is_forward() {
                Digested::new(new, self.package.sha1)
            } else {
                Digested::without(new)
            }),
            Member::Derived { .. } => Open::Derived(new),
        })
    }

    fn open_archive(
        &mut self,
        time: i64,
        pass: &Pass<'_>,
        archive: &'p Archive,
        new: NewFile,
    ) -> Result<Open<'p>, WriteError> {
        let path = new.path().to_path_buf();
        let members = Divided::new(archive)?;
        // Only a tar archive can go back, and does so for headers and contents that wait for the disk.
        let waits = match members.image {
            Some((name, choice, _)) => matches!(pass.size(name, choice)?, PredictedSize::AtMost(_)),
            None => false,
        };
        let goes_back = waits || members.before.iter().any(is_derived);
        let place = if archive.kind == ArchiveKind::Tar && goes_back {
            Digested::without(new)
        } else {
            Digested::new(new, self.package.sha1)
        };
        let threads = pass.options.threads;
        let wrapping = wrapping::begin(archive.kind, place, time, threads);
        let mut wrapping = wrapping.map_err(|source| failed(&path, source))?;
        let mut rooms = Vec::new();
        for member in members.before {
            let done = match member {
                Member::Text { name, bytes } => {
                    self.learn(name, bytes);
                    wrapping.add(name, bytes)
                }
                Member::Derived { name, room, .. } => {
                    let reserved = wrapping.reserve(name, *room);
                    reserved.map(|room| rooms.push((member, room)))
                }
                Member::Disk { .. } => Ok(()),
            };
            done.map_err(|source| failed(&path, source))?;
        }
        Ok(Open::Archive(OpenArchive {
            wrapping,
            members,
            rooms,
        }))
    }

    /// Adds the images of its files to `images`; they are those of the package with this index.
    fn images<'a>(
        &'a mut self,
        index: usize,
        pass: &Pass<'_>,
        images: &mut Vec<Image<'a, 'p>>,
    ) -> Result<(), WriteError> {
        let is_asked = self.package.files.iter().any(has_derived);
        let sha1 = self.package.sha1;
        for (file, open) in &mut self.files {
            match (*file, open) {
                (
                    PackageFile::Plain(Member::Disk {
                        name,
                        choice,
                        identity,
                    }),
                    Open::Image(place),
                ) => {
                    images.push(Image {
                        package: index,
                        name,
                        format: choice.format,
                        options: pass.options(name, *choice, *identity),
                        out: ImageOut::Plain(place),
                    });
                }
                (PackageFile::Archive(archive), Open::Archive(open)) => {
                    let Some((name, choice, identity)) = open.members.image else {
                        continue;
                    };
                    let size = pass.size(name, choice)?;
                    let image = open.wrapping.image(name, size, pass.disk);
                    let image = image.map_err(|source| failed(archive.name.as_ref(), source))?;
                    images.push(Image {
                        package: index,
                        name,
                        format: choice.format,
                        options: pass.options(name, choice, identity),
                        out: ImageOut::Archived(Box::new(if is_asked {
                            Digested::new(image, sha1)
                        } else {
                            Digested::without(image)
                        })),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Completes its files when all images are written.
    fn complete(mut self, release: &mut Release) -> Result<(), WriteError> {
        let sha1 = self.package.sha1;
        let mut files = Vec::new();
        for (file, open) in std::mem::take(&mut self.files) {
            files.push(match open {
                // Before all else: what stands before an image may depend on it.
                Open::Image(place) => {
                    let (new, facts) = place.complete(sha1)?;
                    self.facts.insert(name(file), facts);
                    (file, Open::Complete(new, facts))
                }
                open => (file, open),
            });
        }
        for (file, open) in files {
            let (new, facts) = match open {
                Open::Complete(new, facts) => (new, facts),
                Open::Image(place) => place.complete(sha1)?,
                Open::Archive(open) => self.complete_archive(open, name(file))?.complete(sha1)?,
                Open::Derived(mut new) => {
                    let PackageFile::Plain(member) = file else {
                        continue;
                    };
                    let bytes = self.content(member)?;
                    put(&mut new, &bytes)?;
                    (new, self.learn(member.name(), &bytes))
                }
            };
            self.facts.insert(name(file), facts);
            release.keep(name(file), new, facts)?;
        }
        Ok(())
    }

    /// Writes what depends on the disk, and what stands behind it.
    fn complete_archive(
        &mut self,
        mut open: OpenArchive<'p>,
        name: &str,
    ) -> Result<Place, WriteError> {
        let failed = |source| failed(name.as_ref(), source);
        for (member, room) in &open.rooms {
            let bytes = self.content(member)?;
            open.wrapping.fill(room, &bytes).map_err(failed)?;
            self.learn(member.name(), &bytes);
        }
        for member in open.members.after {
            let bytes = self.content(member)?;
            open.wrapping.add(member.name(), &bytes).map_err(failed)?;
            self.learn(member.name(), &bytes);
        }
        Ok(open.wrapping.finish().map_err(failed)?)
    }

    /// The content of a member that is no disk.
    fn content(&self, member: &Member) -> Result<Vec<u8>, WriteError> {
        match member {
            Member::Text { bytes, .. } => Ok(bytes.clone()),
            Member::Derived { name, room, make } => Ok(make.content(name, *room, &self.facts)?),
            Member::Disk { name, .. } => Err(two_disks(name)),
        }
    }

    /// Enters a complete file, and tells what is known of it.
    fn learn(&mut self, name: &str, bytes: &[u8]) -> FileFacts {
        let facts = Digests::of(bytes, self.package.sha1);
        self.facts.insert(name, facts);
        facts
    }
}

impl Pass<'_> {
    /// What the image in the file or member called `name` says of itself.
    fn options(&self, name: &str, choice: FormatChoice, identity: Uuid) -> ImageOptions {
        let mut options = self.options.clone();
        options.identity = identity;
        options.file_name = name.rsplit('/').take(1).collect();
        options.tuning = choice.tuning;
        options
    }

    /// How large the image's file will be.
    fn size(&self, name: &str, choice: FormatChoice) -> Result<PredictedSize, EmitError> {
        let options = self.options(name, choice, self.options.identity);
        Ok(choice.format.predict(self.disk, &options)?)
    }
}

/// An image of the disk that is begun.
struct Image<'a, 'p> {
    /// Number of its package.
    package: usize,
    name: &'p str,
    format: ImageFormat,
    options: ImageOptions,
    out: ImageOut<'a>,
}

enum ImageOut<'a> {
    Plain(&'a mut Place),
    Archived(Box<Digested<Box<dyn WrappedImage + 'a>>>),
}

impl<'p> Image<'_, 'p> {
    fn job(&mut self) -> ImageJob<'_> {
        ImageJob {
            format: self.format,
            options: self.options.clone(),
            out: match &mut self.out {
                ImageOut::Plain(place) => Box::new(place),
                ImageOut::Archived(member) => Box::new(member),
            },
        }
    }

    /// Completes a member, and tells whose it is and what is known of it, if that was asked for.
    fn finish(self) -> Result<Option<(usize, &'p str, FileFacts)>, WriteError> {
        let ImageOut::Archived(member) = self.out else {
            return Ok(None);
        };
        let path = member.path().to_path_buf();
        let (member, facts) = member.finish();
        member.finish().map_err(|source| failed(&path, source))?;
        Ok(facts.map(|facts| (self.package, self.name, facts)))
    }
}

impl<'p> Divided<'p> {
    fn new(archive: &'p Archive) -> Result<Self, WriteError> {
        let members = &archive.members;
        let is_disk = |member: &Member| matches!(member, Member::Disk { .. });
        let at = members.iter().position(is_disk).unwrap_or(members.len());
        let (before, rest) = members.split_at(at);
        let Some((
            Member::Disk {
                name,
                choice,
                identity,
            },
            after,
        )) = rest.split_first()
        else {
            return Ok(Self {
                before,
                image: None,
                after: &[],
            });
        };
        if !choice.format.is_forward() {
            let name = name.clone();
            let reason = "such an image is not written from begin to end";
            return Err(WriteError::Archive { name, reason });
        }
        match after.iter().find(|member| is_disk(member)) {
            Some(second) => Err(two_disks(second.name())),
            None => Ok(Self {
                before,
                image: Some((name, *choice, *identity)),
                after,
            }),
        }
    }
}

fn two_disks(name: &str) -> WriteError {
    WriteError::Archive {
        name: name.to_owned(),
        reason: "it is the second disk, and one pass writes one into an archive",
    }
}

fn name(file: &PackageFile) -> &str {
    match file {
        PackageFile::Plain(member) => member.name(),
        PackageFile::Archive(archive) => &archive.name,
    }
}

fn is_derived(member: &Member) -> bool {
    matches!(member, Member::Derived { .. })
}

fn has_derived(file: &PackageFile) -> bool {
    match file {
        PackageFile::Plain(member) => is_derived(member),
        PackageFile::Archive(archive) => archive.members.iter().any(is_derived),
    }
}
