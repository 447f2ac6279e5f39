//! How large a filesystem shall be.

/// The size of a filesystem that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeSize {
    /// So many bytes; what does not fill a block or sector at the end is left out.
    Fixed(u64),
    /// The smallest that holds the tree and has this much free.
    Auto(FreeSpace),
}

/// Free space asked of a filesystem that is sized for its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeSpace {
    /// At least so many bytes.
    Bytes(u64),
    /// At least so many thousandths of the filesystem; less than 1000.
    PerMille(u16),
}
