//! The blocks of an archive.

use kurmadisk_formats::map::DiskMap;

use super::super::forward::Forward;
use super::error::{TarError, TarFault};
use super::spec::Block;

/// Reads blocks at ascending offsets.
pub(super) struct Blocks<'a> {
    pub(super) map: &'a DiskMap,
    input: Forward<'a>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(map: &'a DiskMap) -> Self {
        Self {
            map,
            input: Forward::new(map),
        }
    }

    /// The block at `offset`; none where the archive ends.
    pub(super) fn block(
        &mut self,
        offset: u64,
        what: &'static str,
    ) -> Result<Option<&Block>, TarError> {
        if offset >= self.map.len() {
            return Ok(None);
        }
        let block = self.input.header(offset, 512).map_err(TarError::Read)?;
        match block.and_then(<[u8]>::first_chunk) {
            Some(block) => Ok(Some(block)),
            None => Err(truncated(offset, what)),
        }
    }

    /// `len` bytes from `offset` on.
    pub(super) fn bytes(
        &self,
        offset: u64,
        len: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, TarError> {
        let bytes = self.input.bytes(offset, len).map_err(TarError::Read)?;
        bytes.ok_or_else(|| truncated(self.map.len(), what))
    }

    /// Says that all was read: the last chance to notice that the archive changed meanwhile.
    pub(super) fn close(self) -> Result<(), TarError> {
        self.input.close().map_err(TarError::Read)
    }
}

fn truncated(offset: u64, what: &'static str) -> TarError {
    TarError::Archive {
        offset,
        source: TarFault::Truncated { what },
    }
}
