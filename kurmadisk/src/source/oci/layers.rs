//! Layers over one another.

use kurmadisk_formats::map::DiskMap;

use super::super::decompress::decompressed_and_digested;
use super::super::scratch::Scratch;
use super::super::tar::{self, TarMode};
use super::error::OciError;
use super::layout::check_count;
use super::spec::ConfigFile;
use super::store::{Digest, Expected};
use crate::tree::{Metadata, Tree};

/// Several times what Docker's storage takes. Each that is compressed keeps its uncompressed copy open.
const MOST_LAYERS: usize = 500;

/// The most bytes of holes that the files of all layers may have. Layers are sparse where they were copied by a
/// program that makes holes of zeros. But in an archive a sparse file of any length costs nothing, and reading it
/// would never end.
const MOST_HOLES: u64 = 16 << 30;

/// The image that was chosen.
pub(super) struct Found<'a> {
    pub(super) config_name: String,
    pub(super) config: ConfigFile,
    /// From the lowest to the uppermost.
    pub(super) layers: Vec<Layer<'a>>,
}

/// A layer as it is stored.
pub(super) struct Layer<'a> {
    /// Its path in the layout.
    pub(super) name: String,
    pub(super) blob: &'a DiskMap,
    /// What the blob should be, where that is said.
    pub(super) stored: Option<Expected>,
}

impl Found<'_> {
    /// The tree of all layers. None is applied before it is verified. The root directory is of `root` until a
    /// layer describes it.
    pub(super) fn tree(&self, root: &Metadata, scratch: &Scratch) -> Result<Tree, OciError> {
        let diff_ids = &self.config.rootfs.diff_ids;
        check_count(&self.config_name, "layers", diff_ids.len(), MOST_LAYERS)?;
        if self.layers.len() != diff_ids.len() {
            return Err(OciError::Layers {
                name: self.config_name.clone(),
                layers: self.layers.len(),
                diff_ids: diff_ids.len(),
            });
        }
        let mut tree = Tree::with_implied_root(root.clone());
        self.check_holes()?;
        for (number, (layer, diff_id)) in (1..).zip(self.layers.iter().zip(diff_ids)) {
            let diff_id = Digest::parse(diff_id).ok_or_else(|| OciError::Algorithm {
                name: self.config_name.clone(),
                digest: diff_id.clone(),
            })?;
            let content = layer.verified(number, diff_id, scratch)?;
            tar::apply(&content, &mut tree, TarMode::Layer).map_err(|source| OciError::Layer {
                number,
                name: layer.name.clone(),
                source: Box::new(source),
            })?;
        }
        Ok(tree)
    }

    fn check_holes(&self) -> Result<(), OciError> {
        let mut holes = 0_u64;
        for (number, layer) in (1..).zip(&self.layers) {
            let data: u64 = layer.blob.extents().iter().map(|extent| extent.len).sum();
            holes = holes.saturating_add(layer.blob.len() - data);
            if holes > MOST_HOLES {
                return Err(OciError::Holes {
                    number,
                    name: layer.name.clone(),
                    limit: MOST_HOLES,
                });
            }
        }
        Ok(())
    }
}

impl Layer<'_> {
    /// Its archive, uncompressed. Both digests are made while it is.
    fn verified(
        &self,
        number: usize,
        diff_id: Digest,
        scratch: &Scratch,
    ) -> Result<DiskMap, OciError> {
        let name = || self.name.clone();
        if let Some(stored) = &self.stored {
            stored.check_size(&self.name, self.blob.len())?;
        }
        let (content, digests) =
            decompressed_and_digested(self.blob.clone(), scratch).map_err(|source| {
                OciError::LayerData {
                    number,
                    name: name(),
                    source,
                }
            })?;
        if let Some(stored) = &self.stored {
            stored.check_digest(&self.name, Digest(digests.stored))?;
        }
        let found = Digest(digests.content);
        if found != diff_id {
            return Err(OciError::DiffId {
                name: name(),
                expected: diff_id.to_string(),
                found: found.to_string(),
            });
        }
        Ok(content)
    }
}
