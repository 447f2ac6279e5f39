//! Changes to a tree's metadata: owners, modes, times, labels, devices, and what is left out.
//!
//! All of this is done to a [`Tree`] in memory, so none of it needs root. Content is never read, but for the lists
//! of users and groups in the tree itself, where names are asked for ([`Names::for_ids`]).
//!
//! | file | holds |
//! |---|---|
//! | `fakeroot` | [`Fakeroot`]: what `fakeroot -s` saved |
//! | `filter` | [`Filter`]: excludes and includes |
//! | `idmap` | [`map_ids`]: ids by ranges |
//! | `owner` | [`set_owner`]: one owner for all |
//! | `names` | [`Names`]: users and groups by name |
//! | `xattrs` | [`exclude_xattrs`]: extended attributes left out by name |
//! | [`selinux`] | labels by a policy's `file_contexts` |
//! | [`overrides`] | single attributes by path, as mtree or TOML |
//! | `capability` | [`Capabilities`] from their text |
//! | `time` | [`clamp_times`] |
//! | `glob`, `device`, `kind` | patterns of paths, numbers of devices, types of files |
//!
//! # Order
//!
//! Each step sees what those before it left:
//!
//! 1. a tree is read from its source;
//! 2. [`Fakeroot`], which knows files by the inodes of that source; [`exclude_xattrs`];
//! 3. [`Filter`], so that what is left out can't fail what follows;
//! 4. [`map_ids`], then [`set_owner`]: of two that were asked for, the coarser has the last word;
//! 5. trees are put over one another, and single files into them;
//! 6. [`selinux::FileContexts`], which labels by path and type, wherever something came from;
//! 7. [`overrides`], the exceptions from all of the above;
//! 8. [`clamp_times`], which no time escapes.

pub mod capability;
mod device;
mod fakeroot;
mod filter;
mod glob;
mod idmap;
mod kind;
mod names;
pub mod overrides;
mod owner;
pub mod selinux;
mod time;
mod xattrs;

pub use capability::{Capabilities, CapabilityError};
pub use fakeroot::{Fakeroot, FakerootError, Unknown};
pub use filter::Filter;
pub use glob::PatternError;
pub use idmap::{IdMap, IdMapError, IdRange, UnmappedId, map_ids};
pub use kind::Kind;
pub use names::{Id, Names, NamesError, UnknownName};
pub use owner::{Owner, OwnerError, set_owner};
pub use time::clamp_times;
pub use xattrs::exclude_xattrs;

use crate::tree::{NodeId, Tree};

fn all_nodes(tree: &Tree) -> Vec<NodeId> {
    tree.nodes().map(|(id, _)| id).collect()
}
