//! Writing compressed files: streams and L2 tables front to back, then the L1 table and reference
//! counts, and the header at last, which says where those are.
//!
//! Memory: `2 · threads + 2` batches of 16 clusters, each 2 MiB with its compressed form and a compressor's
//! state; 4 MiB of clusters that wait; one L2 table; 2 bytes per 64 KiB of the file for
//! reference counts, and 16 bytes per 512 MiB of the disk for the L1 table.

use byteorder::BigEndian;
use bytes::Bytes;

use super::batch::{Batch, Packed};
use super::layout::{self, Layout, Tables};
use super::pack::Packer;
use super::spec::{self, CLUSTER, COPIED, Compression, ENTRIES, REFCOUNTS};
use crate::blocks::{BlockFile, BlockWriter};
use crate::error::{EmitError, PlaceError};
use crate::format::ImageOptions;
use crate::map::DiskMap;
use crate::output::Output;
use crate::table;
use crate::writer::{self, BoxedWriter, write_at};

/// The name of the format on command lines.
fn name(compression: Compression) -> &'static str {
    match compression {
        Compression::Deflate => spec::COMPRESSED_NAME,
        #[cfg(feature = "qcow2-zstd")]
        Compression::Zstd => spec::ZSTD_NAME,
    }
}

/// The file's length if nothing can be compressed: a stream is shorter than a cluster, so any number
/// of them one behind another takes no more clusters than that.
pub(super) fn at_most(disk: &DiskMap, compression: Compression) -> Result<u64, PlaceError> {
    layout::check_size(disk, name(compression))?;
    Ok(Layout::new(disk).clusters() * CLUSTER)
}

/// Begins the file; its bytes don't depend on the number of threads.
pub(super) fn begin<'a>(
    disk: &DiskMap,
    options: &ImageOptions,
    compression: Compression,
    out: Box<dyn Output + Send + 'a>,
) -> Result<BoxedWriter<'a>, EmitError> {
    layout::check_size(disk, name(compression))?;
    let file = StreamFile {
        packer: Packer::new(out),
        compression,
        level: options.tuning.level,
        disk: disk.len(),
        l1: Vec::new(),
        l2: Vec::new(),
    };
    Ok(Box::new(BlockWriter::new(file, options.threads)))
}

/// A file in the making.
struct StreamFile<'a> {
    packer: Packer<'a>,
    compression: Compression,
    /// How hard it tries, if that was chosen.
    level: Option<u32>,
    /// Length of the disk in bytes.
    disk: u64,
    /// Number and entry of each L2 table that is written.
    l1: Vec<(u64, u64)>,
    /// Number and entry of each cluster of the L2 table whose clusters are being written.
    l2: Vec<(u64, u64)>,
}

impl StreamFile<'_> {
    fn close_table(&mut self) -> Result<(), EmitError> {
        for (number, bytes) in layout::parts(self.l2.drain(..)) {
            let at = self.packer.whole(&bytes)?;
            self.l1.push((number, at | COPIED));
        }
        Ok(())
    }
}

impl BlockFile for StreamFile<'_> {
    type Compressor = Batch;

    fn compressor(&self) -> Batch {
        Batch::new(self.compression, self.level)
    }

    /// Adds the clusters of a batch, closing each L2 table when its last cluster is there.
    fn add(&mut self, batch: &Batch) -> Result<(), EmitError> {
        for (number, packed) in batch.iter() {
            let open = self.l2.first().map(|(first, _)| first / ENTRIES);
            if open.is_some_and(|open| open != number / ENTRIES) {
                self.close_table()?;
            }
            let entry = match packed {
                Packed::Stream(bytes) => {
                    let at = self.packer.stream(bytes)?;
                    spec::compressed_entry(at, bytes.len() as u64)
                }
                Packed::Whole(bytes) => self.packer.whole(bytes)? | COPIED,
            };
            self.l2.push((number, entry));
        }
        Ok(())
    }

    /// Writes what follows the clusters, and the header.
    fn finish(&mut self) -> Result<(), EmitError> {
        self.close_table()?;
        let (l1, counts) = self.packer.finish()?;
        let out = &mut self.packer.out;
        let l1_clusters = layout::table_clusters(layout::l1_entries(self.disk));
        let first_block = l1 + l1_clusters * CLUSTER;
        let (refcount_clusters, blocks) = layout::refcount_clusters(first_block / CLUSTER);
        // The table is last: 7-Zip counts neither blocks nor the rest of the L1 table's cluster, and
        // warns of bytes behind the image.
        let refcount = first_block + blocks * CLUSTER;
        let end = refcount + refcount_clusters * CLUSTER;

        for (number, bytes) in layout::parts(self.l1.drain(..)) {
            write_at(out, l1 + number * CLUSTER, &bytes)?;
        }
        for (number, bytes) in refcount_blocks(counts, end / CLUSTER) {
            write_at(out, first_block + number * CLUSTER, &bytes)?;
        }
        let table = layout::refcount_table(first_block, blocks);
        write_at(out, refcount, &table)?;
        let tables = Tables {
            l1,
            refcount,
            refcount_clusters,
        };
        let header = layout::header(self.disk, spec::VERSION_3, self.compression, &tables)?;
        write_at(out, 0, &header)?;
        writer::set_len(out, end)
    }
}

/// The refcount blocks, by number, of a file of `clusters` clusters: these counts, and one for each
/// cluster behind those.
fn refcount_blocks(mut counts: Vec<u16>, clusters: u64) -> impl Iterator<Item = (u64, Bytes)> {
    counts.resize(layout::slot(clusters), 1);
    let blocks = clusters.div_ceil(REFCOUNTS);
    (0..blocks).map(move |block| {
        let first = layout::slot(block * REFCOUNTS);
        let end = counts.len().min(first + layout::slot(REFCOUNTS));
        (
            block,
            table::to_bytes::<BigEndian, u16>(&counts[first..end]),
        )
    })
}
