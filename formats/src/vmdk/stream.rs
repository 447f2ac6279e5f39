//! Writing streamOptimized files: front to back, each grain table behind its grains, the directory
//! and the footer at the end.
//!
//! What makes such a file acceptable to all readers, beyond the technical note: the first marker
//! lies exactly where the header's `overhead` says; grains ascend; no sector between two markers is
//! zeros; only grain tables that are not empty exist; a grain is a whole one even at the disk's end;
//! and the end-of-stream marker is the last sector.
//!
//! Memory: `2 · threads + 2` batches of 16 grains, each 2.7 MiB with its compressed form and what deflates
//! it; one grain table, and 4 bytes per 32 MiB of the disk for the directory.

use byteorder::LittleEndian;
use zerocopy::{FromZeros, IntoBytes};

use super::descriptor;
use super::grains::{Batch, MAX_RECORD, Record};
use super::spec::{
    self, GRAIN, GRAIN_SECTORS, GT_ENTRIES, GT_SECTORS, GT_SPAN, Header, Marker, SECTOR,
};
use crate::blocks::{BlockFile, BlockWriter};
use crate::deflate;
use crate::emit::output_error;
use crate::error::{EmitError, PlaceError};
use crate::format::ImageOptions;
use crate::map::DiskMap;
use crate::output::Output;
use crate::table;
use crate::writer::{self, BoxedWriter};

/// VMware's largest disk: 62 TiB.
const MAX_DISK: u64 = 62 << 40;

/// Sectors before the first marker: header and descriptor, rounded up to a grain.
const OVERHEAD: u64 = GRAIN_SECTORS;

const _: () = assert!(spec::DESCRIPTOR_OFFSET + spec::DESCRIPTOR_SECTORS <= OVERHEAD);

const ENTRIES: usize = GT_ENTRIES as usize;

/// Sectors of the directory of a disk.
fn directory_sectors(disk: &DiskMap) -> u64 {
    (disk.len().div_ceil(GT_SPAN) * 4).div_ceil(SECTOR)
}

/// The file's length if nothing can be compressed.
pub(super) fn at_most(disk: &DiskMap, _: &ImageOptions) -> Result<u64, PlaceError> {
    check_size(disk)?;
    let grains: u64 = disk.block_runs(GRAIN).map(|run| run.end - run.start).sum();
    let tables: u64 = disk
        .block_runs(GT_SPAN)
        .map(|run| run.end - run.start)
        .sum();
    // Markers of directory and footer, the footer, the end of the stream.
    let end = 1 + directory_sectors(disk) + 1 + 1 + 1;
    Ok(grains * MAX_RECORD + (OVERHEAD + tables * (1 + GT_SECTORS) + end) * SECTOR)
}

fn check_size(disk: &DiskMap) -> Result<(), PlaceError> {
    let reason = match disk.len() {
        0 => "it has no room for an empty disk",
        len if len > MAX_DISK => "62 TiB are the most",
        _ => return Ok(()),
    };
    Err(PlaceError::Size {
        format: spec::STREAM_NAME,
        size: disk.len(),
        reason,
    })
}

/// Begins the file; its bytes don't depend on the number of threads.
pub(super) fn begin<'a>(
    disk: &DiskMap,
    options: &ImageOptions,
    out: Box<dyn Output + Send + 'a>,
) -> Result<BoxedWriter<'a>, EmitError> {
    check_size(disk)?;
    let capacity = disk.len().div_ceil(SECTOR);
    let descriptor = descriptor::embedded("streamOptimized", capacity, options)?;
    let mut file = StreamFile {
        out,
        at: 0,
        capacity,
        level: options.tuning.level.unwrap_or(deflate::LEVEL),
        directory: vec![0; entry(disk.len().div_ceil(GT_SPAN))],
        table: None,
    };
    file.append(header(capacity, spec::GD_AT_END).as_bytes())?;
    file.append(&descriptor)?;
    file.at = OVERHEAD * SECTOR;
    Ok(Box::new(BlockWriter::new(file, options.threads)))
}

fn header(capacity: u64, directory: u64) -> Header {
    let mut header = Header::new_zeroed();
    header.magic = spec::MAGIC;
    header.version.set(spec::VERSION_STREAM);
    let flags = spec::FLAG_NEWLINE | spec::FLAG_COMPRESSED | spec::FLAG_MARKERS;
    header.flags.set(flags);
    header.capacity.set(capacity);
    header.grain_size.set(GRAIN_SECTORS);
    header.descriptor_offset.set(spec::DESCRIPTOR_OFFSET);
    header.descriptor_size.set(spec::DESCRIPTOR_SECTORS);
    header.gt_entries.set(GT_ENTRIES);
    header.gd_offset.set(directory);
    header.overhead.set(OVERHEAD);
    header.newline = spec::NEWLINE;
    header.compression.set(spec::DEFLATE);
    header
}

/// A file in the making.
struct StreamFile<'a> {
    out: Box<dyn Output + Send + 'a>,
    /// Where the next byte goes.
    at: u64,
    /// Sectors of the disk.
    capacity: u64,
    /// How hard deflate tries.
    level: u32,
    /// Sectors of the grain tables written so far; 0 for those that are empty.
    directory: Vec<u32>,
    /// The grain table whose grains are being written, and its number.
    table: Option<(u64, Box<[u32; ENTRIES]>)>,
}

impl StreamFile<'_> {
    fn append(&mut self, bytes: &[u8]) -> Result<(), EmitError> {
        writer::write_at(&mut self.out, self.at, bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn close_table(&mut self) -> Result<(), EmitError> {
        if let Some((number, table)) = self.table.take() {
            self.directory[entry(number)] = sector(self.at + SECTOR)?;
            self.marked(
                spec::MARKER_GRAIN_TABLE,
                &table::to_bytes::<LittleEndian, u32>(&*table),
            )?;
        }
        Ok(())
    }

    /// Appends a marker and the metadata it announces, padded to whole sectors.
    fn marked(&mut self, kind: u32, metadata: &[u8]) -> Result<(), EmitError> {
        let mut marker = Marker::new_zeroed();
        marker.sectors.set((metadata.len() as u64).div_ceil(SECTOR));
        marker.kind.set(kind);
        let mut bytes = marker.as_bytes().to_vec();
        bytes.extend_from_slice(metadata);
        bytes.resize(bytes.len().next_multiple_of(size_of::<Marker>()), 0);
        self.append(&bytes)
    }
}

impl BlockFile for StreamFile<'_> {
    type Compressor = Batch;

    fn compressor(&self) -> Batch {
        Batch::new(self.level)
    }

    /// Appends the grains of a batch, closing each grain table when its last grain is written.
    fn add(&mut self, batch: &Batch) -> Result<(), EmitError> {
        if !batch.complete {
            let error = std::io::Error::other("a grain cannot be compressed");
            return Err(output_error(&self.out, error));
        }
        let table_of = |record: &Record| record.grain / u64::from(GT_ENTRIES);
        for records in batch.records.chunk_by(|a, b| table_of(a) == table_of(b)) {
            let number = table_of(&records[0]);
            if self.table.as_ref().is_none_or(|(open, _)| *open != number) {
                self.close_table()?;
            }
            let (_, table) = self
                .table
                .get_or_insert_with(|| (number, Box::new([0; ENTRIES])));
            for record in records {
                let ahead = record.start - records[0].start;
                let slot = entry(record.grain % u64::from(GT_ENTRIES));
                table[slot] = sector(self.at + ahead as u64)?;
            }
            self.append(batch.bytes(records))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), EmitError> {
        self.close_table()?;
        let at = self.at / SECTOR + 1;
        let directory = table::to_bytes::<LittleEndian, u32>(&self.directory);
        self.marked(spec::MARKER_GRAIN_DIRECTORY, &directory)?;
        self.marked(spec::MARKER_FOOTER, header(self.capacity, at).as_bytes())?;
        self.append(Marker::new_zeroed().as_bytes())?;
        writer::set_len(&mut self.out, self.at)
    }
}

/// The number of the sector at offset `at`, as grain tables hold it.
fn sector(at: u64) -> Result<u32, PlaceError> {
    u32::try_from(at / SECTOR).map_err(|_| PlaceError::Field {
        format: spec::STREAM_NAME,
        reason: "its file is larger than 2 TiB; make the disk smaller".to_owned(),
    })
}

/// An index into a table of at most 62 TiB / 32 MiB entries.
fn entry(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
