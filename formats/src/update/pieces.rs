//! Stretches of a file with their identities, and what two files differ in.

use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::SourceError;
use crate::map::{ContentId, ContentStore, DiskMap, Extent, FileIdentity, Source, Unopened};
use crate::shares::in_shares;

/// What stands for the bytes of a stretch: equal ones, equal bytes.
pub(super) type Identity = [u8; 32];

/// The identity of what can't be told: it equals none, not even itself.
pub(super) const UNKNOWN: Identity = [0; 32];

/// How long a file's time must have passed until another change surely leaves another time: clocks of file systems
/// tick every 10 ms at the slowest, and those that count whole seconds, every 2 s.
const FINE_TICK: Duration = Duration::from_millis(20);
const COARSE_TICK: Duration = Duration::from_secs(3);

/// A stretch of a file.
pub(super) struct Piece {
    pub(super) extent: Extent,
    pub(super) identity: Identity,
}

/// A stretch of the file that the last build made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Offset in bytes.
    pub(super) start: u64,
    /// Length in bytes, not zero.
    pub(super) len: u64,
    pub(super) identity: Identity,
}

impl Piece {
    pub(super) fn known(&self) -> Known {
        Known {
            start: self.extent.start,
            len: self.extent.len,
            identity: self.identity,
        }
    }
}

/// Extents whose identities one thread finds at a time.
const SHARE: usize = 256;

/// The stretches of a file with this map, ascending. Many threads find their identities.
///
/// What is in memory, or made of what is, has none: to compare it with what is there takes less than to digest it.
pub(super) fn pieces(
    file: &DiskMap,
    now: Duration,
    threads: NonZero<usize>,
) -> Result<Vec<Piece>, SourceError> {
    let found = in_shares(file.extents(), SHARE, threads, |extents| {
        pieces_of(extents, now)
    });
    let mut pieces = Vec::with_capacity(file.extents().len());
    for share in found {
        pieces.extend(share?);
    }
    Ok(pieces)
}

fn pieces_of(extents: &[Extent], now: Duration) -> Result<Vec<Piece>, SourceError> {
    let mut contents = Contents { now, last: None };
    let pieces = extents.iter().map(|extent| {
        let identity = match &extent.source {
            Source::Bytes(_) => UNKNOWN,
            Source::Content { store, .. } if store.is_made() => UNKNOWN,
            Source::Content { store, id, offset } => contents.identity(store, *id, *offset)?,
            Source::Zeros => Sha256::digest(b"zeros").into(),
        };
        let extent = extent.clone();
        Ok(Piece { extent, identity })
    });
    pieces.collect()
}

/// Identities of contents, each asked for once while extents of it follow each other.
struct Contents {
    now: Duration,
    last: Option<(Arc<dyn ContentStore>, ContentId, Option<Sha256>)>,
}

impl Contents {
    fn identity(
        &mut self,
        store: &Arc<dyn ContentStore>,
        id: ContentId,
        offset: u64,
    ) -> Result<Identity, SourceError> {
        let hash = match &self.last {
            Some((last, last_id, hash)) if *last_id == id && Arc::ptr_eq(last, store) => {
                hash.clone()
            }
            _ => {
                let files = store.files(id)?;
                let known = !files.is_empty() && files.iter().all(|file| self.is_settled(file));
                let hash = known.then(|| hash_of(&files));
                self.last = Some((Arc::clone(store), id, hash.clone()));
                hash
            }
        };
        Ok(hash.map_or(UNKNOWN, |mut hash| {
            hash.update(offset.to_le_bytes());
            hash.finalize().into()
        }))
    }

    /// Whether a change from now on would show.
    fn is_settled(&self, file: &FileIdentity) -> bool {
        let Ok(seconds) = u64::try_from(file.changed_seconds) else {
            return true;
        };
        let changed =
            Duration::from_secs(seconds) + Duration::from_nanos(file.changed_nanos.into());
        let tick = match file.changed_nanos {
            0 => COARSE_TICK,
            _ => FINE_TICK,
        };
        changed + tick < self.now
    }
}

fn hash_of(files: &[FileIdentity]) -> Sha256 {
    let mut hash = Sha256::new_with_prefix(b"files");
    for file in files {
        hash.update(file.stamp.len.to_le_bytes());
        hash.update(file.stamp.mtime_seconds.to_le_bytes());
        hash.update(file.stamp.mtime_nanos.to_le_bytes());
        hash.update(file.stamp.device.to_le_bytes());
        hash.update(file.stamp.inode.to_le_bytes());
        hash.update(file.changed_seconds.to_le_bytes());
        hash.update(file.changed_nanos.to_le_bytes());
    }
    hash
}

/// What makes one file of another.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// What may have other bytes, ascending.
    pub(super) write: Vec<Extent>,
    /// What becomes a hole, ascending.
    pub(super) clear: Vec<Range<u64>>,
}

impl Difference {
    /// Whether all that is to be written can be read, and is still what it was.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        for content in Unopened::of(&self.write).filter(|content| !content.is_made()) {
            content.open()?.close()?;
        }
        Ok(())
    }
}

/// What makes a file of the pieces `new`, `len` bytes long, of one of the pieces `old`; both ascend.
pub(super) fn difference(old: &[Known], new: &[Piece], len: u64) -> Difference {
    let mut before = old.iter().peekable();
    let write = new.iter().filter(|piece| {
        while before
            .next_if(|known| known.start < piece.extent.start)
            .is_some()
        {}
        let same = |known: &Known| *known == piece.known() && known.identity != UNKNOWN;
        !before.peek().is_some_and(|known| same(known))
    });
    Difference {
        write: write.map(|piece| piece.extent.clone()).collect(),
        clear: uncovered(old, new, len),
    }
}

/// What `old` has below `len` and `new` has not.
fn uncovered(old: &[Known], new: &[Piece], len: u64) -> Vec<Range<u64>> {
    let mut found: Vec<Range<u64>> = Vec::new();
    let mut covers = new.iter().map(|piece| &piece.extent).peekable();
    for known in old {
        let end = known.start.saturating_add(known.len).min(len);
        let mut at = known.start;
        while at < end {
            while covers.next_if(|cover| cover.end() <= at).is_some() {}
            let next = covers.peek().map_or(end, |cover| cover.start.min(end));
            if at < next {
                match found.last_mut() {
                    Some(last) if last.end == at => last.end = next,
                    _ => found.push(at..next),
                }
            }
            at = covers.peek().map_or(end, |cover| cover.end().max(next));
        }
    }
    found
}
