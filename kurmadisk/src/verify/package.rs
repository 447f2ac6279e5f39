//! What a package consists of: members of an archive, or files beside a document.

use std::io::{self, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use kurmadisk_formats::error::chain;
use kurmadisk_formats::lint;
use kurmadisk_formats::read_at::{FileReader, ReadAt, SeekReader, Window};

use super::rules::ARCHIVE_DAMAGED;
use super::{MAX_DOCUMENT, Observations, Place, Platform, VerifiedDisk, open};
use crate::source::tar::TarError;
use crate::source::tar::stream::{Input, Listed, Listing};

/// Members of an archive that are looked at; no appliance has more.
const MAX_MEMBERS: usize = 10_000;

/// A kind of package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ova,
    Ovf,
    Vmx,
    Gce,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ova => "ova",
            Self::Ovf => "ovf",
            Self::Vmx => "vmx",
            Self::Gce => "gce",
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Ova => "an OVA",
            Self::Ovf => "an OVF document with files beside it",
            Self::Vmx => "a machine of VMware's",
            Self::Gce => "a tar archive, as Google Compute Engine takes them",
        }
    }

    /// The platforms that take it.
    pub(super) fn takers(self) -> &'static [Platform] {
        use Platform::{Aws, Gce, Proxmox, VirtualBox, Vmware};
        match self {
            Self::Ova => &[Vmware, VirtualBox, Aws, Proxmox],
            Self::Ovf => &[Vmware, VirtualBox, Proxmox],
            Self::Vmx => &[Vmware],
            Self::Gce => &[Gce],
        }
    }
}

impl Input for SeekReader<FileReader> {
    fn skip(&mut self, len: u64) -> io::Result<()> {
        // What is past the end is noticed by reading.
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        self.seek(SeekFrom::Current(len)).map(drop)
    }
}

/// The members of an archive, as far as it can be read, and why no further.
pub(super) fn list(file: &FileReader) -> io::Result<(Vec<Listed>, Option<TarError>)> {
    let mut listing = Listing::new(SeekReader::new(file.clone()));
    let mut members = Vec::new();
    while members.len() < MAX_MEMBERS {
        match listing.next() {
            Ok(Some(member)) => members.push(member),
            Ok(None) => break,
            Err(TarError::Read(error)) => return Err(error),
            Err(error) => return Ok((members, Some(error))),
        }
    }
    Ok((members, None))
}

/// Says why an archive can't be read.
pub(super) fn damaged(error: &TarError, seen: &mut Observations) {
    seen.add(ARCHIVE_DAMAGED, Place::of("archive"), || chain(error));
}

/// Where a package's files are.
pub(super) enum Files {
    /// In the archive, by name.
    Archive {
        file: FileReader,
        members: Vec<Listed>,
    },
    /// In this folder.
    Folder(PathBuf),
}

impl Files {
    /// The regular file called `name`; `None` when there is none.
    pub(super) fn open(&self, name: &str) -> io::Result<Option<Window<FileReader>>> {
        match self {
            Self::Archive { file, members } => {
                let named = |member: &&Listed| member.is_file && plain(&member.name) == name;
                let Some(member) = members.iter().find(named) else {
                    return Ok(None);
                };
                // Past the archive's end: it was cut off, which is told elsewhere.
                Ok(Window::new(file.clone(), member.data, member.len).ok())
            }
            Self::Folder(folder) => {
                if !is_plain(name) {
                    return Ok(None);
                }
                match open(&folder.join(name)) {
                    Ok(file) => {
                        let len = file.len();
                        Window::new(file, 0, len).map(Some)
                    }
                    Err(error) if is_absence(&error) => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// The text of the document called `name`, if it is there and no longer than documents are.
    pub(super) fn text(&self, name: &str) -> io::Result<Option<String>> {
        self.open(name)?.map(|file| text(&file)).transpose()
    }

    /// Whether what the host says of holes tells anything of a file: not of a part of an archive.
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Archive { .. } => None,
            Self::Folder(folder) => Some(folder),
        }
    }

    /// Looks at the disk in the file called `name`; `None` when there is none.
    ///
    /// What its format alone is refused for does not matter in a package.
    pub(super) fn disk(
        &self,
        name: &str,
        seen: &mut Observations,
    ) -> io::Result<Option<VerifiedDisk>> {
        let Some(file) = self.open(name)? else {
            return Ok(None);
        };
        let linted = if let Some(folder) = self.folder() {
            lint::file(&folder.join(name))
        } else {
            let whole = 0..file.len();
            lint::image(file, &[whole])
        };
        let linted = linted.map_err(io::Error::other)?;
        let mut observations = linted.observations;
        observations.retain(|seen| !OF_FORMATS.contains(&seen.rule.name));
        seen.extend_from(name, observations);
        Ok(Some(VerifiedDisk {
            file: Some(name.to_owned()),
            format: linted.format,
            size: linted.size,
        }))
    }
}

/// Rules that are about images given by themselves.
const OF_FORMATS: [&str; 4] = [
    "format",
    "format-detour",
    "vmdk-not-for-esxi",
    "host-sparse",
];

/// Whether an error says that there is no such file, or that what is there is none.
fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotFound};
    matches!(error.kind(), NotFound | InvalidInput | InvalidFilename)
}

/// The text in a file, as far as documents are long.
pub(super) fn text(file: &impl ReadAt) -> io::Result<String> {
    let len = usize::try_from(file.len().min(MAX_DOCUMENT)).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    file.read_exact_at(0, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A member's name as documents have it.
pub(super) fn plain(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.strip_prefix("./").unwrap_or(&name).to_owned()
}

/// Whether a name is that of a file in the same folder.
pub(super) fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}
