//! A filesystem, decided.

use std::ops::Range;
use std::sync::Arc;

use uuid::Uuid;

use super::check;
use super::checksum::Checksum;
use super::dir::{Directories, Format};
use super::error::Ext4Error;
use super::features::Feature;
use super::geometry::Geometry;
use super::indirect::Mapping;
use super::numbers::Numbers;
use super::options::Ext4Options;
use super::places::{Contents, Places};
use super::sizing::Sizing;
use super::xattr::{self, Attributes};
use crate::fs::VolumeSize;
use crate::tree::{NodeId, NodeKind, Tree};

/// A filesystem, decided to the last block; no content was read for it.
///
/// A copy shares what there is of each file.
#[derive(Clone, Debug)]
pub struct Ext4Plan {
    pub(super) tree: Arc<Tree>,
    pub(super) options: Ext4Options,
    pub(super) geometry: Arc<Geometry>,
    pub(super) numbers: Arc<Numbers>,
    pub(super) directories: Arc<Directories>,
    pub(super) attributes: Arc<Attributes>,
    pub(super) places: Arc<Places>,
}

impl Ext4Plan {
    /// Plans a filesystem of `size` that holds `tree`.
    pub fn new(
        tree: impl Into<Arc<Tree>>,
        size: VolumeSize,
        options: &Ext4Options,
    ) -> Result<Self, Ext4Error> {
        let tree = tree.into();
        check::options(options)?;
        check::tree(&tree, options)?;
        let numbers = numbers(&tree, options);
        let directories = Directories::new(&tree, &numbers, format(options))?;
        let attributes = Attributes::new(&tree, &numbers, xattr::Format::new(options))?;
        let contents = Contents {
            tree: &tree,
            numbers: &numbers,
            directories: &directories,
            attributes: &attributes,
            block_size: options.block_size,
            mapping: Mapping::new(options.features),
        };
        let sizing = Sizing::new(contents, options)?;
        let (geometry, places) = match size {
            VolumeSize::Fixed(bytes) => sizing.fixed(bytes)?,
            VolumeSize::Auto(free) => sizing.smallest(free)?,
        };
        Ok(Self {
            tree,
            options: options.clone(),
            geometry: geometry.into(),
            numbers: numbers.into(),
            directories: directories.into(),
            attributes: attributes.into(),
            places: places.into(),
        })
    }

    /// The same filesystem with another UUID.
    #[must_use]
    pub fn with_uuid(mut self, uuid: Uuid) -> Self {
        self.options.uuid = uuid;
        self
    }

    /// The tree that is in it.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What the plan was made with.
    #[must_use]
    pub fn options(&self) -> &Ext4Options {
        &self.options
    }

    /// Size of the filesystem in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blocks() * self.block_bytes()
    }

    /// Blocks of the filesystem.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.geometry.division.blocks
    }

    /// Blocks that are free, those reserved for root included.
    #[must_use]
    pub fn free_blocks(&self) -> u64 {
        self.blocks() - self.places.used_blocks(&self.geometry.taken)
    }

    /// Inodes of the filesystem.
    #[must_use]
    pub fn inodes(&self) -> u64 {
        self.geometry.division.inodes()
    }

    /// Inodes in use, those of the filesystem's own among them.
    #[must_use]
    pub fn used_inodes(&self) -> u64 {
        self.numbers.last.into()
    }

    /// Blocks of the journal; 0 without one.
    #[must_use]
    pub fn journal_blocks(&self) -> u64 {
        self.places.own().journal.into()
    }

    /// Where the content of a node lies: ranges of bytes from the filesystem's begin, in the order
    /// of the content. The last block may reach past the content's end.
    pub fn ranges(&self, node: NodeId) -> impl Iterator<Item = Range<u64>> {
        let block = self.block_bytes();
        let runs = self.places.runs(&self.places.nodes[node.index()]);
        runs.iter()
            .map(move |run| run.start * block..(run.start + u64::from(run.len)) * block)
    }

    /// The regular files and their [`ranges`](Self::ranges).
    pub fn files(&self) -> impl Iterator<Item = (String, Vec<Range<u64>>)> {
        let mut names = self.tree.walk();
        std::iter::from_fn(move || {
            loop {
                let (path, id) = names.next_name()?;
                if matches!(self.tree.node(id).kind, NodeKind::File(_)) {
                    let path = format!("/{}", crate::tree::lossy(path));
                    return Some((path, self.ranges(id).collect()));
                }
            }
        })
    }

    /// What the filesystem's checksums begin with.
    pub(super) fn checksum_seed(&self) -> Checksum {
        if self.options.features.has(Feature::MetadataCsum) {
            Checksum::seed(self.options.uuid)
        } else {
            Checksum::OFF
        }
    }

    pub(super) fn block_bytes(&self) -> u64 {
        self.options.block_size.bytes().into()
    }
}

/// The inodes of everything.
fn numbers(tree: &Tree, options: &Ext4Options) -> Numbers {
    let numbers = Numbers::new(tree, options.lost_found);
    if options.features.has(Feature::OrphanFile) {
        numbers.with_orphan_file()
    } else {
        numbers
    }
}

/// How directories are made with these options.
fn format(options: &Ext4Options) -> Format {
    let features = options.features;
    let mut linear = Format::linear(options.block_size, features.has(Feature::MetadataCsum));
    if !features.has(Feature::FileType) {
        linear = linear.without_file_types();
    }
    if features.has(Feature::DirIndex) {
        linear.indexed(options.hash_seed, options.hash_bytes)
    } else {
        linear
    }
}
