//! Tests of the whole crate through its public interface.
//!
//! | file | proves |
//! |---|---|
//! | `support` | (disks, their images, comparing both) |
//! | `map` | extent maps against a plain array of bytes |
//! | `emit` | large, ascending writes; progress; stopping; failing sources |
//! | `output` | files appear complete or not at all |
//! | `file_store` | files that vanish, change or are something else |
//! | `containers` | every format against its own reader, qemu and 7-Zip; foreign images read |
//! | `stream` | the marker sequence of streamOptimized files |
//! | `hostile` | damaged images: an error or wrong bytes, never a panic |

mod containers;
mod emit;
mod file_store;
mod hostile;
mod map;
mod output;
mod stream;
mod support;
