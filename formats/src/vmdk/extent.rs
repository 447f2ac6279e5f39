//! Lines of a descriptor that say where a stretch of the disk lies.
//!
//! Virtual Disk Format 5.0, section "The Extent Description".

use std::fmt;

use super::spec::{NAME, SECTOR};
use crate::error::OpenError;

/// As many as fit into a signed number of bytes.
const MAX_SECTORS: u64 = i64::MAX.cast_unsigned() / SECTOR;

/// A stretch of the disk; those of a descriptor follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExtentLine {
    /// Sectors of the disk.
    pub sectors: u64,
    /// Where they are.
    pub place: Place,
}

/// Where a stretch of the disk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// As they are, in the file of this name from this sector on.
    Flat { file: String, offset: u64 },
    /// In grains, in the file of this name.
    Sparse { file: String },
    /// Nowhere: they are zeros.
    Zero,
}

impl ExtentLine {
    /// The extent that a line of a descriptor describes; nothing when it is another line.
    pub(super) fn parse(line: &str) -> Result<Option<Self>, OpenError> {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("RW" | "RDONLY") => {}
            Some("NOACCESS") => {
                let reason = format!("an extent that may not be read: {line}");
                return Err(OpenError::unsupported(NAME, reason));
            }
            _ => return Ok(None),
        }
        let malformed = || OpenError::damaged(NAME, format!("the extent {line:?} is malformed"));
        let sectors = words.next().and_then(|word| word.parse::<u64>().ok());
        let sectors = sectors.filter(|sectors| (1..=MAX_SECTORS).contains(sectors));
        let sectors = sectors.ok_or_else(malformed)?;
        let kind = words.next().ok_or_else(malformed)?;
        let named = || {
            let (_, quoted) = line.split_once('"')?;
            quoted.split_once('"')
        };
        let place = match kind {
            "ZERO" => Place::Zero,
            "SPARSE" => {
                let (file, _) = named().ok_or_else(malformed)?;
                let file = file.to_owned();
                Place::Sparse { file }
            }
            // ESXi's flat files always begin with the disk.
            "FLAT" | "VMFS" => {
                let (file, rest) = named().ok_or_else(malformed)?;
                let offset = match rest.split_ascii_whitespace().next() {
                    None => 0,
                    Some(word) => word.parse().map_err(|_| malformed())?,
                };
                let file = file.to_owned();
                Place::Flat { file, offset }
            }
            other => {
                let reason = format!("an extent of type {other}");
                return Err(OpenError::unsupported(NAME, reason));
            }
        };
        Ok(Some(Self { sectors, place }))
    }
}

impl fmt::Display for ExtentLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RW {} ", self.sectors)?;
        match &self.place {
            Place::Flat { file, offset } => write!(f, "FLAT \"{file}\" {offset}"),
            Place::Sparse { file } => write!(f, "SPARSE \"{file}\""),
            Place::Zero => f.write_str("ZERO"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> ExtentLine {
        ExtentLine::parse(line).unwrap().unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        for line in [
            "RW 4192256 SPARSE \"a b-s001.vmdk\"",
            "RW 1 FLAT \"a-flat.vmdk\" 17",
            "RW 9 ZERO",
        ] {
            assert_eq!(parse(line).to_string(), line);
        }
        let vmfs = parse("RDONLY 8 VMFS \"a-flat.vmdk\"").to_string();
        assert_eq!(vmfs, "RW 8 FLAT \"a-flat.vmdk\" 0");
    }

    #[test]
    fn other_lines_are_no_extents_and_malformed_ones_are_refused() {
        for line in ["", "version=1", "# RW 1 ZERO", "RWX 1 ZERO"] {
            assert_eq!(ExtentLine::parse(line).unwrap(), None);
        }
        for (line, word) in [
            ("RW", "malformed"),
            ("RW -1 ZERO", "malformed"),
            ("RW 0 ZERO", "malformed"),
            ("RW 18014398509481984 ZERO", "malformed"),
            ("RW 1", "malformed"),
            ("RW 1 SPARSE a.vmdk", "malformed"),
            ("RW 1 SPARSE \"a.vmdk", "malformed"),
            ("RW 1 FLAT \"a\" x", "malformed"),
            ("RW 1 SESPARSE \"a\"", "type SESPARSE"),
            ("NOACCESS 1 ZERO", "may not be read"),
        ] {
            let error = ExtentLine::parse(line).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
