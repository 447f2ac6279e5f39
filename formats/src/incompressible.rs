//! Telling content that deflate can't make smaller without trying.
//!
//! Archives, compressed kernel modules, pictures and encrypted files fill much of a system's disk.
//! To try deflate on them takes longer than on anything else, and yields nothing.

/// Distinct hashes of [`is_incompressible`]'s second test are looked up in so many bits.
const BITS: usize = 1 << 16;

/// Bytes at the beginning that are looked at by themselves.
const START: usize = 4096;

/// Whether `data` is better stored than deflated, judged by two counts at memory speed. A wrong
/// answer costs space or time, no more; equal data always has equal answers.
pub(crate) fn is_incompressible(data: &[u8]) -> bool {
    is_even(data) && !repeats(data)
}

/// Whether all 256 values of a byte are about equally frequent, as entropy coding gains nothing
/// then. Most that isn't shows it where it begins.
fn is_even(data: &[u8]) -> bool {
    let start = &data[..data.len().min(START)];
    repeated_bytes(start) < 150 && repeated_bytes(data) < 108
}

/// How often two bytes of the data are the same, in hundredths of how often they are by chance: 1/256 for even ones,
/// and more for others. 8 % more still means that less than a hundredth of a byte's information is saved.
fn repeated_bytes(data: &[u8]) -> u64 {
    // Four tables: equal neighbours don't wait for each other's count.
    let mut counts = [[0_u32; 256]; 4];
    for bytes in data.chunks_exact(4) {
        for (table, byte) in counts.iter_mut().zip(bytes) {
            table[usize::from(*byte)] += 1;
        }
    }
    let pairs: u64 = (0..256)
        .map(|value| counts.iter().map(|table| u64::from(table[value])).sum())
        .map(|count: u64| count * count)
        .sum();
    let len = data.len() as u64;
    (pairs * 256 * 100)
        .checked_div(len * len)
        .unwrap_or(u64::MAX)
}

/// Whether strings of four bytes occur more than once, more often than by chance: values can be
/// even and still follow a pattern.
fn repeats(data: &[u8]) -> bool {
    let mut seen = vec![0_u64; BITS / 64];
    let (mut strings, mut distinct) = (0_usize, 0_usize);
    for string in data.chunks_exact(4) {
        let &[a, b, c, d] = string else { continue };
        // Multiplicative hashing: the upper half of the product depends on all bits.
        let hash = u32::from_le_bytes([a, b, c, d]).wrapping_mul(0x9E37_79B1) >> 16;
        let hash = usize::try_from(hash).unwrap_or(0);
        let bit = 1 << (hash % 64);
        let word = &mut seen[hash / 64];
        strings += 1;
        distinct += usize::from(*word & bit == 0);
        *word |= bit;
    }
    // 64 KiB of noise have 16384 strings with about 14500 distinct hashes: 88 %.
    distinct * 100 < strings * 84
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        std::iter::repeat_with(&mut next).take(len).collect()
    }

    #[test]
    fn noise_is_and_text_zeros_and_patterns_are_not() {
        let noise = noise(65_536);
        assert!(is_incompressible(&noise));
        let text = b"Lorem ipsum dolor sit amet, ".repeat(2400);
        assert!(!is_incompressible(&text));
        assert!(!is_incompressible(&vec![0; 65_536]));
        let counting: Vec<u8> = (0..=255).cycle().take(65_536).collect();
        assert!(!is_incompressible(&counting));
        assert!(!is_incompressible(&noise[..9_973].repeat(7)));
        let half_zeros = [noise[..32_768].to_vec(), vec![0; 32_768]].concat();
        assert!(!is_incompressible(&half_zeros));
    }
}
