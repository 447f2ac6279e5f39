//! File flags by the names libarchive gives them (`archive_entry(3)`, "File Flags").

use crate::tree::FileFlags;

use super::error::TarFault;
use super::pax::lossy;

/// The flags in a list of names with commas between them.
pub(super) fn parse(text: &[u8]) -> Result<FileFlags, TarFault> {
    let names = text.split(|byte| *byte == b',');
    let mut flags = FileFlags::NONE;
    for name in names.filter(|name| !name.is_empty()) {
        let flag = FileFlags::named(name);
        let flag = flag.ok_or_else(|| TarFault::Flag { flag: lossy(name) })?;
        flags = flags.with(flag);
    }
    Ok(flags)
}
