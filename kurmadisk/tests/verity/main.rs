//! Hash trees of dm-verity, byte for byte those of `veritysetup`.

mod area;
mod hostile;
