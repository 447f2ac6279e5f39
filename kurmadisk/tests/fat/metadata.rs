//! Times and attributes.

use kurmadisk::fs::fat::FatType;
use kurmadisk::tree::{Metadata, Timestamp, Tree};
use kurmadisk_fixtures::oracle::{self, SevenZipFatEntry};

use super::support::{MIB, content, forced, judged_by_all, meta, plan_of, write};

/// What 7-Zip shows of a tree's entries.
fn listed(tree: &Tree) -> Vec<SevenZipFatEntry> {
    let options = forced(FatType::Fat16, None);
    let plan = plan_of(tree, 16 * MIB, &options).expect("fits");
    let image = write(&judged_by_all(tree, &plan));
    oracle::sevenzip_list_fat(image.path()).expect("7-Zip lists it")
}

#[test]
fn times_are_clamped_and_rounded_down() {
    let times = [
        (i64::MIN, 0, "1980-01-01 00:00:00", "1980-01-01 00:00:00.00"),
        (
            -1,
            999_999_999,
            "1980-01-01 00:00:00",
            "1980-01-01 00:00:00.00",
        ),
        (
            315_532_799,
            999_999_999,
            "1980-01-01 00:00:00",
            "1980-01-01 00:00:00.00",
        ),
        (
            315_532_800,
            0,
            "1980-01-01 00:00:00",
            "1980-01-01 00:00:00.00",
        ),
        (
            1_000_000_000,
            0,
            "2001-09-09 01:46:40",
            "2001-09-09 01:46:40.00",
        ),
        (
            1_000_000_001,
            230_000_000,
            "2001-09-09 01:46:40",
            "2001-09-09 01:46:41.23",
        ),
        (
            1_582_934_399,
            999_999_999,
            "2020-02-28 23:59:58",
            "2020-02-28 23:59:59.99",
        ),
        (
            1_582_934_400,
            0,
            "2020-02-29 00:00:00",
            "2020-02-29 00:00:00.00",
        ),
        (
            4_107_542_399,
            0,
            "2100-02-28 23:59:58",
            "2100-02-28 23:59:59.00",
        ),
        (
            4_107_542_400,
            0,
            "2100-03-01 00:00:00",
            "2100-03-01 00:00:00.00",
        ),
        (
            4_354_819_198,
            0,
            "2107-12-31 23:59:58",
            "2107-12-31 23:59:58.00",
        ),
        (
            4_354_819_199,
            0,
            "2107-12-31 23:59:58",
            "2107-12-31 23:59:58.00",
        ),
        (i64::MAX, 0, "2107-12-31 23:59:58", "2107-12-31 23:59:58.00"),
    ];
    let mut tree = Tree::new(meta());
    for (number, (seconds, nanos, ..)) in times.iter().enumerate() {
        let mtime = Timestamp {
            seconds: *seconds,
            nanos: *nanos,
        };
        let meta = Metadata { mtime, ..meta() };
        tree.place_file(format!("{number:02}").as_bytes(), meta, content(b"x"))
            .expect("new");
    }
    for (entry, (_, _, modified, created)) in listed(&tree).iter().zip(times) {
        assert_eq!((&*entry.modified, &*entry.created), (modified, created));
        assert_eq!(entry.accessed[..10], modified[..10]);
    }
}

#[test]
fn what_nobody_may_write_to_is_read_only() {
    let mut tree = Tree::new(meta());
    let modes = [
        (0o644, "A"),
        (0o755, "A"),
        (0o444, "RA"),
        (0o555, "RA"),
        (0o000, "RA"),
        (0o020, "A"),
        (0o4002, "A"),
    ];
    for (mode, _) in modes {
        let meta = Metadata { mode, ..meta() };
        tree.place_file(format!("{mode:04o}").as_bytes(), meta, content(b"x"))
            .expect("new");
    }
    let read_only = Metadata {
        mode: 0o555,
        ..meta()
    };
    tree.make_dirs(b"directory", &read_only).expect("new");
    let listed = listed(&tree);
    for (mode, attributes) in modes {
        let name = format!("{mode:04o}");
        let entry = listed.iter().find(|entry| entry.path == name);
        assert_eq!(entry.expect("there").attributes, attributes, "{name}");
    }
    // Windows takes the attribute of a directory for something else.
    let entry = listed.iter().find(|entry| entry.path == "directory");
    assert_eq!(entry.expect("there").attributes, "D");
}
