//! kurmaboot, started by firmware in QEMU from disks whose FAT others made.

mod bios;
mod faults;
mod slots;
mod support;
mod uefi;
