//! Initial RAM filesystems.
