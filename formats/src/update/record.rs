//! The plan's file, beside the image.
//!
//! All numbers are little-endian. Offsets in bytes:
//!
//! | offset | length | holds |
//! |---|---|---|
//! | 0 | 8 | `KDSKPLAN` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | zero |
//! | 16 | 8 | the image's length in bytes |
//! | 24 | 8 | its modification time: seconds since 1970, signed |
//! | 32 | 4 | the same: nanoseconds |
//! | 36 | 4 | the time of its last change: nanoseconds |
//! | 40 | 8 | the same: seconds since 1970, signed |
//! | 48 | 8 | the number of its file system |
//! | 56 | 8 | its number there |
//! | 64 | 8 | how many stretches follow |
//! | 72 | 48 each | a stretch: offset in the image (8), length (8), identity (32); ascending, disjoint |
//! | end − 32 | 32 | SHA-256 of all before |

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::pieces::Known;
use super::{Whole, plan_path};
use crate::emit::output_error;
use crate::error::EmitError;
use crate::host;
use crate::map::{FileIdentity, FileStamp};
use crate::output::{NewFile, Output};

const MAGIC: &[u8; 8] = b"KDSKPLAN";
const VERSION: u32 = 1;
const HEAD: usize = 72;
const STRETCH: usize = 48;
const DIGEST: usize = 32;

/// How often, and after what time, it is asked whether the file system's clock has gone on.
const LOOKS: usize = 30;
const LOOK: Duration = Duration::from_millis(1);

/// The file that a plan tells of, and what lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) image: FileIdentity,
    pub(super) pieces: Vec<Known>,
}

/// The plan of the image at `path`, if it tells of the file that is there now.
pub(super) fn read(path: &Path) -> Result<Record, Whole> {
    let damaged = |error: io::Error| Whole::Damaged(error.to_string());
    let file = match host::open_regular(&plan_path(path)) {
        Ok((file, _)) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Whole::NoPlan),
        Err(error) => return Err(damaged(error)),
    };
    let mut bytes = Vec::new();
    (&file).read_to_end(&mut bytes).map_err(damaged)?;
    let record = decode(&bytes).ok_or_else(|| {
        let reason = "it is damaged, or of another version of kurmadisk";
        Whole::Damaged(reason.to_owned())
    })?;
    match host::stat(path) {
        Ok(now) if now.identity() == record.image => Ok(record),
        _ => Err(Whole::OtherImage),
    }
}

/// Removes the plan of the image at `path`; when this returns, no power cut brings it back.
pub(super) fn remove(path: &Path) -> Result<(), EmitError> {
    let plan = plan_path(path);
    let folder = match plan.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let removed = fs::remove_file(&plan).and_then(|()| host::sync_folder(folder));
    removed.map_err(|source| EmitError::Output { path: plan, source })
}

/// Writes the plan of the complete image at `path`, of which all is on the disk.
///
/// A host that doesn't number its files gets none.
pub(super) fn write(path: &Path, pieces: Vec<Known>) -> Result<(), EmitError> {
    let error = |source| EmitError::Output {
        path: path.to_path_buf(),
        source,
    };
    let mut file = NewFile::create(&plan_path(path))?;
    let Some(image) = host::stat(path).map_err(error)?.identity().known() else {
        return Ok(());
    };
    wait_for_clock(&mut file, &image)?;
    // What was changed while the clock stood still would look the same; then the plan says so by being of no use.
    let bytes = encode(&Record { image, pieces });
    let written = file.write_at(0, &bytes);
    let written = written.and_then(|()| file.set_len(bytes.len() as u64));
    written.map_err(|source| output_error(&file, source))?;
    file.commit()
}

/// Waits until a change of the image would leave another time, unless the clock is too slow for that.
fn wait_for_clock(file: &mut NewFile, image: &FileIdentity) -> Result<(), EmitError> {
    for _ in 0..LOOKS {
        let touched = file.write_at(0, MAGIC);
        touched.map_err(|source| output_error(file, source))?;
        let stamp = host::stamp(file.file()).map_err(|source| output_error(file, source))?;
        let now = (stamp.mtime_seconds, stamp.mtime_nanos);
        if now > (image.changed_seconds, image.changed_nanos) {
            break;
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

pub(super) fn encode(record: &Record) -> Vec<u8> {
    let Record { image, pieces } = record;
    let mut bytes = Vec::with_capacity(HEAD + pieces.len() * STRETCH + DIGEST);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(image.stamp.len.to_le_bytes());
    bytes.extend(image.stamp.mtime_seconds.to_le_bytes());
    bytes.extend(image.stamp.mtime_nanos.to_le_bytes());
    bytes.extend(image.changed_nanos.to_le_bytes());
    bytes.extend(image.changed_seconds.to_le_bytes());
    bytes.extend(image.stamp.device.to_le_bytes());
    bytes.extend(image.stamp.inode.to_le_bytes());
    bytes.extend((pieces.len() as u64).to_le_bytes());
    for piece in pieces {
        bytes.extend(piece.start.to_le_bytes());
        bytes.extend(piece.len.to_le_bytes());
        bytes.extend(piece.identity);
    }
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    bytes
}

/// What `bytes` say, if all of it makes sense.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let (told, digest) = bytes.split_last_chunk::<DIGEST>()?;
    if Sha256::digest(told)[..] != digest[..] {
        return None;
    }
    let (head, stretches) = told.split_first_chunk::<HEAD>()?;
    let mut head = Fields(head);
    if head.take()? != *MAGIC || u32::from_le_bytes(head.take()?) != VERSION {
        return None;
    }
    let _zero: [u8; 4] = head.take()?;
    let len = u64::from_le_bytes(head.take()?);
    let mtime_seconds = i64::from_le_bytes(head.take()?);
    let mtime_nanos = u32::from_le_bytes(head.take()?);
    let changed_nanos = u32::from_le_bytes(head.take()?);
    let changed_seconds = i64::from_le_bytes(head.take()?);
    let device = u64::from_le_bytes(head.take()?);
    let inode = u64::from_le_bytes(head.take()?);
    let count = u64::from_le_bytes(head.take()?);
    let (stretches, rest) = stretches.as_chunks::<STRETCH>();
    if !rest.is_empty() || stretches.len() as u64 != count {
        return None;
    }
    let stamp = FileStamp {
        len,
        mtime_seconds,
        mtime_nanos,
        device,
        inode,
    };
    Some(Record {
        image: FileIdentity {
            stamp,
            changed_seconds,
            changed_nanos,
        },
        pieces: pieces(stretches, len)?,
    })
}

fn pieces(stretches: &[[u8; STRETCH]], len: u64) -> Option<Vec<Known>> {
    let mut free_from = 0;
    let mut pieces = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        let mut fields = Fields(stretch);
        let piece = Known {
            start: u64::from_le_bytes(fields.take()?),
            len: u64::from_le_bytes(fields.take()?),
            identity: fields.take()?,
        };
        let end = piece.start.checked_add(piece.len)?;
        if piece.len == 0 || piece.start < free_from || end > len {
            return None;
        }
        free_from = end;
        pieces.push(piece);
    }
    Some(pieces)
}

/// Bytes from which fields are taken one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}
