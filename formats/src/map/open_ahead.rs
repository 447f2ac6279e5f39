//! Contents opened by a thread of their own, before another one reads them.
//!
//! To open a small file takes as long as to read it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::vec;

use super::source::Unopened;
use super::{Content, Extent};
use crate::error::SourceError;

/// Contents that are handed over together, so that handing over costs little: with 16, small files take 7 % longer.
const BATCH: usize = 64;

/// Batches that wait. With the one that is being opened and the one that is being read there are less than 200
/// files open; the lowest limit that systems come with is 256.
const BATCHES: usize = 1;

type Opened = Result<Box<dyn Content>, SourceError>;

/// Opens contents for another thread.
pub(crate) struct OpensAhead(SyncSender<Vec<Opened>>);

/// Contents that another thread opens.
pub(crate) struct OpenedAhead {
    batches: Receiver<Vec<Opened>>,
    batch: vec::IntoIter<Opened>,
}

/// Both sides.
pub(crate) fn open_ahead() -> (OpensAhead, OpenedAhead) {
    let (sender, batches) = sync_channel(BATCHES);
    let batch = Vec::new().into_iter();
    (OpensAhead(sender), OpenedAhead { batches, batch })
}

impl OpensAhead {
    /// Opens what extents need, in their order, until the other side ends.
    pub(crate) fn open_all(self, extents: &[Extent]) {
        let mut contents = Unopened::of(extents).map(Unopened::open).peekable();
        while contents.peek().is_some() {
            let batch = contents.by_ref().take(BATCH).collect();
            if self.0.send(batch).is_err() {
                return;
            }
        }
    }
}

impl OpenedAhead {
    /// The next content; none when there is no other side.
    pub(super) fn next(&mut self) -> Option<Opened> {
        while self.batch.len() == 0 {
            self.batch = self.batches.recv().ok()?.into_iter();
        }
        self.batch.next()
    }
}
