//! Packages that kurmadisk writes break no rule of the platforms that they are for.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use kurmadisk::package::{
    Archive, ArchiveKind, Context, Member, Package, PackageFile, Release, Target, package,
};
use kurmadisk::spec::ImageSpec;
use kurmadisk::verify::{self, Platform};
use kurmadisk::{Builder, ImageFormat, ImageOptions};
use uuid::Uuid;

use crate::support::{broken, refused};

/// A disk of 64 MiB, and what is said of its packages.
fn spec(options: &str) -> ImageSpec {
    let text = format!(
        "size = \"64 MiB\"\n[disk]\ntable = \"gpt\"\n\
        [[partition]]\nnumber = 1\ntype = \"esp\"\nsize = \"4 MiB\"\nfilesystem = {{ type = \"fat\" }}\n{options}"
    );
    ImageSpec::from_toml("test", text).unwrap()
}

/// Writes the package for `target` into `folder`.
fn write(folder: &Path, target: Target, options: &str) {
    let spec = spec(options);
    let plan = Builder::from_spec(spec.clone()).plan().unwrap();
    let made = package(&Context::new(&spec, &plan, target).unwrap()).unwrap();
    release(folder, &plan.disk_map().unwrap(), made);
}

fn release(folder: &Path, disk: &kurmadisk::formats::map::DiskMap, made: Package) {
    let options = ImageOptions::new(Uuid::from_u128(1), "").with_threads(NonZero::<usize>::MIN);
    let mut release = Release::new(folder, 0).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    release.write(disk, &options, &[made], go_on).unwrap();
    release.finish().unwrap();
}

/// The one file below `folder` with this ending.
fn find(folder: &Path, ending: &str) -> PathBuf {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                return path;
            }
        }
    }
    panic!("no .{ending}");
}

#[test]
fn appliances_are_taken() {
    for options in [
        "",
        "[target.ova]\nmanifest = \"sha1\"\n",
        "[machine]\nfirmware = \"bios\"\n",
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), Target::Ova, options);
        let ova = find(dir.path(), "ova");
        let verified = verify::file(&ova).unwrap();
        assert!(
            broken(&verified).is_empty(),
            "{options}: {:?}",
            broken(&verified)
        );
        for platform in [
            Platform::Vmware,
            Platform::VirtualBox,
            Platform::Aws,
            Platform::Proxmox,
        ] {
            assert!(refused(&ova, platform).is_empty(), "{platform}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), Target::Ova, "[target.ova]\novf = \"2.0\"\n");
    let ova = find(dir.path(), "ova");
    assert!(refused(&ova, Platform::VirtualBox).is_empty());
    assert_eq!(refused(&ova, Platform::Proxmox), ["ovf-version"]);
}

#[test]
fn loose_machines_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        Target::Virtualbox,
        "[target.virtualbox]\nwrap = \"folder\"\n",
    );
    let ovf = find(dir.path(), "ovf");
    assert!(refused(&ovf, Platform::VirtualBox).is_empty());
    assert!(broken(&verify::file(&ovf).unwrap()).is_empty());
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        Target::Vmware,
        "[target.vmware]\nwrap = \"folder\"\n",
    );
    let vmx = find(dir.path(), "vmx");
    let verified = verify::file(&vmx).unwrap();
    assert!(broken(&verified).is_empty(), "{:?}", broken(&verified));
}

#[test]
fn archives_for_google_are_taken() {
    let disk = kurmadisk::formats::map::DiskMap::new(1 << 30);
    let member = Member::Disk {
        name: "disk.raw".to_owned(),
        choice: ImageFormat::Raw.into(),
        identity: Uuid::from_u128(2),
    };
    let archive = Archive {
        name: "a.tar.gz".to_owned(),
        kind: ArchiveKind::GnuSparseTarGz,
        members: vec![member],
    };
    let files = vec![PackageFile::Archive(archive)];
    let dir = tempfile::tempdir().unwrap();
    release(dir.path(), &disk, Package { files, sha1: false });
    let path = dir.path().join("a.tar.gz");
    assert!(refused(&path, Platform::Gce).is_empty());
    assert!(broken(&verify::file(&path).unwrap()).is_empty());
}
