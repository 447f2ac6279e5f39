//! Trees from container images.
//!
//! A layout is a tree too, whether it is a folder or in an archive: so both are read the same way, and layers that
//! aren't compressed stay where they are. Everything is verified: blobs by their sizes and SHA-256 digests, layers by
//! those of their uncompressed content too.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the JSON documents |
//! | `store` | the files of a layout; documents and digests verified |
//! | `platform` | [`Platform`] |
//! | `select` | which of several images is meant |
//! | `layout` | OCI image layouts, and folders of `skopeo copy … dir:` |
//! | `saved` | what `docker save` and `podman save` write |
//! | `layers` | layers over one another |
//! | `error` | [`OciError`] |

mod error;
mod layers;
mod layout;
mod platform;
mod saved;
mod select;
mod spec;
mod store;

use std::collections::BTreeMap;
use std::path::Path;

use kurmadisk_formats::map::DiskMap;

use super::decompress::decompressed;
use super::scratch::Scratch;
use super::tar::{self, TarMode};
use crate::host_file;
use crate::tree::{Metadata, Tree, from_dir};
use spec::ConfigFile;
use store::{Store, bytes_of};

pub use error::OciError;
pub use platform::{Platform, PlatformError};

/// Which of several images is meant, and what none says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// Its name, such as `debian:12`, its tag, or its digest. Without one there may be one image only, if for
    /// several platforms.
    pub reference: Option<String>,
    /// What it runs on. Without one it is `linux/amd64`, where there are several.
    pub platform: Option<Platform>,
    /// The root directory's metadata where no layer describes it: it is implied then.
    pub root: Metadata,
}

impl Default for Select {
    /// The only image, with a root directory of mode 0755 that belongs to root.
    fn default() -> Self {
        Self {
            reference: None,
            platform: None,
            root: Metadata {
                mode: 0o755,
                ..Metadata::default()
            },
        }
    }
}

/// A container image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its files: all layers over one another.
    pub tree: Tree,
    /// How it is started.
    pub config: Config,
}

/// How a container of an image is started, and what is said of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What it runs on.
    pub platform: Platform,
    /// User, or user and group with a colon between them, by name or number; empty for root.
    pub user: String,
    /// Environment variables, as `NAME=value`.
    pub env: Vec<String>,
    /// The command's begin.
    pub entrypoint: Vec<String>,
    /// The rest of the command.
    pub cmd: Vec<String>,
    /// Where it is started; empty for `/`.
    pub working_dir: String,
    /// Whatever else is said, by keys such as `org.opencontainers.image.version`.
    pub labels: BTreeMap<String, String>,
}

/// How images lie in a layout.
enum Form {
    Layout,
    Saved,
    Folder,
}

/// Whether the tree of an archive is a layout that images lie in.
#[must_use]
pub fn recognise(layout: &Tree) -> bool {
    let store = Store::new(layout);
    form(|name| store.find(name).cloned()).is_some()
}

/// Whether `folder` is a layout that images lie in.
#[must_use]
pub fn recognise_folder(folder: &Path) -> bool {
    form(|name| host_file(&folder.join(name)).ok()).is_some()
}

/// Reads an image from `path`: a folder, or an archive, compressed or not. See [`read_layout`].
pub fn read(path: &Path, select: &Select, scratch: &Scratch) -> Result<Image, OciError> {
    let layout = if path.is_dir() {
        from_dir(path).map_err(OciError::Folder)?
    } else {
        let archive = host_file(path).map_err(OciError::Open)?;
        let archive = decompressed(archive, scratch).map_err(OciError::Decompress)?;
        let mut layout = Tree::new(Metadata::default());
        tar::apply(&archive, &mut layout, TarMode::Whole).map_err(OciError::Archive)?;
        layout
    };
    read_layout(&layout, select, scratch)
}

/// Reads the image that is meant of those that lie in `layout`, the tree of a folder or an archive.
///
/// It may be an OCI image layout (specification 1.x; indexes may be nested), what `docker save` or `podman save`
/// write, or what `skopeo copy … dir:` does. Layers are tar archives, compressed or not, and are applied in their
/// order with whiteouts and opaque directories. Uncompressed copies go where `scratch` says.
///
/// What overlayfs has for whiteouts (character devices 0/0, `trusted.overlay.` attributes) means nothing in a layer,
/// and is kept as it is.
///
/// Fails when something is missing or not what its digest says, when it isn't clear which image is meant, and when
/// it is no image of layers.
pub fn read_layout(layout: &Tree, select: &Select, scratch: &Scratch) -> Result<Image, OciError> {
    let store = Store::new(layout);
    let found = match form(|name| store.find(name).cloned()) {
        Some(Form::Layout) => layout::of_layout(store, select)?,
        Some(Form::Folder) => layout::of_folder(store, select)?,
        Some(Form::Saved) => saved::find(store, select)?,
        // Its own fault says more.
        None if store.find(saved::MANIFEST).is_some() => saved::find(store, select)?,
        None => return Err(OciError::NoLayout),
    };
    let tree = found.tree(&select.root, scratch)?;
    let config = Config::of(found.config);
    Ok(Image { tree, config })
}

fn form(file: impl Fn(&str) -> Option<DiskMap>) -> Option<Form> {
    if file("oci-layout").is_some() && file("index.json").is_some() {
        return Some(Form::Layout);
    }
    let manifest = file(saved::MANIFEST)?;
    let text = |file: &DiskMap| bytes_of(file, saved::MANIFEST).unwrap_or_default();
    if file("version").is_some_and(|version| text(&version).starts_with(b"Directory Transport")) {
        return Some(Form::Folder);
    }
    saved::is_list(&text(&manifest)).then_some(Form::Saved)
}

impl Config {
    fn of(file: ConfigFile) -> Self {
        let started = file.config.unwrap_or_default();
        Self {
            platform: file.platform,
            user: started.user.unwrap_or_default(),
            env: started.env.unwrap_or_default(),
            entrypoint: started.entrypoint.unwrap_or_default(),
            cmd: started.cmd.unwrap_or_default(),
            working_dir: started.working_dir.unwrap_or_default(),
            labels: started.labels.unwrap_or_default(),
        }
    }
}
