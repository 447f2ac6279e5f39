//! The extent map: what lies where on a virtual disk, before a byte of it is moved.
//!
//! A partition table, a filesystem and a whole disk are each a [`DiskMap`]: sorted, disjoint
//! [`Extent`]s over a virtual length in bytes. An extent's [`Source`] is either bytes in memory
//! (metadata) or a range of some content that stays where it is (a file of a tree). What no extent
//! covers reads as zeros.
//!
//! | file | holds |
//! |---|---|
//! | `source` | [`Source`], and the [`ContentStore`] and [`Content`] behind it |
//! | `file_store` | [`FileStore`]: files of the host, opened late and checked |
//! | `open_ahead` | contents opened by a thread of their own |
//! | `extent` | [`Extent`] |
//! | `extents` | a list of them |
//! | `disk_map` | [`DiskMap`]: insert, splice, iterate |
//! | `builder` | [`MapBuilder`]: a map from extents in any order |
//! | `reader` | [`MapReader`]: the disk a map describes, read back |

mod builder;
mod disk_map;
mod extent;
mod extents;
mod file_store;
mod open_ahead;
mod reader;
mod source;

pub use builder::MapBuilder;
pub use disk_map::{BlockRuns, DiskMap};
pub use extent::Extent;
pub use file_store::{DirId, FileIdentity, FileStamp, FileStore};
pub(crate) use open_ahead::{OpenedAhead, open_ahead};
pub use reader::MapReader;
pub use source::{Content, ContentId, ContentStore, Source};
pub(crate) use source::{ContentCursor, Unopened};
