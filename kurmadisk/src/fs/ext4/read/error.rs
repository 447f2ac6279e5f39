//! What can be wrong with a filesystem that is read.

use std::io;

use thiserror::Error;

use crate::tree::TreeError;

/// No tree could be made of a filesystem.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Ext4ReadError {
    /// It cannot be read.
    #[error("cannot read the ext4 filesystem")]
    Read(#[from] io::Error),
    /// It is none.
    #[error("this is no ext2, ext3 or ext4 filesystem: its superblock has no signature")]
    NotExt,
    /// It is the journal of another one.
    #[error("this is the journal of another filesystem; give that one")]
    Journal,
    /// Its superblock can't be one.
    #[error("damaged ext4 filesystem: {reason}; run `e2fsck -f` on it, or on a copy")]
    Superblock {
        /// What is wrong with which field.
        reason: String,
    },
    /// It was not unmounted, or has errors.
    #[error("{reason}; run `e2fsck -f` on it, or on a copy")]
    Unclean {
        /// What shows it.
        reason: &'static str,
    },
    /// It has features that change what lies where, and are not known here.
    #[error(
        "the ext4 filesystem has the features {features}, which are not read; mount it and give the folder"
    )]
    Features {
        /// Their names.
        features: String,
    },
    /// Something is wrong at a path.
    #[error("{path} in the ext4 filesystem (inode {inode})")]
    Entry {
        /// The path, from `/`.
        path: String,
        /// The inode.
        inode: u32,
        /// What is wrong with it.
        source: Ext4Fault,
    },
}

/// What is wrong with something in a filesystem.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Ext4Fault {
    /// It cannot be read.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// There is no such inode, or it is one of the filesystem's own.
    #[error(
        "the name is that of an inode that no file can have; run `e2fsck -f` on the filesystem"
    )]
    Number,
    /// The name is that of something deleted.
    #[error("the name is that of a deleted inode; run `e2fsck -f` on the filesystem")]
    Deleted,
    /// A directory has a second name: it may lie within itself.
    #[error("the directory has a second name; run `e2fsck -f` on the filesystem")]
    SecondName,
    /// The descriptor of the inode's group can't be one.
    #[error("the descriptor of group {group} {reason}; run `e2fsck -f` on the filesystem")]
    Group {
        /// The group.
        group: u32,
        /// What is wrong.
        reason: &'static str,
    },
    /// A checksum is wrong.
    #[error("a wrong checksum in {what}; run `e2fsck -f` on the filesystem")]
    Checksum {
        /// Of what.
        what: &'static str,
    },
    /// Something lies at a block that is none.
    #[error(
        "{what} is said to lie at block {block}, outside of the filesystem; run `e2fsck -f` on it"
    )]
    Range {
        /// What lies there.
        what: &'static str,
        /// The block.
        block: u64,
    },
    /// A block belongs to two inodes, or twice to one.
    #[error("block {block} belongs to inode {other} already; run `e2fsck -f` on the filesystem")]
    Overlap {
        /// The block.
        block: u64,
        /// The other inode.
        other: u32,
    },
    /// A field of the inode can't be.
    #[error("the inode's {field} is {value}, which cannot be; run `e2fsck -f` on the filesystem")]
    Field {
        /// The field's name in the kernel's documentation.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// The list of its blocks is damaged.
    #[error("its extents are damaged: {reason}; run `e2fsck -f` on the filesystem")]
    Extents {
        /// What is wrong.
        reason: &'static str,
    },
    /// The directory is damaged.
    #[error("the directory is damaged: {reason}; run `e2fsck -f` on the filesystem")]
    Directory {
        /// What is wrong.
        reason: &'static str,
    },
    /// Its extended attributes are damaged.
    #[error("its extended attributes are damaged: {reason}; run `e2fsck -f` on the filesystem")]
    Attributes {
        /// What is wrong.
        reason: &'static str,
    },
    /// An extended attribute that Linux would not give.
    #[error("the extended attribute {name:?} {reason}")]
    Attribute {
        /// Its name.
        name: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Copies of attributes would fill the memory.
    #[error("values of extended attributes that inodes share come to more than {most} bytes")]
    TooManyValues {
        /// The most that is kept.
        most: u64,
    },
    /// It lies deeper than any path leads.
    #[error(
        "its path has {len} bytes; Linux takes paths of up to {limit}: mount the filesystem and move it up"
    )]
    LongPath {
        /// The path's length in bytes.
        len: usize,
        /// The longest path in bytes.
        limit: usize,
    },
    /// It can't be read without being changed.
    #[error(
        "it {what}, which a copy would lose; mount the filesystem and give the folder, or leave it out"
    )]
    Special {
        /// What it is.
        what: &'static str,
    },
    /// It does not fit into a tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}
