//! Modes of files, as POSIX has them (`sys/stat.h`).

/// The type of a file, as the bits of a mode that are no permissions.
pub mod file_type {
    /// All of them (`S_IFMT`).
    pub const MASK: u32 = 0o170_000;
    /// A socket (`S_IFSOCK`).
    pub const SOCKET: u32 = 0o140_000;
    /// A symbolic link (`S_IFLNK`).
    pub const SYMLINK: u32 = 0o120_000;
    /// A regular file (`S_IFREG`).
    pub const REGULAR: u32 = 0o100_000;
    /// A block device (`S_IFBLK`).
    pub const BLOCK_DEVICE: u32 = 0o060_000;
    /// A directory (`S_IFDIR`).
    pub const DIRECTORY: u32 = 0o040_000;
    /// A character device (`S_IFCHR`).
    pub const CHAR_DEVICE: u32 = 0o020_000;
    /// A named pipe (`S_IFIFO`).
    pub const FIFO: u32 = 0o010_000;
}

/// Reads permissions as octal digits up to 7777.
pub(crate) fn parse_permissions(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let mode = u16::from_str_radix(text, 8).ok().filter(|_| digits);
    mode.filter(|mode| *mode <= 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_octal_digits() {
        for (text, mode) in [("0", 0), ("0644", 0o644), ("7777", 0o7777), ("0007", 7)] {
            assert_eq!(parse_permissions(text), Some(mode), "{text}");
        }
        for text in ["", "+644", "-1", "8", "10000", "644 ", "u=r", "200000"] {
            assert_eq!(parse_permissions(text), None, "{text}");
        }
    }
}
