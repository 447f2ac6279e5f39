//! The chain: steps, what they need of each other, and what of it is made already.
//!
//! [`Graph`] knows nothing of systems: a [`Step`] has inputs, needs and something to run, and whatever it leaves in its
//! folder becomes part of the output folder. A step whose inputs and needs are what they were, and whose outputs are
//! still there, is not run again. What a step made counts, not when: one that runs again and makes the same bytes has
//! none of those run that need it.
//!
//! ```text
//! output/                   what the steps made
//!   .kurmadisk/lock         held while a build runs
//!   .kurmadisk/steps/*.json what each step was made from, and what it made
//!   .kurmadisk/unfinished/* what is being made
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `step` | [`Step`], [`Input`], [`Context`] |
//! | `graph` | [`Graph`]: steps in an order, checked |
//! | `standing` | [`Standing`]: whether a step has to run, and why |
//! | `made` | [`Made`]: what a step was made from, and what it made |
//! | `store` | the output folder: the records of steps, their files |
//! | `build` | running what has to be run, several steps at once |
//! | `clean` | removing what was made |
//! | `error` | [`ChainError`] |

mod build;
mod clean;
mod error;
mod graph;
mod made;
mod standing;
mod step;
mod store;

pub use build::{Event, Summary};
pub use clean::Cleaned;
pub use error::ChainError;
pub use graph::Graph;
pub use made::{Made, MadeFile};
pub use standing::{Planned, Standing};
pub use step::{Context, Input, Outputs, Run, Step, StepError};
