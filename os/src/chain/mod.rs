//! The chain of all steps.
