//! Where the bytes of an extent come from.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;

use super::open_ahead::OpenedAhead;
use super::{Extent, FileIdentity};
use crate::error::SourceError;

/// The number a [`ContentStore`] gave one of its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub u32);

/// A set of numbered contents which are opened only while their bytes are moved.
///
/// A store stands behind many extents, so a map over a million files costs one store and no open
/// descriptor.
pub trait ContentStore: fmt::Debug + Send + Sync {
    /// Opens content `id` for reading.
    ///
    /// Fails when it has vanished, or is no longer what it was when the map was planned.
    fn open(&self, id: ContentId) -> Result<Box<dyn Content>, SourceError>;

    /// The files that content `id` is made of, as they were when the map was planned: while all of them are the same,
    /// so is the content. Nothing where that can't be told.
    ///
    /// Fails as [`open`](Self::open) does.
    fn files(&self, id: ContentId) -> Result<Vec<FileIdentity>, SourceError> {
        let _ = id;
        Ok(Vec::new())
    }

    /// Whether contents are made of what is in memory when they are read: the same bytes each time, and no file is
    /// needed for them.
    fn is_made(&self) -> bool {
        false
    }
}

/// One content of a [`ContentStore`], open.
pub trait Content: Send {
    /// Fills `buf` with the bytes from `offset` (in bytes from the content's begin).
    ///
    /// Fails when the content ends before `buf` is full.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError>;

    /// The regular file of the host that it is, byte by byte, if it is one: the host can copy of that by itself.
    fn host_file(&self) -> Option<&File> {
        None
    }

    /// Says that all wanted bytes were read: the last chance to notice that the content changed
    /// meanwhile.
    fn close(self: Box<Self>) -> Result<(), SourceError> {
        Ok(())
    }
}

/// The bytes of an extent: in memory, a reference to content that stays where it is, or zeros.
#[derive(Clone)]
pub enum Source {
    /// These bytes.
    Bytes(Bytes),
    /// The bytes of content `id` of `store`, from `offset` (bytes) on.
    Content {
        /// The store that opens the content.
        store: Arc<dyn ContentStore>,
        /// Which of its contents.
        id: ContentId,
        /// Bytes into the content at which the extent begins.
        offset: u64,
    },
    /// Zeros that are content: what no extent covers may become a hole, these are written.
    Zeros,
}

impl Source {
    /// The same source, `skip` bytes further on, for an extent of `len` bytes.
    #[must_use]
    pub(crate) fn sliced(&self, skip: u64, len: u64) -> Self {
        match self {
            Self::Bytes(bytes) => {
                let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
                let end = usize::try_from(len)
                    .map_or(bytes.len(), |len| skip.saturating_add(len).min(bytes.len()));
                Self::Bytes(bytes.slice(skip..end))
            }
            Self::Content { store, id, offset } => Self::Content {
                store: Arc::clone(store),
                id: *id,
                offset: offset.saturating_add(skip),
            },
            Self::Zeros => Self::Zeros,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Content { id, offset, .. } => write!(f, "Content({}+{offset})", id.0),
            Self::Zeros => f.write_str("Zeros"),
        }
    }
}

/// A content that somebody will open: the same as another one if both are of one store and have one number.
#[derive(Clone, Copy)]
pub(crate) struct Unopened<'a> {
    store: &'a Arc<dyn ContentStore>,
    id: ContentId,
}

impl<'a> Unopened<'a> {
    /// The contents of `extents` in the order in which they are opened: those of one content mostly follow each other.
    pub(crate) fn of(extents: &'a [Extent]) -> impl Iterator<Item = Self> {
        let mut last: Option<Self> = None;
        let contents = extents.iter().filter_map(Self::of_extent);
        contents.filter_map(move |(this, _)| {
            let again = last.is_some_and(|last| last.is(this));
            last = Some(this);
            (!again).then_some(this)
        })
    }

    /// The content of an extent, and where in it the extent begins.
    pub(crate) fn of_extent(extent: &'a Extent) -> Option<(Self, u64)> {
        match &extent.source {
            Source::Content { store, id, offset } => Some((Self { store, id: *id }, *offset)),
            _ => None,
        }
    }

    /// Whether there is no file to open.
    #[cfg(feature = "update")]
    pub(crate) fn is_made(self) -> bool {
        self.store.is_made()
    }

    pub(crate) fn open(self) -> Result<Box<dyn Content>, SourceError> {
        self.store.open(self.id)
    }

    fn is(self, other: Unopened<'_>) -> bool {
        self.id == other.id && Arc::ptr_eq(self.store, other.store)
    }
}

/// Reads sources, keeping the last content open: extents of one file follow each other.
#[derive(Default)]
pub(crate) struct ContentCursor {
    open: Option<OpenContent>,
    ahead: Option<OpenedAhead>,
}

struct OpenContent {
    store: Arc<dyn ContentStore>,
    id: ContentId,
    content: Box<dyn Content>,
}

impl ContentCursor {
    /// One that takes contents which somebody else opens, as [`Unopened::of`] tells.
    pub(crate) fn ahead(ahead: OpenedAhead) -> Self {
        Self {
            open: None,
            ahead: Some(ahead),
        }
    }

    /// Fills `buf` with the bytes of `source`, from `skip` bytes into it.
    pub(crate) fn read(
        &mut self,
        source: &Source,
        skip: u64,
        buf: &mut [u8],
    ) -> Result<(), SourceError> {
        match source {
            Source::Bytes(bytes) => {
                let start = usize::try_from(skip).map_err(|_| SourceError::OutOfRange)?;
                let end = start
                    .checked_add(buf.len())
                    .ok_or(SourceError::OutOfRange)?;
                buf.copy_from_slice(bytes.get(start..end).ok_or(SourceError::OutOfRange)?);
                Ok(())
            }
            Source::Content { store, id, offset } => {
                let at = offset.checked_add(skip).ok_or(SourceError::OutOfRange)?;
                self.content(store, *id)?.read_exact_at(at, buf)
            }
            Source::Zeros => {
                buf.fill(0);
                Ok(())
            }
        }
    }

    /// Closes what is open, so that a change of the last content is noticed too.
    pub(crate) fn finish(&mut self) -> Result<(), SourceError> {
        self.open.take().map_or(Ok(()), |open| open.content.close())
    }

    fn content(
        &mut self,
        store: &Arc<dyn ContentStore>,
        id: ContentId,
    ) -> Result<&dyn Content, SourceError> {
        let wanted = Unopened { store, id };
        let same = self.open.as_ref().is_some_and(|open| {
            let (store, id) = (&open.store, open.id);
            wanted.is(Unopened { store, id })
        });
        if !same {
            self.finish()?;
            let ahead = self.ahead.as_mut().and_then(OpenedAhead::next);
            let content = ahead.unwrap_or_else(|| wanted.open())?;
            self.open = Some(OpenContent {
                store: Arc::clone(store),
                id,
                content,
            });
        }
        match &self.open {
            Some(open) => Ok(&*open.content),
            None => Err(SourceError::OutOfRange),
        }
    }
}
