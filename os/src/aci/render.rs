//! Images with their dependencies as one tree (specification 0.8, "Filesystem Setup").

use std::path::Path;
use std::rc::Rc;

use kurmadisk::formats::compress::Compression;
use kurmadisk::formats::output::NewFile;
use kurmadisk::package::archive::TreeTar;
use kurmadisk::tree::Tree;
use sha2::Sha256;

use super::archive::AciImage;
use super::error::AciError;
use super::lay::{Whitelist, bare, lay};
use super::layers;
use super::pack::{self, Packing};

/// What an image's processes see as their root filesystem: the files of its dependencies in their order, then its own,
/// and of all these only what the whitelists have.
///
/// Fails when a dependency is not among `given`, or an image that is depends on itself, or one that is given is none.
pub fn render(image: &AciImage, given: &[AciImage]) -> Result<Tree, AciError> {
    let (layers, own) = layers::below(image.manifest()?, given)?;
    let mut tree = bare();
    for layer in &layers {
        put(&mut tree, &layer.image.rootfs, &layer.whitelists)?;
    }
    put(&mut tree, &image.rootfs, &own)?;
    Ok(tree)
}

/// Writes a tree as a tar archive to `out`, which appears when it is complete; gives the length of the file.
pub fn pack_tree(
    tree: &Tree,
    out: &Path,
    compression: Option<Compression>,
) -> Result<u64, AciError> {
    let mut archive = TreeTar::new();
    archive.add_tree(b"", tree)?;
    let mut file = NewFile::create(out)?;
    pack::write::<Sha256>(
        &archive.finish()?,
        &mut file,
        Packing::new(compression, None),
    )?;
    let size = pack::len_of(&file)?;
    file.commit()?;
    Ok(size)
}

/// Lays a layer over those below it.
pub(super) fn put(
    lower: &mut Tree,
    upper: &Tree,
    whitelists: &[Rc<Whitelist>],
) -> Result<(), AciError> {
    let whitelists: Vec<_> = whitelists.iter().map(|list| &**list).collect();
    Ok(lay(lower, upper, Tree::ROOT, &whitelists)?)
}
