//! Opening a qcow2 file.
//!
//! Reference counts are not read: they say what a writer may reuse. Nor are internal snapshots: what is
//! opened is the disk as it is now.

use byteorder::BigEndian;
use zerocopy::FromBytes;

#[cfg(feature = "qcow2-compressed")]
use super::clusters::ClusterReader;
use super::spec::{self, Compression, Header, NAME};
use crate::error::OpenError;
use crate::format::ImageFormat;
use crate::opened::{Fact, Image};
use crate::placement::Run;
use crate::read_at::ReadAt;
use crate::runs::{Overlap, RunCollector, RunReader};
use crate::table;

/// Larger disks are none: this leaves room for any sum of their offsets.
const MAX_DISK: u64 = 1 << 62;

/// Bytes of the longest name of another image, by the specification.
const MAX_NAME: u32 = 1023;

/// Opens a qcow2 of version 2 or 3 that stands on itself.
pub(crate) fn open(file: Box<dyn ReadAt>) -> Result<Image, OpenError> {
    let header = header(&*file)?;
    check(&header, &*file)?;
    let compression = compression(&header, &*file)?;
    let mut tables = Tables::new(&header, compression, &*file)?;
    tables.read_l1(&*file)?;
    tables.read_l2(&*file)?;
    let stored = tables.stored;
    let facts = facts(&header, compression, stored.len());
    let format = match header.version.get() {
        spec::VERSION_2 => ImageFormat::Qcow2V2,
        _ if stored.is_empty() => ImageFormat::Qcow2,
        #[cfg(feature = "qcow2-zstd")]
        _ if compression == Compression::Zstd => ImageFormat::Qcow2Zstd,
        #[cfg(feature = "qcow2-compressed")]
        _ => ImageFormat::Qcow2Compressed,
        #[cfg(not(feature = "qcow2-compressed"))]
        _ => ImageFormat::Qcow2,
    };
    let runs = tables.parts.finish().map_err(overlap)?;
    let disk = RunReader::new(file, header.size.get(), runs);
    #[cfg(feature = "qcow2-compressed")]
    let disk = ClusterReader::new(disk, tables.cluster, compression, stored);
    let allocated = disk.allocated();
    Ok(Image::new(format, Box::new(disk), allocated, facts))
}

/// The header; fields that version 2 lacks have the values that it implies.
fn header(file: &dyn ReadAt) -> Result<Header, OpenError> {
    let mut bytes = [0; size_of::<Header>()];
    file.read_exact_at(0, &mut bytes)?;
    let mut header = Header::read_from_bytes(&bytes)
        .map_err(|_| damaged("the header is too short".to_owned()))?;
    match header.version.get() {
        spec::VERSION_2 => {
            header.incompatible.set(0);
            header.refcount_order.set(spec::REFCOUNT_ORDER);
        }
        spec::VERSION_3 => {}
        other => return unsupported(format!("version {other}, neither 2 nor 3")),
    }
    Ok(header)
}

fn check(header: &Header, file: &dyn ReadAt) -> Result<(), OpenError> {
    check_features(header)?;
    if header.backing_offset.get() != 0 {
        let reason = format!(
            "it holds the differences to another image, {:?}; join both with `qemu-img convert`",
            backing_name(header, file)?
        );
        return unsupported(reason);
    }
    match header.encryption.get() {
        0 => {}
        1 => return unsupported("it is encrypted with AES".to_owned()),
        2 => return unsupported("it is encrypted with LUKS".to_owned()),
        other => return unsupported(format!("encryption method {other}")),
    }
    let bits = header.cluster_bits.get();
    if !spec::CLUSTER_BITS_RANGE.contains(&bits) {
        let reason = format!("clusters of 2^{bits} bytes, neither 512 nor more up to 2 MiB");
        return Err(damaged(reason));
    }
    let order = header.refcount_order.get();
    if order > spec::MAX_REFCOUNT_ORDER {
        return Err(damaged(format!("reference counts of 2^{order} bits")));
    }
    let size = header.size.get();
    if size > MAX_DISK {
        return Err(damaged(format!("a disk of {size} bytes")));
    }
    Ok(())
}

/// Refuses what the feature bits ask for and this reader lacks.
fn check_features(header: &Header) -> Result<(), OpenError> {
    let features = header.incompatible.get();
    let has = |bit| features & bit != 0;
    let repair = "repair it with `qemu-img check -r all`";
    if has(spec::CORRUPT) {
        return unsupported(format!("it is marked as corrupt; {repair}"));
    }
    if has(spec::DIRTY) {
        return unsupported(format!("it was not closed; {repair}"));
    }
    if has(spec::EXTERNAL_DATA) {
        return unsupported("its content is in an external data file".to_owned());
    }
    if has(spec::EXTENDED_L2) {
        return unsupported("its L2 entries are extended, with subclusters".to_owned());
    }
    let known = spec::COMPRESSION_TYPE;
    if features & !known != 0 {
        let bit = (features & !known).trailing_zeros();
        return unsupported(format!("incompatible feature bit {bit}"));
    }
    Ok(())
}

/// How clusters are compressed, if any are.
fn compression(header: &Header, file: &dyn ReadAt) -> Result<Compression, OpenError> {
    let mut number = [0];
    if header.incompatible.get() & spec::COMPRESSION_TYPE != 0 {
        file.read_exact_at(spec::COMPRESSION_TYPE_AT, &mut number)?;
    }
    Compression::of(number[0]).map_or_else(
        || match number[0] {
            1 => unsupported("its clusters are compressed with zstd, and this build of kurmadisk cannot uncompress that".to_owned()),
            other => unsupported(format!("compression type {other}")),
        },
        Ok,
    )
}

fn backing_name(header: &Header, file: &dyn ReadAt) -> Result<String, OpenError> {
    let len = header.backing_len.get().min(MAX_NAME);
    // At most MAX_NAME.
    let mut name = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_exact_at(header.backing_offset.get(), &mut name)?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// A compressed cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    /// Its number on the disk.
    #[cfg_attr(
        not(feature = "qcow2-compressed"),
        expect(dead_code, reason = "none is ever inflated")
    )]
    pub number: u64,
    /// Offset of its stream in the file in bytes.
    pub at: u64,
    /// At least the bytes of its stream; all of them are in the file.
    pub len: u64,
}

/// What the tables of a file say, checked.
struct Tables {
    /// Bytes of a cluster.
    cluster: u64,
    compression: Compression,
    version: u32,
    /// Bytes of the disk.
    size: u64,
    l1: u64,
    /// Number and offset of each L2 table.
    l2: Vec<(u64, u64)>,
    parts: RunCollector,
    /// Compressed clusters, by number.
    stored: Vec<Stored>,
}

impl Tables {
    fn new(
        header: &Header,
        compression: Compression,
        file: &dyn ReadAt,
    ) -> Result<Self, OpenError> {
        let cluster = 1 << header.cluster_bits.get();
        let mut parts = RunCollector::new(file.len());
        let head = 0..file.len().min(cluster);
        parts.reserve(head).map_err(overlap)?;
        let l1_len = u64::from(header.l1_entries.get()) * 8;
        let refcount_len = u64::from(header.refcount_clusters.get()) * cluster;
        for (what, at, len) in [
            ("an L1 table", header.l1_offset.get(), l1_len),
            (
                "a refcount table",
                header.refcount_offset.get(),
                refcount_len,
            ),
        ] {
            let end = at.checked_add(len).filter(|end| *end <= file.len());
            let end = end.filter(|_| at.is_multiple_of(cluster));
            let end =
                end.ok_or_else(|| damaged(format!("{what} of {len} bytes at offset {at}")))?;
            parts.reserve(at..end).map_err(overlap)?;
        }
        parts.check().map_err(overlap)?;
        let tables = Self {
            cluster,
            compression,
            version: header.version.get(),
            size: header.size.get(),
            l1: header.l1_offset.get(),
            l2: Vec::new(),
            parts,
            stored: Vec::new(),
        };
        if tables.l2_tables() > u64::from(header.l1_entries.get()) {
            let reason = format!(
                "{} L1 entries for a disk of {} bytes",
                header.l1_entries, header.size
            );
            return Err(damaged(reason));
        }
        Ok(tables)
    }

    /// Entries of an L2 table.
    fn entries(&self) -> u64 {
        self.cluster / 8
    }

    /// L2 tables of the disk, whether they exist or not.
    fn l2_tables(&self) -> u64 {
        self.size.div_ceil(self.cluster * self.entries())
    }

    fn read_l1(&mut self, file: &dyn ReadAt) -> Result<(), OpenError> {
        table::for_each::<BigEndian, u64>(file, self.l1, self.l2_tables(), |number, entry| {
            let at = entry & spec::OFFSET;
            if entry & !(spec::OFFSET | spec::COPIED) != 0 || !at.is_multiple_of(self.cluster) {
                return Err(damaged(format!("L1 entry {number} is {entry:#x}")));
            }
            if at == 0 {
                return Ok(());
            }
            let end = at + self.cluster;
            if end > file.len() {
                return Err(past_end("L2 table", number, at));
            }
            self.parts.reserve(at..end).map_err(overlap)?;
            self.l2.push((number, at));
            Ok(())
        })?;
        self.parts.check().map_err(overlap)
    }

    fn read_l2(&mut self, file: &dyn ReadAt) -> Result<(), OpenError> {
        let clusters = self.size.div_ceil(self.cluster);
        for (number, at) in std::mem::take(&mut self.l2) {
            let first = number * self.entries();
            let count = (clusters - first).min(self.entries());
            table::for_each::<BigEndian, u64>(file, at, count, |slot, entry| {
                if entry & spec::COMPRESSED != 0 {
                    self.compressed(file, first + slot, entry)
                } else {
                    self.standard(file, first + slot, entry)
                }
            })?;
        }
        self.reserve_compressed()
    }

    fn standard(&mut self, file: &dyn ReadAt, number: u64, entry: u64) -> Result<(), OpenError> {
        let at = entry & spec::OFFSET;
        let zero = entry & spec::ZERO != 0;
        let known = spec::OFFSET | spec::COPIED | spec::ZERO;
        if entry & !known != 0
            || !at.is_multiple_of(self.cluster)
            || (zero && self.version == spec::VERSION_2)
        {
            let reason = format!("the L2 entry of cluster {number} is {entry:#x}");
            return Err(damaged(reason));
        }
        if at == 0 || zero {
            return Ok(());
        }
        if at >= file.len() {
            return Err(past_end("cluster", number, at));
        }
        let disk = number * self.cluster;
        // The last cluster of a file can be cut short: the rest are zeros.
        let len = self.cluster.min(self.size - disk).min(file.len() - at);
        let run = Run {
            disk,
            file: at,
            len,
        };
        self.parts.push(run).map_err(overlap)
    }

    fn compressed(&mut self, file: &dyn ReadAt, number: u64, entry: u64) -> Result<(), OpenError> {
        if !cfg!(feature = "qcow2-compressed") {
            let reason = "it is compressed, and this build of kurmadisk cannot inflate";
            return unsupported(reason.to_owned());
        }
        let (at, len) = spec::compressed(entry, self.cluster);
        if at >= file.len() {
            return Err(past_end("compressed cluster", number, at));
        }
        let least = (self.cluster / self.compression.most()).max(1);
        if (self.stored.len() as u64 + 1) * least > file.len() {
            return Err(overlap(Overlap(at)));
        }
        let len = len.min(file.len() - at);
        self.stored.push(Stored { number, at, len });
        Ok(())
    }

    /// Compressed clusters share sectors with one another, and with nothing else.
    fn reserve_compressed(&mut self) -> Result<(), OpenError> {
        let mut places: Vec<_> = self.stored.iter().map(|s| s.at..s.at + s.len).collect();
        places.sort_unstable_by_key(|place| place.start);
        let mut places = places.into_iter();
        let Some(mut open) = places.next() else {
            return Ok(());
        };
        let mut last = open.start;
        for place in places {
            if place.start == last {
                return Err(overlap(Overlap(last)));
            }
            last = place.start;
            if place.start <= open.end {
                open.end = open.end.max(place.end);
            } else {
                self.parts.reserve(open).map_err(overlap)?;
                open = place;
            }
        }
        self.parts.reserve(open).map_err(overlap)
    }
}

fn facts(header: &Header, compression: Compression, compressed: usize) -> Vec<Fact> {
    let cluster = 1_u64 << header.cluster_bits.get();
    let counts = 1_u64 << header.refcount_order.get();
    let mut facts = vec![
        Fact::new("version", header.version.to_string()),
        Fact::new("cluster size", cluster.to_string()),
        Fact::new("refcount bits", counts.to_string()),
    ];
    if compressed > 0 {
        facts.push(Fact::new("compression type", compression.name()));
        facts.push(Fact::new("clusters compressed", compressed.to_string()));
    }
    if header.snapshots.get() > 0 {
        facts.push(Fact::new("snapshots", header.snapshots.to_string()));
    }
    facts
}

fn past_end(what: &str, number: u64, at: u64) -> OpenError {
    damaged(format!(
        "{what} {number} lies at {at}, past the end of the file"
    ))
}

fn overlap(Overlap(at): Overlap) -> OpenError {
    damaged(format!("two things lie at offset {at}"))
}

fn unsupported<T>(reason: String) -> Result<T, OpenError> {
    Err(OpenError::unsupported(NAME, reason))
}

fn damaged(reason: String) -> OpenError {
    OpenError::damaged(NAME, reason)
}
