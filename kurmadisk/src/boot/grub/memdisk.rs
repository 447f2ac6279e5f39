//! The memory disk: a tar archive in a core image (POSIX.1-2017, `pax`, "ustar Interchange Format").

/// Bytes of a block; a header has one.
const BLOCK: usize = 512;
/// Blocks of zeros at an archive's end.
const END_BLOCKS: usize = 2;

/// An archive with one file of root's, with mode 0644 and the time 0.
pub(super) fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut archive = header(name, content.len());
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    archive.resize(archive.len() + END_BLOCKS * BLOCK, 0);
    archive
}

fn header(name: &str, len: usize) -> Vec<u8> {
    let mut header = vec![0; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{len:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    // The checksum counts its own field as spaces.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
