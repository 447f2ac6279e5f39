//! What a stream says is what went in, at all levels and by another library.

use flate2::{Decompress, FlushDecompress, Status};
use proptest::prelude::*;

use super::*;

/// What a stream holds, and that nothing is behind it.
fn inflated(stream: &[u8], zlib: bool, len: usize) -> Vec<u8> {
    let mut back = vec![0; len + 1];
    let mut inflate = Decompress::new(zlib);
    let status = inflate.decompress(stream, &mut back, FlushDecompress::Finish);
    assert_eq!(status.unwrap(), Status::StreamEnd);
    assert_eq!(inflate.total_in(), stream.len() as u64);
    assert_eq!(inflate.total_out(), len as u64);
    back.truncate(len);
    back
}

pub(super) fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_le_bytes()[6]
    };
    std::iter::repeat_with(&mut next).take(len).collect()
}

/// Data of several kinds, [`MOST`] bytes of each and less.
fn examples() -> Vec<Vec<u8>> {
    let noise = noise(MOST);
    let text = b"It was the best of times, it was the worst of times. "
        .repeat(1000)
        .split_off(7);
    let few: Vec<u8> = noise.iter().map(|byte| byte % 3).collect();
    let words: Vec<u8> = noise
        .iter()
        .flat_map(|byte| u32::from(*byte).to_le_bytes())
        .take(MOST)
        .collect();
    vec![
        Vec::new(),
        b"a".to_vec(),
        b"abcabcabc".to_vec(),
        vec![0; MOST],
        noise.clone(),
        noise[..2000].repeat(32),
        text.clone(),
        few,
        words,
        [&noise[..20_000], &text[..20_000], &[7; 20_000]].concat(),
    ]
}

#[test]
fn streams_are_what_went_in() {
    for level in 1..=9 {
        let mut deflater = Deflater::with_window(level, 4096);
        let mut wide = Deflater::with_window(level, WINDOW);
        for data in examples() {
            let mut place = vec![0xAA; MOST + 100];
            let len = deflater.stream(&data, &mut place).unwrap();
            assert!(inflated(&place[..len], false, data.len()) == data);
            // Stored, with five bytes for each of two pieces at most, and some for blocks.
            assert!(len < data.len() + 30, "level {level}: {len}");
            let again = wide.stream(&data, &mut place).unwrap();
            assert!(inflated(&place[..again], false, data.len()) == data);
        }
    }
}

#[test]
fn a_stream_fits_or_there_is_none() {
    let mut deflater = Deflater::with_window(LEVEL, WINDOW);
    let mut exact = Deflater::with_window(LEVEL, WINDOW);
    for data in examples() {
        let mut place = vec![0; MOST + 100];
        let len = deflater.stream(&data, &mut place).unwrap();
        let mut small = vec![0; len];
        for less in 1..len.min(40) {
            assert_eq!(exact.stream(&data, &mut small[less..]), None);
        }
        assert_eq!(exact.stream(&data, &mut small[len..]), None);
        // Where a block begins within a byte, or is stored, a byte more may be asked for than is used.
        let mut room = vec![0; len + 2];
        assert_eq!(exact.stream(&data, &mut room), Some(len));
        assert!(room[..len] == place[..len]);
    }
}

#[test]
fn more_than_positions_can_tell_is_refused() {
    let mut deflater = Deflater::with_window(LEVEL, WINDOW);
    assert_eq!(deflater.stream(&vec![0; MOST + 1], &mut [0; 1000]), None);
}

#[cfg(feature = "vmdk-stream")]
#[test]
fn zlib_streams_have_their_checksum() {
    let mut deflater = Deflater::new(LEVEL);
    for data in examples() {
        let mut place = vec![0; MOST + 100];
        let len = deflater.zlib_stream(&data, &mut place).unwrap();
        assert!(inflated(&place[..len], true, data.len()) == data);
        let len = stored_zlib_stream(&data, &mut place).unwrap();
        assert!(inflated(&place[..len], true, data.len()) == data);
        assert!(len > data.len());
        assert_eq!(stored_zlib_stream(&data, &mut place[..len - 1]), None);
        assert_eq!(stored_zlib_stream(&data, &mut place[..5]), None);
    }
}

#[test]
fn higher_levels_are_shorter() {
    let text = include_bytes!("encoder.rs");
    let mut place = vec![0; MOST + 100];
    let mut len = |level| Deflater::with_window(level, WINDOW).stream(text, &mut place);
    let lens = [1, LEVEL, 9].map(|level| len(level).unwrap());
    assert!(lens[0] > lens[1] && lens[1] > lens[2], "{lens:?}");
    assert!(lens[0] < text.len() / 2);
}

/// Pieces that are new, the same byte again, or were there before.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..300).prop_map(|bytes| (bytes, 0, 0)),
        (any::<u8>(), 1..600_usize).prop_map(|(byte, len)| (vec![byte; len], 0, 0)),
        (1..40_000_usize, 1..600_usize).prop_map(|(back, len)| (Vec::new(), back, len)),
    ];
    prop::collection::vec(piece, 0..150).prop_map(|pieces| {
        let mut data = Vec::new();
        for (bytes, back, len) in pieces {
            data.extend(bytes);
            for _ in 0..len {
                let byte = data.len().checked_sub(back).map_or(1, |at| data[at]);
                data.push(byte);
            }
        }
        data.truncate(MOST);
        data
    })
}

proptest! {
    #[test]
    fn any_stream_is_what_went_in(
        datas in prop::collection::vec(pieces(), 1..4),
        level in 1..=9_u32,
        window in prop_oneof![Just(256), Just(4096), Just(WINDOW)],
    ) {
        let mut deflater = Deflater::with_window(level, window);
        for data in datas {
            let mut place = vec![0; MOST + 100];
            let len = deflater.stream(&data, &mut place).unwrap();
            prop_assert!(inflated(&place[..len], false, data.len()) == data);
            let mut fresh = vec![0; MOST + 100];
            let mut other = Deflater::with_window(level, window);
            prop_assert_eq!(other.stream(&data, &mut fresh), Some(len));
            prop_assert!(place[..len] == fresh[..len]);
        }
    }
}
