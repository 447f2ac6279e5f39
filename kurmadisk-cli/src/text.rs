//! Tables and sizes for people.

use std::fmt::{self, Write};

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

/// Columns as wide as their widest cell; columns without any content are left out.
pub struct Table<const N: usize> {
    head: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub fn new(head: [&'static str; N]) -> Self {
        Self {
            head,
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..N)
            .map(|column| {
                let cells = self.rows.iter().map(|row| row[column].chars().count());
                match cells.max().unwrap_or(0) {
                    0 => 0,
                    widest => widest.max(self.head[column].len()),
                }
            })
            .collect();
        let head = self.head.map(str::to_owned);
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
                let _ = write!(line, "{cell:width$}  ");
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
