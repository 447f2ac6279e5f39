//! The library as programs use it: described by calls, planned, written; and what happens when the
//! world changes between plan and image.

#[path = "../examples/in_memory.rs"]
#[expect(dead_code, reason = "the example's own main")]
mod in_memory;

use std::fs::{self, File};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use kurmadisk::formats::error::{EmitError, SourceError, chain};
use kurmadisk::formats::image::{ImageFile, write_files};
use kurmadisk::formats::open::ImageStore;
use kurmadisk::plan::PlanError;
use kurmadisk::spec::{ImageSpec, Place};
use kurmadisk::{AssembleError, Builder, ImageFormat, Plan, PredictedSize, Progress};
use kurmadisk_fixtures::treegen::set_mtime;
use kurmadisk_fixtures::{demo, oracle};
use tempfile::TempDir;

/// A folder with a tree of two files, one of them of 3 MiB.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("tree/etc")).unwrap();
        fs::write(folder.path().join("tree/etc/hostname"), "kurma\n").unwrap();
        fs::write(folder.path().join("tree/large"), vec![0xa5; 3 << 20]).unwrap();
        Self { folder }
    }

    fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn builder(&self) -> Builder {
        Builder::new("test").layout("efi").root(self.join("tree"))
    }

    fn plan(&self) -> Plan {
        self.builder().plan().unwrap()
    }

    /// The names beside the tree, sorted.
    fn beside(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "tree").collect();
        names.sort();
        names
    }
}

fn write(plan: &Plan, format: ImageFormat, path: &Path) -> Result<(), AssembleError> {
    plan.write(format, path, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn the_example_makes_a_disk_with_its_tree() {
    let folder = tempfile::tempdir().unwrap();
    let (vdi, raw) = (
        folder.path().join("demo.vdi"),
        folder.path().join("demo.raw"),
    );
    let kernel = demo::folder().join(demo::BZ_IMAGE);
    let initrd = demo::folder().join(demo::INITRD);
    in_memory::build(&kernel, &initrd, &vdi).unwrap();
    oracle::qemu_img_check(&vdi, "vdi").unwrap();
    let convert = oracle::tool("qemu-img").unwrap().command().unwrap();
    let mut convert = convert;
    convert
        .args(["convert", "-f", "vdi", "-O", "raw"])
        .args([&vdi, &raw]);
    assert!(convert.status().unwrap().success());
    oracle::sgdisk_verify(&raw).unwrap();
    let disk = oracle::sgdisk_print(&raw).unwrap();
    let (esp, root) = (disk.partition(1).unwrap(), disk.partition(6).unwrap());
    oracle::e2fsck_clean(&raw, root.offset()).unwrap();
    let motd = oracle::debugfs(&raw, root.offset(), "cat /etc/motd").unwrap();
    assert_eq!(motd, "Made in memory.\n");
    let kernel = oracle::mcopy_read(&raw, esp.offset(), "::/kurmaos/vmlinuz-a").unwrap();
    assert!(kernel == fs::read(demo::folder().join(demo::BZ_IMAGE)).unwrap());
}

#[test]
fn calls_and_a_file_describe_the_same_disk() {
    let bench = Bench::new();
    let text = format!(
        "name = \"test\"\nlayout = \"efi\"\nroot = {:?}\nsize = \"200 MiB\"\nseed = \"s\"\nsource-date-epoch = 5\n",
        bench.join("tree")
    );
    let spec = ImageSpec::from_toml("here.toml", text).unwrap();
    let by_file = Builder::from_spec(spec).plan().unwrap();
    let builder = bench
        .builder()
        .size(200 << 20)
        .seed("s")
        .source_date_epoch(5);
    let by_calls = builder.plan().unwrap();
    assert_eq!(by_file.identity(), by_calls.identity());
    assert_eq!(by_file.layout().len_bytes(), 200 << 20);
    let images = [(by_file, "file.raw"), (by_calls, "calls.raw")].map(|(plan, name)| {
        write(&plan, ImageFormat::Raw, &bench.join(name)).unwrap();
        oracle::sha256(&bench.join(name)).unwrap()
    });
    assert_eq!(images[0], images[1]);
}

#[test]
fn every_format_has_the_size_that_was_predicted_whatever_the_threads() {
    let bench = Bench::new();
    let plan = bench.plan();
    let disk = plan.disk_map().unwrap();
    let mut go_on = |_| ControlFlow::Continue(());
    for &format in ImageFormat::ALL {
        let name = format!("any name.{}", format.extension());
        let digests = [1, 3].map(|threads| {
            let options = plan.image_options(&name);
            let image = ImageFile {
                choice: format.into(),
                options: options.with_threads(NonZero::new(threads).unwrap()),
                path: bench.join(&name),
            };
            write_files(&disk, std::slice::from_ref(&image), &mut go_on).unwrap();
            let len = ImageStore::open(&image.path).unwrap().files_len();
            match plan
                .predict(&[(format, name.clone())])
                .unwrap()
                .remove(0)
                .unwrap()
            {
                PredictedSize::Exact(size) => assert_eq!(len, size, "{format}"),
                PredictedSize::AtMost(size) => assert!(len <= size, "{format}"),
            }
            oracle::sha256(&image.path).unwrap()
        });
        assert_eq!(digests[0], digests[1], "{format}");
    }
}

#[test]
fn progress_ascends_to_the_total() {
    let bench = Bench::new();
    let plan = bench.plan();
    for format in ImageFormat::ALL {
        let mut told: Vec<Progress> = Vec::new();
        let mut tell = |now| {
            told.push(now);
            ControlFlow::Continue(())
        };
        plan.write(*format, &bench.join("x"), &mut tell).unwrap();
        let last = told.last().unwrap();
        assert_eq!(last.done, last.total, "{format}");
        assert!(last.total >= 3 << 20, "{format}: {last:?}");
        assert!(told.is_sorted_by_key(|now| now.done), "{format}");
        assert!(told.iter().all(|now| now.total == last.total), "{format}");
    }
}

#[test]
fn a_stopped_build_leaves_what_was_there() {
    let bench = Bench::new();
    let plan = bench.plan();
    for format in ImageFormat::ALL {
        let path = bench.join("x");
        fs::write(&path, "the image of yesterday").unwrap();
        let stopped = plan.write(*format, &path, &mut |_| ControlFlow::Break(()));
        let error = stopped.unwrap_err();
        assert!(
            matches!(error, AssembleError::Emit(EmitError::Cancelled)),
            "{format}: {error:?}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "the image of yesterday");
        assert_eq!(bench.beside(), ["x"]);
    }
}

/// Plans, lets `change` happen to the large file, and writes: the error, once nothing is left behind.
#[track_caller]
fn fails_after(format: ImageFormat, change: impl Fn(&Path)) -> SourceError {
    let bench = Bench::new();
    let plan = bench.plan();
    let large = bench.join("tree/large");
    change(&large);
    let error = write(&plan, format, &bench.join("x")).unwrap_err();
    assert!(
        chain(&error).contains(large.to_str().unwrap()),
        "{}",
        chain(&error)
    );
    assert!(bench.beside().is_empty(), "{format}: {:?}", bench.beside());
    match error {
        AssembleError::Emit(EmitError::Source(error)) => error,
        error => panic!("{format}: {error:?}"),
    }
}

#[test]
fn a_file_that_vanishes_or_changes_after_the_plan_is_named() {
    for format in ImageFormat::ALL {
        let error = fails_after(*format, |large| fs::remove_file(large).unwrap());
        assert!(
            matches!(error, SourceError::Open { .. }),
            "{format}: {error:?}"
        );
        let error = fails_after(*format, |large| {
            File::options()
                .write(true)
                .open(large)
                .unwrap()
                .set_len(5)
                .unwrap();
        });
        assert!(
            matches!(error, SourceError::Changed { .. }),
            "{format}: {error:?}"
        );
        let error = fails_after(*format, |large| fs::write(large, vec![0; 4 << 20]).unwrap());
        assert!(
            matches!(error, SourceError::Changed { .. }),
            "{format}: {error:?}"
        );
        let error = fails_after(*format, |large| set_mtime(large, 7, 7).unwrap());
        assert!(
            matches!(error, SourceError::Changed { .. }),
            "{format}: {error:?}"
        );
    }
}

#[test]
fn a_kernel_that_changes_after_the_plan_is_named() {
    let bench = Bench::new();
    let kernel = bench.join("tree/vmlinuz");
    fs::copy(demo::folder().join(demo::BZ_IMAGE), &kernel).unwrap();
    let builder = Builder::new("test").layout("kurmaos").kernel(&kernel);
    let plan = builder.plan().unwrap();
    set_mtime(&kernel, 7, 7).unwrap();
    let error = write(&plan, ImageFormat::Raw, &bench.join("x")).unwrap_err();
    assert!(
        chain(&error).contains("vmlinuz changed"),
        "{}",
        chain(&error)
    );
    assert!(bench.beside().is_empty());
}

#[test]
fn errors_can_be_told_apart_and_say_where() {
    let bench = Bench::new();
    let error = bench.builder().oem(bench.join("tree")).plan().unwrap_err();
    assert!(
        matches!(&error, PlanError::At { place: Place::Caller, field, .. } if field == "oem"),
        "{error:?}"
    );
    let error = bench.builder().size(70 << 20).plan().unwrap_err();
    let PlanError::At { field, source, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(field, "size");
    assert!(
        matches!(**source, PlanError::Layout(_) | PlanError::Volume { .. }),
        "{source:?}"
    );
    let error = Builder::new("test").layout("nope").plan().unwrap_err();
    assert!(matches!(error, PlanError::Spec(_)), "{error:?}");
}
