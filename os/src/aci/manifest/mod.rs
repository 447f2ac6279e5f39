//! Image manifests: App Container specification 0.8, "Image Manifest Schema".
//!
//! A manifest is read from YAML or JSON as plain values, each with its place; then it is checked as a whole, so that
//! everything that is wrong with it is told at once.
//!
//! ```text
//!  YAML, JSON, TOML ──▶ Node ──check──▶ ImageManifest ──▶ JSON in the image
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `node` | [`Node`]: values with places |
//! | `yaml` | reading YAML |
//! | `model` | [`ImageManifest`], [`App`] and what they are made of |
//! | `checker` | a value looked at with its path; what is found wrong |
//! | `image` | what the specification asks of an image, its dependencies and annotations |
//! | `app` | what it asks of an app |
//! | `isolator` | what it asks of isolators |
//! | `types` | names, versions, dates and quantities |

mod app;
mod checker;
mod image;
mod isolator;
mod model;
mod node;
mod types;
mod yaml;

use std::fmt;
use std::path::{Path, PathBuf};

use kurmadisk::spec::Place;
use thiserror::Error;

pub use image::check;
pub use model::{
    App, Dependency, EventHandler, ImageId, ImageManifest, Isolator, MountPoint, NameValue, Port,
};
pub use node::{Node, Value};
pub use types::VERSION;

/// The most bytes of a manifest that is read: the largest known ones have some tens of KiB.
pub const MAX_MANIFEST: u64 = 1 << 20;

/// Where a manifest comes from, which decides how strict its check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A user's description: `acKind` and `acVersion` may be left out, and a key that the specification does not know is
    /// a typing mistake.
    Description,
    /// An image: everything that is required is there, and unknown keys are somebody's own.
    Image,
}

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it was written, as far as that is known.
    pub place: Option<Place>,
    /// The field, such as `app.ports[1].port`; empty for the whole manifest.
    pub field: String,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.reason)
    }
}

/// What a check made of a manifest.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The manifest, if nothing is wrong with it.
    pub manifest: Option<ImageManifest>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
    /// What others may not understand: keys and isolators that the specification does not know.
    pub notes: Vec<Fault>,
}

/// A manifest can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("{} is larger than {MAX_MANIFEST} bytes, which no manifest is; give the manifest's own file", path.display())]
    Large {
        /// The file.
        path: PathBuf,
    },
    /// It is no YAML or JSON.
    #[error("{0}")]
    Syntax(Fault),
    /// It is not what the specification asks for.
    #[error("{}", faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "))]
    Faults {
        /// Everything that is wrong.
        faults: Vec<Fault>,
    },
}

/// Reads the manifest in a file as plain values: JSON where its name ends in `.json`, else YAML.
pub fn read_file(path: &Path) -> Result<Node, ManifestError> {
    let read = |source| ManifestError::Read {
        path: path.to_path_buf(),
        source,
    };
    let len = std::fs::metadata(path).map_err(read)?.len();
    if len > MAX_MANIFEST {
        let path = path.to_path_buf();
        return Err(ManifestError::Large { path });
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    let name = path.display().to_string();
    let is_json = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let parsed = if is_json {
        Node::from_json(&name, text.as_bytes())
    } else {
        yaml::parse(&name, &text)
    };
    parsed.map_err(ManifestError::Syntax)
}

impl Node {
    /// Reads YAML (1.2, one document); `name` stands for it in places.
    pub fn from_yaml(name: &str, text: &str) -> Result<Self, Fault> {
        yaml::parse(name, text)
    }
}

impl ImageManifest {
    /// The manifest of a description, with `acKind` and `acVersion` if it has none.
    pub fn from_description(node: &Node) -> Result<Self, ManifestError> {
        let Checked {
            manifest, faults, ..
        } = check(node, Origin::Description);
        manifest.ok_or(ManifestError::Faults { faults })
    }
}
