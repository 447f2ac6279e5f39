//! What makes a disk boot, judged by binutils and by booting it in QEMU.

mod hostile;
mod loader;
mod machine;
mod sections;
#[cfg(feature = "secure-boot")]
mod signatures;
mod stage;
mod support;
mod uki;
