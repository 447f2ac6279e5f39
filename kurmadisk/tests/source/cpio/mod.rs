//! Trees from cpio archives, made by the programs that people have and by hand.

mod hostile;
mod kernel;
mod members;
mod random;
mod real;
mod support;
