//! Programs from their sources.
//!
//! The source is copied as git knows it, and built in the copy: a checkout stays as it is, and what is built is what
//! was digested. Outputs go to a folder, and with the licence into a tarball; the record beside them says of what
//! they came, so that the same is not built again.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | [`ComponentSpec`]: the description, `[[component]]` |
//! | `toolchain` | [`Toolchain`]: what is run |
//! | `source` | the files of a source, its version and its time |
//! | `plan` | [`ComponentPlan`]: every choice made; its digest |
//! | `build` | building it, here or in a container |
//! | `store` | outputs, tarball and record |
//! | `error` | [`ComponentError`] |

mod build;
mod error;
mod plan;
mod source;
mod spec;
mod store;
mod toolchain;

pub use build::Workshop;
pub use error::ComponentError;
pub use plan::ComponentPlan;
pub use spec::{ComponentSpec, Where};
pub use store::{Built, ComponentRecord};
pub use toolchain::Toolchain;

/// The platform of all components, as tarballs are named by it.
pub const PLATFORM: &str = "linux-amd64";
