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
