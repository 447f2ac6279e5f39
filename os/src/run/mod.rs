//! Running other people's programs.
//!
//! | file | holds |
//! |---|---|
//! | `program` | [`Program`]: what is run, and how it is written for a shell |
//! | `runner` | [`Runner`]: running it in an environment, its log line by line |
//! | `error` | [`RunError`] |
//!
//! The library reads no environment: [`Environment`] is the caller's, and all that a program gets but for what
//! [`Program::env`] adds.

mod error;
mod program;
mod runner;
#[cfg(test)]
mod tests;

pub use error::RunError;
pub use program::Program;
pub use runner::{Environment, Runner};
