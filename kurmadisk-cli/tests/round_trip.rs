//! Real inputs on a disk and back, with nothing lost: a package whose program has a capability, labels of SELinux in
//! an archive, and this machine's `/usr/share`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{judged, kurmadisk};
use kurmadisk_fixtures::oracle::{self, LoopMount};
use kurmadisk_fixtures::{attributes, package, treediff};
use tempfile::TempDir;

/// Where the only partition begins, in bytes.
const FIRST: u64 = 1 << 20;

/// A disk of one filesystem, mounted.
struct Disk {
    mount: LoopMount,
    _folder: TempDir,
}

impl Disk {
    /// Of `root`, a folder or archive, without the names `left_out` at its top.
    fn of(root: &Path, left_out: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let description = "[[partition]]\nnumber = 1\nlabel = \"ROOT\"\ntype = \"linux\"\nfirst = \"1 MiB\"\n\
                           size = \"auto\"\ncontent = \"root\"\n\
                           filesystem = { type = \"ext4\", lost-found = false }\n";
        fs::write(folder.path().join("disk.toml"), description).unwrap();
        let mut build = kurmadisk(folder.path());
        build.args([
            "build",
            "--config",
            "disk.toml",
            "--format",
            "raw",
            "-o",
            "disk.raw",
        ]);
        build.arg("--root").arg(root);
        for name in left_out {
            build.arg("--exclude").arg(format!("/{name}"));
        }
        build.assert().success();
        let image = folder.path().join("disk.raw");
        judged(oracle::e2fsck_clean(&image, FIRST));
        let length = fs::metadata(&image).unwrap().len() - FIRST;
        let mount = judged(oracle::mount_loop(&image, FIRST, length));
        Self {
            mount,
            _folder: folder,
        }
    }

    /// How many entries it has, all of them as in `folder`.
    #[track_caller]
    fn expect_same(&self, folder: &Path, left_out: &[String]) -> usize {
        let options = treediff::Options::default().attributes();
        let options = left_out.iter().fold(options, treediff::Options::leave_out);
        let compared = treediff::compare(folder, self.mount.path(), &options).unwrap();
        compared.expect_equal()
    }
}

/// An archive of `folder` by GNU tar with these options.
fn archive(folder: &Path, place: &Path, options: &[&str]) -> PathBuf {
    let path = place.join("archive.tar");
    let mut tar = judged(oracle::tool("tar").unwrap().command());
    tar.args(["--create", "--format=pax", "--numeric-owner", "--sparse"]);
    tar.args(options).arg("--file").arg(&path);
    let output = tar
        .arg("--directory")
        .arg(folder)
        .arg(".")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    path
}

/// As `dpkg` and the package's own script install it: the files come from an archive, and the capability, which
/// that can't have, by `setcap`.
#[test]
fn ping_keeps_its_capability() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    judged(package::unpack(
        &judged(package::debian_package("iputils-ping")),
        &tree,
    ));
    let ping = ["bin/ping", "usr/bin/ping"].map(|path| tree.join(path));
    let ping = ping
        .iter()
        .find(|path| path.exists())
        .expect("the package has it");
    judged(oracle::setcap("cap_net_raw+ep", ping));
    let archive = archive(&tree, folder.path(), &["--xattrs", "--xattrs-include=*"]);
    for root in [&tree, &archive] {
        let disk = Disk::of(root, &[]);
        assert!(disk.expect_same(&tree, &[]) > 10);
        let below = ping.strip_prefix(&tree).unwrap();
        let found = judged(oracle::getcap(&disk.mount.path().join(below)));
        assert!(found.ends_with("/ping cap_net_raw=ep\n"), "{found}");
    }
}

/// What the targeted policy calls a path of `/etc`.
fn context(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = match &*name {
        "shadow" | "gshadow" | "shadow-" | "gshadow-" => "shadow_t",
        "passwd" | "group" | "passwd-" | "group-" => "passwd_file_t",
        "ld.so.cache" => "ld_so_cache_t",
        "resolv.conf" => "net_conf_t",
        "localtime" => "locale_t",
        _ if path
            .extension()
            .is_some_and(|end| end == "crt" || end == "pem") =>
        {
            "cert_t"
        }
        _ => "etc_t",
    };
    format!("system_u:object_r:{kind}:s0")
}

/// Labels everything below `top`, and `top`; how many there are.
fn label(top: &Path) -> usize {
    let mut pending = vec![top.to_owned()];
    let mut count = 0;
    while let Some(path) = pending.pop() {
        let label = [context(&path).as_bytes(), b"\0"].concat();
        attributes::set_xattr(&path, b"security.selinux", &label).unwrap();
        count += 1;
        if path.symlink_metadata().unwrap().is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            pending.extend(entries.map(|entry| entry.unwrap().path()));
        }
    }
    count
}

/// Every member of the archive has a label: in the record that GNU tar and Fedora's tools write, and in the one
/// of extended attributes.
#[test]
fn every_member_keeps_its_label() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    let copied = std::process::Command::new("cp")
        .args(["-a", "/etc"])
        .arg(&tree)
        .status();
    assert!(copied.unwrap().success());
    let count = label(&tree);
    assert!(count > 200, "{count} entries in /etc");
    let forms = [
        (&["--selinux"][..], "RHT.security.selinux="),
        (
            &["--xattrs", "--xattrs-include=*"],
            "SCHILY.xattr.security.selinux=",
        ),
    ];
    for (options, keyword) in forms {
        let archive = archive(&tree, folder.path(), options);
        let bytes = fs::read(&archive).unwrap();
        let found = bytes
            .windows(keyword.len())
            .filter(|window| *window == keyword.as_bytes());
        assert_eq!(found.count(), count, "{keyword}");
        let disk = Disk::of(&archive, &[]);
        assert_eq!(disk.expect_same(&tree, &[]), count);
    }
}

/// The names in `/usr/share` to leave out so that about `most` entries are left.
fn beyond(most: usize) -> Vec<String> {
    let count = |path: &Path| {
        let mut pending = vec![path.to_owned()];
        let mut count = 0;
        while let Some(path) = pending.pop() {
            count += 1;
            if path.symlink_metadata().unwrap().is_dir() {
                pending.extend(
                    fs::read_dir(path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            }
        }
        count
    };
    let share = Path::new("/usr/share");
    let mut names = common::names(share);
    let mut left = most;
    names.retain(|name| {
        let size = count(&share.join(name));
        let fits = size <= left.min(most / 3);
        left -= if fits { size } else { 0 };
        !fits
    });
    names
}

/// About 6000 entries of it; all, which takes a minute, when `cargo xtask soak` says so.
#[test]
fn usr_share_and_back() {
    let all = std::env::var_os("KURMADISK_SOAK").is_some();
    let most = if all { usize::MAX } else { 6000 };
    let (share, left_out) = (Path::new("/usr/share"), beyond(most));
    let disk = Disk::of(share, &left_out);
    let compared = disk.expect_same(share, &left_out);
    assert!(compared > 1000, "{compared}");
}
