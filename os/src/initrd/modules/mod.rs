//! Kernel modules: those that are wanted, what these need, and the lists by which `modprobe` finds them.
//!
//! What a module needs it says itself (`.modinfo`); the lists of the folder they come from are not asked, but for
//! `modules.builtin` (with `.modinfo`) and `modules.order`, which the kernel's build makes.
//!
//! | file | holds |
//! |---|---|
//! | `info` | what a module says of itself |
//! | `folder` | the modules of a kernel, by name |
//! | `select` | names and patterns, and the closure of what is needed |
//! | `lists` | `modules.dep`, `modules.alias` and the like |
//! | `index` | the same as kmod reads them: `modules.dep.bin` … |

mod folder;
mod index;
mod info;
mod lists;
mod select;

pub(super) use folder::ModuleFolder;
pub(super) use folder::uncompressed;
pub(super) use lists::lists;
pub(super) use select::{matches, select};
