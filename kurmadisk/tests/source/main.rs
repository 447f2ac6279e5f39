//! Trees from archives and images, judged by the programs that make and read those.

mod cpio;
mod disk;
mod kinds;
mod oci;
mod support;
mod tar;
