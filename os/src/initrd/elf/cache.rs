//! `ld.so.cache`: where libraries lie that `ldconfig` found (glibc's `sysdeps/generic/dl-cache.h`).

/// The new format, since glibc 2.2; it follows the older one, or stands alone.
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// The older format.
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";

/// Bytes of the new format's header, and of an entry.
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// Bytes of the older format's header, and of an entry.
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;

/// Libraries by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cache(Vec<(Vec<u8>, Vec<u8>)>);

impl Cache {
    /// Reads the cache, whose numbers have that byte order; nothing where it is none that is known.
    ///
    /// Entries for processors that have more than all of their kind (hwcaps) are left out: nobody knows where the
    /// initrd will run.
    pub(super) fn parse(bytes: &[u8], is_little_endian: bool) -> Option<Self> {
        let number = |at: usize| -> Option<usize> {
            let field = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
            let number = if is_little_endian {
                u32::from_le_bytes(field)
            } else {
                u32::from_be_bytes(field)
            };
            usize::try_from(number).ok()
        };
        let start = if bytes.starts_with(OLD_MAGIC) {
            let count = number(12)?;
            let end = OLD_HEADER.checked_add(count.checked_mul(OLD_ENTRY)?)?;
            // The new format's header begins at a multiple of its own alignment.
            end.checked_next_multiple_of(8)?
        } else {
            0
        };
        if !bytes.get(start..)?.starts_with(NEW_MAGIC) {
            return None;
        }
        let count = number(start + NEW_MAGIC.len())?;
        let mut libraries = Vec::new();
        for index in 0..count.min(bytes.len() / ENTRY) {
            let at = start + HEADER + index * ENTRY;
            let text = |offset: usize| -> Option<Vec<u8>> {
                let rest = bytes.get(start.checked_add(offset)?..)?;
                let end = rest.iter().position(|byte| *byte == 0)?;
                Some(rest[..end].to_vec())
            };
            let hwcaps = bytes.get(at + 16..at + ENTRY)?;
            if hwcaps.iter().all(|byte| *byte == 0) {
                libraries.push((text(number(at + 4)?)?, text(number(at + 8)?)?));
            }
        }
        Some(Self(libraries))
    }

    /// The paths of a library, in the order in which the loader would take them.
    pub(super) fn paths<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, path)| path.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache of the new format with these entries: name, path, hwcaps.
    fn cache(entries: &[(&str, &str, u64)]) -> Vec<u8> {
        let mut texts = Vec::new();
        let mut table = Vec::new();
        let base = HEADER + entries.len() * ENTRY;
        for (name, path, hwcap) in entries {
            table.extend(0x303_u32.to_le_bytes());
            for text in [name, path] {
                table.extend(u32::try_from(base + texts.len()).unwrap().to_le_bytes());
                texts.extend(text.as_bytes());
                texts.push(0);
            }
            table.extend(0_u32.to_le_bytes());
            table.extend(hwcap.to_le_bytes());
        }
        let mut bytes = NEW_MAGIC.to_vec();
        bytes.extend(u32::try_from(entries.len()).unwrap().to_le_bytes());
        bytes.extend(u32::try_from(texts.len()).unwrap().to_le_bytes());
        bytes.resize(HEADER, 0);
        [bytes, table, texts].concat()
    }

    #[test]
    fn libraries_are_found_by_name_in_either_format() {
        let entries = [
            ("libz.so.1", "/lib/hwcaps/libz.so.1", 1 << 62),
            ("libz.so.1", "/lib/libz.so.1", 0),
            ("libz.so.1", "/opt/libz.so.1", 0),
            ("liby.so.1", "/lib/liby.so.1", 0),
        ];
        let new = cache(&entries);
        let mut old = OLD_MAGIC.to_vec();
        old.extend([0, 1, 0, 0, 0]);
        old.resize(OLD_HEADER + OLD_ENTRY, 7);
        old.resize(old.len().next_multiple_of(8), 0);
        for bytes in [new.clone(), [old, new.clone()].concat()] {
            let found = Cache::parse(&bytes, true).unwrap();
            let paths: Vec<_> = found.paths(b"libz.so.1").collect();
            assert_eq!(paths, [&b"/lib/libz.so.1"[..], b"/opt/libz.so.1"]);
            assert_eq!(found.paths(b"libx.so.1").count(), 0);
        }
        for len in 0..new.len() {
            // Whatever is cut off, nothing panics, and nothing is made up.
            if let Some(found) = Cache::parse(&new[..len], true) {
                assert!(found.0.len() < 4);
            }
        }
        assert_eq!(Cache::parse(b"something else", true), None);
    }
}
