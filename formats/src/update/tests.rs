//! What an update leaves is what a whole build makes, whatever changed, and whatever is beside the image.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kurmadisk_fixtures::oracle;
use proptest::prelude::*;
use uuid::Uuid;

use super::pieces::{Known, UNKNOWN};
use super::record::{self, Record};
use super::*;
use crate::error::EmitError;
use crate::host;
use crate::image::{ImageFile, ImageFormat, ImageOptions};
use crate::map::{DiskMap, Extent, FileStore, MapBuilder, Source};
use crate::output::Output as _;

const SECTOR: u64 = 512;
const DISK: u64 = 4 << 20;

/// Formats that are updated, and each way of placing there is.
const FORMATS: &[ImageFormat] = &[
    ImageFormat::Raw,
    ImageFormat::RawFixed,
    ImageFormat::Vdi,
    ImageFormat::VdiFixed,
    ImageFormat::Vmdk,
    ImageFormat::Qcow2,
    ImageFormat::Qcow2V2,
    ImageFormat::Vhd,
    ImageFormat::VhdFixed,
    ImageFormat::Vhdx,
    ImageFormat::VhdxFixed,
];

/// A folder in memory where there is one: updates wait for the disk.
fn folder() -> tempfile::TempDir {
    match Path::new("/dev/shm") {
        memory if memory.is_dir() => tempfile::tempdir_in(memory),
        _ => tempfile::tempdir(),
    }
    .unwrap()
}

fn image(format: ImageFormat, path: &Path) -> ImageFile {
    let name = path.file_name().unwrap().to_string_lossy();
    ImageFile {
        choice: format.into(),
        options: ImageOptions::new(Uuid::NAMESPACE_OID, name),
        path: path.to_path_buf(),
    }
}

/// Files of this test are young; a time far ahead has them be settled.
const LATER: Duration = Duration::from_secs(1 << 40);

const UPDATE: Options = Options {
    update: true,
    in_place: true,
    save_plan: false,
    bmap: false,
    now: LATER,
};

const WHOLE: Options = Options {
    update: false,
    ..UPDATE
};

fn made(disk: &DiskMap, image: &ImageFile, options: &Options) -> Result<Done, UpdateError> {
    write(disk, image, options, &mut |_| ControlFlow::Continue(()))
}

/// What a whole build makes in the place of `image`.
fn expected(disk: &DiskMap, image: &ImageFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    let job = image.job(Box::new(&mut bytes)).unwrap();
    crate::image::write_images(disk, vec![job], &mut |_| ControlFlow::Continue(())).unwrap();
    bytes
}

/// A stretch of a disk: sectors before it, its sectors, and what lies there.
#[derive(Clone, Debug)]
enum Content {
    Bytes(u8),
    Zeros,
    File { index: usize, offset: u64 },
}

fn stretches() -> impl Strategy<Value = Vec<(u64, u64, Content)>> {
    let content = prop_oneof![
        (0..4_u8).prop_map(Content::Bytes),
        Just(Content::Zeros),
        (0..2_usize, 0..8_u64).prop_map(|(index, offset)| Content::File { index, offset }),
    ];
    // Small numbers make stretches meet those of another disk.
    let gap = prop_oneof![0..4_u64, 0..900_u64];
    let len = prop_oneof![1..4_u64, 1..600_u64];
    proptest::collection::vec((gap, len, content), 0..12)
}

fn disk(
    len: u64,
    stretches: &[(u64, u64, Content)],
    files: &Arc<FileStore>,
    ids: &[crate::map::ContentId],
) -> DiskMap {
    let mut map = MapBuilder::new(len);
    let mut at = 0;
    for (gap, sectors, content) in stretches {
        let (start, size) = (at + gap * SECTOR, sectors * SECTOR);
        at = start + size;
        if at > len {
            break;
        }
        let source = match content {
            Content::Bytes(byte) => {
                Source::Bytes(vec![*byte; usize::try_from(size).unwrap()].into())
            }
            Content::Zeros => Source::Zeros,
            Content::File { index, offset } => Source::Content {
                store: Arc::clone(files) as Arc<_>,
                id: ids[*index],
                offset: offset * 100,
            },
        };
        map.push(Extent {
            start,
            len: size,
            source,
        });
    }
    map.finish().unwrap()
}

/// Two files of a folder, as they are now.
fn files(folder: &Path) -> (Arc<FileStore>, Vec<crate::map::ContentId>) {
    let mut store = FileStore::new();
    let ids = ["a", "b"].map(|name| store.add_path(&folder.join(name)).unwrap().0);
    (Arc::new(store), ids.to_vec())
}

fn content(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(310_000).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_updated_image_is_that_of_a_whole_build(
        disks in proptest::collection::vec((stretches(), 0..3_u64, any::<u32>()), 2..4),
        format in proptest::sample::select(FORMATS),
        stop in proptest::option::of(0..6_usize),
    ) {
        let folder = folder();
        let image = image(format, &folder.path().join("image"));
        fs::write(folder.path().join("a"), content(1)).unwrap();
        for (number, (stretches, longer, seed)) in disks.iter().enumerate() {
            fs::write(folder.path().join("b"), content(*seed)).unwrap();
            let (store, ids) = files(folder.path());
            let disk = disk(DISK + (longer << 20), stretches, &store, &ids);
            // An update that is stopped, as by a crash, and then one that is not.
            let mut left = stop.unwrap_or(usize::MAX);
            let stopped = stop.map(|_| write(&disk, &image, &UPDATE, &mut |_| match left.checked_sub(1) {
                Some(less) => { left = less; ControlFlow::Continue(()) }
                None => ControlFlow::Break(()),
            }));
            let was_stopped = matches!(stopped, Some(Err(_)));
            let made_now = matches!(stopped, Some(Ok(_)));
            if let Some(Err(error)) = stopped {
                let cancelled = match error {
                    UpdateError::Incomplete { source, .. } => matches!(source, EmitError::Cancelled),
                    error => matches!(error, UpdateError::Emit(EmitError::Cancelled)),
                };
                prop_assert!(cancelled);
                prop_assert!(!plan_path(&image.path).exists());
            }
            let done = made(&disk, &image, &UPDATE).unwrap();
            let whole = matches!(done.way, Way::Whole(_));
            prop_assert_eq!(whole, was_stopped || (number == 0 && !made_now), "{:?}", done);
            prop_assert!(fs::read(&image.path).unwrap() == expected(&disk, &image));
            // Nothing changed, so nothing is written.
            let again = made(&disk, &image, &UPDATE).unwrap();
            prop_assert_eq!(again, Done { written: 0, cleared: 0, way: Way::InPlace });
        }
    }

    #[test]
    fn a_plan_is_read_as_it_was_written_and_no_other_bytes_are_one(
        lens in proptest::collection::vec((0..50_u64, 1..50_u64, any::<[u8; 32]>()), 0..20),
        at in any::<proptest::sample::Index>(),
        flip in 1..=255_u8,
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut start = 0;
        let pieces = lens.iter().map(|(gap, len, identity)| {
            let piece = Known { start: start + gap, len: *len, identity: *identity };
            start = piece.start + len;
            piece
        });
        let pieces: Vec<_> = pieces.collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(start).unwrap();
        let image = host::stat(file.path()).unwrap().identity();
        let record = Record { image, pieces };
        let bytes = record::encode(&record);
        prop_assert_eq!(record::decode(&bytes), Some(record));
        prop_assert_eq!(record::decode(&bytes[..cut.index(bytes.len())]), None);
        let mut flipped = bytes;
        let at = at.index(flipped.len());
        flipped[at] ^= flip;
        prop_assert_eq!(record::decode(&flipped), None);
    }
}

/// A folder with the files `a` and `b`, and a raw image of them with its plan.
fn built() -> (tempfile::TempDir, ImageFile, DiskMap) {
    let folder = folder();
    for (name, seed) in [("a", 1), ("b", 2)] {
        fs::write(folder.path().join(name), content(seed)).unwrap();
    }
    let image = image(ImageFormat::Raw, &folder.path().join("image"));
    let disk = two_files(folder.path());
    let done = made(&disk, &image, &UPDATE).unwrap();
    assert_eq!(done.way, Way::Whole(Whole::NoPlan));
    (folder, image, disk)
}

fn two_files(folder: &Path) -> DiskMap {
    let (store, ids) = files(folder);
    let file = |index| Content::File { index, offset: 0 };
    let stretches = [
        (3, 9, Content::Bytes(7)),
        (50, 600, file(0)),
        (8, 600, file(1)),
    ];
    disk(DISK, &stretches, &store, &ids)
}

#[test]
fn an_image_that_is_not_the_plan_s_is_made_as_a_whole() {
    let (_folder, image, disk) = built();
    let plan = fs::read(plan_path(&image.path)).unwrap();
    // Written to.
    fs::write(&image.path, vec![1; 4 << 20]).unwrap();
    let done = made(&disk, &image, &UPDATE).unwrap();
    assert_eq!(done.way, Way::Whole(Whole::OtherImage));
    // Replaced by a whole build, which leaves the plan be.
    made(&disk, &image, &WHOLE).unwrap();
    assert!(plan_path(&image.path).exists());
    assert_eq!(
        made(&disk, &image, &UPDATE).unwrap().way,
        Way::Whole(Whole::OtherImage)
    );
    // Another image's plan.
    fs::write(plan_path(&image.path), plan).unwrap();
    assert_eq!(
        made(&disk, &image, &UPDATE).unwrap().way,
        Way::Whole(Whole::OtherImage)
    );
    // Gone.
    fs::remove_file(&image.path).unwrap();
    assert_eq!(
        made(&disk, &image, &UPDATE).unwrap().way,
        Way::Whole(Whole::OtherImage)
    );
    assert!(fs::read(&image.path).unwrap() == expected(&disk, &image));
}

#[test]
fn a_plan_that_says_nonsense_is_not_followed() {
    let (_folder, image, disk) = built();
    let identity = host::stat(&image.path).unwrap().identity();
    let piece = |start, len| Known {
        start,
        len,
        identity: UNKNOWN,
    };
    for pieces in [
        vec![piece(0, 0)],
        vec![piece(u64::MAX, 2)],
        vec![piece(DISK - 1, 2)],
        vec![piece(0, 10), piece(9, 1)],
        vec![piece(10, 1), piece(0, 1)],
    ] {
        let record = Record {
            image: identity,
            pieces,
        };
        assert_eq!(record::decode(&record::encode(&record)), None);
    }
    for bytes in [&b""[..], b"KDSKPLAN", &[0; 104], &[0; 32]] {
        fs::write(plan_path(&image.path), bytes).unwrap();
        let done = made(&disk, &image, &UPDATE).unwrap();
        assert!(
            matches!(done.way, Way::Whole(Whole::Damaged(_))),
            "{done:?}"
        );
        assert_eq!(made(&disk, &image, &UPDATE).unwrap().way, Way::InPlace);
    }
    // Something that reading would wait for, or that is no file.
    fs::remove_file(plan_path(&image.path)).unwrap();
    fs::create_dir(plan_path(&image.path)).unwrap();
    assert!(made(&disk, &image, &UPDATE).is_err());
}

#[test]
fn only_blocks_that_differ_are_written_and_a_young_file_is_compared() {
    let (folder, image, _) = built();
    let mut changed = content(2);
    changed[100_000] ^= 1;
    fs::write(folder.path().join("b"), &changed).unwrap();
    let disk = two_files(folder.path());
    // The file's begin is not at a block's, so the byte lies in one block of the image.
    let young = Options {
        now: Duration::ZERO,
        ..UPDATE
    };
    for (options, written) in [(&UPDATE, 4096), (&young, 0), (&young, 0)] {
        let done = made(&disk, &image, options).unwrap();
        assert_eq!((done.written, done.way), (written, Way::InPlace));
        assert!(fs::read(&image.path).unwrap() == expected(&disk, &image));
    }
    // What was young is looked at again, whatever its times say: here they are the old ones.
    let at = fs::metadata(folder.path().join("b"))
        .unwrap()
        .modified()
        .unwrap();
    changed[100_000] ^= 1;
    fs::write(folder.path().join("b"), &changed).unwrap();
    let file = fs::File::options()
        .write(true)
        .open(folder.path().join("b"))
        .unwrap();
    file.set_modified(at).unwrap();
    assert_eq!(
        made(&two_files(folder.path()), &image, &UPDATE)
            .unwrap()
            .written,
        4096
    );
    assert!(fs::read(&image.path).unwrap() == expected(&disk, &image));
}

#[test]
fn a_source_that_changes_meanwhile_is_an_error_if_it_is_needed() {
    let (folder, image, disk) = built();
    let before = fs::read(&image.path).unwrap();
    fs::write(folder.path().join("b"), content(9)).unwrap();
    // As it was planned it is in the image.
    assert_eq!(made(&disk, &image, &UPDATE).unwrap().written, 0);
    assert!(fs::read(&image.path).unwrap() == before);
    let disk = two_files(folder.path());
    fs::write(folder.path().join("b"), content(8)).unwrap();
    let error = made(&disk, &image, &UPDATE).unwrap_err();
    assert!(
        matches!(error, UpdateError::Emit(EmitError::Source(_))),
        "{error}"
    );
    // It was seen before anything was touched.
    assert!(plan_path(&image.path).exists());
}

#[test]
fn formats_without_places_of_their_own_are_refused() {
    let (folder, _, disk) = built();
    for format in [
        ImageFormat::VmdkStream,
        ImageFormat::VmdkSplit,
        ImageFormat::Qcow2Compressed,
    ] {
        let image = image(format, &folder.path().join("refused"));
        let error = made(&disk, &image, &UPDATE).unwrap_err();
        assert!(matches!(error, UpdateError::Format { .. }), "{error}");
        assert!(!image.path.exists());
    }
    let image = image(ImageFormat::Vdi, &folder.path().join("refused"));
    let error = made(
        &disk,
        &image,
        &Options {
            bmap: true,
            ..UPDATE
        },
    )
    .unwrap_err();
    assert!(matches!(error, UpdateError::NoBlockMap { .. }), "{error}");
}

#[test]
fn without_copies_by_reference_an_image_stays_as_it_is() {
    let (folder, image, disk) = built();
    let before = fs::read(&image.path).unwrap();
    fs::write(folder.path().join("b"), content(3)).unwrap();
    let changed = two_files(folder.path());
    let copying = Options {
        in_place: false,
        ..UPDATE
    };
    match made(&changed, &image, &copying) {
        // The file system of this test's folder may have them.
        Ok(done) => {
            assert_eq!(done.way, Way::Copy);
            assert!(fs::read(&image.path).unwrap() == expected(&changed, &image));
        }
        Err(error) => {
            assert!(error.to_string().contains("--in-place"), "{error}");
            assert!(fs::read(&image.path).unwrap() == before);
            let fresh = made(&disk, &image, &copying);
            assert!(
                fresh.is_err(),
                "the plan stays, and is still for this image"
            );
        }
    }
}

#[test]
fn a_copy_by_reference_takes_the_image_s_place_when_it_is_complete() {
    let room = tempfile::tempdir().unwrap();
    let volume = room.path().join("btrfs");
    let mounted = oracle::mount_new_btrfs(&volume, 256 << 20).unwrap();
    let path = mounted.path().join("image");
    let (folder, _, disk) = built();
    let image = image(ImageFormat::Raw, &path);
    let copying = Options {
        in_place: false,
        ..UPDATE
    };
    made(&disk, &image, &copying).unwrap();
    let before = fs::read(&path).unwrap();
    let held = fs::File::open(&path).unwrap();

    fs::write(folder.path().join("b"), content(3)).unwrap();
    let changed = two_files(folder.path());
    let stopped = write(&changed, &image, &copying, &mut |now| match now.done {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    assert!(matches!(
        stopped,
        Err(UpdateError::Emit(EmitError::Cancelled))
    ));
    assert!(fs::read(&path).unwrap() == before);

    let done = made(&changed, &image, &copying).unwrap();
    assert_eq!(done.way, Way::Copy);
    assert!(fs::read(&path).unwrap() == expected(&changed, &image));
    // Who had the old one open still sees it.
    let mut seen = vec![0; before.len()];
    host::read_exact_at(&held, 0, &mut seen).unwrap();
    assert!(seen == before);
    assert_eq!(made(&changed, &image, &copying).unwrap().written, 0);
}

#[test]
fn digests_of_blocks_on_their_way_are_those_of_the_file() {
    let mut out = bmap::Mapped::new(Vec::new(), true);
    for (at, len) in [
        (100, 5000),
        (5100, 1),
        (9000, 10),
        (40_960, 4096),
        (60_001, 3),
    ] {
        out.write_at(at, &vec![9; len]).unwrap();
    }
    out.set_len(60_010).unwrap();
    let told = out.ranges().unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = vec![0; 60_010];
    for range in [100..5101, 9000..9010, 40_960..45_056, 60_001..60_004] {
        bytes[range].fill(9);
    }
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let ranges = vec![
        60_001..60_004,
        100..5100,
        5100..5101,
        9000..9010,
        40_960..45_056,
    ];
    let read = bmap::of_file(file.as_file(), 60_010, ranges).unwrap();
    assert_eq!(told, read);
}
