//! Files replaced in place on volumes that others made, and power cuts at every write.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use kurmadisk::fs::fat::FatType;
use kurmadisk::fs::fat::update::{FatUpdate, FatUpdateError, FileChange, NewContent, OldFiles};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::{ReadAt, SeekReader};
use proptest::prelude::*;
use tempfile::TempDir;

use super::recorder::{Event, Recorder, after_cut};
use super::support::{Listing, MIB, TIME, content, forced, options, plan_of, tree_of};

/// Who made a volume, and of which shape it is.
#[derive(Clone, Copy, Debug)]
enum Made {
    /// `mkfs.fat` with these options; MiB.
    Mkfs(u64, &'static [&'static str]),
    /// We.
    Own(u64, FatType),
}

const MADE: [Made; 8] = [
    Made::Mkfs(2, &["-F", "12", "-s", "1"]),
    Made::Mkfs(4, &["-F", "12", "-s", "8", "-f", "1"]),
    Made::Mkfs(5, &["-F", "16", "-s", "1", "-r", "32"]),
    Made::Mkfs(34, &["-F", "16", "-S", "4096", "-s", "1"]),
    Made::Mkfs(34, &["-F", "32", "-s", "1"]),
    Made::Mkfs(36, &["-F", "32", "-s", "1", "-f", "1", "-R", "40"]),
    Made::Own(3, FatType::Fat12),
    Made::Own(40, FatType::Fat32),
];

/// A file of a volume: whether it is in `/kurmaos`, its name and its length.
type Present = (bool, String, usize);

/// Whether a program succeeded, and what it said.
fn output(program: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = oracle::tool(program).unwrap().command().unwrap();
    let output = command.args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.success(), said)
}

fn run(program: &str, arguments: &[&str]) {
    let said = output(program, arguments);
    assert!(said.0, "{program} {arguments:?}: {}", said.1);
}

fn bytes(len: usize, seed: u32) -> Vec<u8> {
    (0..u32::MAX)
        .map(|n| n.wrapping_add(seed).wrapping_mul(0x9e37_79b1).to_be_bytes()[1])
        .take(len)
        .collect()
}

/// A volume with these files; by others' programs, with some deleted that lay between them.
fn volume(made: Made, files: &[Present]) -> Vec<u8> {
    let path =
        |(inside, name, _): &Present| format!("{}{name}", if *inside { "kurmaos/" } else { "" });
    let content = |number: usize, len: usize| bytes(len, u32::try_from(number).unwrap());
    let folder = TempDir::new().unwrap();
    let image = folder.path().join("volume");
    match made {
        Made::Mkfs(mib, how) => {
            File::create(&image).unwrap().set_len(mib * MIB).unwrap();
            oracle::mkfs_fat(&image, how).unwrap();
            let [volume, host] =
                [&image, &folder.path().join("file")].map(|p| p.to_str().unwrap().to_owned());
            if files.iter().any(|(inside, ..)| *inside) {
                run("mmd", &["-i", &volume, "::/kurmaos"]);
            }
            for (number, file) in files.iter().enumerate() {
                std::fs::write(&host, content(number, file.2)).unwrap();
                let target = format!("::/{}", path(file));
                let gone = format!("{target}.gone long name {number}");
                // Many small files fill a directory exactly.
                if file.2 > 10 {
                    run("mcopy", &["-o", "-i", &volume, &host, &gone]);
                }
                run("mcopy", &["-o", "-i", &volume, &host, &target]);
                if file.2 > 10 {
                    run("mdel", &["-i", &volume, &gone]);
                }
            }
            std::fs::read(&image).unwrap()
        }
        Made::Own(mib, fat_type) => {
            let files: Vec<_> = files
                .iter()
                .enumerate()
                .map(|(number, file)| (path(file), content(number, file.2)))
                .collect();
            let files: Vec<_> = files
                .iter()
                .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
                .collect();
            let tree = tree_of(&files);
            let plan = plan_of(&tree, mib * MIB, &forced(fat_type, Some(1)));
            let plan = plan
                .or_else(|_| plan_of(&tree, mib * MIB, &options()))
                .unwrap();
            let map = plan.build().unwrap();
            let mut bytes = vec![0; usize::try_from(map.len()).unwrap()];
            map.reader().read_exact_at(0, &mut bytes).unwrap();
            bytes
        }
    }
}

/// Everything on a volume as the `fatfs` crate reads it, by path in lower case.
fn listing(volume: &[u8]) -> Listing {
    use std::io::Read;
    let device = SeekReader::new(volume);
    let volume = fatfs::FileSystem::new(device, fatfs::FsOptions::new()).unwrap();
    let mut found = BTreeMap::new();
    let mut pending = vec![(String::new(), volume.root_dir())];
    while let Some((prefix, dir)) = pending.pop() {
        for entry in dir.iter().map(Result::unwrap) {
            let name = entry.file_name().to_lowercase();
            if name == "." || name == ".." {
                continue;
            }
            let path = format!("{prefix}{name}");
            if entry.is_dir() {
                pending.push((format!("{path}/"), entry.to_dir()));
                found.insert(path, None);
            } else {
                let mut bytes = Vec::new();
                entry.to_file().read_to_end(&mut bytes).unwrap();
                found.insert(path, Some(bytes));
            }
        }
    }
    found
}

/// What `fsck.fat` may say after a power cut: what it mends without losing anything.
#[track_caller]
fn nothing_is_lost(image: &Path, when: &str) {
    let (_, report) = output("fsck.fat", &["-n", image.to_str().unwrap()]);
    let harmless = [
        "fsck.fat ",
        "FATs differ but appear to be intact",
        "Use first FAT",
        "Using first FAT",
        "Reclaimed ",
        "Reclaiming ",
        "Free cluster summary ",
        "Leaving filesystem unchanged",
        "Auto-setting",
        "Setting ",
    ];
    for line in report
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let count = line.contains(" files, ") && line.ends_with(" clusters");
        let is_harmless = count || harmless.iter().any(|start| line.starts_with(start));
        assert!(is_harmless, "{when}: {line:?} in {report}");
    }
}

/// What becomes of the files, each as it was, or as it shall be, or empty or away where that may be.
#[track_caller]
fn assert_old_or_new(
    found: &Listing,
    [before, after]: [&Listing; 2],
    may_be_empty: bool,
    when: &str,
) {
    let all = before.keys().chain(after.keys()).chain(found.keys());
    for path in all {
        let [found, before, after] = [found, before, after].map(|all| all.get(path));
        let is_whole = found == before || found == after;
        let is_empty = may_be_empty && before != after && found == Some(&Some(Vec::new()));
        assert!(is_whole || is_empty, "{when}: {path} is torn");
    }
}

/// Replaces files in `/kurmaos`, with power cuts: after each write, and with any of the writes that were not flushed.
fn check(
    before: &[u8],
    new: &[(&str, Option<Vec<u8>>)],
    old: OldFiles,
    seed: u64,
) -> Result<(), FatUpdateError> {
    let maps: Vec<_> = new
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_deref().map(content)))
        .collect();
    let changes = changes(&maps);
    let disk = Recorder::new(before.to_vec());
    FatUpdate::plan(&disk, "kurmaos", &changes, old)?.perform(&disk, 0)?;
    let (events, result) = (disk.events(), disk.bytes());

    let [was, is] = [before, &result].map(listing);
    let mut expected = was.clone();
    expected.insert("kurmaos".to_owned(), None);
    for (name, bytes) in new {
        let path = format!("kurmaos/{}", name.to_lowercase());
        match bytes {
            Some(bytes) => expected.insert(path, Some(bytes.clone())),
            None => expected.remove(&path),
        };
    }
    assert!(is == expected, "{:?} {:?}", is.keys(), expected.keys());

    let folder = TempDir::new().unwrap();
    let image = folder.path().join("volume");
    std::fs::write(&image, before).unwrap();
    let file = File::options().write(true).open(&image).unwrap();
    let mut volume = before.to_vec();
    let may_be_empty = old == OldFiles::MayGoFirst;
    for (number, event) in events.iter().enumerate() {
        let Event::Write(offset, bytes) = event else {
            continue;
        };
        file.write_all_at(bytes, *offset).unwrap();
        super::recorder::apply(&mut volume, *offset, bytes);
        let when = format!("after event {number}");
        nothing_is_lost(&image, &when);
        assert_old_or_new(&listing(&volume), [&was, &is], may_be_empty, &when);
    }
    oracle::fsck_fat_clean(&image, 0).unwrap();
    for (name, bytes) in new {
        let found = oracle::mcopy_read(&image, 0, &format!("::/kurmaos/{name}"));
        assert_eq!(found.ok().as_ref(), bytes.as_ref(), "{name}");
    }

    let mut random = seed;
    for _ in 0..4 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let cut = usize::try_from(random >> 33).unwrap() % (events.len() + 1);
        let kept = random;
        let torn = after_cut(before, &events, cut, |number| {
            kept.rotate_left(u32::try_from(number).unwrap()) & 1 == 0
        });
        let when = format!("after a cut behind event {cut}");
        assert_old_or_new(&listing(&torn), [&was, &is], may_be_empty, &when);
        // Once more completes it.
        let disk = Recorder::new(torn);
        FatUpdate::plan(&disk, "kurmaos", &changes, old)
            .unwrap()
            .perform(&disk, 0)
            .unwrap();
        assert!(listing(&disk.bytes()) == expected, "{when}");
        file.write_all_at(&disk.bytes(), 0).unwrap();
        oracle::fsck_fat_clean(&image, 0).unwrap();
    }
    Ok(())
}

fn changes<'a>(maps: &'a [(&'a str, Option<DiskMap>)]) -> Vec<FileChange<'a>> {
    maps.iter()
        .map(|(name, map)| FileChange {
            name,
            content: map.as_ref().map(|bytes| NewContent { bytes, time: TIME }),
        })
        .collect()
}

fn present() -> impl Strategy<Value = Vec<Present>> {
    let name = prop_oneof![
        3 => Just("vmlinuz-b".to_owned()),
        3 => Just("INITRD-B".to_owned()),
        2 => "[a-d]{1,3}",
        1 => "[a-z ]{9,40}x",
    ];
    let len = prop_oneof![Just(0), 1..600_usize, 20_000..60_000_usize];
    let files = prop::collection::vec((any::<bool>(), name, len), 0..7);
    files.prop_map(|mut files| {
        let mut seen = std::collections::HashSet::new();
        files.retain(|(inside, name, _)| seen.insert((*inside, name.to_lowercase())));
        files
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn whenever_the_power_is_cut_files_are_old_or_new(
        made in prop::sample::select(&MADE[..]),
        files in present(),
        kernel in 0..90_000_usize,
        initrd in prop::option::of(0..60_000_usize),
        capitals in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let before = volume(made, &files);
        let name = if capitals { "VMLINUZ-B" } else { "vmlinuz-b" };
        let new = [
            (name, Some(bytes(kernel, 77))),
            ("initrd-b", initrd.map(|len| bytes(len, 78))),
        ];
        check(&before, &new, OldFiles::Stay, seed).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever a volume says, nothing panics, and nothing is written beyond its end.
    #[test]
    fn damaged_volumes_are_refused_or_changed(
        flips in prop::collection::vec((0..20_000_usize, any::<u8>()), 1..4),
        boot in prop::option::of((11..60_usize, any::<u8>())),
        len in 0..40_000_usize,
    ) {
        static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let files = [
            (true, "vmlinuz-b".to_owned(), 30_000),
            (false, "other".to_owned(), 5_000),
        ];
        let mut bytes = GOOD.get_or_init(|| volume(MADE[0], &files)).clone();
        for (at, value) in flips.into_iter().chain(boot) {
            bytes[at] = value;
        }
        let maps = [("vmlinuz-b", Some(content(&vec![7; len])))];
        let changes = changes(&maps);
        let disk = Recorder::new(bytes);
        if let Ok(update) = FatUpdate::plan(&disk, "kurmaos", &changes, OldFiles::MayGoFirst) {
            update.perform(&disk, 0).unwrap();
            // Once more there is nothing wrong.
            let again = FatUpdate::plan(&disk, "kurmaos", &changes, OldFiles::MayGoFirst);
            again.unwrap();
        }
    }
}

/// Two thirds of the volume are the files of one slot: the new ones have no room beside them.
#[test]
fn without_room_for_both_the_old_files_go_first_or_stay() {
    let files = [
        (true, "vmlinuz-b".to_owned(), 900_000),
        (true, "initrd-b".to_owned(), 500_000),
        (false, "other".to_owned(), 300_000),
    ];
    let before = volume(MADE[0], &files);
    let new = [
        ("vmlinuz-b", Some(bytes(1_000_000, 1))),
        ("initrd-b", Some(bytes(600_000, 2))),
    ];
    let error = check(&before, &new, OldFiles::Stay, 1).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("the new files need 1600512 bytes"), "{told}");
    assert!(
        told.contains("free beside the old ones; remove files"),
        "{told}"
    );
    check(&before, &new, OldFiles::MayGoFirst, 1).unwrap();
    let larger = [("vmlinuz-b", Some(bytes(2_000_000, 1)))];
    let error = check(&before, &larger, OldFiles::MayGoFirst, 1).unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("the files that are replaced not counted"),
        "{told}"
    );
}

/// Directories that are full grow by a cluster; a root directory of FAT16 cannot.
#[test]
fn full_directories_grow_where_they_can() {
    for (made, grows) in [(MADE[4], true), (MADE[2], false)] {
        // All 16 or 32 entries of the first cluster or the root are in use, or all but one, with `.` and `..`.
        for (inside, count) in [(true, 14), (true, 13), (false, if grows { 16 } else { 32 })] {
            let files: Vec<_> = (0..count).map(|n| (inside, format!("F{n}"), 10)).collect();
            let before = volume(made, &files);
            let new = [
                ("vmlinuz-b", Some(bytes(2_000, 1))),
                ("initrd-b", Some(bytes(5, 2))),
            ];
            let done = check(&before, &new, OldFiles::Stay, 3);
            if inside || grows {
                done.unwrap();
            } else {
                let told = done.unwrap_err().to_string();
                assert!(
                    told.contains("directory / of the FAT volume is full"),
                    "{told}"
                );
            }
        }
    }
}

/// Whatever lies behind a directory's end stays dead: FAT says that the end mark counts, though `fsck.fat` reads on.
#[test]
fn rubbish_behind_the_end_of_a_directory_does_not_come_to_life() {
    let mut before = volume(MADE[2], &[(true, "F".to_owned(), 10)]);
    let dots = before
        .chunks(32)
        .position(|entry| entry.starts_with(b".          "))
        .unwrap();
    // `.`, `..`, the file, and the end.
    for slot in 4..16 {
        super::recorder::apply(&mut before, (dots + slot) as u64 * 32, b"RUBBISH    \x20");
    }
    for (name, len) in [("a", 1), ("long-name-b", 700), ("c", 0)] {
        let maps = [(name, Some(content(&bytes(len, 1))))];
        let disk = Recorder::new(before);
        FatUpdate::plan(&disk, "kurmaos", &changes(&maps), OldFiles::Stay)
            .unwrap()
            .perform(&disk, 0)
            .unwrap();
        before = disk.bytes();
    }
    let names: Vec<_> = listing(&before).into_keys().collect();
    assert_eq!(
        names,
        [
            "kurmaos",
            "kurmaos/a",
            "kurmaos/c",
            "kurmaos/f",
            "kurmaos/long-name-b"
        ]
    );
}

#[test]
fn what_cannot_be_done_is_told_and_nothing_is_written() {
    let files = [
        (true, "dir".to_owned(), 10),
        (false, "kurma".to_owned(), 700),
    ];
    let good = volume(MADE[4], &files);
    let told = |bytes: &[u8], folder: &str, name: &str| {
        let maps = [(name, Some(content(b"new")))];
        let changes = changes(&maps);
        let planned = FatUpdate::plan(&bytes, folder, &changes, OldFiles::MayGoFirst);
        planned.unwrap_err().to_string()
    };
    for (folder, name, expected) in [
        (
            "kurma",
            "a",
            "/kurma of the FAT volume is a file, and a directory belongs there",
        ),
        ("kurmaos", "", "it is empty"),
        ("kurmaos", "a:b", "FAT forbids"),
    ] {
        let error = told(&good, folder, name);
        assert!(error.contains(expected), "{error}");
    }
    let maps = [("a", None), ("A", Some(content(b"new")))];
    let twice = FatUpdate::plan(&good.as_slice(), "kurmaos", &changes(&maps), OldFiles::Stay)
        .unwrap_err()
        .to_string();
    assert!(twice.contains("two files would have it"), "{twice}");
    assert!(told(&[7; 4096], "kurmaos", "a").contains("this is no FAT volume"));
    let mut unclean = good.clone();
    unclean[65] |= 1;
    assert!(told(&unclean, "kurmaos", "a").contains("not unmounted cleanly"));
    // The chain of a file is a loop: what is free cannot be told.
    let mut broken = good.clone();
    let kurma = first_cluster(&good, b"KURMA      ");
    super::recorder::apply(
        &mut broken,
        32 * 512 + 4 * u64::from(kurma),
        &kurma.to_le_bytes(),
    );
    assert!(told(&broken, "kurmaos", "a").contains("/kurma in the FAT volume"));
}

/// The first cluster of the file with that short name on a FAT32 volume.
fn first_cluster(volume: &[u8], name: &[u8; 11]) -> u32 {
    let entry = volume
        .chunks(32)
        .find(|entry| entry.starts_with(name))
        .unwrap();
    u32::from(u16::from_le_bytes([entry[26], entry[27]]))
}
