//! Boot records: the plain MBR with its logical partitions, and the one before a GPT.

mod build;
#[cfg(feature = "inspect")]
mod read;
pub(super) mod spec;

pub(super) use build::build;
#[cfg(feature = "inspect")]
pub(super) use read::{read, read_record};
pub use spec::BOOT_CODE_LEN;
