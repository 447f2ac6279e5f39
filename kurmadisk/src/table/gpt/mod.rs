//! GUID partition tables.

mod build;
#[cfg(feature = "inspect")]
mod read;
mod spec;

pub(super) use build::build;
#[cfg(feature = "inspect")]
pub(super) use read::{Gpt, GptCopies, read_copies};
