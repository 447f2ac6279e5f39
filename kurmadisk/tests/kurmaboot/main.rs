//! kurmaboot, started by firmware in QEMU from disks whose FAT others made.

mod bios;
mod change;
mod faults;
mod init;
mod linux;
mod matrix;
mod slots;
mod support;
mod uefi;
