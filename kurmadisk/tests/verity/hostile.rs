//! Hash areas that lie.

use kurmadisk::source::Scratch;
use kurmadisk::verity::{self, HashArea, VerityOptions};
use kurmadisk_formats::map::DiskMap;
use proptest::prelude::*;
use uuid::Uuid;

use super::area::bytes_of;

fn sound() -> Vec<u8> {
    let options = VerityOptions::new(Uuid::from_u128(7), vec![3; 32]);
    let area = HashArea::build(&DiskMap::new(300 << 12), &options, &Scratch::Memory);
    bytes_of(&area.unwrap().map)
}

fn told(bytes: Vec<u8>) -> String {
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes).unwrap();
    let error = verity::read(&map.reader()).unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

#[test]
fn each_lie_is_told() {
    let cases: [(usize, &[u8], &str); 9] = [
        (0, b"V", "no superblock"),
        (8, &[2], "version is not supported: 2"),
        (12, &[0], "hash type is not supported: 0"),
        (32, b"sha512\0", "hash is not supported: sha512"),
        (0x40, &[1], "data-block-size is 4097"),
        (0x45, &[0], "hash-block-size is 0"),
        (0x48, &[0; 8], "0 bytes of data"),
        (0x48, &[0xff; 8], "number of data blocks is not supported"),
        (0x50, &[0xff; 2], "size of the salt is not supported: 65535"),
    ];
    for (at, lie, expected) in cases {
        let mut bytes = sound();
        bytes[at..at + lie.len()].copy_from_slice(lie);
        let told = told(bytes);
        assert!(told.contains(expected), "{told}");
    }
    let mut bytes = sound();
    bytes.pop();
    let found = told(bytes);
    assert!(
        found.contains("takes 20480 bytes, and there are 20479"),
        "{found}"
    );
    assert!(told(vec![0; 100]).contains("no superblock"));
}

proptest! {
    #[test]
    fn no_superblock_makes_it_panic(at in 0..512_usize, bytes in prop::collection::vec(any::<u8>(), 1..16)) {
        let mut area = sound();
        area[at..at + bytes.len()].copy_from_slice(&bytes);
        let mut map = DiskMap::new(area.len() as u64);
        map.insert_bytes(0, area).unwrap();
        let _ = verity::read(&map.reader());
    }
}
