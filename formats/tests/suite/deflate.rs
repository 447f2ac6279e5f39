//! How far back a deflate stream refers (RFC 1951), found without any library: those that inflate take
//! longer distances than were agreed.

/// The bits of a stream, from the lowest of each byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        let bit = |at: usize| usize::from(self.bytes[at / 8] >> (at % 8) & 1);
        let value = (0..count).map(|n| bit(self.at + n) << n).sum();
        self.at += count;
        value
    }

    /// The next symbol of a code: codes of one length are consecutive, and read from the top.
    fn symbol(&mut self, code: &Code) -> usize {
        let (mut value, mut first) = (0, 0);
        for symbols in &code.by_length {
            value = value << 1 | self.take(1);
            first <<= 1;
            if let Some(symbol) = symbols.get(value.wrapping_sub(first)) {
                return *symbol;
            }
            first += symbols.len();
        }
        panic!("no code at bit {}", self.at);
    }
}

struct Code {
    /// Symbols with codes of 1, 2… bits.
    by_length: Vec<Vec<usize>>,
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let of = |wanted| {
            let symbols = 0..lengths.len();
            symbols
                .filter(|symbol| lengths[*symbol] == wanted)
                .collect()
        };
        Self {
            by_length: (1..16).map(of).collect(),
        }
    }
}

fn fixed() -> [Code; 2] {
    let lengths = [vec![8; 144], vec![9; 112], vec![7; 24], vec![8; 8]].concat();
    [Code::new(&lengths), Code::new(&[5; 30])]
}

fn dynamic(bits: &mut Bits) -> [Code; 2] {
    const ORDER: [usize; 19] = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ];
    let [literals, distances, used] =
        [(5, 257), (5, 1), (4, 4)].map(|(n, base)| bits.take(n) + base);
    let mut of_lengths = [0; 19];
    for symbol in &ORDER[..used] {
        of_lengths[*symbol] = bits.take(3);
    }
    let code = Code::new(&of_lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (value, count) = match bits.symbol(&code) {
            16 => (*lengths.last().unwrap(), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            length => (length, 1),
        };
        lengths.extend(std::iter::repeat_n(value, count));
    }
    [
        Code::new(&lengths[..literals]),
        Code::new(&lengths[literals..]),
    ]
}

/// The longest distance in a stream without a header, and the bytes that it inflates to.
pub fn farthest_and_length(stream: &[u8]) -> (usize, usize) {
    let mut bits = Bits {
        bytes: stream,
        at: 0,
    };
    let (mut farthest, mut length) = (0, 0);
    loop {
        let last = bits.take(1) == 1;
        let [literals, distances] = match bits.take(2) {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let stored = bits.take(16);
                bits.at += 16 + stored * 8;
                length += stored;
                [Code::new(&[]), Code::new(&[])]
            }
            1 => fixed(),
            2 => dynamic(&mut bits),
            _ => panic!("a block of no type"),
        };
        while !literals.by_length.iter().all(Vec::is_empty) {
            match bits.symbol(&literals) {
                0..=255 => length += 1,
                256 => break,
                symbol => {
                    length += match symbol - 257 {
                        n @ 0..8 => n + 3,
                        28 => 258,
                        n => ((4 + n % 4) << (n / 4 - 1)) + 3 + bits.take(n / 4 - 1),
                    };
                    farthest = farthest.max(match bits.symbol(&distances) {
                        n @ 0..4 => n + 1,
                        n => ((2 + n % 2) << (n / 2 - 1)) + 1 + bits.take(n / 2 - 1),
                    });
                }
            }
        }
        if last {
            return (farthest, length);
        }
    }
}
