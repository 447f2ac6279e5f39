//! Trees from container images, made by the programs that people have and by hand.

mod choice;
mod hostile;
mod layers;
mod random;
mod real;
mod support;
