//! Trees from tar archives, made by the programs that people have and by hand.

mod compressed;
mod hostile;
mod layers;
mod members;
mod random;
mod real;
pub mod support;
