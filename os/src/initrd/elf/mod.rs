//! What programs need to run, found out without running anything: as glibc's and musl's loaders look for libraries.
//!
//! | file | holds |
//! |---|---|
//! | `object` | what an ELF file says of itself |
//! | `cache` | `ld.so.cache` |
//! | `directories` | where loaders look, and names with `$ORIGIN` in them |
//! | `closure` | a program's libraries, and theirs |
//! | `nss` | the modules of glibc's name services |

mod cache;
mod closure;
mod directories;
mod nss;
mod object;

pub(super) use closure::{Closure, Program, Resolver};
pub(super) use nss::{NSSWITCH, services};
