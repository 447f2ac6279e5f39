//! What a platform will refuse of an image or a package, and why, before it is given to it.
//!
//! [`file()`] looks at a file, whoever made it; [`judge`] says which of what it observed concerns the platforms that are
//! asked for. Containers are looked at by [`kurmadisk_formats::lint`]; here is what is around them.
//!
//! Everything is hostile until shown otherwise. Documents are read up to 16 MiB, archives up to 10,000 members; disks
//! are never held in memory, but read front to back: once to digest them where a manifest tells digests, once to look
//! at what is in them.
//!
//! | file | holds |
//! |---|---|
//! | `rules` | the rules of packages |
//! | `package` | what a package consists of: members of an archive, or files beside a document |
//! | `appliance` | OVA archives, and OVF documents with files beside them |
//! | `ovf` | the OVF document |
//! | `manifest` | the digests of an appliance's files |
//! | `gce` | archives for Google Compute Engine |
//! | `vmx` | VMware's description of a machine, and the disks beside it |

mod appliance;
mod gce;
mod manifest;
mod ovf;
mod package;
mod rules;
mod vmx;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use kurmadisk_formats::error::OpenError;
use kurmadisk_formats::host::{self, HostKind};
use kurmadisk_formats::lint;
use kurmadisk_formats::read_at::{FileReader, ReadAt, SeekReader};
use thiserror::Error;

pub use kurmadisk_formats::lint::{
    Finding, Observation, Observations, Place, Platform, Rule, Severity, UnknownPlatform, judge,
};

use crate::source::{disk, tar};
use package::Kind;

/// Bytes of a document that are read at most.
const MAX_DOCUMENT: u64 = 16 << 20;

/// What [`file()`] found out.
#[derive(Debug)]
pub struct Verified {
    /// What it is: a container format, or `ova`, `ovf`, `vmx`, `gce`, or an archive's format.
    pub kind: &'static str,
    /// The disks in it.
    pub disks: Vec<VerifiedDisk>,
    /// What there is to say.
    pub observations: Observations,
}

/// A disk that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedDisk {
    /// Its file within the package; `None` for an image by itself.
    pub file: Option<String>,
    /// The container format's name.
    pub format: &'static str,
    /// Bytes of the disk, where the image can be read.
    pub size: Option<u64>,
}

/// A file can't be looked at.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The image can't be opened or read.
    #[error(transparent)]
    Image(#[from] OpenError),
    /// The file can't be opened or read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// All rules, those of containers and those of packages.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    lint::rules().chain(rules::RULES.iter().copied())
}

/// Looks at the file or block device at `path`: an image of any format, an OVA, an OVF document or a `.vmx` with the
/// files beside it, or an archive for Google Compute Engine.
///
/// Fails when it can't be opened or read; what makes no sense is an observation.
pub fn file(path: &Path) -> Result<Verified, VerifyError> {
    let fail = |source| VerifyError::File {
        path: path.to_path_buf(),
        source,
    };
    let reader = open(path).map_err(fail)?;
    let mut head = vec![0; usize::try_from(reader.len().min(512)).unwrap_or(0)];
    reader.read_exact_at(0, &mut head).map_err(fail)?;
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    if ending == "vmx" {
        return vmx::verify(path, &reader).map_err(fail);
    }
    if ending == "ovf" || is_document(&head) {
        return appliance::verify_document(path, &reader).map_err(fail);
    }
    if tar::recognise(&head) {
        return archive(path, reader).map_err(fail);
    }
    if head.starts_with(&[0x1F, 0x8B]) && is_compressed_tar(&reader).map_err(fail)? {
        return gce::verify_compressed(&reader).map_err(fail);
    }
    let linted = lint::file(path)?;
    if linted.format == "raw"
        && let Some(format) = archive_format(&head)
    {
        return Ok(other_archive(format));
    }
    let mut observations = linted.observations;
    if linted.format == "raw" && !disk::is_disk(&reader) {
        observations.add(rules::NO_DISK, Place::of("disk"), || {
            "neither is there".to_owned()
        });
    }
    let disk = VerifiedDisk {
        file: None,
        format: linted.format,
        size: linted.size,
    };
    Ok(Verified {
        kind: linted.format,
        disks: vec![disk],
        observations,
    })
}

/// Opens a regular file or block device.
fn open(path: &Path) -> io::Result<FileReader> {
    // Asked before opening: to open a FIFO would wait for its other end.
    let kind = host::stat(path)?.kind;
    if !matches!(kind, HostKind::File | HostKind::BlockDevice) {
        let reason = "neither a regular file nor a block device";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    FileReader::new(File::open(path)?)
}

/// Whether a file begins as an OVF document does.
fn is_document(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let text = head.trim_start_matches('\u{FEFF}').trim_start();
    text.starts_with("<?xml") || text.starts_with("<Envelope") || text.starts_with("<ovf:")
}

fn is_compressed_tar(reader: &FileReader) -> io::Result<bool> {
    let mut head = Vec::new();
    let unzipped = MultiGzDecoder::new(SeekReader::new(reader.clone()));
    match unzipped.take(512).read_to_end(&mut head) {
        Err(error) if !is_damage(&error) => Err(error),
        _ => Ok(tar::recognise(&head)),
    }
}

/// Whether a decoder says that what it reads makes no sense, rather than that it can't be read.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Archives and compressed files that people give for images.
fn archive_format(head: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 6] = [
        (&[0x1F, 0x8B], "gzip"),
        (&[0x28, 0xB5, 0x2F, 0xFD], "zstd"),
        (&[0xFD, b'7', b'z', b'X', b'Z', 0], "xz"),
        (b"BZh", "bzip2"),
        (b"PK\x03\x04", "zip"),
        (&[b'7', b'z', 0xBC, 0xAF], "7z"),
    ];
    let found = FORMATS.iter().find(|(magic, _)| head.starts_with(magic));
    found.map(|(_, name)| *name)
}

fn other_archive(format: &'static str) -> Verified {
    let mut observations = Observations::default();
    observations.add(rules::ARCHIVE, Place::of("file"), || {
        format!("it is {format} data")
    });
    Verified {
        kind: format,
        disks: Vec::new(),
        observations,
    }
}

/// Looks at a tar archive: an appliance, unless it looks like one for GCE.
fn archive(path: &Path, reader: FileReader) -> io::Result<Verified> {
    let (members, damage) = package::list(&reader)?;
    let names = || members.iter().map(|member| package::plain(&member.name));
    // A box of Vagrant has an OVF document too, and is no appliance.
    if names().any(|name| name == "metadata.json") {
        return Ok(other_archive("tar"));
    }
    let is_appliance = names().any(|name| appliance::ends(&name, "ovf"))
        || path.extension().is_some_and(|ending| ending == "ova");
    if is_appliance {
        return appliance::verify_archive(path, reader, members, damage);
    }
    if names().any(|name| name.ends_with("disk.raw")) {
        return gce::verify_plain(reader);
    }
    Ok(other_archive("tar"))
}

/// Says who takes no packages of this kind.
fn concern(kind: Kind, observations: &mut Observations) {
    for &platform in Platform::ALL {
        if !kind.takers().contains(&platform) {
            observations.add_for(platform, rules::PACKAGE, Place::of("package"), || {
                format!("it is {}", kind.description())
            });
        }
    }
}
