//! VMDKs in several files: those of qemu in all its variants, and descriptors that lie.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::error::{OpenError, SourceError, chain};
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::{ContentId, ContentStore, DiskMap};
use kurmadisk_formats::open::{Image, ImageStore, open};
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{
    GIB, KIB, MIB, SECTOR, assert_holds, disk, image, image_file, noise, open_bytes, options, prose,
};

const FLAT: ImageFormat = ImageFormat::VmdkFlat;
const SPLIT: ImageFormat = ImageFormat::VmdkSplit;

fn fact(image: &Image, name: &str) -> String {
    let mut facts = image.facts().iter();
    let fact = facts.find(|fact| fact.name == name);
    fact.map(|fact| fact.value.clone()).unwrap_or_default()
}

/// `qemu-img convert` of a raw file.
fn qemu_img_convert(raw: &Path, to: &Path, options: &str) {
    let mut command = oracle::tool("qemu-img").unwrap().command().unwrap();
    command.args(["convert", "-f", "raw", "-O", "vmdk", "-o", options]);
    let files = [raw, to].map(AsRef::<OsStr>::as_ref);
    let done = command.args(files).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{options}: {said}");
}

/// Data at the ends of the disk and around 2 GiB.
fn sample(len: u64) -> DiskMap {
    let mut map = disk(
        len,
        &[
            (0, prose(1, 300_000)),
            (len / 2 - 700, noise(2, 1400)),
            (len - 512, noise(3, 512)),
        ],
    );
    for border in [2047 * MIB, 2 * GIB, 4094 * MIB, 4 * GIB] {
        // What has no room is left out.
        let _ = map.insert_bytes(border - 70_000, noise(border, 140_000));
    }
    map
}

#[test]
fn disks_of_qemu_in_several_files_are_read() {
    for (len, files) in [
        (5 * MIB + 3 * SECTOR, 1),
        (2 * GIB - SECTOR, 1),
        (2 * GIB, 1),
        (2 * GIB + SECTOR, 2),
        (5 * GIB, 3),
    ] {
        let map = sample(len);
        let dir = tempfile::tempdir().unwrap();
        let raw = image_file(dir.path(), ImageFormat::Raw, &map);
        let other = dir.path().join("by qemu.vmdk");
        for (options, create_type, count, format) in [
            ("subformat=monolithicFlat", "monolithicFlat", 1, FLAT),
            (
                "subformat=twoGbMaxExtentSparse",
                "twoGbMaxExtentSparse",
                files,
                SPLIT,
            ),
            (
                "subformat=twoGbMaxExtentSparse,zeroed_grain=on",
                "twoGbMaxExtentSparse",
                files,
                SPLIT,
            ),
            (
                "subformat=twoGbMaxExtentFlat,adapter_type=lsilogic,hwversion=7",
                "twoGbMaxExtentFlat",
                files,
                FLAT,
            ),
        ] {
            qemu_img_convert(&raw, &other, options);
            let store = ImageStore::open(&other).unwrap();
            assert_holds(store.image(), &map, format);
            assert!(store.image().allocated_len() < 4 * MIB, "holes stay holes");
            assert_eq!(fact(store.image(), "create type"), create_type);
            let named = fact(store.image(), "extents");
            assert_eq!(named.split(", ").count(), count);
            let names: Vec<_> = store.files().collect();
            assert_eq!(names.len(), 1 + count);
            assert_eq!(names[0], other);
            let lengths = names.iter().map(|file| file.metadata().unwrap().len());
            assert_eq!(store.files_len(), lengths.sum::<u64>());
        }
    }
}

/// A folder with a descriptor of these extents, and what they may name.
struct Folder {
    dir: TempDir,
    descriptor: PathBuf,
}

impl Folder {
    fn new(extents: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let descriptor = dir.path().join("disk.vmdk");
        let folder = Self { dir, descriptor };
        folder.describe(extents);
        folder.write("flat.bin", &noise(1, MIB));
        let grains = disk(MIB + SECTOR, &[(64 * KIB, noise(2, 64 * KIB))]);
        let grains = image(ImageFormat::Vmdk, &grains, &options(1));
        folder.write("grains.vmdk", &grains);
        folder
    }

    fn describe(&self, extents: &[&str]) {
        let text = format!(
            "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n\
             createType=\"custom\"\n\n# Extent description\n{}\n\n#DDB\n\
             ddb.adapterType = \"ide\"\n",
            extents.join("\n")
        );
        self.write("disk.vmdk", text.as_bytes());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn open(&self) -> Result<Image, OpenError> {
        open(&self.descriptor)
    }
}

#[test]
fn extents_of_all_types_are_joined_in_their_order() {
    let folder = Folder::new(&[
        "RW 8 FLAT \"flat.bin\" 3",
        "RDONLY 2049 SPARSE \"grains.vmdk\"",
        "RW 5 ZERO",
        "RW 3 FLAT \"flat.bin\" 0",
        "RW 1 VMFS \"other.bin\"",
    ]);
    folder.write("other.bin", &[7; 512]);
    let (flat, grains) = (noise(1, MIB), noise(2, 64 * KIB));
    let at = 8 * SECTOR;
    let zeros = at + 2049 * SECTOR;
    let map = disk(
        zeros + 9 * SECTOR,
        &[
            (0, flat[3 * 512..11 * 512].to_vec()),
            (at + 64 * KIB, grains),
            (zeros + 5 * SECTOR, flat[..3 * 512].to_vec()),
            (zeros + 8 * SECTOR, vec![7; 512]),
        ],
    );
    let image = folder.open().unwrap();
    assert_holds(&image, &map, SPLIT);
    let ranges = map.extents().iter();
    let mut ranges: Vec<_> = ranges.map(|extent| extent.start..extent.end()).collect();
    let last = ranges.pop().unwrap();
    ranges.last_mut().unwrap().end = last.end;
    assert_eq!(image.allocated(), ranges);
    assert_eq!(
        fact(&image, "extents"),
        "flat.bin, grains.vmdk, flat.bin, other.bin"
    );
}

#[test]
fn line_ends_of_windows_and_short_descriptors_are_read() {
    let folder = Folder::new(&[]);
    folder.write(
        "disk.vmdk",
        b"# Disk DescriptorFile\r\nparentCID=ffffffff\r\nRW 9 FLAT \"flat.bin\" 0\r\n",
    );
    let image = folder.open().unwrap();
    assert_holds(
        &image,
        &disk(9 * SECTOR, &[(0, noise(1, 9 * SECTOR))]),
        FLAT,
    );
}

#[test]
fn descriptors_that_lie_are_refused() {
    let folder = Folder::new(&[]);
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), noise(9, MIB)).unwrap();
    let absolute = format!("RW 1 FLAT \"{}\" 0", outside.path().display());
    let many = vec!["RW 1 FLAT \"flat.bin\" 0"; 100];
    let long = vec!["#                                      "; 30_000];
    for (extents, word) in [
        (&["RW 1 FLAT \"../flat.bin\" 0"][..], "only its own folder"),
        (&["RW 1 FLAT \"..\" 0"], "only its own folder"),
        (&["RW 1 SPARSE \"\""], "only its own folder"),
        (&["RW 1 FLAT \"a\\flat.bin\" 0"], "only its own folder"),
        (&[&absolute], "only its own folder"),
        (&["RW 1 FLAT \"absent.bin\" 0"], "absent.bin"),
        (&["RW 2049 FLAT \"flat.bin\" 0"], "the file has 1048576"),
        (&["RW 1 FLAT \"flat.bin\" 2048"], "the file has 1048576"),
        (
            &["RW 1 FLAT \"flat.bin\" 18014398509481984"],
            "the file has 1048576",
        ),
        (
            &["RW 1 FLAT \"flat.bin\" 99999999999999999999"],
            "malformed",
        ),
        (&["RW 2048 SPARSE \"grains.vmdk\""], "it holds 1049088"),
        (&["RW 4096 SPARSE \"grains.vmdk\""], "it holds 1049088"),
        (&["RW 1 SPARSE \"flat.bin\""], "signature"),
        (&["RW 1 SPARSE \"disk.vmdk\""], "ends too early"),
        (
            &["RW 9 FLAT \"flat.bin\" 0", "RW 9 FLAT \"flat.bin\" 8"],
            "two things",
        ),
        (
            &[
                "RW 2049 SPARSE \"grains.vmdk\"",
                "RW 2049 SPARSE \"grains.vmdk\"",
            ],
            "two things",
        ),
        (&many, "two things"),
        (
            &["RW 18014398509481983 ZERO", "RW 1 ZERO"],
            "more than 8 EiB",
        ),
        (&["RW 1 SESPARSE \"flat.bin\""], "type SESPARSE"),
        (&["NOACCESS 1 FLAT \"flat.bin\" 0"], "may not be read"),
        (&["parentCID=00000001", "RW 1 ZERO"], "no parent"),
        (&[], "no extent"),
        (&long, "a descriptor of"),
    ] {
        folder.describe(extents);
        match folder.open() {
            // The first parentCID counts.
            Ok(_) if word == "no parent" => {}
            Ok(image) => panic!("{image:?} of {extents:?} was accepted"),
            Err(error) => {
                let said = chain(&error);
                assert!(said.contains(word), "{said:?} lacks {word:?}");
            }
        }
    }
    folder.write(
        "disk.vmdk",
        b"# Disk DescriptorFile\nparentCID=00000001\nRW 1 ZERO\n",
    );
    let error = folder.open().unwrap_err().to_string();
    assert!(error.contains("differences"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere() {
    let folder = Folder::new(&["RW 1 FLAT \"link.bin\" 0"]);
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), noise(9, MIB)).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path("link.bin")).unwrap();
    let error = chain(&folder.open().unwrap_err());
    assert!(error.contains("symbolic link"), "{error}");

    // Two names of one file are one file.
    fs::hard_link(folder.path("flat.bin"), folder.path("same.bin")).unwrap();
    let extents = ["RW 9 FLAT \"flat.bin\" 0", "RW 9 FLAT \"same.bin\" 9"];
    folder.describe(&extents);
    folder.open().unwrap();
    folder.describe(&[extents[0], "RW 9 FLAT \"same.bin\" 8"]);
    let error = folder.open().unwrap_err().to_string();
    assert!(error.contains("two things"), "{error}");

    fs::create_dir(folder.path("sub")).unwrap();
    folder.describe(&["RW 1 FLAT \"sub\" 0"]);
    let error = chain(&folder.open().unwrap_err());
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn without_its_place_a_descriptor_is_refused() {
    let folder = Folder::new(&["RW 1 ZERO"]);
    let bytes = fs::read(&folder.descriptor).unwrap();
    let refused = Image::from_reader(Box::new(bytes.into_boxed_slice()));
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("open it by its path"), "{error}");
    assert_eq!(open_bytes(b"# Disk DescriptorFil").len(), 20);
}

#[test]
fn damage_of_an_extent_names_it() {
    let folder = Folder::new(&["RW 2049 SPARSE \"grains.vmdk\""]);
    let mut bytes = fs::read(folder.path("grains.vmdk")).unwrap();
    folder.open().unwrap();
    bytes[20] = 1;
    folder.write("grains.vmdk", &bytes);
    let error = folder.open().unwrap_err().to_string();
    assert!(
        error.contains("grains.vmdk") && error.contains("grain size"),
        "{error}"
    );
}

#[test]
fn a_change_of_any_extent_is_noticed() {
    for change in [0, 1] {
        let folder = Folder::new(&["RW 9 FLAT \"flat.bin\" 0", "RW 2049 SPARSE \"grains.vmdk\""]);
        let store = ImageStore::open(&folder.descriptor).unwrap();
        let content = store.open(ContentId(0)).unwrap();
        content.read_exact_at(0, &mut [0; 100]).unwrap();
        let path = folder.path(["flat.bin", "grains.vmdk"][change]);
        let file = File::options().write(true).open(&path).unwrap();
        let earlier = SystemTime::now() - Duration::from_secs(1000);
        file.set_modified(earlier).unwrap();
        let named = |error| matches!(error, SourceError::Changed { path: found } if found == path);
        assert!(named(content.close().unwrap_err()));
        assert!(named(store.open(ContentId(0)).err().unwrap()));
        // One that became shorter is named while it is read.
        file.set_len(0).unwrap();
        let content: Box<dyn kurmadisk_formats::map::Content> = Box::new(store.clone());
        let at = [0, 9 * SECTOR + 64 * KIB][change];
        assert!(named(content.read_exact_at(at, &mut [0; 9]).unwrap_err()));
    }
}

/// Words of extents, sensible and not.
fn words() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        3 => 1_u64..3000,
        1 => any::<u64>(),
        1 => prop::sample::select(vec![0, 2048, 2049, i64::MAX.cast_unsigned() / SECTOR]),
    ];
    let kind = prop::sample::select(vec!["FLAT", "SPARSE", "ZERO", "VMFS", "RW", ""]);
    let file = prop::sample::select(vec![
        "flat.bin",
        "grains.vmdk",
        "disk.vmdk",
        "../x",
        "\u{e4}",
    ]);
    (number.clone(), kind, file, prop::option::of(number)).prop_map(|(len, kind, file, at)| {
        let at = at.map_or(String::new(), |at| at.to_string());
        format!("RW {len} {kind} \"{file}\" {at}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_descriptor_makes_it_panic(
        lines in prop::collection::vec(words(), 0..5),
        cut in prop::option::of(0_usize..300),
    ) {
        let folder = Folder::new(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        if let Some(cut) = cut {
            let mut bytes = fs::read(&folder.descriptor).unwrap();
            bytes.truncate(cut);
            folder.write("disk.vmdk", &bytes);
        }
        if let Ok(image) = folder.open() {
            let mut last = image.allocated().iter().map(|range| range.end).max().unwrap_or(0);
            prop_assert!(last <= image.len());
            last = last.saturating_sub(100);
            let len = usize::try_from((image.len() - last).min(100)).unwrap();
            image.read_exact_at(last, &mut vec![0; len]).unwrap();
            prop_assert!(image.read_exact_at(image.len(), &mut [0]).is_err());
        }
    }
}
