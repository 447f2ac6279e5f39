//! Which cluster of a disk lies where in an uncompressed file.
//!
//! In the file: header, L1 table, refcount blocks, refcount table, those L2 tables that are not empty,
//! and the touched clusters in the order of the disk. All of that is known from the map, so every
//! reference count is one.

use bytes::Bytes;

use super::layout::{self, Layout, Tables};
use super::spec::{self, CLUSTER, COPIED, Compression, REFCOUNTS};
use crate::error::PlaceError;
use crate::format::ImageOptions;
use crate::map::DiskMap;
use crate::placement::{Placement, Run};

/// Decides a file of version 3, without any feature that a reader must know.
pub(super) fn version_3(disk: &DiskMap, _: &ImageOptions) -> Result<Placement, PlaceError> {
    layout::check_size(disk, spec::NAME)?;
    place(disk, spec::VERSION_3)
}

/// Decides a file of version 2.
pub(super) fn version_2(disk: &DiskMap, _: &ImageOptions) -> Result<Placement, PlaceError> {
    layout::check_size(disk, spec::V2_NAME)?;
    place(disk, spec::VERSION_2)
}

fn place(disk: &DiskMap, version: u32) -> Result<Placement, PlaceError> {
    let layout = Layout::new(disk);
    let l1 = CLUSTER;
    let first_block = l1 + layout.l1 * CLUSTER;
    let refcount = first_block + layout.refcount_blocks * CLUSTER;
    let l2 = refcount + layout.refcount_table * CLUSTER;

    let mut end = l2 + layout.l2 * CLUSTER;
    let runs: Vec<Run> = disk
        .block_runs(CLUSTER)
        .map(|run| {
            let file = end;
            let len = (run.end - run.start) * CLUSTER;
            end += len;
            Run {
                disk: run.start * CLUSTER,
                file,
                len,
            }
        })
        .collect();

    let tables = Tables {
        l1,
        refcount,
        refcount_clusters: layout.refcount_table,
    };
    let mut metadata = vec![
        (
            0,
            layout::header(disk.len(), version, Compression::Deflate, &tables)?,
        ),
        (
            refcount,
            layout::refcount_table(first_block, layout.refcount_blocks),
        ),
    ];
    metadata.extend(refcount_blocks(first_block, layout.clusters()));
    let mut l1_values = Vec::new();
    for ((number, bytes), place) in layout::parts(clusters(&runs)).into_iter().zip(0..) {
        let at = l2 + place * CLUSTER;
        l1_values.push((number, at | COPIED));
        metadata.push((at, bytes));
    }
    let l1_parts = layout::parts(l1_values.into_iter());
    metadata.extend(
        l1_parts
            .into_iter()
            .map(|(n, bytes)| (l1 + n * CLUSTER, bytes)),
    );
    Ok(Placement {
        len: layout.clusters() * CLUSTER,
        metadata,
        runs,
    })
}

/// Number on the disk, and L2 entry, of each cluster.
fn clusters(runs: &[Run]) -> impl Iterator<Item = (u64, u64)> {
    runs.iter().flat_map(|run| {
        let cluster = move |n| (run.disk / CLUSTER + n, (run.file + n * CLUSTER) | COPIED);
        (0..run.len / CLUSTER).map(cluster)
    })
}

/// The refcount blocks of a file of `clusters` clusters, the full ones sharing their bytes.
fn refcount_blocks(first: u64, clusters: u64) -> impl Iterator<Item = (u64, Bytes)> {
    let full = Bytes::from([0, 1].repeat(layout::slot(REFCOUNTS)));
    (0..clusters.div_ceil(REFCOUNTS)).map(move |block| {
        let counts = (clusters - block * REFCOUNTS).min(REFCOUNTS);
        let bytes = full.slice(..layout::slot(counts * 2));
        (first + block * CLUSTER, bytes)
    })
}
