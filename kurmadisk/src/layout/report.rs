//! A partition's entry as people and programs read it.

use serde::Serialize;

use super::{DiskLayout, PlacedPartition, Scheme};

/// The entry of a partition, ready for JSON. Offsets and sizes are in bytes unless named otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EntryReport {
    /// Number in the table.
    pub number: u32,
    /// Name in the table; an MBR has none.
    pub label: String,
    /// Type, by name where it has one.
    #[serde(rename = "type")]
    pub kind: String,
    /// Type as the table has it: a GUID, or a byte as `0x83`.
    pub type_code: String,
    /// The partition's own GUID; an MBR has none.
    pub guid: Option<String>,
    /// First sector.
    pub first: u64,
    /// Length in sectors.
    pub sectors: u64,
    /// Offset on the disk.
    pub start: u64,
    /// Length.
    pub size: u64,
    /// Attributes by name; `active` in an MBR.
    pub attributes: Vec<String>,
}

impl DiskLayout {
    /// What the table says of `partition`, in words.
    #[must_use]
    pub fn report(&self, partition: &PlacedPartition) -> EntryReport {
        let range = self.byte_range(partition);
        let mut attributes = partition.attributes.names();
        if partition.active {
            attributes.push("active".to_owned());
        }
        let is_gpt = matches!(self.scheme, Scheme::Gpt(_));
        let type_code = match (is_gpt, partition.kind.guid()) {
            (true, Some(guid)) => guid.to_string(),
            _ => format!("{:#04x}", partition.kind.mbr().unwrap_or(0)),
        };
        EntryReport {
            number: partition.number,
            label: partition.label.clone(),
            kind: partition.kind.to_string(),
            type_code,
            guid: is_gpt.then(|| partition.guid.to_string()),
            first: partition.first.0,
            sectors: partition.sectors,
            start: range.start,
            size: range.end - range.start,
            attributes,
        }
    }
}
