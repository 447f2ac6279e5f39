//! The hash that orders names in indexed directories (`directory.rst`, "Hash Tree Directories"):
//! three shortened rounds of MD4 over 32 bytes of the name at a time.

use uuid::Uuid;

use crate::fs::ext4::options::NameBytes;

/// Hashes names for one filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameHasher {
    /// What the state begins with.
    start: [u32; 4],
    bytes: NameBytes,
}

/// The hash of a name. Names are ordered by `major`; `minor` orders those it leaves equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameHash {
    /// Even: the index uses its lowest bit to say that names with this hash began in the block before.
    pub major: u32,
    pub minor: u32,
}

/// MD4's state at the start (RFC 1320, 3.3), for filesystems without a seed.
const UNSEEDED: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// MD4's constants for its second and third round (RFC 1320, 3.4).
const ROUND_2: u32 = 0x5a82_7999;
const ROUND_3: u32 = 0x6ed9_eba1;
/// Bytes of a name that are hashed at a time.
const PIECE: usize = 32;
/// The kernel takes this major hash for the end of a directory.
const END: u32 = 0xffff_fffe;

impl NameHasher {
    /// A hasher with the filesystem's `s_hash_seed`.
    pub fn new(seed: Uuid, bytes: NameBytes) -> Self {
        let seed = seed.into_bytes();
        let word =
            |at: usize| u32::from_le_bytes([seed[at], seed[at + 1], seed[at + 2], seed[at + 3]]);
        let words = [word(0), word(4), word(8), word(12)];
        Self {
            start: if words == [0; 4] { UNSEEDED } else { words },
            bytes,
        }
    }

    /// The hash of a name.
    pub fn hash(&self, name: &[u8]) -> NameHash {
        let mut state = self.start;
        let mut rest = name;
        while !rest.is_empty() {
            mix(&mut state, &self.words(rest));
            rest = rest.get(PIECE..).unwrap_or_default();
        }
        NameHash {
            major: usable(state[1]),
            minor: state[2],
        }
    }

    /// The first bytes of `rest` as big-endian words, padded with its length.
    fn words(&self, rest: &[u8]) -> [u32; 8] {
        let len = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let pad = len & 0xff | (len & 0xff) << 8;
        let pad = pad | pad << 16;
        let mut words = [pad; 8];
        let piece = &rest[..rest.len().min(PIECE)];
        for (word, bytes) in words.iter_mut().zip(piece.chunks(4)) {
            for byte in bytes {
                *word = (*word << 8).wrapping_add(self.extended(*byte));
            }
        }
        words
    }

    /// A byte as a word; as a signed one it takes from the bytes above.
    fn extended(&self, byte: u8) -> u32 {
        match self.bytes {
            NameBytes::Signed => i32::from(byte.cast_signed()).cast_unsigned(),
            NameBytes::Unsigned => byte.into(),
        }
    }
}

/// A hash as an index can have it.
fn usable(hash: u32) -> u32 {
    match hash & !1 {
        END => END - 2,
        hash => hash,
    }
}

/// Half of MD4 (RFC 1320, 3.4): its three functions, over 8 words instead of 16.
fn mix(state: &mut [u32; 4], words: &[u32; 8]) {
    let before = *state;
    let select = |x: u32, y: u32, z: u32| x & y | !x & z;
    let majority = |x: u32, y: u32, z: u32| x & y | x & z | y & z;
    let parity = |x: u32, y: u32, z: u32| x ^ y ^ z;
    round(
        state,
        words,
        [0, 1, 2, 3, 4, 5, 6, 7],
        [3, 7, 11, 19],
        0,
        select,
    );
    round(
        state,
        words,
        [1, 3, 5, 7, 0, 2, 4, 6],
        [3, 5, 9, 13],
        ROUND_2,
        majority,
    );
    round(
        state,
        words,
        [3, 7, 2, 6, 1, 5, 0, 4],
        [3, 9, 11, 15],
        ROUND_3,
        parity,
    );
    for (word, before) in state.iter_mut().zip(before) {
        *word = word.wrapping_add(before);
    }
}

/// One round: each step changes one word of the state, in the order a, d, c, b.
fn round(
    state: &mut [u32; 4],
    words: &[u32; 8],
    order: [usize; 8],
    shifts: [u32; 4],
    constant: u32,
    function: impl Fn(u32, u32, u32) -> u32,
) {
    let [mut a, mut b, mut c, mut d] = *state;
    for (step, index) in order.into_iter().enumerate() {
        let sum = a
            .wrapping_add(function(b, c, d))
            .wrapping_add(words[index])
            .wrapping_add(constant)
            .rotate_left(shifts[step % 4]);
        (a, b, c, d) = (d, sum, b, c);
    }
    *state = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use kurmadisk_fixtures::oracle;

    use super::*;

    const SEED: Uuid = Uuid::from_u128(0xa1a2_a3a4_a5a6_47a8_a9aa_abac_adae_afb0);

    /// Names of every length and byte that debugfs takes on a line of commands.
    fn names() -> Vec<Vec<u8>> {
        let bytes = (0x21..=0xff_u8).filter(|byte| !b"\"/\x7f".contains(byte));
        let single = bytes.clone().map(|byte| vec![byte]);
        let long = (1..=255).map(|len| bytes.clone().cycle().skip(len * 7).take(len).collect());
        let high = (1..=255).map(|len| vec![0x80 + u8::try_from(len / 2).unwrap(); len]);
        let text = ["häßlich", "ファイル", "файл", "🦀", "lost+found"];
        let text = text.map(|name| name.as_bytes().to_vec());
        single.chain(long).chain(high).chain(text).collect()
    }

    #[test]
    fn hashes_are_those_of_debugfs() {
        let names = names();
        for (bytes, version) in [(NameBytes::Signed, "half_md4"), (NameBytes::Unsigned, "4")] {
            for seed in [SEED, Uuid::nil(), Uuid::from_u128(1)] {
                let hasher = NameHasher::new(seed, bytes);
                let expected = oracle::dx_hashes(&names, version, &seed.to_string()).unwrap();
                for (name, expected) in names.iter().zip(expected) {
                    let NameHash { major, minor } = hasher.hash(name);
                    assert_eq!((major, minor), expected, "{}", name.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn no_hash_is_that_of_the_end() {
        // No name is known that comes to it; what would is moved below.
        assert_eq!(usable(END), END - 2);
        assert_eq!(usable(END + 1), END - 2);
        assert_eq!(usable(END - 1), END - 2);
        assert_eq!((usable(0), usable(1), usable(7)), (0, 0, 6));
    }

    #[test]
    fn padding_can_be_spelled_out() {
        // A name that ends like the padding of a shorter one: how tests come by equal hashes.
        let hasher = NameHasher::new(SEED, NameBytes::Signed);
        let mut twin = b"\x02\x02ab".to_vec();
        twin.resize(32, 2);
        assert_eq!(hasher.hash(b"ab"), hasher.hash(&twin));
    }
}
