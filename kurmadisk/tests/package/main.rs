//! Packages and the archives they come in, judged by other programs.

mod archive;
mod write;
