//! Headers of cpio archives: the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst` for newc and
//! crc, POSIX.1-1996 `cpio` ("Cpio Interchange Format") for odc.

use crate::tree::{DeviceNumber, file_type};

use super::error::CpioFault;

/// The name of the member that ends an archive.
pub(super) const TRAILER: &[u8] = b"TRAILER!!!";

/// Bytes that a header begins with.
pub(super) const MAGIC: usize = 6;

/// How headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Hexadecimal.
    Newc,
    /// As newc, with a sum of the content.
    Crc,
    /// Octal.
    Odc,
}

/// A header's fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) ino: u32,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) nlink: u32,
    /// Seconds since 1970.
    pub(super) mtime: u64,
    /// Bytes of content.
    pub(super) size: u64,
    /// The device that the file lay on, major and minor number.
    pub(super) dev: (u32, u32),
    pub(super) rdev: (u32, u32),
    /// Bytes of the name with the NUL that ends it.
    pub(super) name_len: u64,
    /// The sum of the content's bytes; of crc alone.
    pub(super) sum: u32,
}

impl Format {
    /// That of a header that begins with `magic`.
    pub(super) fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            b"070701" => Some(Self::Newc),
            b"070702" => Some(Self::Crc),
            b"070707" => Some(Self::Odc),
            _ => None,
        }
    }

    /// Bytes of a header, its magic number included.
    pub(super) fn header_len(self) -> usize {
        match self {
            Self::Newc | Self::Crc => MAGIC + 13 * 8,
            Self::Odc => MAGIC + 8 * 6 + 2 * 11,
        }
    }

    /// Name and content are filled up to a multiple of so many bytes, counted from the header.
    pub(super) fn alignment(self) -> u64 {
        match self {
            Self::Newc | Self::Crc => 4,
            Self::Odc => 1,
        }
    }

    /// The fields of a header, given with its magic number.
    pub(super) fn parse(self, header: &[u8]) -> Result<Header, CpioFault> {
        let mut fields = Fields(header.get(MAGIC..).unwrap_or_default());
        match self {
            Self::Newc | Self::Crc => fields.hexadecimal(),
            Self::Odc => fields.octal(),
        }
    }
}

impl Header {
    /// What a device node stands for.
    pub(super) fn device(&self) -> DeviceNumber {
        let (major, minor) = self.rdev;
        DeviceNumber { major, minor }
    }

    pub(super) fn file_type(&self) -> u32 {
        self.mode & file_type::MASK
    }
}

/// The fields that were not read yet.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn hexadecimal(&mut self) -> Result<Header, CpioFault> {
        Ok(Header {
            ino: self.hex("c_ino")?,
            mode: self.hex("c_mode")?,
            uid: self.hex("c_uid")?,
            gid: self.hex("c_gid")?,
            nlink: self.hex("c_nlink")?,
            mtime: self.hex("c_mtime")?.into(),
            size: self.hex("c_filesize")?.into(),
            dev: (self.hex("c_maj")?, self.hex("c_min")?),
            rdev: (self.hex("c_rmaj")?, self.hex("c_rmin")?),
            name_len: self.hex("c_namesize")?.into(),
            sum: self.hex("c_chksum")?,
        })
    }

    fn octal(&mut self) -> Result<Header, CpioFault> {
        let dev = device(self.oct("c_dev")?);
        Ok(Header {
            dev,
            ino: self.oct("c_ino")?,
            mode: self.oct("c_mode")?,
            uid: self.oct("c_uid")?,
            gid: self.oct("c_gid")?,
            nlink: self.oct("c_nlink")?,
            rdev: device(self.oct("c_rdev")?),
            mtime: self.number("c_mtime", 11, 8)?,
            name_len: self.oct("c_namesize")?.into(),
            size: self.number("c_filesize", 11, 8)?,
            sum: 0,
        })
    }

    fn hex(&mut self, name: &'static str) -> Result<u32, CpioFault> {
        let value = self.number(name, 8, 16)?;
        u32::try_from(value).map_err(|_| CpioFault::Number { field: name })
    }

    fn oct(&mut self, name: &'static str) -> Result<u32, CpioFault> {
        let value = self.number(name, 6, 8)?;
        u32::try_from(value).map_err(|_| CpioFault::Number { field: name })
    }

    fn number(&mut self, name: &'static str, len: usize, radix: u32) -> Result<u64, CpioFault> {
        let wrong = CpioFault::Number { field: name };
        let Some((field, rest)) = self.0.split_at_checked(len) else {
            return Err(wrong);
        };
        self.0 = rest;
        let number = field.iter().try_fold(0_u64, |number, digit| {
            let digit = char::from(*digit).to_digit(radix)?;
            number.checked_mul(radix.into())?.checked_add(digit.into())
        });
        number.ok_or(wrong)
    }
}

/// Device numbers of odc have 18 bits, eight of them the minor number, as those of old had 16.
fn device(number: u32) -> (u32, u32) {
    (number >> 8, number & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_they_are_read() {
        let header = "0707010000000100008124000000020000000300000004ffffffff\
                      00000006000000070000000800000009fFfFfFfF0000000b0000000c";
        let found = Format::Newc.parse(header.as_bytes()).unwrap();
        let expected = Header {
            ino: 1,
            mode: 0o100_444,
            uid: 2,
            gid: 3,
            nlink: 4,
            mtime: 0xffff_ffff,
            size: 6,
            dev: (7, 8),
            rdev: (9, 0xffff_ffff),
            name_len: 11,
            sum: 12,
        };
        assert_eq!((found, header.len()), (expected, Format::Newc.header_len()));

        let header = "0707070000010000021004440000030000040000050025010000000000600000777777777777";
        let found = Format::Odc.parse(header.as_bytes()).unwrap();
        let expected = Header {
            dev: (0, 1),
            ino: 2,
            mode: 0o100_444,
            uid: 3,
            gid: 4,
            nlink: 5,
            rdev: (5, 0o101),
            mtime: 6,
            name_len: 7,
            size: 0o77_777_777_777,
            sum: 0,
        };
        assert_eq!((found, header.len()), (expected, Format::Odc.header_len()));
    }

    #[test]
    fn what_is_no_number_is_named() {
        let good = [b"070701".to_vec(), vec![b'0'; 104]].concat();
        for (at, field) in [(6, "c_ino"), (69, "c_maj"), (109, "c_chksum")] {
            for bad in [b'g', b' ', b'-', 0] {
                let mut header = good.clone();
                header[at] = bad;
                let fault = Format::Newc.parse(&header).unwrap_err();
                assert!(matches!(fault, CpioFault::Number { field: found } if found == field));
            }
        }
        assert!(Format::Newc.parse(&good[..109]).is_err());
    }
}
