//! Trees from filesystems that other programs, the kernel and kurmadisk itself made.

mod damaged;
mod deep;
mod disks;
mod ext;
mod fat;
mod populated;
mod refusals;
mod support;
