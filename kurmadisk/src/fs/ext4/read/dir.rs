//! The names in a directory (`directory.rst`): block by block, whether it has an index or not, or in the inode.
//!
//! An index pretends to be entries without a name, so going through the blocks in order finds all names.

use byteorder::{ByteOrder, LittleEndian};

use super::error::Ext4Fault;
use super::inode::RawInode;
use super::mapping;
use super::volume::{Volume, front};
use crate::fs::ext4::spec::{
    DIR_TAIL, DX_ROOT_INFO_LENGTH, DirEntryHead, DxCountLimit, DxEntry, DxRootHead, file_type,
    inode_flags,
};

/// A name and the inode it is of.
pub(super) type Named = (u32, Box<[u8]>);

const HEAD: usize = size_of::<DirEntryHead>();
/// With blocks of so many bytes their length does not fit the field for an entry's.
const LARGE_BLOCK: usize = 1 << 16;
/// Of the content in an inode: the directory above, in place of `.` and `..`.
const INLINE_PARENT: usize = 4;

/// All names in a directory but `.` and `..`.
pub(super) fn names(volume: &mut Volume<'_>, inode: &RawInode) -> Result<Vec<Named>, Ext4Fault> {
    let fault = |reason| Ext4Fault::Directory { reason };
    let runs = mapping::runs(volume, inode)?;
    let size = inode.size(volume.parameters.has_large_dir());
    let block_size = volume.parameters.block_size;
    if !size.is_multiple_of(block_size) {
        return Err(fault("its size is not one of whole blocks"));
    }
    let count = size / block_size;
    let mut names = Vec::new();
    let mut logical = 0;
    for run in runs {
        if run.logical != logical {
            return Err(fault("it has a hole"));
        }
        let used = run.len.min(count - logical);
        for offset in 0..used {
            let bytes = volume.claimed_block(run.physical + offset)?;
            check(volume, inode, &bytes, logical + offset)?;
            parse(&bytes, volume, &mut names)?;
        }
        logical += used;
        if logical == count {
            break;
        }
    }
    if logical == count && count > 0 {
        Ok(names)
    } else {
        Err(fault("blocks are missing"))
    }
}

/// All names in a directory whose content lies in its inode: `first` in `i_block`, `rest` in an attribute.
pub(super) fn inline_names(
    volume: &Volume<'_>,
    first: &[u8],
    rest: &[u8],
) -> Result<Vec<Named>, Ext4Fault> {
    let mut names = Vec::new();
    parse(
        first.get(INLINE_PARENT..).unwrap_or_default(),
        volume,
        &mut names,
    )?;
    parse(rest, volume, &mut names)?;
    Ok(names)
}

/// Adds the names of entries that fill `bytes`.
fn parse(bytes: &[u8], volume: &Volume<'_>, names: &mut Vec<Named>) -> Result<(), Ext4Fault> {
    let fault = |reason| Ext4Fault::Directory { reason };
    let inodes = volume.parameters.inodes;
    let mut rest = bytes;
    while !rest.is_empty() {
        let head: DirEntryHead = front(rest).ok_or(fault("an entry is too short"))?;
        let len = entry_len(head.rec_len.get(), volume.block_len());
        let name_len = usize::from(head.name_len);
        if len < HEAD + name_len || !len.is_multiple_of(4) || len > rest.len() {
            return Err(fault("an entry has an impossible length"));
        }
        let name = &rest[HEAD..HEAD + name_len];
        let number = head.inode.get();
        if number != 0 && name != b"." && name != b".." {
            if number > inodes {
                return Err(fault("an entry has an inode that does not exist"));
            }
            names.push((number, name.into()));
        }
        rest = &rest[len..];
    }
    Ok(())
}

/// An entry's length; the two lowest bits are further ones where blocks have 64 KiB.
fn entry_len(stored: u16, block: usize) -> usize {
    let stored = usize::from(stored);
    if block < LARGE_BLOCK {
        stored
    } else if stored == 0 || stored == usize::from(u16::MAX) {
        block
    } else {
        stored & !3 | (stored & 3) << 16
    }
}

/// Checks the checksum of a block, which lies in the tail of one of names, and behind the entries of one of an
/// index.
fn check(
    volume: &Volume<'_>,
    inode: &RawInode,
    block: &[u8],
    logical: u64,
) -> Result<(), Ext4Fault> {
    let Some(seed) = inode.seed.enabled() else {
        return Ok(());
    };
    let has_index = volume.parameters.has_index() && inode.flag(inode_flags::INDEX);
    let wrong = || Ext4Fault::Checksum {
        what: "a block of the directory",
    };
    let head: DirEntryHead = front(block).ok_or_else(wrong)?;
    let is_whole = entry_len(head.rec_len.get(), block.len()) == block.len();
    let (at, sum) = if has_index && (logical == 0 || head.inode.get() == 0 && is_whole) {
        let entries = if is_whole {
            HEAD
        } else {
            size_of::<DxRootHead>()
        };
        let info_length = block.get(0x1d).copied();
        if !is_whole && info_length != Some(DX_ROOT_INFO_LENGTH) {
            return Err(wrong());
        }
        let count: DxCountLimit = block.get(entries..).and_then(front).ok_or_else(wrong)?;
        let end = |count: u16| entries + usize::from(count) * size_of::<DxEntry>();
        let (used, tail) = (end(count.count.get()), end(count.limit.get()));
        if used > tail || tail + 8 > block.len() {
            return Err(wrong());
        }
        let reserved = &block[tail..tail + 4];
        (
            tail + 4,
            seed.update(&block[..used]).update(reserved).update(&[0; 4]),
        )
    } else {
        let end = block.len() - usize::from(DIR_TAIL);
        let tail: DirEntryHead = front(&block[end..]).ok_or_else(wrong)?;
        let is_tail = tail.inode.get() == 0
            && tail.rec_len.get() == DIR_TAIL
            && tail.name_len == 0
            && tail.file_type == file_type::TAIL;
        if !is_tail {
            return Err(wrong());
        }
        (end + HEAD, seed.update(&block[..end]))
    };
    if LittleEndian::read_u32(&block[at..at + 4]) == sum.value() {
        Ok(())
    } else {
        Err(wrong())
    }
}
