//! Application container images: App Container's (ACI, specification 0.8), and the same as OCI images.
//!
//! ```text
//!  AciSpec ──▶ ImageManifest + Tree ──▶ archive as a map ──▶ .aci        (one pass: digested, compressed, written)
//!                     │
//!                     └── layers of dependencies ──▶ OCI image layout
//!  .aci ──▶ AciImage ──▶ inspect, verify, render
//! ```
//!
//! | file | holds |
//! |---|---|
//! | [`manifest`] | manifests read and checked |
//! | `spec` | [`AciSpec`]: what a user wrote of an image |
//! | `contents` | the files of an image that is built |
//! | `build` | images built |
//! | `pack` | archives written, digested and compressed on their way |
//! | `archive` | [`AciImage`]: images read back |
//! | `layers` | dependencies found, and put in their order |
//! | `lay` | one tree over another, as images are |
//! | `render` | [`render`]: images with their dependencies as one tree, [`pack_tree`] |
//! | `unpack` | [`unpack`]: trees written to folders |
//! | `oci` | OCI image layouts |
//! | `verify` | [`verify`]: what is wrong with an image |
//! | `error` | [`AciError`] |

mod archive;
mod build;
mod contents;
mod error;
mod lay;
mod layers;
pub mod manifest;
mod oci;
mod pack;
mod render;
mod spec;
mod unpack;
mod verify;

pub use archive::AciImage;
pub use build::{BuiltLayer, Report};
pub use error::AciError;
pub use layers::LayerError;
pub use oci::OciWriteError;
pub use render::{pack_tree, render};
pub use spec::{AciCompression, AciFile, AciFormat, AciSpec, AciSpecs, ManifestSource};
pub use unpack::{UnpackError, UnpackReport, unpack};
pub use verify::{Verdict, verify};
