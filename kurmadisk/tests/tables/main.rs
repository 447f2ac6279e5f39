//! Tables written, judged by other programs, and read back by three readers.

mod gpt;
mod grow;
mod hostile;
mod mbr;
mod random;
mod support;
