//! The container images that compile, and the kernel.
