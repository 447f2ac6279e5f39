//! Initrds, built of descriptions and put behind others.

use std::collections::HashSet;
use std::num::NonZero;
use std::path::Path;

use kurmadisk::adjust::clamp_times;
use kurmadisk::formats::compress::KernelCompression;
use kurmadisk::host_file;
use kurmadisk::source::{Scratch, cpio as reader};
use kurmadisk::spec::{Located, Place};
use kurmadisk::tree::{Metadata, Timestamp, Tree};
use serde::Serialize;

use super::contents::{self, Notes};
use super::error::InitrdError;
use super::spec::{InitrdCompression, InitrdSpec};
use super::sysroot::Sysroot;
use super::write::{Part, write};
use super::{cpio, microcode};

/// How an initrd is built, apart from what is in it.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Threads that compress.
    pub threads: NonZero<usize>,
    /// Where uncompressed copies of archives go.
    pub scratch: Scratch,
}

/// As many threads as there are processors; copies beside nothing, in memory.
impl Default for BuildOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism();
        Self {
            threads: threads.unwrap_or(NonZero::<usize>::MIN),
            scratch: Scratch::Memory,
        }
    }
}

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file's length in bytes.
    pub size: u64,
    /// Its archives, in their order.
    pub segments: Vec<SegmentReport>,
    /// Modules that were asked for and are built into the kernel.
    pub built_in_modules: Vec<String>,
    /// Firmware that modules may ask for and that is nowhere.
    pub missing_firmware: Vec<String>,
}

/// An archive of an initrd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentReport {
    /// How it is compressed: `none`, or the compression's name; `as it was` for one that was ready.
    pub compression: String,
    /// How many names are in it.
    pub entries: usize,
    /// Its length in bytes before it is compressed; of one that was ready, as it lies in the file.
    pub content: u64,
    /// Its length in the file, in bytes.
    pub size: u64,
}

/// What is put behind an initrd.
#[derive(Clone, Debug)]
pub enum Addition {
    /// What a description asks for.
    Spec(Box<InitrdSpec>),
    /// An initrd or a cpio archive, as it is.
    Archive(Located<std::path::PathBuf>),
}

impl InitrdSpec {
    /// Builds the initrd into the file `out`, which appears when it is complete.
    pub fn build(&self, out: &Path) -> Result<Report, InitrdError> {
        self.build_with(out, &BuildOptions::default())
    }

    /// The same with options.
    pub fn build_with(&self, out: &Path, options: &BuildOptions) -> Result<Report, InitrdError> {
        let mut plan = Plan::new(options);
        plan.spec(self)?;
        plan.write(out)
    }
}

/// Writes the initrd `base`, as it is, with `additions` behind it into the file `out`.
///
/// Directories that an addition has only on the way to something, and that `base` has, are left as they are there.
pub fn append(
    base: &Path,
    additions: &[Addition],
    out: &Path,
    options: &BuildOptions,
) -> Result<Report, InitrdError> {
    let mut plan = Plan::new(options);
    plan.archive(&Located::by_caller(base.to_path_buf()))?;
    for addition in additions {
        match addition {
            Addition::Spec(spec) => plan.spec(spec)?,
            Addition::Archive(path) => plan.archive(path)?,
        }
    }
    plan.write(out)
}

/// What a segment takes from the table that it is in.
#[derive(Clone, Copy, Default)]
struct Inherited<'s> {
    sysroot: Option<&'s Sysroot>,
    compression: Option<&'s Located<InitrdCompression>>,
    level: Option<&'s Located<u32>>,
    time: Option<&'s Located<i64>>,
}

/// The archives so far.
struct Plan<'o> {
    options: &'o BuildOptions,
    parts: Vec<Part>,
    told: Vec<(String, usize)>,
    notes: Notes,
    /// Paths that earlier archives have.
    seen: HashSet<Vec<u8>>,
    /// Where an archive in lz4 was asked for, which nothing can follow.
    ended: Option<Place>,
}

impl<'o> Plan<'o> {
    fn new(options: &'o BuildOptions) -> Self {
        Self {
            options,
            parts: Vec::new(),
            told: Vec::new(),
            notes: Notes::default(),
            seen: HashSet::new(),
            ended: None,
        }
    }

    /// Adds what a description asks for.
    fn spec(&mut self, spec: &InitrdSpec) -> Result<(), InitrdError> {
        let time = time(spec.source_date_epoch.as_ref());
        let early = microcode::tree(&spec.microcode, time.unwrap_or_default())?;
        if let Some(tree) = early {
            if let (Some(first), false) = (spec.microcode.first(), self.parts.is_empty()) {
                let reason = "the kernel takes microcode from the first archive alone; nothing may be before it";
                return Err(key(&first.place, "microcode", reason));
            }
            self.tree(&tree, None, None, &Place::Caller)?;
        }
        let text = spec.sysroot.as_ref();
        let sysroot = text.map(|text| contents::sysroot(text, "sysroot", &self.options.scratch));
        let sysroot = sysroot.transpose()?;
        let inherited = Inherited {
            sysroot: sysroot.as_ref(),
            compression: spec.compression.as_ref(),
            level: spec.level.as_ref(),
            time: spec.source_date_epoch.as_ref(),
        };
        if spec.archive.is_some()
            || spec.has_contents()
            || spec.segments.is_empty() && self.parts.is_empty()
        {
            self.segment(spec, inherited)?;
        }
        for segment in &spec.segments {
            if let Some(first) = segment.microcode.first() {
                let reason = "it belongs to the description itself, not to a segment; the kernel takes it from the first archive alone";
                return Err(key(&first.place, "microcode", reason));
            }
            if !segment.segments.is_empty() {
                let place = segment
                    .compression
                    .as_ref()
                    .map_or(Place::Caller, |place| place.place.clone());
                return Err(key(
                    &place,
                    "segment",
                    "a segment has no segments; put them beside one another",
                ));
            }
            let text = segment.sysroot.as_ref();
            let own = text.map(|text| contents::sysroot(text, "sysroot", &self.options.scratch));
            let own = own.transpose()?;
            self.segment(
                segment,
                Inherited {
                    sysroot: own.as_ref().or(inherited.sysroot),
                    compression: segment.compression.as_ref().or(inherited.compression),
                    level: segment.level.as_ref().or(inherited.level),
                    time: segment.source_date_epoch.as_ref().or(inherited.time),
                },
            )?;
        }
        Ok(())
    }

    fn segment(&mut self, spec: &InitrdSpec, from: Inherited<'_>) -> Result<(), InitrdError> {
        if let Some(archive) = &spec.archive {
            if spec.has_contents() {
                let reason = "it is taken as it is, and nothing can be added to it; make another [[segment]]";
                return Err(key(&archive.place, "archive", reason));
            }
            return self.archive(archive);
        }
        let usual = InitrdCompression(Some(KernelCompression::Gzip));
        let compression = from
            .compression
            .map_or(usual, |compression| compression.value)
            .0;
        if let Some(level) = from.level {
            let checked = match compression {
                Some(compression) => compression
                    .check_level(level.value)
                    .map_err(|error| error.to_string()),
                None => Err("what is not compressed has no level; leave it out".to_owned()),
            };
            checked.map_err(|reason| key(&level.place, "level", reason))?;
        }
        let nothing = Sysroot::tree("(none)".to_owned(), Tree::new(Metadata::default()));
        let sysroot = from.sysroot.unwrap_or(&nothing);
        let latest = time(from.time);
        let scratch = &self.options.scratch;
        let notes = &mut self.notes;
        let made = latest.unwrap_or_default();
        let mut tree = contents::tree(spec, sysroot, made, scratch, notes)?;
        if let Some(latest) = latest {
            clamp_times(&mut tree, latest);
        }
        let place = from
            .compression
            .map_or(Place::Caller, |compression| compression.place.clone());
        self.tree(
            &tree,
            compression,
            from.level.map(|level| level.value),
            &place,
        )
    }

    /// Adds a tree as an archive.
    fn tree(
        &mut self,
        tree: &Tree,
        compression: Option<KernelCompression>,
        level: Option<u32>,
        place: &Place,
    ) -> Result<(), InitrdError> {
        self.check_open()?;
        let seen = &self.seen;
        let archive = cpio::archive(tree, &|path, node| node.is_implied() && seen.contains(path))?;
        let mut entries = 0;
        for (path, node) in tree.paths() {
            let is_new = self.seen.insert(path);
            entries += usize::from(is_new || !tree.node(node).is_implied());
        }
        let name = compression.map_or("none", KernelCompression::name);
        self.told.push((name.to_owned(), entries));
        self.parts.push(Part {
            archive,
            compression,
            level,
        });
        if compression == Some(KernelCompression::Lz4) {
            self.ended = Some(place.clone());
        }
        Ok(())
    }

    /// Adds an archive as it is.
    fn archive(&mut self, path: &Located<std::path::PathBuf>) -> Result<(), InitrdError> {
        self.check_open()?;
        let Located { value: path, place } = path;
        let archive = host_file(path)?;
        let pieces = reader::pieces(&archive, &self.options.scratch);
        let pieces = pieces.map_err(|error| InitrdError::cpio(path, error))?;
        let mut entries = 0;
        for (_, tree) in &pieces {
            let paths = tree.paths();
            entries += paths.len();
            self.seen.extend(paths.into_iter().map(|(path, _)| path));
        }
        if pieces
            .last()
            .is_some_and(|(piece, _)| piece.compression == Some("lz4"))
        {
            self.ended = Some(place.clone());
        }
        self.told.push(("as it was".to_owned(), entries));
        self.parts.push(Part {
            archive,
            compression: None,
            level: None,
        });
        Ok(())
    }

    /// Fails behind an archive in lz4: nothing in it says where it ends, so kernels take what follows for more of it.
    fn check_open(&self) -> Result<(), InitrdError> {
        match &self.ended {
            None => Ok(()),
            Some(place) => {
                let reason = "nothing can follow an archive in lz4, which has no end of its own; compress it otherwise, or put it last";
                Err(key(place, "compression", reason))
            }
        }
    }

    fn write(self, out: &Path) -> Result<Report, InitrdError> {
        let sizes = write(&self.parts, out, self.options.threads)?;
        let told = self.told.into_iter().zip(&self.parts).zip(sizes);
        let segments: Vec<_> = told
            .map(|(((compression, entries), part), size)| SegmentReport {
                compression,
                entries,
                content: part.archive.len(),
                size,
            })
            .collect();
        let len = std::fs::metadata(out).map(|file| file.len());
        Ok(Report {
            size: len.unwrap_or_else(|_| segments.iter().map(|segment| segment.size).sum()),
            segments,
            built_in_modules: self.notes.built_in,
            missing_firmware: self.notes.missing_firmware,
        })
    }
}

fn time(epoch: Option<&Located<i64>>) -> Option<Timestamp> {
    epoch.map(|epoch| Timestamp {
        seconds: epoch.value,
        nanos: 0,
    })
}

fn key(place: &Place, key: &'static str, reason: impl Into<String>) -> InitrdError {
    InitrdError::Key {
        place: place.clone(),
        key,
        reason: reason.into(),
    }
}

impl InitrdSpec {
    /// Whether anything is to go into an archive of its own.
    fn has_contents(&self) -> bool {
        let is_true = |flag: &Option<Located<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        !(self.binaries.is_empty()
            && self.acis.is_empty()
            && self.udev_rules.is_empty()
            && self.trees.is_empty()
            && self.directories.is_empty()
            && self.host_binaries.is_empty()
            && self.files.is_empty()
            && self.links.is_empty()
            && self.nodes.is_empty())
            || self.init.is_some()
            || self.busybox.is_some()
            || self.modules.is_some()
            || self.os_release.is_some()
            || is_true(&self.lsb_release)
    }
}
