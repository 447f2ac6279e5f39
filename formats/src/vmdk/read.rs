//! Opening a sparse VMDK, compressed or not, that lies in one file.

use byteorder::LittleEndian;
use zerocopy::FromBytes;

use super::descriptor;
use super::spec::{self, GT_ENTRIES, GT_SECTORS, Header, NAME, SECTOR};
use crate::error::OpenError;
use crate::format::ImageFormat;
use crate::opened::{Fact, Image};
use crate::placement::Run;
use crate::read_at::ReadAt;
use crate::runs::{Overlap, RunCollector, RunReader};
use crate::table;

/// Sectors of the largest grain that is accepted: 16 MiB. VMware's is 64 KiB.
const MAX_GRAIN: u64 = 1 << 15;

/// Sectors of the largest descriptor that is accepted.
pub(super) const MAX_DESCRIPTOR: u64 = 2048;

/// An extent's geometry, checked.
struct Extent {
    /// Bytes of the disk.
    len: u64,
    /// Bytes of a grain.
    grain: u64,
    grains: u64,
    /// Grain tables, by number, that exist: offset in the file in bytes.
    tables: Vec<(u64, u64)>,
    /// Whether a grain table's entry of 1 is a grain of zeros.
    zero_grains: bool,
}

/// Opens a monolithicSparse or streamOptimized VMDK, or one extent of a split one.
pub(crate) fn open(file: Box<dyn ReadAt>) -> Result<Image, OpenError> {
    let header = header(&*file, 0)?;
    check(&header)?;
    let text = descriptor(&header, &*file)?;
    refuse_parent(&text)?;
    let facts = facts(&header, &text);
    if header.flags.get() & spec::FLAG_COMPRESSED == 0 {
        open_sparse(file, &header, facts)
    } else {
        open_stream(file, &header, facts)
    }
}

/// Fails when the descriptor says that the disk is another one's difference.
pub(super) fn refuse_parent(text: &str) -> Result<(), OpenError> {
    let parent = descriptor::value(text, "parentCID");
    let no_parent = format!("{:08x}", descriptor::NO_CID);
    if parent.is_empty() || parent.eq_ignore_ascii_case(&no_parent) {
        return Ok(());
    }
    let reason = format!("it holds the differences to another image, CID {parent}");
    Err(OpenError::unsupported(NAME, reason))
}

fn open_sparse(
    file: Box<dyn ReadAt>,
    header: &Header,
    facts: Vec<Fact>,
) -> Result<Image, OpenError> {
    let mut parts = RunCollector::new(file.len());
    parts.reserve(0..SECTOR).map_err(overlap)?;
    let extent = Extent::read(header, &*file, &mut parts)?;
    let mut collect = |number: u64, at: u64| {
        let disk = number * extent.grain;
        let run = Run {
            disk,
            file: at,
            len: extent.grain.min(extent.len - disk),
        };
        if run.file + run.len > file.len() {
            return Err(past_end("grain", number, at));
        }
        parts.push(run).map_err(overlap)
    };
    extent.for_each_grain(&*file, &mut collect)?;
    let runs = parts.finish().map_err(overlap)?;
    let disk = RunReader::new(file, extent.len, runs);
    let allocated = disk.allocated();
    Ok(Image::new(
        ImageFormat::Vmdk,
        Box::new(disk),
        allocated,
        facts,
    ))
}

#[cfg(feature = "vmdk-stream")]
fn open_stream(
    file: Box<dyn ReadAt>,
    header: &Header,
    facts: Vec<Fact>,
) -> Result<Image, OpenError> {
    use super::inflate::{GrainReader, StoredGrain};

    if header.compression.get() != spec::DEFLATE || header.flags.get() & spec::FLAG_MARKERS == 0 {
        let reason = format!("compression {} without markers", header.compression);
        return Err(OpenError::unsupported(NAME, reason));
    }
    let header = if header.gd_offset.get() == spec::GD_AT_END {
        &footer(header, &*file)?
    } else {
        header
    };
    let mut parts = RunCollector::new(file.len());
    let extent = Extent::read(header, &*file, &mut parts)?;
    let mut grains = Vec::new();
    extent.for_each_grain(&*file, &mut |number, at| {
        if at >= file.len() {
            return Err(past_end("grain", number, at));
        }
        // A grain is a sector at least.
        parts.claim(at, SECTOR).map_err(overlap)?;
        let sector = u32::try_from(at / SECTOR).map_err(|_| past_end("grain", number, at))?;
        grains.push(StoredGrain { number, sector });
        Ok(())
    })?;
    let disk = GrainReader::new(file, extent.len, extent.grain, grains).map_err(overlap)?;
    let allocated = disk.allocated();
    let format = ImageFormat::VmdkStream;
    Ok(Image::new(format, Box::new(disk), allocated, facts))
}

#[cfg(not(feature = "vmdk-stream"))]
fn open_stream(_: Box<dyn ReadAt>, _: &Header, _: Vec<Fact>) -> Result<Image, OpenError> {
    let reason = "it is compressed, and this build of kurmadisk cannot inflate";
    Err(OpenError::unsupported(NAME, reason))
}

/// The footer: a header that knows the grain directory, in the last sector but one.
#[cfg(feature = "vmdk-stream")]
fn footer(head: &Header, file: &dyn ReadAt) -> Result<Header, OpenError> {
    let at = file
        .len()
        .checked_sub(2 * SECTOR)
        .ok_or_else(|| damaged("it ends before its footer".to_owned()))?;
    let footer = header(file, at)?;
    if footer.magic != spec::MAGIC {
        return Err(damaged(format!(
            "no footer at offset {at}; the file was cut off"
        )));
    }
    check(&footer)?;
    if footer.capacity != head.capacity || footer.grain_size != head.grain_size {
        return Err(damaged("footer and header differ".to_owned()));
    }
    Ok(footer)
}

fn header(file: &dyn ReadAt, at: u64) -> Result<Header, OpenError> {
    let mut bytes = [0; size_of::<Header>()];
    file.read_exact_at(at, &mut bytes)?;
    Header::read_from_bytes(&bytes).map_err(|_| damaged("the header is too short".to_owned()))
}

fn check(header: &Header) -> Result<(), OpenError> {
    if header.magic != spec::MAGIC {
        return Err(damaged(
            "no sparse extent: its signature is missing".to_owned(),
        ));
    }
    let version = header.version.get();
    if !(1..=spec::VERSION_MAX).contains(&version) {
        let reason = format!("version {version}");
        return Err(OpenError::unsupported(NAME, reason));
    }
    if header.flags.get() & spec::FLAG_NEWLINE != 0 && header.newline != spec::NEWLINE {
        let reason = "its line ends were changed: it was transferred as text";
        return Err(damaged(reason.to_owned()));
    }
    let grain = header.grain_size.get();
    if !grain.is_power_of_two() || !(8..=MAX_GRAIN).contains(&grain) {
        return Err(damaged(format!("a grain size of {grain} sectors")));
    }
    if header.gt_entries.get() != GT_ENTRIES {
        let reason = format!("grain tables of {} entries", header.gt_entries);
        return Err(OpenError::unsupported(NAME, reason));
    }
    Ok(())
}

impl Extent {
    /// Reads the grain directory, and reserves what it and the grain tables cover of the file.
    ///
    /// A hostile directory cannot name a table twice: reading them costs no more than the file's
    /// length.
    fn read(
        header: &Header,
        file: &dyn ReadAt,
        parts: &mut RunCollector,
    ) -> Result<Self, OpenError> {
        let capacity = header.capacity.get();
        let len = capacity.checked_mul(SECTOR);
        let len = len.filter(|len| *len <= i64::MAX.cast_unsigned());
        let len = len.ok_or_else(|| damaged(format!("a capacity of {capacity} sectors")))?;
        let grains = capacity.div_ceil(header.grain_size.get());
        let count = grains.div_ceil(u64::from(GT_ENTRIES));
        let directory = header.gd_offset.get();
        let start = directory
            .checked_mul(SECTOR)
            .filter(|start| inside(file, *start, count.saturating_mul(4)))
            .ok_or_else(|| past_end("grain directory", 0, directory))?;
        let mut tables = Vec::new();
        let range = start..start + count * 4;
        parts.reserve(range).map_err(overlap)?;
        table::for_each::<LittleEndian, u32>(file, start, count, |number, sector| {
            if sector == 0 {
                return Ok(());
            }
            let at = u64::from(sector) * SECTOR;
            let end = at + GT_SECTORS * SECTOR;
            if end > file.len() {
                return Err(past_end("grain table", number, at));
            }
            parts.reserve(at..end).map_err(overlap)?;
            tables.push((number, at));
            Ok(())
        })?;
        parts.check().map_err(overlap)?;
        let zero_grains = header.flags.get() & spec::FLAG_ZERO_GRAIN != 0;
        Ok(Self {
            len,
            grain: header.grain_size.get() * SECTOR,
            grains,
            tables,
            zero_grains,
        })
    }

    /// Calls `found` with the number and the offset in the file of each grain, ascending.
    fn for_each_grain(
        &self,
        file: &dyn ReadAt,
        found: &mut dyn FnMut(u64, u64) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        for (number, at) in &self.tables {
            let first = number * u64::from(GT_ENTRIES);
            let count = (self.grains - first).min(u64::from(GT_ENTRIES));
            table::for_each::<LittleEndian, u32>(file, *at, count, |slot, sector| match sector {
                0 => Ok(()),
                1 if self.zero_grains => Ok(()),
                _ => found(first + slot, u64::from(sector) * SECTOR),
            })?;
        }
        Ok(())
    }
}

/// The descriptor's text; empty when the extent has none.
fn descriptor(header: &Header, file: &dyn ReadAt) -> Result<String, OpenError> {
    let (at, size) = (header.descriptor_offset.get(), header.descriptor_size.get());
    if at == 0 || size == 0 {
        return Ok(String::new());
    }
    let start = at.checked_mul(SECTOR);
    let start = start.filter(|start| size <= MAX_DESCRIPTOR && inside(file, *start, size * SECTOR));
    let start =
        start.ok_or_else(|| damaged(format!("a descriptor of {size} sectors at sector {at}")))?;
    text(file, start, size * SECTOR)
}

/// The text in the range of the file, up to the first zero; it has at most [`MAX_DESCRIPTOR`] sectors.
pub(super) fn text(file: &dyn ReadAt, start: u64, len: u64) -> Result<String, OpenError> {
    let mut text = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_exact_at(start, &mut text)?;
    let end = text.iter().position(|byte| *byte == 0);
    text.truncate(end.unwrap_or(text.len()));
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn facts(header: &Header, text: &str) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("version", header.version.to_string()),
        Fact::new("grain size", (header.grain_size.get() * SECTOR).to_string()),
    ];
    facts.extend(text_facts(text));
    if header.unclean != 0 {
        facts.push(Fact::new("unclean", "yes: it was not closed"));
    }
    facts
}

/// What a descriptor says of the disk.
pub(super) fn text_facts(text: &str) -> Vec<Fact> {
    let keys = [
        ("create type", "createType"),
        ("cid", "CID"),
        ("long content id", "ddb.longContentID"),
        ("adapter type", "ddb.adapterType"),
        ("hardware version", "ddb.virtualHWVersion"),
        ("tools version", "ddb.toolsVersion"),
        ("uuid", "ddb.uuid.image"),
    ];
    let named = keys.map(|(name, key)| (name, descriptor::value(text, key)));
    let known = named.into_iter().filter(|(_, value)| !value.is_empty());
    known.map(|(name, value)| Fact::new(name, value)).collect()
}

fn inside(file: &dyn ReadAt, start: u64, len: u64) -> bool {
    start.checked_add(len).is_some_and(|end| end <= file.len())
}

fn past_end(what: &str, number: u64, at: u64) -> OpenError {
    damaged(format!(
        "{what} {number} lies at {at}, past the end of the file"
    ))
}

pub(super) fn overlap(Overlap(at): Overlap) -> OpenError {
    damaged(format!("two things lie at offset {at}"))
}

pub(super) fn damaged(reason: String) -> OpenError {
    OpenError::damaged(NAME, reason)
}
