//! The parts of a container operating system, each buildable alone, and the chain that builds them all.
//!
//! | module | holds |
//! |---|---|
//! | [`base`] | the compiler's container images and the kernel, by a container engine |
//! | [`component`] | programs from their sources |
//! | [`initrd`] | initial RAM filesystems |
//! | [`aci`] | application container images, App Container's and OCI's |
//! | [`chain`] | steps, what they need, and what of it is made already |
//! | [`manifest`] | whole systems, each described by one file |
//! | [`digest`] | digests of inputs, by which a step knows that it would do the same again |
//! | [`parts`] | the tables of a manifest that [`base`] and [`component`] read |
//! | [`run`] | other people's programs: their environment, their log, how they ended |
//!
//! Like [`kurmadisk`], on which all of it stands, the library never prints or exits. What runs other programs
//! ([`base`], [`component`]) gets their environment from its caller.
#![deny(missing_docs)]

pub mod aci;
pub mod base;
pub mod chain;
pub mod component;
pub mod digest;
mod file;
pub mod initrd;
pub mod manifest;
pub mod parts;
pub mod run;
