//! A kernel and an initrd put into a slot.

use std::collections::BTreeSet;
use std::path::Path;

use kurmadisk_formats::host;
use kurmadisk_formats::read_at::{ReadAt, Window};
use kurmadisk_formats::write_at::{WriteAt, write_in_order};

use super::{Change, Slot, SlotError, changed, described, find, io_error, open, slots};
use crate::boot::kernel::{Kernel, KernelFault};
use crate::fs::fat::FatReadError;
use crate::fs::fat::update::{FatUpdate, FatUpdateError, FileChange, NewContent, OldFiles};
use crate::layout::{Attributes, DiskLayout, PartitionType, PlacedPartition, Scheme};
use crate::table::{self, PartitionTable};

/// The directory of the boot partition that kurmaboot reads.
const FOLDER: &str = "kurmaos";
/// The slot whose files are booted from a disk without slots.
const WITHOUT_SLOTS: char = 'a';
/// Tries of a slot that was installed.
const TRIES: u8 = 3;
/// The highest priority.
const HIGHEST: u8 = 15;

/// What is put into a slot.
#[derive(Clone, Copy, Debug)]
pub struct Install<'a> {
    /// The kernel, a bzImage.
    pub kernel: NewContent<'a>,
    /// Its initrd; without one the slot has none any more.
    pub initrd: Option<NewContent<'a>>,
    /// What the slot is then. Unless it says otherwise: a priority above all others, three tries, not successful.
    pub change: Change,
}

/// Puts a kernel and its initrd into the slot with this letter, on the raw disk `path`: an image's file or a block
/// device. What the slot is then; on a disk without slots, where the files of `a` are booted, none.
///
/// Everything is looked at first, and nothing is written if anything is wrong. Then the slot gets priority 0, if
/// another one can be booted; the files are written; the slot gets what it shall have. Each step is on the disk before
/// the next, so whenever the power is cut, what could be booted can be booted, or what is new.
///
/// Nobody else may write to the boot partition meanwhile. On Linux a mounted partition of a block device is noticed.
pub fn install(path: &Path, letter: char, all: &Install<'_>) -> Result<Option<Slot>, SlotError> {
    let (file, disk) = open(path)?;
    let table = table::read(&disk)?;
    let boot = boot_partition(&table.layout)?;
    let number = boot.number;
    // Held until the end, so that nobody mounts it meanwhile.
    let _claim = host::claim_partition(&file, number).map_err(|source| {
        if source.kind() == std::io::ErrorKind::ResourceBusy {
            SlotError::InUse { number }
        } else {
            io_error("open")(source)
        }
    })?;
    install_on(&disk, &file, letter, all)
}

/// The same on a disk that is read and written to by these two.
pub fn install_on(
    disk: &dyn ReadAt,
    target: &dyn WriteAt,
    letter: char,
    all: &Install<'_>,
) -> Result<Option<Slot>, SlotError> {
    let table = table::read(disk)?;
    check_kernel(all, &table.layout)?;
    let found = match table.layout.scheme {
        Scheme::Gpt(_) => slots(&table)?,
        Scheme::Mbr(_) => Vec::new(),
    };
    let letter = letter.to_ascii_lowercase();
    let names = ["vmlinuz", "initrd"].map(|name| format!("{name}-{letter}"));
    let [kernel, initrd] = &names;
    let files = [
        FileChange {
            name: kernel,
            content: Some(all.kernel),
        },
        FileChange {
            name: initrd,
            content: all.initrd,
        },
    ];
    if found.is_empty() && letter == WITHOUT_SLOTS {
        if all.change != Change::default() {
            return Err(SlotError::NoAttributes);
        }
        let files = Files::plan(disk, &table, &files, OldFiles::Stay)?;
        files.write(target, false)?;
        return Ok(None);
    }
    let (slot, attributes) = find(&found, letter)?;
    let others = found.iter().filter(|(other, _)| other != slot);
    // A slot that is the only one to boot must stay so, with old files or with new ones.
    let disabled = others.clone().any(|(other, _)| other.is_bootable()) || !slot.is_bootable();
    let old = if disabled {
        OldFiles::MayGoFirst
    } else {
        OldFiles::Stay
    };
    let files = Files::plan(disk, &table, &files, old)?;
    let enabled = enabled(&found, slot, *attributes, all.change)?;
    let own = enabled.first().map_or(*attributes, |(_, own)| *own);
    let size = table.layout.sector_size;
    let write = io_error("write to");
    if disabled && slot.priority > 0 {
        let off = attributes.with_priority(0)?;
        let writes = table::set_attributes(disk, size, &[(slot.number, off)])?;
        write_in_order(target, &writes).map_err(write)?;
    }
    files.write(target, disabled)?;
    let writes = table::set_attributes(disk, size, &enabled)?;
    write_in_order(target, &writes).map_err(write)?;
    Ok(Some(described(slot.number, &slot.label, slot.letter, own)))
}

/// Files of the boot partition, ready to be written.
struct Files<'a> {
    update: FatUpdate<'a>,
    /// The partition's number, and where it begins, in bytes.
    number: u32,
    start: u64,
}

impl<'a> Files<'a> {
    fn plan(
        disk: &dyn ReadAt,
        table: &PartitionTable,
        files: &'a [FileChange<'a>],
        old: OldFiles,
    ) -> Result<Self, SlotError> {
        let partition = boot_partition(&table.layout)?;
        let number = partition.number;
        let range = table.layout.byte_range(partition);
        let wrong = |source| SlotError::Files { number, source };
        let len = range.end.saturating_sub(range.start);
        let volume = Window::new(disk, range.start, len)
            .map_err(|error| wrong(FatUpdateError::Volume(FatReadError::Read(error))))?;
        let update = FatUpdate::plan(&volume, FOLDER, files, old).map_err(wrong)?;
        Ok(Self {
            update,
            number,
            start: range.start,
        })
    }

    fn write(&self, target: &dyn WriteAt, disabled: bool) -> Result<(), SlotError> {
        let written = self.update.perform(target, self.start);
        written.map_err(|source| SlotError::Unfinished {
            number: self.number,
            disabled,
            source,
        })
    }
}

/// The partition that kurmaboot reads its files from.
fn boot_partition(layout: &DiskLayout) -> Result<&PlacedPartition, SlotError> {
    let is_it = |partition: &&PlacedPartition| match layout.scheme {
        Scheme::Gpt(_) => partition.kind == PartitionType::ESP,
        Scheme::Mbr(_) => partition.active,
    };
    let all = layout.partitions.iter().filter(is_it);
    all.min_by_key(|partition| partition.number)
        .ok_or(SlotError::NoBootPartition)
}

/// Whether what starts the disk can start the kernel.
fn check_kernel(all: &Install<'_>, layout: &DiskLayout) -> Result<(), SlotError> {
    let kernel = Kernel::read(all.kernel.bytes).map_err(SlotError::Kernel)?;
    let is_bios_boot = |partition: &PlacedPartition| partition.kind == PartitionType::BIOS_BOOT;
    let by_bios = match layout.scheme {
        Scheme::Gpt(_) => layout.partitions.iter().any(is_bios_boot),
        Scheme::Mbr(_) => true,
    };
    if by_bios && !kernel.starts_by_bios() {
        return Err(SlotError::OldKernel);
    }
    if !by_bios && !kernel.has_efi_stub() {
        return Err(SlotError::Kernel(KernelFault::NoEfiStub));
    }
    Ok(())
}

/// The attributes of a slot that was installed, by its number, and of others that have to make way for its priority.
fn enabled(
    all: &[(Slot, Attributes)],
    slot: &Slot,
    attributes: Attributes,
    change: Change,
) -> Result<Vec<(u32, Attributes)>, SlotError> {
    let others = all.iter().filter(|(other, _)| other != slot);
    let levels: BTreeSet<u8> = others
        .clone()
        .map(|(other, _)| other.priority)
        .filter(|priority| *priority > 0)
        .collect();
    let highest = levels.last().copied().unwrap_or(0);
    let mut moved = Vec::new();
    let priority = match change.priority {
        Some(priority) => priority,
        None if highest < HIGHEST => highest + 1,
        None => {
            // Nothing is above the highest: the others keep their order, from 1 on.
            for (other, attributes) in others {
                let below = levels.range(..other.priority).count();
                if let Some(rank) = rank(below).filter(|_| other.priority > 0) {
                    moved.push((other.number, attributes.with_priority(rank)?));
                }
            }
            rank(levels.len()).unwrap_or(u8::MAX)
        }
    };
    let own = Change {
        priority: Some(priority),
        tries: Some(change.tries.unwrap_or(TRIES)),
        successful: Some(change.successful.unwrap_or(false)),
    };
    let own = (slot.number, changed(attributes, own)?);
    Ok(std::iter::once(own).chain(moved).collect())
}

/// The priority above so many others.
fn rank(below: usize) -> Option<u8> {
    u8::try_from(below).ok()?.checked_add(1)
}
