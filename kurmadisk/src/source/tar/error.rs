//! What can be wrong with a tar archive.

use std::io;

use thiserror::Error;

use super::super::names::NameFault;
use crate::tree::TreeError;

/// No tree could be made of a tar archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TarError {
    /// The archive cannot be read.
    #[error("cannot read the tar archive")]
    Read(#[source] io::Error),
    /// Something is wrong that belongs to no name yet.
    #[error("tar archive, byte {offset}")]
    Archive {
        /// Where the header lies, in bytes.
        offset: u64,
        /// What is wrong there.
        source: TarFault,
    },
    /// Something is wrong with a member.
    #[error("{path:?} in the tar archive, byte {offset}")]
    Member {
        /// The member's name, as the archive has it.
        path: String,
        /// Where its header lies, in bytes.
        offset: u64,
        /// What is wrong with it.
        source: TarFault,
    },
}

/// What is wrong in a tar archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TarFault {
    /// The archive ends in the middle of something.
    #[error("the archive ends here, in the middle of {what}; it is incomplete, get it again")]
    Truncated {
        /// Of what.
        what: &'static str,
    },
    /// The archive ends without its end.
    #[error(
        "the archive ends here without the blocks of zeros that end one; it is incomplete, get it again"
    )]
    NoEnd,
    /// Members follow the end.
    #[error(
        "more members follow the archive's end; several archives in one file are not read, give each by itself or join them with `tar --concatenate`"
    )]
    AfterEnd,
    /// A header's checksum does not fit it.
    #[error("no tar header: its checksum is wrong; the archive is damaged or no tar archive")]
    Checksum,
    /// The archive is compressed, or an archive of another kind.
    #[error("this is {format} data, no tar archive; unpack it and give what is in it")]
    Format {
        /// What it is.
        format: &'static str,
    },
    /// A field that should be a number is none.
    #[error("the header's field {field} is no number that it can be")]
    Number {
        /// The field's name.
        field: &'static str,
    },
    /// A PAX or GNU header describes nothing.
    #[error("the extended header belongs to no member")]
    Dangling,
    /// An extended header is larger than any honest one.
    #[error("the extended header has {size} bytes, more than the {limit} that are read")]
    ExtendedSize {
        /// Its size in bytes.
        size: u64,
        /// The largest that is read, in bytes.
        limit: u64,
    },
    /// A PAX record that is no "length key=value".
    #[error("the extended header has a malformed record at its byte {at}")]
    Record {
        /// Where in the extended header, in bytes.
        at: usize,
    },
    /// A PAX record with a value that it can't have.
    #[error("the extended header's record {key:?} cannot be {value:?}")]
    Value {
        /// The record's key.
        key: String,
        /// Its value.
        value: String,
    },
    /// A type of member that is not known, or cannot be read.
    #[error("it is of type {typeflag:?}{}; it cannot be read", known_as(*.typeflag))]
    Type {
        /// The header's type flag.
        typeflag: char,
    },
    /// The name can't be placed.
    #[error(transparent)]
    Name(#[from] NameFault),
    /// A name that begins with `/`.
    #[error("its name is absolute; make the archive with names relative to the tree's root")]
    Absolute,
    /// The root directory is something else.
    #[error("it would replace the root directory by something else")]
    Root,
    /// A name is there twice.
    #[error("the name occurs before; one of the two would be lost")]
    Duplicate,
    /// A hard link to nothing.
    #[error("it is a hard link to {target:?}, which is not there")]
    LinkMissing {
        /// The target.
        target: String,
    },
    /// A hard link to what follows only later.
    #[error(
        "it is a hard link to {target:?}, which follows only later; link to the name that comes first"
    )]
    LinkForward {
        /// The target.
        target: String,
    },
    /// Hard links that lead to one another only.
    #[error("it is a hard link to {target:?}, which is one back to it: a loop")]
    LinkLoop {
        /// The target.
        target: String,
    },
    /// A hard link to itself.
    #[error("it is a hard link to itself")]
    LinkSelf,
    /// A hard link to a directory.
    #[error("it is a hard link to {target:?}, which is a directory")]
    LinkDirectory {
        /// The target.
        target: String,
    },
    /// A hard link's target can't be one.
    #[error(
        "it is a hard link to {target:?}, which is empty, absolute, or has \"..\" or NUL in it"
    )]
    LinkTarget {
        /// The target.
        target: String,
    },
    /// A hard link brings another content than that of its target.
    #[error(
        "it is a hard link to {target:?} and has {len} bytes of its own, which is not its target's size"
    )]
    LinkContent {
        /// The target.
        target: String,
        /// The length in bytes.
        len: u64,
    },
    /// A symbolic link without a target.
    #[error("it is a symbolic link without a target, or with a NUL in it")]
    SymlinkTarget,
    /// The map of a sparse file is in disorder.
    #[error("its sparse map is wrong: {reason}")]
    Sparse {
        /// How.
        reason: &'static str,
    },
    /// An extended attribute without a usable name.
    #[error("an extended attribute has the name {name:?}, which none can have")]
    XattrName {
        /// The name.
        name: String,
    },
    /// More extended attributes than a file can have.
    #[error("it has more than {limit} extended attributes, which Linux could not even list")]
    XattrCount {
        /// The most that are read.
        limit: usize,
    },
    /// A global header says what can be true of one member only.
    #[error("a global extended header says the name, content or attributes of one member")]
    Global,
    /// An access control list that is none.
    #[error("the access control list has an entry {entry:?}, which is malformed or there twice")]
    Acl {
        /// The entry.
        entry: String,
    },
    /// An access control list names somebody whose number it does not say.
    #[error(
        "the access control list's entry {entry:?} says no number; make the archive with bsdtar, which writes it, or let GNU tar keep the list as it is: --xattrs-include='*' without --acls"
    )]
    AclName {
        /// The entry.
        entry: String,
    },
    /// An access control list lacks an entry that each must have.
    #[error("the access control list has no entry for {who}")]
    AclIncomplete {
        /// Which.
        who: &'static str,
    },
    /// File flags that Linux has no equal of.
    #[error(
        "it has the file flag {flag:?}, which cannot be kept; make the archive without file flags"
    )]
    Flag {
        /// The flag.
        flag: String,
    },
    /// A whiteout that says no name.
    #[error("it is a whiteout of no name that there can be")]
    Whiteout,
    /// The tree can't take it.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// What others call the types that can't be read.
fn known_as(typeflag: char) -> &'static str {
    match typeflag {
        'M' => " (continues a file of another volume)",
        'N' => " (long names of GNU tar before 1990)",
        'A' => " (an access control list of Solaris tar)",
        'E' => " (extended attributes of Solaris tar)",
        'I' => " (an inode without content, of star)",
        _ => "",
    }
}
