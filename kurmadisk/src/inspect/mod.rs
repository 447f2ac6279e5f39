//! Opening an image again: what its container, its partition table and its filesystems say.
//!
//! [`image`] reads a file or block device of any format, [`disk`] what is in it. Both give a report
//! for programs (it serialises) and for people.
//!
//! Images are hostile until shown otherwise. Only tables, superblocks and the like are read, each of
//! a bounded size, and whatever they say is checked before it is used; no directory tree and no chain
//! of clusters is followed. What is damaged becomes a problem in the report, and the rest is told
//! nevertheless.
//!
//! | file | holds |
//! |---|---|
//! | `report` | [`ImageReport`] and its parts |
//! | `table` | the partition table as a report |
//! | `content` | what lies in a partition, by its signature |
//! | `fat` | FAT12, FAT16, FAT32 |
//! | `ext` | ext2, ext3, ext4 |
//! | `verity` | hash areas of dm-verity |

mod content;
mod ext;
mod fat;
mod report;
mod table;
mod verity;

use std::path::Path;

use kurmadisk_formats::error::{OpenError, chain};
use kurmadisk_formats::open::ImageStore;
use kurmadisk_formats::read_at::ReadAt;

pub use report::{
    ContainerReport, Content, DiskReport, ExtReport, ExtendedReport, FatReport, FilesystemReport,
    HybridReport, ImageReport, PartitionReport, Problem, TableReport,
};

use crate::layout::Scheme;
use crate::table::{self as partition_table, PartitionTable, TableError, TableProblem};

/// Inspects the image file or block device at `path`, whatever its format.
///
/// Fails when it can't be opened, or when its container is damaged; problems of what is in the
/// container are in the report.
pub fn image(path: &Path) -> Result<ImageReport, OpenError> {
    Ok(opened(&ImageStore::open(path)?))
}

/// Inspects an image that is open.
#[must_use]
pub fn opened(store: &ImageStore) -> ImageReport {
    let image = store.image();
    ImageReport {
        container: ContainerReport {
            format: image.format().name(),
            file_size: store.files_len(),
            allocated: image.allocated_len(),
            facts: image.facts().to_vec(),
        },
        disk: disk(image),
    }
}

/// Inspects a disk: its partition table and what lies in its partitions, or on the whole disk when
/// it has no table.
#[must_use]
pub fn disk(disk: &dyn ReadAt) -> DiskReport {
    let mut report = DiskReport {
        size: disk.len(),
        table: None,
        partitions: Vec::new(),
        content: None,
        problems: Vec::new(),
    };
    let whole = content::examine(disk);
    match partition_table::read(disk) {
        Ok(table) if is_table(&table, &whole.content) => table::tell(disk, &table, &mut report),
        Ok(_) | Err(TableError::NoTable) => tell_whole(whole, &mut report),
        Err(error) => {
            report.problems.push(Problem::of_disk(chain(&error)));
            tell_whole(whole, &mut report);
        }
    }
    report
}

/// Whether a table is one, and not what looks like it on a disk with a filesystem of its own: a boot
/// sector looks like an MBR and may have anything in the place of its entries, and a backup GPT may
/// have outlived its disk.
fn is_table(table: &PartitionTable, whole: &Content) -> bool {
    let layout = &table.layout;
    let counts = match layout.scheme {
        Scheme::Gpt(_) => !table.problems.contains(&TableProblem::NotProtected),
        Scheme::Mbr(_) => layout
            .partitions
            .iter()
            .any(|partition| partition.end().0 <= layout.sectors),
    };
    counts || !whole.is_known()
}

fn tell_whole(whole: content::Examined, report: &mut DiskReport) {
    let problems = whole.problems.into_iter().map(Problem::of_disk);
    report.problems.extend(problems);
    report.content = Some(whole.content);
}
