//! kurmaboot, started by firmware in QEMU from disks whose FAT others made.

mod bios;
mod change;
mod faults;
mod init;
mod install;
mod linux;
mod matrix;
#[path = "../recorder/mod.rs"]
mod recorder;
mod slots;
mod support;
mod uefi;
