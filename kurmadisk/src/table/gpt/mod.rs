//! GUID partition tables.

mod build;
#[cfg(feature = "inspect")]
mod read;
#[cfg(feature = "inspect")]
mod rewrite;
pub(super) mod spec;

pub(super) use build::build;
#[cfg(feature = "inspect")]
pub(super) use read::{Gpt, GptCopies, read_copies};
#[cfg(feature = "inspect")]
pub(crate) use rewrite::set_attributes;
#[cfg(feature = "inspect")]
pub(super) use rewrite::{Rewrite, has_signature};
