//! Archives for Google Compute Engine: disk.raw in a tar archive of GNU's old format, compressed by gzip.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use kurmadisk_formats::read_at::{FileReader, SeekReader};

use super::package::{Kind, damaged, plain};
use super::rules::{ARCHIVE_DAMAGED, GCE_DISK, GCE_GZIP, GCE_SIZE, GCE_TAR};
use super::{Observations, Place, Verified, VerifiedDisk, concern, is_damage};
use crate::source::tar::TarError;
use crate::source::tar::stream::{Form, Input, Listed, Listing};

/// The one file's name.
const DISK: &str = "disk.raw";
/// What sizes are multiples of.
const GB: u64 = 1 << 30;
/// Members that are looked at; one is right.
const MAX_MEMBERS: usize = 100;

/// A compressed archive, uncompressed on the way.
struct Unzipped(MultiGzDecoder<SeekReader<FileReader>>);

impl Read for Unzipped {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Input for Unzipped {
    fn skip(&mut self, len: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.0.by_ref().take(len), &mut io::sink())?;
        if passed == len {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

/// Looks at a compressed archive; all of it is uncompressed, and nothing of it kept.
pub(super) fn verify_compressed(file: &FileReader) -> io::Result<Verified> {
    let unzipped = MultiGzDecoder::new(SeekReader::new(file.clone()));
    verify(Listing::new(Unzipped(unzipped)), Observations::default())
}

/// Looks at an archive that is not compressed.
pub(super) fn verify_plain(file: FileReader) -> io::Result<Verified> {
    let mut seen = Observations::default();
    seen.add(GCE_GZIP, Place::of("archive"), || {
        "it is not compressed".to_owned()
    });
    verify(Listing::new(SeekReader::new(file)), seen)
}

fn verify<I: Input>(mut listing: Listing<I>, mut seen: Observations) -> io::Result<Verified> {
    let mut disks = Vec::new();
    let mut count = 0;
    while count < MAX_MEMBERS {
        let member = match listing.next() {
            Ok(Some(member)) => member,
            Ok(None) => break,
            Err(TarError::Read(error)) if !is_damage(&error) => return Err(error),
            Err(error) => {
                damaged(&error, &mut seen);
                break;
            }
        };
        count += 1;
        disks.extend(disk(&member, &mut seen));
    }
    match listing.finish().map_err(TarError::Read) {
        Err(TarError::Read(error)) if !is_damage(&error) => return Err(error),
        // Of two damages the first one counts.
        Err(error) if !seen.has(ARCHIVE_DAMAGED) => damaged(&error, &mut seen),
        _ => {}
    }
    if disks.is_empty() {
        seen.add(GCE_DISK, Place::of("archive"), || {
            format!("there is no {DISK}")
        });
    }
    concern(Kind::Gce, &mut seen);
    Ok(Verified {
        kind: Kind::Gce.name(),
        disks,
        observations: seen,
    })
}

/// Looks at a member's header; the disk, if it is that.
fn disk(member: &Listed, seen: &mut Observations) -> Option<VerifiedDisk> {
    let name = plain(&member.name);
    let place = || Place::at(format!("member {name:?}"), member.offset);
    if member.form != Form::Gnu {
        seen.add(GCE_TAR, place(), || {
            format!("its header is in the {} format", member.form.name())
        });
    }
    if member.name != DISK.as_bytes() || !member.is_file {
        seen.add(GCE_DISK, place(), || {
            "it is not the file disk.raw".to_owned()
        });
        return None;
    }
    let size = member.real_len;
    if size == 0 || !size.is_multiple_of(GB) {
        seen.add(GCE_SIZE, place(), || {
            format!("{size} bytes: {} more than whole GB", size % GB)
        });
    }
    Some(VerifiedDisk {
        file: Some(name),
        format: "raw",
        size: Some(size),
    })
}
