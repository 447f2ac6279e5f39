//! GRUB from Debian's packages: core images beside those of `grub-mkimage`, and disks that start.

mod core;
mod disk;
mod hostile;
mod machine;
mod support;
