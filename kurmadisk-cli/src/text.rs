//! Tables and sizes for people.

use std::fmt::{self, Write};

use kurmadisk::layout::EntryReport;
use kurmadisk::verity::HashAreaReport;

/// A size in the largest binary unit it has one of, with one decimal unless it is whole.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| bytes >= *unit) else {
        return format!("{bytes} B");
    };
    let (whole, rest) = (bytes / unit, bytes % unit);
    match rest {
        0 => format!("{whole} {name}"),
        _ => format!("{whole}.{} {name}", rest / (unit / 10 + 1)),
    }
}

/// What an image says, without what a terminal would obey or a table would break by.
pub fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The columns of [`entry_cells`].
pub const ENTRY_HEAD: [&str; 8] = [
    "no",
    "label",
    "type",
    "first",
    "sectors",
    "bytes",
    "size",
    "attributes",
];

/// What a partition table says of a partition.
pub fn entry_cells(entry: &EntryReport) -> [String; 8] {
    [
        entry.number.to_string(),
        shown(&entry.label),
        entry.kind.clone(),
        entry.first.to_string(),
        entry.sectors.to_string(),
        format!(
            "{}..{}",
            entry.start,
            entry.start.saturating_add(entry.size)
        ),
        size(entry.size),
        entry.attributes.join(","),
    ]
}

/// A hash area in a line.
pub fn hash_area(area: &HashAreaReport) -> String {
    let root = area.root_hash.as_deref().unwrap_or("unknown");
    let salt = match area.salt.as_str() {
        "" => "none",
        salt => salt,
    };
    format!(
        "root hash {root}, {} protected, {} of hashes at byte {}, salt {salt}, {}",
        size(area.data_size),
        size(area.size),
        area.offset,
        area.uuid
    )
}

/// Columns as wide as their widest cell; columns without any content are left out.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            head: head.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].chars().count());
        match cells.max().unwrap_or(0) {
            0 => 0,
            widest => widest.max(self.head[column].len()),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| self.width(column))
            .collect();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
                write!(line, "{cell:width$}  ")?;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
