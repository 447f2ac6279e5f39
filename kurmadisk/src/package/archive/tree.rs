//! Trees as tar archives. An archive is a map too: headers in memory, and content where it lies.
//!
//! Members are those of POSIX.1-2017 `pax`: "ustar Interchange Format" headers, with an extended header before those
//! that such a one has no room for: long names, large ids, times that are no whole
//! seconds since 1970, extended attributes (`SCHILY.xattr.`, as GNU tar, star and container tools have them) and file
//! flags (`SCHILY.fflags`, libarchive's).

use kurmadisk_formats::error::MapError;
use kurmadisk_formats::map::DiskMap;
use thiserror::Error;
use zerocopy::{FromZeros, IntoBytes};

use super::tar::fit_name;
use crate::source::tar::spec::{BLOCK, Block, Header, put_number};
use crate::tree::{DeviceNumber, Metadata, NodeKind, Timestamp, Tree};

/// The most that seven octal digits say.
const OCTAL_7: u32 = 0o777_7777;

/// Times that eleven octal digits say, in seconds since 1970.
const OCTAL_11: std::ops::Range<i64> = 0..1 << 33;

/// Types of members.
const FILE: u8 = b'0';
const HARD_LINK: u8 = b'1';
const SYMLINK: u8 = b'2';
const CHAR_DEVICE: u8 = b'3';
const BLOCK_DEVICE: u8 = b'4';
const DIRECTORY: u8 = b'5';
const FIFO: u8 = b'6';
const EXTENDED: u8 = b'x';

/// A tree can't be in a tar archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TreeTarError {
    /// A socket.
    #[error("/{path} is a socket, which no tar archive can hold; leave it out")]
    Socket {
        /// Its path.
        path: String,
    },
    /// A device with a number that no header has room for.
    #[error("/{path} is device {major}:{minor}, a number too large for a tar archive")]
    Device {
        /// Its path.
        path: String,
        /// The driver's number.
        major: u32,
        /// The device's number within its driver.
        minor: u32,
    },
    /// More than 2⁶³ bytes.
    #[error("the archive would be too long")]
    Long,
    /// Never for maps that are valid themselves.
    #[error(transparent)]
    Map(#[from] MapError),
}

/// A tar archive as a map, in the making. The same members give the same bytes.
#[derive(Debug, Default)]
pub struct TreeTar {
    map: DiskMap,
    /// Headers that follow the map.
    pending: Vec<u8>,
}

/// What a header says.
struct Member<'a> {
    path: Vec<u8>,
    kind: u8,
    meta: &'a Metadata,
    size: u64,
    link: &'a [u8],
    device: Option<DeviceNumber>,
}

impl<'a> Member<'a> {
    fn new(path: Vec<u8>, kind: u8, meta: &'a Metadata) -> Self {
        Self {
            path,
            kind,
            meta,
            size: 0,
            link: &[],
            device: None,
        }
    }
}

impl TreeTar {
    /// An archive without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a regular file.
    pub fn add_file(
        &mut self,
        path: &[u8],
        meta: &Metadata,
        content: &DiskMap,
    ) -> Result<(), TreeTarError> {
        let mut member = Member::new(path.to_vec(), FILE, meta);
        member.size = content.len();
        self.put_header(&member)?;
        self.put_content(content)
    }

    /// Adds a tree whose root is the directory `at`, or the archive's own where that is empty. Names come in the order
    /// of their bytes, parents first; the first name of a file has its content, and others are links to it.
    ///
    /// Fails for a socket, and for a device whose number is too large.
    pub fn add_tree(&mut self, at: &[u8], tree: &Tree) -> Result<(), TreeTarError> {
        self.add(at, tree, true)
    }

    /// The same without directories that [nobody described](crate::tree::Node::is_implied), but for the root: over
    /// another tree they leave the other's owners and modes.
    pub fn add_layer(&mut self, at: &[u8], tree: &Tree) -> Result<(), TreeTarError> {
        self.add(at, tree, false)
    }

    fn add(&mut self, at: &[u8], tree: &Tree, with_implied: bool) -> Result<(), TreeTarError> {
        let root = if at.is_empty() { b"." } else { at };
        let path = [root, b"/"].concat();
        self.put_header(&Member::new(path, DIRECTORY, &tree.node(Tree::ROOT).meta))?;
        let mut first_names: Vec<Option<Vec<u8>>> = vec![None; tree.node_count()];
        let mut names = tree.walk();
        while let Some((path, id)) = names.next_name() {
            let node = tree.node(id);
            if node.is_implied() && !with_implied {
                continue;
            }
            let full = if at.is_empty() {
                path.to_vec()
            } else {
                [at, b"/", path].concat()
            };
            if node.links() > 1 {
                let first = &mut first_names[id.index()];
                if let Some(first) = first {
                    let mut member = Member::new(full, HARD_LINK, &node.meta);
                    member.link = first;
                    self.put_header(&member)?;
                    continue;
                }
                *first = Some(full.clone());
            }
            self.put_node(full, &node.meta, &node.kind)?;
        }
        Ok(())
    }

    /// The whole archive, with its end.
    pub fn finish(mut self) -> Result<DiskMap, TreeTarError> {
        self.pending.extend_from_slice(&[0; 2 * size_of::<Block>()]);
        self.flush()?;
        Ok(self.map)
    }

    fn put_node(
        &mut self,
        mut path: Vec<u8>,
        meta: &Metadata,
        kind: &NodeKind,
    ) -> Result<(), TreeTarError> {
        let member = match kind {
            NodeKind::Directory(_) => {
                path.push(b'/');
                Member::new(path, DIRECTORY, meta)
            }
            NodeKind::File(content) => return self.add_file(&path, meta, content),
            NodeKind::Symlink(target) => {
                let mut member = Member::new(path, SYMLINK, meta);
                member.link = target;
                member
            }
            NodeKind::CharDevice(number) | NodeKind::BlockDevice(number) => {
                let is_char = matches!(kind, NodeKind::CharDevice(_));
                let kind = if is_char { CHAR_DEVICE } else { BLOCK_DEVICE };
                let mut member = Member::new(path, kind, meta);
                member.device = Some(*number);
                member
            }
            NodeKind::Fifo => Member::new(path, FIFO, meta),
            NodeKind::Socket => {
                let path = shown(&path);
                return Err(TreeTarError::Socket { path });
            }
        };
        self.put_header(&member)
    }

    fn put_header(&mut self, member: &Member<'_>) -> Result<(), TreeTarError> {
        let (mut header, records) = header(member)?;
        if !records.is_empty() {
            let name = [b"PaxHeaders/", last_name(&member.path)].concat();
            let plain = Metadata {
                mode: 0o644,
                ..Metadata::default()
            };
            let mut extended = unsealed(EXTENDED, &plain, records.len() as u64)?;
            let len = name.len().min(extended.name.len());
            fit_name(&mut extended, &name[..len]);
            extended.seal();
            self.pending.extend_from_slice(extended.as_bytes());
            self.pending.extend_from_slice(&records);
            let full = self.pending.len().next_multiple_of(size_of::<Block>());
            self.pending.resize(full, 0);
        }
        header.seal();
        self.pending.extend_from_slice(header.as_bytes());
        Ok(())
    }

    fn put_content(&mut self, content: &DiskMap) -> Result<(), TreeTarError> {
        // One of nothing but holes has a length too.
        let len = content.len();
        if len == 0 {
            return Ok(());
        }
        self.flush()?;
        let start = self.map.len();
        let end = start.checked_add(len);
        let end = end.and_then(|end| end.checked_next_multiple_of(BLOCK));
        self.map.grow(end.ok_or(TreeTarError::Long)?);
        self.map.splice(start, content.clone())?;
        Ok(())
    }

    /// Puts the headers that wait into the map.
    fn flush(&mut self) -> Result<(), TreeTarError> {
        let start = self.map.len();
        let end = start.checked_add(self.pending.len() as u64);
        self.map.grow(end.ok_or(TreeTarError::Long)?);
        self.map
            .insert_bytes(start, std::mem::take(&mut self.pending))?;
        Ok(())
    }
}

/// A header but for its checksum, and the records of the extended header before it; there may be none.
fn header(member: &Member<'_>) -> Result<(Header, Vec<u8>), TreeTarError> {
    let meta = member.meta;
    let mut records = Vec::new();
    let mut header = unsealed(member.kind, meta, member.size)?;
    let fits = fit_name(&mut header, &member.path);
    if !fits {
        let len = header.name.len();
        header.name.copy_from_slice(&member.path[..len]);
    }
    let link = member.link.len().min(header.linkname.len());
    header.linkname[..link].copy_from_slice(&member.link[..link]);
    let long = [
        (&b"path"[..], &member.path[..], !fits),
        (b"linkpath", member.link, link < member.link.len()),
    ];
    let long = || long.iter().filter(|(.., is_long)| *is_long);
    // Records are UTF-8 unless they say otherwise; headers have any bytes.
    if long().any(|(_, name, _)| std::str::from_utf8(name).is_err()) {
        record(&mut records, b"hdrcharset", b"BINARY");
    }
    for (key, name, _) in long() {
        record(&mut records, key, name);
    }
    for (key, id) in [(b"uid", meta.uid), (b"gid", meta.gid)] {
        if id > OCTAL_7 {
            record(&mut records, key, id.to_string().as_bytes());
        }
    }
    let Timestamp { seconds, nanos } = meta.mtime;
    if nanos != 0 || !OCTAL_11.contains(&seconds) {
        record(&mut records, b"mtime", time(meta.mtime).as_bytes());
    }
    if let Some(DeviceNumber { major, minor }) = member.device {
        if major > OCTAL_7 || minor > OCTAL_7 {
            let path = shown(&member.path);
            return Err(TreeTarError::Device { path, major, minor });
        }
        header.devmajor = octal(major);
        header.devminor = octal(minor);
    }
    if member.kind != HARD_LINK {
        for (name, value) in meta.xattrs.iter() {
            let key = [b"SCHILY.xattr.".as_slice(), &escaped(name)].concat();
            record(&mut records, &key, value);
        }
        let flags = meta.flags.libarchive_names();
        if !flags.is_empty() {
            record(&mut records, b"SCHILY.fflags", flags.as_bytes());
        }
    }
    Ok((header, records))
}

/// A header without name, link and checksum.
fn unsealed(kind: u8, meta: &Metadata, size: u64) -> Result<Header, TreeTarError> {
    let mut header = Header::new_zeroed();
    header.mode = octal(meta.mode.into());
    // What is larger stands in an extended header.
    header.uid = octal(meta.uid.min(OCTAL_7));
    header.gid = octal(meta.gid.min(OCTAL_7));
    let size = i64::try_from(size).map_err(|_| TreeTarError::Long)?;
    put_number(&mut header.size, size);
    let seconds = meta.mtime.seconds;
    put_number(
        &mut header.mtime,
        seconds.clamp(OCTAL_11.start, OCTAL_11.end - 1),
    );
    header.typeflag = kind;
    header.magic = *b"ustar\0";
    header.version = *b"00";
    header.devmajor = octal(0);
    header.devminor = octal(0);
    Ok(header)
}

/// Seven octal digits and NUL; the value has no more.
fn octal(value: u32) -> [u8; 8] {
    let mut field = [0; 8];
    let mut rest = value;
    for digit in field[..7].iter_mut().rev() {
        *digit = b'0' + (rest % 8) as u8;
        rest /= 8;
    }
    field
}

/// A record of an extended header: its own length in decimal digits, a space, key, `=`, value and a line feed.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = b" ".len() + key.len() + b"=".len() + value.len() + b"\n".len();
    let mut len = rest;
    while len != rest + len.to_string().len() {
        len = rest + len.to_string().len();
    }
    records.extend_from_slice(len.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        records.extend_from_slice(part);
    }
}

/// Seconds since 1970 with a fraction, and a sign where they are before.
fn time(time: Timestamp) -> String {
    let Timestamp { seconds, nanos } = time;
    let (sign, seconds, nanos) = match (seconds, nanos) {
        (0.., _) => ("", seconds.unsigned_abs(), nanos),
        (_, 0) => ("-", seconds.unsigned_abs(), 0),
        // The fraction leads forward from `seconds`, and is written away from zero.
        _ => (
            "-",
            seconds.saturating_add(1).unsigned_abs(),
            1_000_000_000 - nanos,
        ),
    };
    if nanos == 0 {
        return format!("{sign}{seconds}");
    }
    let fraction = format!("{nanos:09}");
    format!("{sign}{seconds}.{}", fraction.trim_end_matches('0'))
}

/// A name in a keyword, where `=` would end it: as GNU tar writes it.
fn escaped(name: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'%' => escaped.extend_from_slice(b"%25"),
            b'=' => escaped.extend_from_slice(b"%3D"),
            other => escaped.push(*other),
        }
    }
    escaped
}

fn last_name(path: &[u8]) -> &[u8] {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_away_from_zero() {
        for (seconds, nanos, text) in [
            (0, 0, "0"),
            (5, 500_000_000, "5.5"),
            (5, 1, "5.000000001"),
            (-1, 0, "-1"),
            (-1, 500_000_000, "-0.5"),
            (-2, 999_999_999, "-1.000000001"),
            (i64::MIN, 0, "-9223372036854775808"),
        ] {
            assert_eq!(time(Timestamp { seconds, nanos }), text);
        }
    }

    #[test]
    fn records_count_their_own_length() {
        // With one digit more the length itself becomes longer.
        for len in 0..1200 {
            let mut records = Vec::new();
            record(&mut records, b"key", &vec![b'v'; len]);
            let text = String::from_utf8(records).unwrap();
            let (said, _) = text.split_once(' ').unwrap();
            assert_eq!(said.parse::<usize>().unwrap(), text.len());
        }
    }
}
