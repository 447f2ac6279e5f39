//! Application container images.
