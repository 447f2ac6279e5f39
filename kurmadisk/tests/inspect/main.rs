//! What `inspect` finds, compared with what was planned and with what other programs find.

mod damaged;
mod foreign;
mod own;
mod support;
