//! Huffman codes of limited length (3.2.2).

use super::bits::Piece;

/// Bits of the longest code.
const LONGEST: usize = 15;

/// Bits of a symbol's number.
const SYMBOL_BITS: u32 = 9;

/// The code of each of `N` symbols.
pub(super) struct Codes<const N: usize> {
    /// Its bits, in the order in which they are written.
    pub bits: [u16; N],
    /// How many; none for a symbol that does not occur.
    pub lens: [u8; N],
}

impl<const N: usize> Codes<N> {
    /// The shortest codes for symbols that occur so often, of `most` bits at most.
    ///
    /// There are two at least, as some readers refuse less. No count is above 2^22.
    pub(super) fn of(counts: &[u32; N], most: u8) -> Self {
        // Counts with their symbols behind them, as numbers are sorted faster than pairs.
        let mut used: Vec<u32> = Vec::with_capacity(N);
        used.extend(
            (counts.iter().zip(0..)).filter_map(|(count, symbol)| {
                (*count > 0).then_some(*count << SYMBOL_BITS | symbol)
            }),
        );
        used.sort_unstable();
        let symbol = |used: &u32| (used & ((1 << SYMBOL_BITS) - 1)) as usize;
        let mut lens = [0; N];
        if used.len() < 2 {
            let only = used.first().map_or(0, symbol);
            lens[only] = 1;
            lens[usize::from(only == 0)] = 1;
            return Self::from_lens(lens);
        }
        let mut tree: Vec<u32> = used.iter().map(|used| used >> SYMBOL_BITS).collect();
        depths(&mut tree);
        let of_len = lengths(&tree, most);
        // The most frequent symbol has the shortest code.
        let mut symbols = used.iter().rev().map(symbol);
        for (len, count) in (1..=most).zip(of_len) {
            for symbol in symbols.by_ref().take(count as usize) {
                lens[symbol] = len;
            }
        }
        Self::from_lens(lens)
    }

    /// The codes follow from their lengths.
    pub(super) fn from_lens(lens: [u8; N]) -> Self {
        let mut counts = [0_u16; LONGEST + 1];
        for len in lens.iter().filter(|len| **len > 0) {
            counts[usize::from(*len)] += 1;
        }
        let mut next = [0_u16; LONGEST + 1];
        for len in 1..=LONGEST {
            next[len] = (next[len - 1] + counts[len - 1]) << 1;
        }
        let mut bits = [0; N];
        for (bits, len) in bits.iter_mut().zip(&lens).filter(|(_, len)| **len > 0) {
            let code = &mut next[usize::from(*len)];
            *bits = code.reverse_bits() >> (16 - len);
            *code += 1;
        }
        Self { bits, lens }
    }

    /// The code of a symbol.
    pub(super) fn piece(&self, symbol: usize) -> Piece {
        Piece {
            bits: self.bits[symbol].into(),
            count: self.lens[symbol].into(),
        }
    }

    /// Bits of all symbols that occur so often.
    pub(super) fn cost(&self, counts: &[u32; N]) -> usize {
        let symbols = counts.iter().zip(&self.lens);
        symbols
            .map(|(count, len)| *count as usize * usize::from(*len))
            .sum()
    }
}

/// Makes of two counts or more, ascending, the depths of their leaves in a tree of minimal redundancy, descending
/// (Moffat and Katajainen, "In-Place Calculation of Minimum-Redundancy Codes", 1995).
fn depths(tree: &mut [u32]) {
    let n = tree.len();
    // Inner nodes, from the front on, have the weight of the two lightest without a parent, and become their parents.
    let (mut inner, mut leaf) = (0, 0);
    for node in 0..n - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            if leaf >= n || (inner < node && tree[inner] < tree[leaf]) {
                weight += tree[inner];
                tree[inner] = u32::try_from(node).unwrap_or(u32::MAX);
                inner += 1;
            } else {
                weight += tree[leaf];
                leaf += 1;
            }
        }
        tree[node] = weight;
    }
    // The last is the root; of the others the parents become depths.
    tree[n - 2] = 0;
    for node in (0..n - 2).rev() {
        tree[node] = tree[tree[node] as usize] + 1;
    }
    // Where a depth has more places than inner nodes, leaves are.
    let (mut node, mut leaf) = (n - 1, n);
    let (mut places, mut depth) = (1, 0);
    while places > 0 {
        let inner = tree[..node]
            .iter()
            .rev()
            .take_while(|other| **other == depth);
        let inner = inner.count();
        node -= inner;
        let leaves = leaf - (places - inner)..leaf;
        leaf = leaves.start;
        tree[leaves].fill(depth);
        places = 2 * inner;
        depth += 1;
    }
}

/// How many codes of each length from one on there are to be, none longer than `most`, if leaves have these depths.
fn lengths(depths: &[u32], most: u8) -> [u32; LONGEST] {
    let last = usize::from(most) - 1;
    let mut of_len = [0; LONGEST];
    for depth in depths {
        of_len[(*depth as usize - 1).min(last)] += 1;
    }
    // By Kraft's inequality, in units of the longest.
    let taken = |(len, count): (usize, &u32)| count << (last - len);
    let taken: u32 = of_len[..=last].iter().enumerate().map(taken).sum();
    // Where too much is taken, the leaf of a shorter code becomes two, for itself and for one of the longest.
    for _ in 1 << most..taken {
        of_len[last] -= 1;
        let shorter = of_len[..last].iter().rposition(|count| *count > 0);
        let shorter = shorter.unwrap_or(0);
        of_len[shorter] -= 1;
        of_len[shorter + 1] += 2;
    }
    of_len
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the codes for these counts: that they are complete, and their lengths.
    fn complete<const N: usize>(counts: [u32; N], most: u8) -> [u8; N] {
        let codes = Codes::of(&counts, most);
        let taken = codes.lens.iter().filter(|len| **len > 0);
        let taken: u32 = taken.map(|len| 1 << (most - len)).sum();
        assert_eq!(taken, 1 << most, "{counts:?}: {:?}", codes.lens);
        for (count, len) in counts.iter().zip(&codes.lens) {
            assert!(*len <= most && (*count == 0 || *len > 0));
        }
        codes.lens
    }

    #[test]
    fn codes_are_the_shortest() {
        assert_eq!(complete([1, 1, 1, 1], 15), [2, 2, 2, 2]);
        assert_eq!(complete([8, 0, 4, 2, 1, 1], 15), [1, 0, 2, 3, 4, 4]);
        assert_eq!(complete([5, 9], 15), [1, 1]);
        assert_eq!(complete([7, 7, 7], 15).iter().sum::<u8>(), 5);
    }

    #[test]
    fn there_are_two_codes_at_least() {
        assert_eq!(complete([0, 0, 0], 15), [1, 1, 0]);
        assert_eq!(complete([9, 0, 0], 15), [1, 1, 0]);
        assert_eq!(complete([0, 0, 9], 15), [1, 0, 1]);
    }

    #[test]
    fn no_code_is_too_long() {
        // Each count is the sum of the two before: without a limit, the tree would be as deep as it can be.
        let mut counts = [1_u32; 25];
        for n in 2..25 {
            counts[n] = counts[n - 1] + counts[n - 2];
        }
        let free = Codes::of(&counts, 15).lens;
        for most in 5..=15 {
            let lens = complete(counts, most);
            assert!(lens.is_sorted_by(|a, b| a >= b), "{lens:?}");
        }
        assert_eq!(free.iter().max(), Some(&15));
    }

    #[test]
    fn codes_follow_from_their_lengths() {
        // The example of RFC 1951, 3.2.2, with the bits reversed.
        let codes = Codes::from_lens([3, 3, 3, 3, 3, 2, 4, 4]);
        let expected = [0b010, 0b110, 0b001, 0b101, 0b011, 0b00, 0b0111, 0b1111];
        assert_eq!(codes.bits, expected);
    }
}
