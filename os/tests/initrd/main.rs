//! Initial RAM filesystems, judged by GNU cpio, Debian's tools for them, kmod, lddtree, and the kernel that unpacks them.
//!
//! | module | holds |
//! |---|---|
//! | `archive` | trees as GNU cpio unpacks them; every compression; the same bytes twice |
//! | `libraries` | programs of a Debian system and what they need |
//! | `modules` | modules, and their lists as depmod makes them |
//! | `described` | what a description asks for |
//! | `refused` | what can't be, and what is said of it |
//! | `changed` | inspected, compared, appended to |
//! | `booted` | a kernel that unpacks them all |

mod archive;
mod booted;
mod changed;
mod described;
mod libraries;
mod modules;
mod refused;
mod support;
