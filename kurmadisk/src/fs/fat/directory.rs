//! The bytes of directories.

use zerocopy::IntoBytes;
use zerocopy::little_endian::U16;

use super::FatType;
use super::contents::{Entry, ROOT, Target};
use super::name::ShortName;
use super::plan::FatPlan;
use super::spec::{
    ATTR_ARCHIVE, ATTR_DIRECTORY, ATTR_LONG_NAME, ATTR_READ_ONLY, ATTR_VOLUME_ID, ENTRY_LEN,
    LAST_LONG_ENTRY, LONG_UNITS, LongEntry, ShortEntry,
};
use super::time::DosTime;
use crate::tree::{NodeId, Timestamp, Tree};

/// What fills a long name's last part behind the end mark.
const PADDING: u16 = 0xffff;

impl FatPlan {
    /// The entries of a directory: as many as planned.
    pub(super) fn directory_bytes(&self, dir: usize) -> Vec<u8> {
        let directory = &self.contents.dirs[dir];
        let mut bytes = Vec::with_capacity(directory.slots as usize * ENTRY_LEN as usize);
        if dir == ROOT {
            self.push_label(&mut bytes);
        } else {
            self.push_dots(dir, &mut bytes);
        }
        for entry in &directory.entries {
            push_long(&entry.name, &entry.short, &mut bytes);
            let short = self.short_entry(entry);
            bytes.extend_from_slice(short.as_bytes());
        }
        bytes
    }

    fn push_label(&self, bytes: &mut Vec<u8>) {
        let Some(label) = self.label else { return };
        // A label has no other time than that of its last change.
        let at = DosTime::from(self.label_time);
        let entry = ShortEntry {
            name: label,
            attributes: ATTR_VOLUME_ID,
            written_time: at.time.into(),
            written_date: at.date.into(),
            ..ShortEntry::default()
        };
        bytes.extend_from_slice(entry.as_bytes());
    }

    /// The directory's entries for itself and its parent; the root as a parent is cluster 0.
    fn push_dots(&self, dir: usize, bytes: &mut Vec<u8>) {
        let parent = self.contents.dirs[dir].parent;
        let parent_cluster = if parent == ROOT {
            0
        } else {
            self.dir_run(parent).first
        };
        let dots = [
            (1, dir, self.dir_run(dir).first),
            (2, parent, parent_cluster),
        ];
        for (count, target, cluster) in dots {
            let node = self.contents.dirs[target].node;
            let entry = directory_entry(ShortName::dots(count), time_of(&self.tree, node), cluster);
            bytes.extend_from_slice(entry.as_bytes());
        }
    }

    fn short_entry(&self, entry: &Entry) -> ShortEntry {
        match entry.target {
            Target::Directory(dir) => {
                let time = time_of(&self.tree, self.contents.dirs[dir].node);
                directory_entry(entry.short, time, self.dir_run(dir).first)
            }
            Target::File(index) => {
                let file = &self.contents.files[index];
                ShortEntry {
                    name: entry.short.bytes,
                    attributes: ATTR_ARCHIVE | read_only(&self.tree, file.node),
                    case: entry.short.case,
                    size: file.len.into(),
                    ..at_cluster(self.file_run(index).first, time_of(&self.tree, file.node))
                }
            }
        }
    }

    /// Whether the root directory lies outside of the clusters.
    pub(super) fn has_fixed_root(&self) -> bool {
        self.fat_type() != FatType::Fat32
    }
}

fn time_of(tree: &Tree, node: NodeId) -> Timestamp {
    tree.node(node).meta.mtime
}

/// The attribute of a file that nobody may write to, as Linux sets it on `chmod`.
fn read_only(tree: &Tree, node: NodeId) -> u8 {
    if tree.node(node).meta.mode & 0o222 == 0 {
        ATTR_READ_ONLY
    } else {
        0
    }
}

fn directory_entry(short: ShortName, time: Timestamp, cluster: u32) -> ShortEntry {
    ShortEntry {
        name: short.bytes,
        attributes: ATTR_DIRECTORY,
        case: short.case,
        ..at_cluster(cluster, time)
    }
}

pub(super) fn at_cluster(cluster: u32, time: Timestamp) -> ShortEntry {
    let [low, lower, high, higher] = cluster.to_le_bytes();
    ShortEntry {
        cluster_low: U16::from_bytes([low, lower]),
        cluster_high: U16::from_bytes([high, higher]),
        ..at_time(time)
    }
}

/// The tree knows one time of an entry: it serves as all three.
fn at_time(time: Timestamp) -> ShortEntry {
    let at = DosTime::from(time);
    ShortEntry {
        created_hundredths: at.hundredths,
        created_time: at.time.into(),
        created_date: at.date.into(),
        accessed_date: at.date.into(),
        written_time: at.time.into(),
        written_date: at.date.into(),
        ..ShortEntry::default()
    }
}

/// The parts of a long name, last part first ("FAT Long Directory Entries").
pub(super) fn push_long(name: &str, short: &ShortName, bytes: &mut Vec<u8>) {
    let parts = short.long_parts(name);
    if parts == 0 {
        return;
    }
    let mut units: Vec<u16> = name.encode_utf16().collect();
    if !units.len().is_multiple_of(LONG_UNITS) {
        units.push(0);
        units.resize(parts * LONG_UNITS, PADDING);
    }
    let checksum = short.checksum();
    let numbered = (1..)
        .zip(units.chunks_exact(LONG_UNITS))
        .collect::<Vec<(u8, _)>>();
    for (number, units) in numbered.into_iter().rev() {
        let last = if usize::from(number) == parts {
            LAST_LONG_ENTRY
        } else {
            0
        };
        let part = LongEntry {
            order: number | last,
            units_1: std::array::from_fn(|at| units[at].into()),
            attributes: ATTR_LONG_NAME,
            kind: 0,
            checksum,
            units_2: std::array::from_fn(|at| units[5 + at].into()),
            cluster: 0.into(),
            units_3: std::array::from_fn(|at| units[11 + at].into()),
        };
        bytes.extend_from_slice(part.as_bytes());
    }
}
