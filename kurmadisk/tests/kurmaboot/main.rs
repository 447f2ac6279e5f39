//! kurmaboot, started by firmware in QEMU from disks whose FAT others made.

mod bios;
mod slots;
mod support;
mod uefi;
