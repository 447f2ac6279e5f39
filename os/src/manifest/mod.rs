//! A whole system in one file, `kurmaos.toml`: its parts, and the packages that are made of them.
//!
//! ```text
//! stage3 ─▶ stage4 ─▶ kernel ─┬─▶ kurma-init ─▶ (upgrader)
//!              │              │
//!              ▼              ▼
//! component:* ─▶ aci:* ─▶ initrd ─▶ release: disk and packages ─▶ record
//! ```
//!
//! Where a part is made from another one, it is named by `@`, its step and a file: `"@component:kurma-init/kurma-init"`.
//! Such a text becomes the file's path in the output folder before anything else reads it, so the parts know nothing of
//! each other, and what a step needs is found by the paths that it reads.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | [`Manifest`]: what is written |
//! | `reference` | texts that begin with `@` |
//! | `places` | where each step's outputs are |
//! | `steps` | the steps, as a [`Graph`](crate::chain::Graph) |
//! | `base` | steps of the base and the kernel |
//! | `bundle` | kernel and initrd as one archive |
//! | `release` | the disk and its packages |
//! | `record` | the record and the digests of all that was made |
//! | `error` | [`ManifestError`] |

mod base;
mod bundle;
mod error;
mod places;
mod record;
mod reference;
mod release;
mod spec;
mod steps;

pub use error::ManifestError;
pub use spec::{BundleSpec, KernelSpec, Manifest, ReleaseSpec};
