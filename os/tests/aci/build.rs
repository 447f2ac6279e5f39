//! Images built of real trees, unpacked by others.

use std::fs;
use std::num::NonZero;
use std::path::Path;

use kurmadisk::formats::error::chain;
use kurmadisk::spec::{Located, Patterns};
use kurmadisk_fixtures::oracle::{Appc, actool_validate};
use kurmadisk_fixtures::treediff::{self, Options};
use kurmadisk_fixtures::treegen;
use kurmadisk_os::aci::{AciCompression, AciSpec};
use serde_json::json;

use super::support::{build, files, manifest, read, run, spec};

/// An image of everything that a tree can have.
fn everything(folder: &Path) -> AciSpec {
    let tree = folder.join("tree");
    fs::create_dir(&tree).unwrap();
    treegen::make_tree(&tree, 11, &treegen::TreeSpec::default()).unwrap();
    let said = run(folder, "/usr/bin/python3", &["-c", UNFIT]);
    assert!(said.is_empty());
    spec(manifest("example.com/everything", &json!({})), Some(&tree))
}

/// Takes out of a tree what no archive holds, sockets, and large files with holes, which are zeros in one.
const UNFIT: &str = "
import os, stat
for folder, _, names in os.walk(b'tree'):
    time = os.stat(folder)
    for name in names:
        path = os.path.join(folder, name)
        seen = os.lstat(path)
        if stat.S_ISSOCK(seen.st_mode) or seen.st_size > 1 << 20:
            os.unlink(path)
            os.utime(folder, ns=(time.st_atime_ns, time.st_mtime_ns))
";

#[test]
fn every_program_unpacks_what_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = everything(folder.path());
    let ids = [
        (AciCompression::None, "a.aci"),
        (AciCompression::Gz, "b.aci"),
        (AciCompression::Xz, "c.aci"),
    ]
    .map(|(compression, name)| {
        spec.compress = Some(Located::by_caller(compression));
        let out = folder.path().join(name);
        let report = build(&spec, &out);
        actool_validate(Appc::Image, &out).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(report.size, fs::metadata(&out).unwrap().len());
        report.id
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let program =
        "import hashlib; print(hashlib.sha512(open('a.aci', 'rb').read()).hexdigest(), end='')";
    let sum = run(folder.path(), "/usr/bin/python3", &["-c", program]);
    assert_eq!(
        format!("sha512-{}", String::from_utf8(sum).unwrap()),
        ids[0]
    );
    // Times of the future are among them, of which tar warns.
    for (program, archive) in [("tar", "b.aci"), ("bsdtar", "c.aci")] {
        let into = tempfile::tempdir().unwrap();
        let archive = folder.path().join(archive);
        run(
            into.path(),
            program,
            &["-xpf".as_ref(), archive.as_os_str()],
        );
        let names: Vec<_> = fs::read_dir(into.path()).unwrap().collect();
        assert_eq!(names.len(), 2);
        let (tree, rootfs) = (folder.path().join("tree"), into.path().join("rootfs"));
        // Half a second before 1970 is "-0.5", which libarchive takes for half a second after.
        let unread = ["times/d3", "times/f3", "times/l3"].iter();
        let unread = unread.filter(|_| program == "bsdtar");
        let options = unread.fold(Options::default(), |options, name| options.leave_out(*name));
        let compared = treediff::compare(&tree, &rootfs, &options).unwrap();
        assert!(compared.expect_equal() > 300);
    }
}

#[test]
fn the_same_image_is_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = everything(folder.path());
    let built = [1, 2, 5].map(|threads| {
        spec.threads = NonZero::new(threads);
        let out = folder.path().join("image.aci");
        build(&spec, &out);
        fs::read(&out).unwrap()
    });
    assert!(built.iter().all(|bytes| *bytes == built[0]));
}

#[test]
fn extended_attributes_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let tree = files(&folder.path().join("tree"), &[("bin/ping", "program")]);
    run(
        &tree,
        "setfattr",
        &["-n", "user.origin", "-v", "a=b", "bin/ping"],
    );
    run(&tree, "setcap", &["cap_net_raw+ep", "bin/ping"]);
    let spec = spec(manifest("example.com/ping", &json!({})), Some(&tree));
    let out = folder.path().join("ping.aci");
    build(&spec, &out);
    fs::create_dir(folder.path().join("into")).unwrap();
    let options = ["--xattrs", "--xattrs-include=*", "-xf", "../ping.aci"];
    run(&folder.path().join("into"), "tar", &options);
    let unpacked = folder.path().join("into/rootfs");
    let options = Options::default().attributes();
    let compared = treediff::compare(&tree, &unpacked, &options).unwrap();
    compared.expect_equal();
}

#[test]
fn files_programs_and_labels_of_a_description() {
    let folder = tempfile::tempdir().unwrap();
    files(
        folder.path(),
        &[
            (
                "aci/manifest.yaml",
                "name: example.com/app\nlabels: [{name: version, value: old}]\n",
            ),
            ("aci/tree/etc/motd", "hello"),
            ("aci/tree/var/cache/x", "left out"),
            ("program", "\u{7f}ELF"),
            (
                "aci/images.toml",
                r#"
[[aci]]
name = "app"
manifest = "manifest.yaml"
labels = { version = "1.2", os = "linux", arch = "amd64" }
rootfs = { path = "tree", exclude = "/var/cache/*", owner = "7:8" }
binaries = { "/bin/app" = "../program" }
files = [
    { path = "/bin/sh", link = "app" },
    { path = "/tmp", directory = true, mode = "1777" },
    { path = "/etc/issue", text = "issue", mode = "0600", uid = 3 },
    { path = "/etc/motd", source = "../program" },
]
source-date-epoch = 1000

[[aci.override]]
path = "/dev"
type = "dir"
mode = "0755"
owner = "0:0"

[[aci.override]]
path = "/dev/null"
type = "char"
device = "1:3"
mode = "0666"
"#,
            ),
        ],
    );
    let specs = kurmadisk_os::aci::AciSpecs::from_file(&folder.path().join("aci/images.toml"));
    let [spec] = &specs.unwrap_or_else(|error| panic!("{}", chain(&error)))[..] else {
        panic!("one image");
    };
    let out = folder.path().join("app.aci");
    build(spec, &out);
    actool_validate(Appc::Image, &out).unwrap_or_else(|error| panic!("{error}"));
    let list = run(
        folder.path(),
        "tar",
        &["--numeric-owner", "-tvf", "app.aci"],
    );
    let list = String::from_utf8(list).unwrap();
    let found: Vec<String> = list
        .lines()
        .map(|line| {
            let mut words: Vec<_> = line.split_whitespace().collect();
            words.drain(3..5);
            words.join(" ")
        })
        .collect();
    assert_eq!(
        found,
        [
            "-rw-r--r-- 0/0 179 manifest",
            "drwxr-xr-x 7/8 0 rootfs/",
            "drwxr-xr-x 0/0 0 rootfs/bin/",
            "-rwxr-xr-x 0/0 4 rootfs/bin/app",
            "lrwxrwxrwx 0/0 0 rootfs/bin/sh -> app",
            "drwxr-xr-x 0/0 0 rootfs/dev/",
            "crw-rw-rw- 0/0 1,3 rootfs/dev/null",
            "drwxr-xr-x 7/8 0 rootfs/etc/",
            "-rw------- 3/0 5 rootfs/etc/issue",
            "-rw-r--r-- 0/0 4 rootfs/etc/motd",
            "drwxrwxrwt 0/0 0 rootfs/tmp/",
            "drwxr-xr-x 7/8 0 rootfs/var/",
            "drwxr-xr-x 7/8 0 rootfs/var/cache/",
        ]
    );
    let image = read(&out);
    let labels: Vec<_> = image.manifest().unwrap().labels.iter().collect();
    let labels = labels.iter().map(|label| (&*label.name, &*label.value));
    assert_eq!(
        labels.collect::<Vec<_>>(),
        [("arch", "amd64"), ("os", "linux"), ("version", "1.2")]
    );
    let inputs = spec.inputs();
    for name in ["aci/manifest.yaml", "aci/tree", "aci/../program"] {
        assert!(inputs.contains(&folder.path().join(name)), "{inputs:?}");
    }
}

#[test]
fn errors_name_the_place_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let image =
        |more: &str| format!("[[aci]]\nname = \"app\"\nmanifest = {{ name = \"a\" }}\n{more}\n");
    let cases = [
        (
            image("binaries = { \"/a\" = \"missing\" }"),
            "images.toml:4:21: binaries: cannot open ",
        ),
        (
            image("files = [{ path = \"/a\" }]"),
            "images.toml:4:19: path: give one of source, text, link and directory = true",
        ),
        (
            image("files = [{ path = \"/../a\", text = \"\" }]"),
            "images.toml:4:19: path: \"/../a\" is no path of a file in the image; write it as /bin/program",
        ),
        (
            image("compress = \"zst\""),
            "images.toml:4:12: compress: App Container images are compressed with gz or xz, or not (none)",
        ),
        (
            image("format = \"oci\"\ncompress = \"xz\""),
            "images.toml:5:12: compress: layers of OCI images are compressed with gz or zst, or not (none)",
        ),
        (
            image("format = \"oci\""),
            "an OCI image says what it runs on, and the manifest has no label os; add it, as in os=linux",
        ),
        (
            image("dependencies = [\"images.toml\"]"),
            "images.toml:4:17: dependencies: ",
        ),
        (
            image("labels = { Version = \"1\" }"),
            "images.toml:4:22: labels[0].name: \"Version\" is no label's name",
        ),
        (
            image("").replace("\"a\"", "\"A\", colour = 1"),
            "images.toml:3:12: name: \"A\" is no AC identifier",
        ),
    ];
    for (text, expected) in cases {
        let path = folder.path().join("images.toml");
        fs::write(&path, text).unwrap();
        let specs = kurmadisk_os::aci::AciSpecs::from_file(&path).unwrap();
        let out = folder.path().join("app.aci");
        let error = chain(&specs[0].build(&out).unwrap_err());
        let error = error.replace(&format!("{}/", folder.path().display()), "");
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains('\n'), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{error}");
    }
}

#[test]
fn what_is_left_out_by_options_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let tree = files(&folder.path().join("tree"), &[("a", ""), ("b.pyc", "")]);
    let mut spec = spec(manifest("example.com/a", &json!({})), Some(&tree));
    spec.trees.exclude = Some(Located::by_caller(Patterns(vec!["*.pyc".to_owned()])));
    let out = folder.path().join("a.aci");
    assert_eq!(build(&spec, &out).entries, 1);
    assert_eq!(
        super::support::shape(&read(&out).rootfs),
        [("a".to_owned(), "file ".to_owned())]
    );
}
