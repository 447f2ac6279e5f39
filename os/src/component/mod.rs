//! Programs from their sources.
