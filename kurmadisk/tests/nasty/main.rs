//! A tree of cases that tools are known to spoil (`kurmadisk_fixtures::nasty`): from an archive and from a folder,
//! on ext4 and, as far as it can have their names, on FAT.
//!
//! What comes of it is told by programs of others and kept as text in `snapshots/`. After a change that is meant,
//! this writes it anew:
//!
//! ```text
//! INSTA_UPDATE=always cargo test -p kurmadisk --test nasty
//! ```

mod dump;
mod ext4;
mod fat;
mod sources;
mod support;
