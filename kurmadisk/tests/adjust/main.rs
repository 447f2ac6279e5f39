//! Changes to a tree's metadata, against the programs that know their formats.

mod capability;
mod fakeroot;
mod filter;
mod mtree;
mod overrides;
mod random;
mod selinux;
mod support;
mod table;
