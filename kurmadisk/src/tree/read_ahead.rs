//! The directories of a folder, read ahead by several threads.
//!
//! To read a name's metadata, attributes, flags and holes are half a dozen calls that mostly wait for the kernel, or
//! for a disk. The tree is put together by one thread in one order, so it does not depend on who read what.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Scope};

use kurmadisk_formats::host::{
    HostAttributes, HostDir, HostFound, HostKind, HostName, HostNames, HostStat,
};
use kurmadisk_formats::shares::fill_in_shares;

use super::edit::join;
use super::from_dir::{Skip, read_error};
use super::{FileFlags, Metadata, Timestamp, TreeError};

/// Threads beside the one that puts the tree together.
const READERS: usize = 3;

/// Names of one directory that one of several threads looks at, and how many threads do.
const SHARE: usize = 4096;
const HELPERS: NonZero<usize> = NonZero::new(READERS).expect("it is not zero");

/// Entries that may wait to be put together, so that memory is bounded: some 300 bytes each.
const AHEAD: usize = 100_000;

/// The number of a directory that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DirNumber(usize);

/// An entry of a directory.
pub(super) struct Listed {
    pub(super) found: Result<HostFound, TreeError>,
    /// Its number among those that are to be read, if it is a directory.
    pub(super) directory: Option<DirNumber>,
}

impl Listed {
    fn is_directory(&self) -> bool {
        let found = self.found.as_ref();
        found.is_ok_and(|found| found.stat.kind == HostKind::Directory)
    }
}

/// What a directory has, in the order of the names' bytes, without those that are skipped.
pub(super) struct Listing {
    names: HostNames,
    /// All of them are there.
    entries: Vec<Option<Listed>>,
}

impl Listing {
    fn len(&self) -> usize {
        self.names.len()
    }

    /// Hands each entry over, with its name.
    pub(super) fn each(
        self,
        mut take: impl FnMut(&OsStr, Listed) -> Result<(), TreeError>,
    ) -> Result<(), TreeError> {
        let names = self.names.iter();
        for (name, listed) in names.zip(self.entries.into_iter().flatten()) {
            take(name.name, listed)?;
        }
        Ok(())
    }
}

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
    /// There is something to read, or no more will come.
    to_read: Condvar,
    /// The directory that is waited for is read.
    awaited: Condvar,
}

struct State {
    /// Directories that nobody reads yet: the last one is read next, as it is the next to be taken.
    waiting: Vec<Waiting>,
    read: HashMap<DirNumber, Result<Listing, TreeError>>,
    /// Entries in `read`.
    ahead: usize,
    /// Directories numbered so far.
    numbered: usize,
    /// Threads that are reading.
    busy: usize,
    /// Threads that have nothing to read.
    idle: usize,
    /// The directory that is waited for.
    awaited: Option<DirNumber>,
    stopped: bool,
}

/// Has the readers end, also when the tree can't be put together.
pub(super) struct Stop<'r, 'a>(&'r ReadAhead<'a>);

impl Drop for Stop<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.to_read.notify_all();
        self.0.awaited.notify_all();
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
            idle: 0,
            awaited: None,
            stopped: false,
        };
        let all = Self {
            skip,
            state: Mutex::new(state),
            to_read: Condvar::new(),
            awaited: Condvar::new(),
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
    pub(super) fn take(&self, number: DirNumber) -> Result<Listing, TreeError> {
        let mut state = self.lock();
        loop {
            if let Some(listing) = state.read.remove(&number) {
                let full = state.ahead >= AHEAD;
                state.ahead -= count(&listing);
                if full && state.ahead < AHEAD {
                    self.to_read.notify_all();
                }
                return listing;
            }
            let place = state.waiting.iter().rposition(|dir| dir.number == number);
            if let Some(place) = place {
                let dir = state.waiting.remove(place);
                state.busy += 1;
                drop(state);
                let listing = self.read(&dir);
                self.end(&mut self.lock());
                return listing;
            }
            assert!(!state.stopped, "a thread that reads folders has panicked");
            state.awaited = Some(number);
            state = wait(&self.awaited, state);
        }
    }

    /// Reads directories until there are no more.
    fn serve(&self) {
        // A panic must reach the calling thread, which may wait for this one.
        let panicked = Stop(self);
        let mut state = self.lock();
        while !state.stopped && (state.busy > 0 || !state.waiting.is_empty()) {
            let room = state.ahead < AHEAD;
            let Some(dir) = state.waiting.pop_if(|_| room) else {
                state.idle += 1;
                state = wait(&self.to_read, state);
                state.idle -= 1;
                continue;
            };
            state.busy += 1;
            drop(state);
            let listing = self.read(&dir);
            state = self.lock();
            state.ahead += count(&listing);
            state.read.insert(dir.number, listing);
            if state.awaited == Some(dir.number) {
                state.awaited = None;
                self.awaited.notify_one();
            }
            self.end(&mut state);
        }
        drop(state);
        std::mem::forget(panicked);
    }

    /// A thread has read a directory.
    fn end(&self, state: &mut State) {
        state.busy -= 1;
        if state.busy == 0 && state.waiting.is_empty() {
            self.to_read.notify_all();
        }
    }

    /// Reads a directory, and has those in it wait to be read.
    fn read(&self, dir: &Waiting) -> Result<Listing, TreeError> {
        let mut listing = self.look(dir)?;
        let mut state = self.lock();
        let entries = listing.entries.iter_mut().flatten().enumerate();
        for (index, listed) in entries.filter(|(_, listed)| listed.is_directory()) {
            let name = listing.names.at(index).name;
            let number = DirNumber(state.numbered);
            state.numbered += 1;
            listed.directory = Some(number);
            state.waiting.push(Waiting {
                number,
                host: dir.host.join(name),
                path: join(&dir.path, name.as_encoded_bytes()),
            });
        }
        if state.idle > 0 && state.ahead < AHEAD && !state.waiting.is_empty() {
            self.to_read.notify_all();
        }
        Ok(listing)
    }

    /// What is in a directory, and all there is to know of it.
    fn look(&self, dir: &Waiting) -> Result<Listing, TreeError> {
        let error = |source| read_error(&dir.host, source);
        let open = HostDir::open(&dir.host).map_err(error)?;
        let names = self.wanted(dir, &open.names().map_err(error)?);
        let mut entries: Vec<_> = names.iter().map(|_| None).collect();
        // One directory may have more names than all others.
        fill_in_shares(&mut entries, SHARE, HELPERS, |before, entries| {
            look_at(dir, &open, |index| names.at(before + index), entries);
        });
        Ok(Listing { names, entries })
    }

    /// The names that are not skipped, in the order of their bytes.
    fn wanted(&self, dir: &Waiting, names: &HostNames) -> HostNames {
        let mut path = join(&dir.path, b"");
        let own = path.len();
        let mut wanted: Vec<_> = names
            .iter()
            .filter(|name| {
                path.truncate(own);
                path.extend_from_slice(name.name.as_encoded_bytes());
                !(self.skip)(&path, name.kind == HostKind::Directory)
            })
            .collect();
        wanted.sort_unstable_by_key(|name| name.name.as_encoded_bytes());
        wanted.into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left it whole: nothing is called while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entries in a listing.
fn count(listing: &Result<Listing, TreeError>) -> usize {
    listing.as_ref().map_or(0, Listing::len)
}

/// Fills in the entries of these names.
fn look_at<'n>(
    dir: &Waiting,
    open: &HostDir,
    name: impl Fn(usize) -> HostName<'n>,
    entries: &mut [Option<Listed>],
) {
    let mut order: Vec<_> = (0..entries.len())
        .map(|index| (name(index).inode, index))
        .collect();
    // On many disks they lie in this order.
    order.sort_unstable();
    for (_, index) in order {
        let name = name(index);
        let found = open.look(name);
        entries[index] = Some(Listed {
            found: found.map_err(|source| read_error(&dir.host.join(name.name), source)),
            directory: None,
        });
    }
}

fn wait<'g>(condition: &Condvar, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
    condition
        .wait(state)
        .unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn metadata(stat: &HostStat, attributes: HostAttributes) -> Metadata {
    Metadata {
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        mtime: Timestamp {
            seconds: stat.mtime_seconds,
            nanos: stat.mtime_nanos,
        },
        xattrs: attributes.xattrs.into_iter().collect(),
        flags: FileFlags::from_bits(attributes.flags),
    }
}
