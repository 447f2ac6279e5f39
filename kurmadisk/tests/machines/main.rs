//! Machines that packages describe: what each hypervisor is told, and what is refused.

mod cloud;
mod cloud_files;
mod disks;
mod golden;
mod judged;
mod random;
mod spec;
mod support;
