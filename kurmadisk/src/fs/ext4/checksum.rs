//! crc32c as ext4 uses it: the running value goes on from a seed and is not inverted at the end
//! (`checksums.rst`).

use uuid::Uuid;

/// A running checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum(u32);

impl Checksum {
    /// Nothing summed yet.
    pub const START: Self = Self(!0);

    /// The seed all of a filesystem's checksums but the superblock's begin with.
    pub fn seed(uuid: Uuid) -> Self {
        Self::START.update(uuid.as_bytes())
    }

    /// The seed of an inode's own structures: its number and generation (always 0 here) follow
    /// the filesystem's seed.
    pub fn for_inode(self, inode: u32) -> Self {
        self.update(&inode.to_le_bytes()).update(&[0; 4])
    }

    /// The value after `bytes`. The library inverts before and after: undone here.
    pub fn update(self, bytes: &[u8]) -> Self {
        Self(!crc32c::crc32c_append(!self.0, bytes))
    }

    pub fn value(self) -> u32 {
        self.0
    }

    /// The low half, which the shorter checksum fields hold.
    pub fn lo(self) -> u16 {
        let [a, b, _, _] = self.0.to_le_bytes();
        u16::from_le_bytes([a, b])
    }

    /// The high half.
    pub fn hi(self) -> u16 {
        let [_, _, c, d] = self.0.to_le_bytes();
        u16::from_le_bytes([c, d])
    }
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
}
