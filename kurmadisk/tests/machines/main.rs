//! Machines that packages describe: what each hypervisor is told, and what is refused.

mod golden;
mod spec;
mod support;
