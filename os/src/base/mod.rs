//! The container images that compile, and the kernel: the one part that a container engine builds.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | [`BaseSpec`], [`StageSpec`]: the description, `[base]` |
//! | `stage` | [`Stage`]: `stage3`, `stage4`, `kernel` |
//! | `engine` | [`Engine`]: how docker, podman and buildah are told |
//! | `recipe` | the images that a `Dockerfile` asks to be given |
//! | `plan` | [`StagePlan`]: what would be run |
//! | `build` | running it; the files that come of it |
//! | `record` | [`Record`]: what was built from what |
//! | `error` | [`BaseError`] |

mod build;
mod engine;
mod error;
mod plan;
mod recipe;
mod record;
mod spec;
mod stage;

pub use engine::{Container, Engine};
pub use error::BaseError;
pub use plan::StagePlan;
pub use record::{FileRecord, Record};
pub use spec::{BaseSpec, StageSpec};
pub use stage::{KERNEL_FILES, Stage};
