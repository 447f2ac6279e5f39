//! Application container images, judged by the specification's own program, by tar, bsdtar, skopeo and umoci.

mod build;
mod hostile;
mod manifest;
mod oci;
mod recipes;
mod render;
mod support;
mod tar;
