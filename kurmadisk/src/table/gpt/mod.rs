//! GUID partition tables.

mod build;
mod read;
mod spec;

pub(super) use build::build;
pub(super) use read::{Gpt, GptCopies, read_copies};
