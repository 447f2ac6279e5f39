//! Images started by firmware in QEMU, straight from the files the command wrote.

#[path = "../common/mod.rs"]
mod common;

mod counting;
mod debian;
mod demo;
mod machines;
mod matrix;
