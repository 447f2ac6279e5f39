//! crc32c as ext4 uses it: the running value goes on from a seed and is not inverted at the end
//! (`checksums.rst`).

use uuid::Uuid;

/// A running checksum; or none, in a filesystem whose metadata has no checksums: then every field for one
/// is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum(Option<u32>);

impl Checksum {
    /// Nothing summed yet.
    pub const START: Self = Self(Some(!0));
    /// Nothing is summed.
    pub const OFF: Self = Self(None);

    /// The seed all of a filesystem's checksums but the superblock's begin with.
    pub fn seed(uuid: Uuid) -> Self {
        Self::START.update(uuid.as_bytes())
    }

    /// A seed that the superblock itself gives (`metadata_csum_seed`).
    #[cfg(feature = "inspect")]
    pub fn seeded(seed: u32) -> Self {
        Self(Some(seed))
    }

    /// This, if there are checksums.
    pub fn enabled(self) -> Option<Self> {
        self.0.map(|_| self)
    }

    /// The seed of an inode's own structures, of generation 0, as all are that are made here.
    pub fn for_inode(self, inode: u32) -> Self {
        self.for_generation(inode, 0)
    }

    /// The seed of an inode's own structures: its number and generation follow the filesystem's seed.
    pub fn for_generation(self, inode: u32, generation: u32) -> Self {
        self.update(&inode.to_le_bytes())
            .update(&generation.to_le_bytes())
    }

    /// The value after `bytes`. The library inverts before and after: undone here.
    pub fn update(self, bytes: &[u8]) -> Self {
        Self(self.0.map(|value| !crc32c::crc32c_append(!value, bytes)))
    }

    pub fn value(self) -> u32 {
        self.0.unwrap_or(0)
    }

    /// The low half, which the shorter checksum fields hold.
    pub fn lo(self) -> u16 {
        let [a, b, _, _] = self.value().to_le_bytes();
        u16::from_le_bytes([a, b])
    }

    /// The high half.
    pub fn hi(self) -> u16 {
        let [_, _, c, d] = self.value().to_le_bytes();
        u16::from_le_bytes([c, d])
    }
}

/// CRC-16 with the polynomial 0x8005 reflected, going on from `value`: what group descriptors have with
/// `uninit_bg` (`group_descr.rst`, `bg_checksum`).
pub fn crc16(value: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(value, |value, byte| {
        (0..8).fold(value ^ u16::from(*byte), |value, _| {
            let carry = if value & 1 == 1 { 0xa001 } else { 0 };
            value >> 1 ^ carry
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_crc32c_without_the_last_inversion() {
        // The check value of CRC-32C in the catalogue of parametrised CRC algorithms.
        let sum = Checksum::START.update(b"123456789");
        assert_eq!(!sum.value(), 0xe306_9283);
        assert_eq!((sum.lo(), sum.hi()), (!0x9283, !0xe306));
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(!Checksum::START.update(&[0; 32]).value(), 0x8a91_36aa);
        assert_eq!(Checksum::START.update(b"1234").update(b"56789"), sum);
    }

    #[test]
    fn an_inode_has_a_seed_of_its_own() {
        let uuid = Uuid::from_u128(0x1234);
        let seed = Checksum::seed(uuid);
        assert_eq!(seed, Checksum::START.update(&uuid.into_bytes()));
        let expected = seed.update(&[0x39, 0x30, 0, 0, 0, 0, 0, 0]);
        assert_eq!(seed.for_inode(12345), expected);
    }

    #[test]
    fn without_checksums_every_field_is_zero() {
        let off = Checksum::OFF.for_inode(12).update(b"bytes");
        assert_eq!((off.value(), off.lo(), off.hi()), (0, 0, 0));
        assert_eq!(off.enabled(), None);
        assert_eq!(Checksum::START.enabled(), Some(Checksum::START));
    }

    #[test]
    fn the_shorter_one_is_crc_16() {
        // The check values of CRC-16/ARC, and of CRC-16/MODBUS, which begins with ones.
        assert_eq!(crc16(0, b"123456789"), 0xbb3d);
        assert_eq!(crc16(!0, b"123456789"), 0x4b37);
    }
}
