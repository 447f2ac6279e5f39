//! The markers and grains of a streamOptimized file, from the first to the last.

use std::io;

use flate2::{Decompress, FlushDecompress, Status};
use zerocopy::IntoBytes;

use super::spec::{self, GrainMarker, Header, Marker, SECTOR};
use super::tables;
use crate::lint::read::{inside, read};
use crate::lint::{Observations, Place};
use crate::read_at::ReadAt;

crate::lint_rules! {
    VERSION = "vmdk-stream-version",
        refused [Vmware], warned [],
        "ESXi refuses streams of version 1",
        "convert it with kurmadisk, which writes version 3";
    OVERHEAD = "vmdk-stream-overhead",
        refused [Vmware VirtualBox], warned [Aws],
        "who reads the stream begins where the header's overHead says, and must find the first marker there",
        "convert it with kurmadisk";
    ORDER = "vmdk-stream-order",
        refused [VirtualBox], warned [Vmware Aws],
        "VirtualBox imports a stream front to back, and fails when a grain comes after one that is behind it on the disk",
        "convert it with kurmadisk, or with `qemu-img convert` without `-W`";
    ZERO_SECTOR = "vmdk-stream-zero-sector",
        refused [Vmware VirtualBox], warned [Aws],
        "a sector of zeros is the end of the stream; what follows it is lost",
        "convert it with kurmadisk";
    NO_END = "vmdk-stream-no-end",
        refused [Vmware], warned [VirtualBox Aws],
        "a stream ends with a marker of zeros; without it, it counts as cut off",
        "convert it with kurmadisk; qemu-img writes none behind a grain that fills its place";
    TRAILING = "vmdk-stream-trailing",
        refused [Vmware], warned [VirtualBox Aws OpenStack],
        "the end of the stream must be the end of the file: the footer is looked for right before it",
        "cut off what follows, or convert it with kurmadisk";
    FOOTER = "vmdk-stream-footer",
        refused [Vmware VirtualBox OpenStack], warned [Aws Proxmox Gce],
        "the footer lies right before the end of the stream, repeats the header, and says where the grain directory is",
        "convert it with kurmadisk";
    MARKER = "vmdk-stream-marker",
        refused [Vmware VirtualBox], warned [Aws OpenStack Proxmox Gce],
        "what follows a grain or table must be a marker; otherwise the rest can't be read front to back",
        "convert it with kurmadisk";
    GRAIN_SIZE = "vmdk-stream-grain-size",
        refused [VirtualBox Vmware], warned [Aws],
        "readers have room for a compressed grain of about 66,000 bytes, not for more",
        "convert it with kurmadisk";
    RAW_DEFLATE = "vmdk-stream-raw-deflate",
        refused [Vmware VirtualBox OpenStack Proxmox Aws Gce], warned [],
        "grains are zlib streams (RFC 1950); the format's text says bare deflate, no reader takes it",
        "convert with a program that writes zlib streams, such as kurmadisk";
    GRAIN = "vmdk-stream-grain",
        refused [Vmware VirtualBox OpenStack Proxmox Aws Gce], warned [],
        "a grain does not uncompress to a grain",
        "make or copy the image anew";
    LAST_GRAIN = "vmdk-stream-last-grain",
        refused [VirtualBox], warned [Vmware Aws],
        "VirtualBox demands a whole grain, also where the disk ends within it",
        "convert it with kurmadisk, which fills the last grain with zeros";
    TABLES = "vmdk-stream-tables",
        refused [VirtualBox OpenStack Proxmox], warned [Vmware Aws Gce],
        "who reads front to back finds other grains than who reads by the tables",
        "convert it with kurmadisk";
}

/// The longest compressed grain that all readers have room for.
const MAX_COMPRESSED: u64 = 66_000;
/// Sectors of the largest grain that is looked at.
const MAX_GRAIN: u64 = 1 << 15;
/// Bytes read at once to find what follows zeros.
const PIECE: usize = 256 << 10;

/// Observes what the stream has.
pub(super) fn lint(file: &dyn ReadAt, header: &Header, seen: &mut Observations) -> io::Result<()> {
    let version = header.version.get();
    if version != spec::VERSION_STREAM {
        seen.add(VERSION, Place::at("version", 4), || {
            format!("version {version}")
        });
    }
    let sectors = header.grain_size.get();
    if !sectors.is_power_of_two()
        || sectors > MAX_GRAIN
        || header.flags.get() & spec::FLAG_MARKERS == 0
    {
        // The reader says so.
        return Ok(());
    }
    let mut walk = Walk {
        file,
        header,
        grain: sectors * SECTOR,
        last: None,
        grains: Census::default(),
        directory: header.gd_offset.get(),
        footer_at: None,
        inflater: Inflater::default(),
        seen,
    };
    if walk.all()? {
        walk.find_footer();
        walk.compare_tables()?;
    }
    Ok(())
}

/// How many grains there are and where, in a form that does not depend on the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Census {
    count: u64,
    sum: u64,
}

impl Census {
    fn add(&mut self, grain: u64, sector: u64) {
        self.count += 1;
        // An odd multiplier spreads the pair over all bits.
        let mixed = (grain << 32 ^ sector).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.sum = self.sum.wrapping_add(mixed ^ mixed >> 29);
    }
}

/// The way through a file.
struct Walk<'a> {
    file: &'a dyn ReadAt,
    header: &'a Header,
    /// Bytes of a grain.
    grain: u64,
    /// First sector of the last grain on the disk.
    last: Option<u64>,
    grains: Census,
    /// Sector of the grain directory.
    directory: u64,
    /// Where the footer's marker is.
    footer_at: Option<u64>,
    inflater: Inflater,
    seen: &'a mut Observations,
}

impl Walk<'_> {
    /// Goes through all of the stream; whether it could.
    fn all(&mut self) -> io::Result<bool> {
        let first = self.header.overhead.get().saturating_mul(SECTOR);
        let mut at = first;
        while inside(self.file, at, SECTOR) {
            let marker: Marker = read(self.file, at)?;
            if marker.as_bytes().iter().all(|byte| *byte == 0) {
                let Some(next) = self.next_marker(at)? else {
                    self.end(at);
                    return Ok(true);
                };
                let rule = if at == first { OVERHEAD } else { ZERO_SECTOR };
                self.seen.add(rule, Place::at("marker", at), || {
                    format!("zeros, and the stream goes on at byte {next}")
                });
                at = next;
                continue;
            }
            let next = if marker.size.get() > 0 {
                self.grain(at)?
            } else {
                self.metadata(at, &marker)?
            };
            let Some(next) = next.filter(|next| *next <= self.file.len()) else {
                self.seen.add(MARKER, Place::at("marker", at), || {
                    "what it announces is not in the file, or no such thing".to_owned()
                });
                return Ok(false);
            };
            at = next;
        }
        let len = self.file.len();
        self.seen
            .add(NO_END, Place::at("end of the file", len), || {
                "there is no marker of the stream's end".to_owned()
            });
        Ok(true)
    }

    /// Where something else than zeros follows the sector at `at`, if it does.
    fn next_marker(&self, at: u64) -> io::Result<Option<u64>> {
        let mut piece = vec![0; PIECE];
        let mut at = at + SECTOR;
        while at < self.file.len() {
            let left = self.file.len() - at;
            let len = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
            let piece = &mut piece[..len];
            self.file.read_exact_at(at, piece)?;
            if let Some(found) = piece.iter().position(|byte| *byte != 0) {
                return Ok(Some(at + found as u64 / SECTOR * SECTOR));
            }
            at += len as u64;
        }
        Ok(None)
    }

    /// Looks at the end of the stream, at `at`, behind which there are zeros at most.
    fn end(&mut self, at: u64) {
        let behind = self.file.len() - at - SECTOR;
        if behind > 0 {
            self.seen
                .add(TRAILING, Place::at("end of the stream", at), || {
                    format!("{behind} bytes follow it")
                });
        }
    }

    /// Looks at the grain whose marker is at `at`; where the next marker must be.
    fn grain(&mut self, at: u64) -> io::Result<Option<u64>> {
        let marker: GrainMarker = read(self.file, at)?;
        let (lba, size) = (marker.lba.get(), u64::from(marker.size.get()));
        let data = at + size_of::<GrainMarker>() as u64;
        if !inside(self.file, data, size) {
            return Ok(None);
        }
        if self.last.is_some_and(|last| lba <= last) {
            self.seen.add(ORDER, Place::at("grain", at), || {
                format!(
                    "the grain of sector {lba} follows that of sector {}",
                    self.last.unwrap_or_default()
                )
            });
        }
        self.last = Some(lba);
        let sectors = self.grain / SECTOR;
        if !lba.is_multiple_of(sectors) || lba >= self.header.capacity.get() {
            self.seen.add(GRAIN, Place::at("grain", at), || {
                format!("it is for sector {lba}, where no grain of the disk begins")
            });
            return Ok(Some((data + size).next_multiple_of(SECTOR)));
        }
        self.grains.add(lba / sectors, at / SECTOR);
        if size > MAX_COMPRESSED {
            self.seen.add(GRAIN_SIZE, Place::at("grain", at), || {
                format!("it has {size} bytes compressed")
            });
        }
        if size <= 2 * self.grain {
            self.content(at, data, size, lba)?;
        }
        Ok(Some((data + size).next_multiple_of(SECTOR)))
    }

    fn content(&mut self, at: u64, data: u64, size: u64, lba: u64) -> io::Result<()> {
        // At most twice a grain.
        let size = usize::try_from(size).map_err(io::Error::other)?;
        let grain = usize::try_from(self.grain).map_err(io::Error::other)?;
        let left = (self.header.capacity.get() - lba).saturating_mul(SECTOR);
        self.inflater.compressed.resize(size, 0);
        self.file
            .read_exact_at(data, &mut self.inflater.compressed)?;
        let place = || Place::at("grain", at);
        match self.inflater.inflated(true, grain) {
            Some(len) if len as u64 == self.grain => {}
            Some(len) if len as u64 >= left => {
                self.seen.add(LAST_GRAIN, place(), || {
                    format!("it has {len} of {grain} bytes")
                });
            }
            Some(len) => self
                .seen
                .add(GRAIN, place(), || format!("it has {len} of {grain} bytes")),
            None if self.inflater.inflated(false, grain).is_some() => {
                self.seen.add(RAW_DEFLATE, place(), || {
                    "it is a bare deflate stream".to_owned()
                });
            }
            None => self.seen.add(GRAIN, place(), || {
                "it is no whole zlib stream of a grain".to_owned()
            }),
        }
        Ok(())
    }

    /// Looks at what a marker at `at` announces, that is no grain; where the next marker must be.
    fn metadata(&mut self, at: u64, marker: &Marker) -> io::Result<Option<u64>> {
        let data = at + SECTOR;
        let sectors = marker.sectors.get();
        match marker.kind.get() {
            spec::MARKER_GRAIN_TABLE | spec::MARKER_PROGRESS => {}
            spec::MARKER_GRAIN_DIRECTORY => self.directory = data / SECTOR,
            spec::MARKER_FOOTER => self.footer(at, sectors)?,
            _ => return Ok(None),
        }
        let len = sectors.checked_mul(SECTOR);
        Ok(len.and_then(|len| data.checked_add(len)))
    }

    /// Says that the footer is not where it is looked for, if the header sends there.
    fn find_footer(&mut self) {
        let wanted = self.file.len().checked_sub(3 * SECTOR);
        if self.header.gd_offset.get() == spec::GD_AT_END && self.footer_at != wanted {
            let place = Place::at("gdOffset", 56);
            self.seen.add(FOOTER, place, || {
                "the header refers to a footer, which is not in the last sector but one".to_owned()
            });
        }
    }

    fn footer(&mut self, at: u64, sectors: u64) -> io::Result<()> {
        self.footer_at = Some(at);
        if sectors != 1 {
            self.seen.add(FOOTER, Place::at("footer's marker", at), || {
                format!("it announces {sectors} sectors, not 1")
            });
        }
        let head = self.header;
        let footer: Header = read(self.file, at + SECTOR)?;
        let facts = |header: &Header| {
            [
                ("magic", u64::from(u32::from_le_bytes(header.magic))),
                ("version", header.version.get().into()),
                ("flags", header.flags.get().into()),
                ("capacity", header.capacity.get()),
                ("grainSize", header.grain_size.get()),
                ("descriptorOffset", header.descriptor_offset.get()),
                ("descriptorSize", header.descriptor_size.get()),
                ("compressAlgorithm", header.compression.get().into()),
            ]
        };
        for ((name, ours), (_, theirs)) in facts(head).into_iter().zip(facts(&footer)) {
            if ours != theirs {
                self.seen.add(
                    FOOTER,
                    Place::at(format!("{name} of the footer"), at + SECTOR),
                    || format!("it is {theirs}, and {ours} in the header"),
                );
            }
        }
        if footer.gd_offset.get() == spec::GD_AT_END {
            self.seen.add(
                FOOTER,
                Place::at("gdOffset of the footer", at + SECTOR + 56),
                || "it refers to a footer again".to_owned(),
            );
        } else {
            self.directory = footer.gd_offset.get();
        }
        Ok(())
    }

    /// Compares the grains with those that the tables name.
    fn compare_tables(&mut self) -> io::Result<()> {
        let Some(count) = tables::count(self.header) else {
            return Ok(());
        };
        let directory = tables::Directory::new(self.file, self.directory, count);
        let Some(mut directory) = directory else {
            return Ok(());
        };
        let mut budget = tables::Budget::new(self.file);
        let mut named = Census::default();
        for number in 0..count {
            let sector = directory.entry(number)?;
            if sector == 0 {
                continue;
            }
            let Some(table) = budget.table(self.file, sector)? else {
                return Ok(());
            };
            let first = number * u64::from(spec::GT_ENTRIES);
            for (grain, sector) in (first..).zip(table.iter()) {
                if sector.get() != 0 {
                    named.add(grain, sector.get().into());
                }
            }
        }
        if named != self.grains {
            let place = Place::at("grain directory", directory.place(0));
            let (stream, named) = (self.grains.count, named.count);
            self.seen.add(TABLES, place, || {
                format!("the tables name {named} grains, the stream has {stream}, not all the same")
            });
        }
        Ok(())
    }
}

/// Room to uncompress a grain in.
#[derive(Default)]
struct Inflater {
    compressed: Vec<u8>,
    data: Vec<u8>,
}

impl Inflater {
    /// Bytes that the compressed ones hold, at most `grain`, as a zlib stream or a bare one. `None` when they are no
    /// whole stream, or one of more bytes.
    fn inflated(&mut self, zlib: bool, grain: usize) -> Option<usize> {
        self.data.resize(grain + 1, 0);
        let mut inflate = Decompress::new(zlib);
        let status = inflate.decompress(&self.compressed, &mut self.data, FlushDecompress::Finish);
        let len = usize::try_from(inflate.total_out()).ok()?;
        (status.ok()? == Status::StreamEnd && len <= grain).then_some(len)
    }
}
