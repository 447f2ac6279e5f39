//! `kurmadisk base` and `kurmadisk component`: what a container engine is told, what compiles, and the build files.
//!
//! | file | holds |
//! |---|---|
//! | `fake` | engines and compilers that tell how they were called |
//! | `engines` | `base build` with each engine |
//! | `faults` | what `base build` refuses |
//! | `real` | buildah and podman themselves, with tiny images |
//! | `recipes` | the Dockerfiles and the kernel's script, judged and run |
//! | `project` | sources of components, in git |
//! | `components` | components built by real compilers |
//! | `toolchains` | what `go` and the container are told |
//! | `kernel` | a real kernel, compiled and booted: `cargo xtask kernel-proof` |

#[path = "../common/mod.rs"]
mod common;
mod components;
mod engines;
mod fake;
mod faults;
mod kernel;
mod project;
mod real;
mod recipes;
mod toolchains;
