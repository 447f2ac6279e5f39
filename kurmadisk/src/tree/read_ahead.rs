//! The directories of a folder, read ahead by several threads.
//!
//! To read a name's metadata, attributes, flags and holes are half a dozen calls that mostly wait for the kernel, or
//! for a disk. The tree is put together by one thread in one order, so it does not depend on who read what.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Scope};

use kurmadisk_formats::error::SourceError;
use kurmadisk_formats::host::{self, HostEntry, HostKind, HostStat};

use super::edit::join;
use super::from_dir::{Skip, read_error};
use super::{FileFlags, Metadata, Timestamp, TreeError};

/// Threads beside the one that puts the tree together.
const READERS: usize = 3;

/// Entries that may wait to be put together, so that memory is bounded: some 300 bytes each.
const AHEAD: usize = 100_000;

/// The number of a directory that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DirNumber(usize);

/// An entry of a directory.
pub(super) struct Listed {
    pub(super) entry: HostEntry,
    pub(super) details: Result<Details, TreeError>,
    /// Its number among those that are to be read, if it is a directory.
    pub(super) directory: Option<DirNumber>,
}

/// What its directory does not tell of an entry.
pub(super) struct Details {
    pub(super) meta: Metadata,
    /// Of a symbolic link.
    pub(super) target: Vec<u8>,
    /// Where a regular file has data.
    pub(super) data: Vec<Range<u64>>,
}

/// A directory's entries in the order of their names' bytes, without those that are skipped.
type Listing = Result<Vec<Listed>, TreeError>;

/// A directory to be read.
struct Waiting {
    number: DirNumber,
    host: PathBuf,
    /// Its path in the tree.
    path: Vec<u8>,
}

/// The directories below a folder, to be taken by number.
pub(super) struct ReadAhead<'a> {
    skip: &'a Skip<'a>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Directories that nobody reads yet: the last one is read next, as it is the next to be taken.
    waiting: Vec<Waiting>,
    read: HashMap<DirNumber, Listing>,
    /// Entries in `read`.
    ahead: usize,
    /// Directories numbered so far.
    numbered: usize,
    /// Threads that are reading.
    busy: usize,
    stopped: bool,
}

/// Has the readers end, also when the tree can't be put together.
pub(super) struct Stop<'r, 'a>(&'r ReadAhead<'a>);

impl Drop for Stop<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.changed.notify_all();
    }
}

impl<'a> ReadAhead<'a> {
    /// The folder at `host`, and its number.
    pub(super) fn new(host: &Path, skip: &'a Skip<'a>) -> (Self, DirNumber) {
        let number = DirNumber(0);
        let root = Waiting {
            number,
            host: host.to_path_buf(),
            path: Vec::new(),
        };
        let state = State {
            waiting: vec![root],
            read: HashMap::new(),
            ahead: 0,
            numbered: 1,
            busy: 0,
            stopped: false,
        };
        let all = Self {
            skip,
            state: Mutex::new(state),
            changed: Condvar::new(),
        };
        (all, number)
    }

    /// Starts the readers, as many as the host lets; they end when all is read or the answer is dropped.
    pub(super) fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> Stop<'scope, 'a> {
        for _ in 0..READERS {
            // Without readers, whoever takes a directory reads it.
            let _ = Builder::new().spawn_scoped(scope, || self.serve());
        }
        Stop(self)
    }

    /// The entries of a directory, which are taken once.
    pub(super) fn take(&self, number: DirNumber) -> Listing {
        let mut state = self.lock();
        loop {
            if let Some(listing) = state.read.remove(&number) {
                state.ahead -= listing.as_ref().map_or(0, Vec::len);
                self.changed.notify_all();
                return listing;
            }
            let place = state.waiting.iter().rposition(|dir| dir.number == number);
            if let Some(place) = place {
                let dir = state.waiting.remove(place);
                state.busy += 1;
                drop(state);
                let listing = self.read(&dir);
                self.lock().busy -= 1;
                self.changed.notify_all();
                return listing;
            }
            assert!(!state.stopped, "a thread that reads folders has panicked");
            state = self.wait(state);
        }
    }

    /// Reads directories until there are no more.
    fn serve(&self) {
        // A panic must reach the calling thread, which may wait for this one.
        let panicked = Stop(self);
        let mut state = self.lock();
        while !state.stopped && (state.busy > 0 || !state.waiting.is_empty()) {
            let dir = match state.waiting.pop() {
                Some(dir) if state.ahead < AHEAD => dir,
                none_or_too_many => {
                    state.waiting.extend(none_or_too_many);
                    state = self.wait(state);
                    continue;
                }
            };
            state.busy += 1;
            drop(state);
            let listing = self.read(&dir);
            state = self.lock();
            state.busy -= 1;
            state.ahead += listing.as_ref().map_or(0, Vec::len);
            state.read.insert(dir.number, listing);
            self.changed.notify_all();
        }
        drop(state);
        self.changed.notify_all();
        std::mem::forget(panicked);
    }

    /// Reads a directory, and has those in it wait to be read.
    fn read(&self, dir: &Waiting) -> Listing {
        let entries = host::read_dir(&dir.host);
        let mut entries = entries.map_err(|source| read_error(&dir.host, source))?;
        entries.sort_unstable_by(|a, b| a.name_bytes().cmp(b.name_bytes()));
        let mut listed = Vec::with_capacity(entries.len());
        let mut found = Vec::new();
        for entry in entries {
            let is_directory = entry.stat.kind == HostKind::Directory;
            let path = join(&dir.path, entry.name_bytes());
            if (self.skip)(&path, is_directory) {
                continue;
            }
            let host = dir.host.join(&entry.name);
            let details = details(&entry.stat, &host);
            if is_directory {
                found.push((listed.len(), host, path));
            }
            listed.push(Listed {
                entry,
                details,
                directory: None,
            });
        }
        let mut state = self.lock();
        for (index, host, path) in found {
            let number = DirNumber(state.numbered);
            state.numbered += 1;
            listed[index].directory = Some(number);
            state.waiting.push(Waiting { number, host, path });
        }
        drop(state);
        self.changed.notify_all();
        Ok(listed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left it whole: nothing is called while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn details(stat: &HostStat, path: &Path) -> Result<Details, TreeError> {
    let target = match stat.kind {
        HostKind::Symlink => host::read_link(path).map_err(|source| read_error(path, source))?,
        _ => Vec::new(),
    };
    let meta = metadata(stat, path)?;
    let data = match stat.kind {
        HostKind::File if stat.len > 0 => data_ranges(path, stat, !meta.xattrs.is_empty())?,
        _ => Vec::new(),
    };
    Ok(Details { meta, target, data })
}

/// Where a file has data. Only one that occupies less than its size can have holes, or one whose extended
/// attributes are `counted` with what it occupies.
fn data_ranges(path: &Path, stat: &HostStat, counted: bool) -> Result<Vec<Range<u64>>, TreeError> {
    if stat.allocated >= stat.len && !counted {
        return Ok(std::iter::once(0..stat.len).collect());
    }
    let read_error = |source| read_error(path, source);
    let (file, stamp) = host::open_regular(path).map_err(read_error)?;
    if stamp != stat.stamp() {
        let path = path.to_path_buf();
        return Err(SourceError::Changed { path }.into());
    }
    host::data_ranges(&file, stat.len).map_err(read_error)
}

pub(super) fn metadata(stat: &HostStat, path: &Path) -> Result<Metadata, TreeError> {
    let attributes =
        host::attributes(path, stat.kind).map_err(|source| read_error(path, source))?;
    Ok(Metadata {
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        mtime: Timestamp {
            seconds: stat.mtime_seconds,
            nanos: stat.mtime_nanos,
        },
        xattrs: attributes.xattrs.into_iter().collect(),
        flags: FileFlags::from_bits(attributes.flags),
    })
}
