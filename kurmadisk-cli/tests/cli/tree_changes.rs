//! Owners, labels, devices and what is left out, by options and by the description.

use std::fs;

use kurmadisk_fixtures::oracle;

use super::Bench;
use crate::common::{gpt, judged, labelled};

const BUILD: [&str; 6] = ["build", "--layout", "efi", "--format", "raw", "-o"];

/// What debugfs says of the root filesystem of a disk built with these options.
struct Built<'a> {
    bench: &'a Bench,
    offset: u64,
}

impl<'a> Built<'a> {
    #[track_caller]
    fn with(bench: &'a Bench, options: &[&str]) -> Self {
        let arguments = BUILD.iter().chain(&["d.raw"]).chain(options);
        bench.run(arguments.copied()).assert().success();
        let image = bench.join("d.raw");
        let table = gpt(&image);
        let offset = labelled(&table, "ROOT").offset();
        judged(oracle::e2fsck_clean(&image, offset));
        Self { bench, offset }
    }

    fn asked(&self, command: &str) -> String {
        judged(oracle::debugfs(
            &self.bench.join("d.raw"),
            self.offset,
            command,
        ))
    }

    /// `stat` of a path has these words; blanks are as many as they like.
    #[track_caller]
    fn stat(&self, path: &str, parts: &[&str]) {
        let said = self.asked(&format!("stat {path}"));
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            assert!(said.contains(part), "no {part:?} in {said}");
        }
    }
}

#[test]
fn owners_by_option() {
    let bench = Bench::new();
    let built = Built::with(&bench, &["--root", "tree", "--owner", "7:8"]);
    built.stat("/etc/hostname", &["User: 7 Group: 8"]);
    let maps = [
        "--root",
        "tree",
        "--map-uid",
        "0=500:10",
        "--map-gid",
        "0=600",
    ];
    let built = Built::with(&bench, &maps);
    built.stat("/", &["User: 500 Group: 600"]);
    bench.write("tree/etc/passwd", "web:x:33:34::/:/bin/sh\n");
    bench.write("tree/etc/group", "web:x:35:\n");
    let built = Built::with(&bench, &["--root", "tree", "--owner", "web:web"]);
    built.stat("/etc/hostname", &["User: 33 Group: 35"]);
}

#[test]
fn each_tree_has_its_own_changes() {
    let bench = Bench::new();
    bench.write("upper/opt/a.pyc", "");
    bench.write("upper/opt/b", "");
    bench.write(
        "kurmadisk.toml",
        "root = [\"tree\", { path = \"upper\", owner = \"5:6\", exclude = \"*.pyc\" }]\n\
         trees = { owner = \"1:2\", exclude = [\"/etc/x*\", \"*.o\"], include = \"/etc/xy\" }\n",
    );
    for name in ["xx", "xy", "b.o"] {
        bench.write(&format!("tree/etc/{name}"), "");
    }
    let built = Built::with(&bench, &[]);
    built.stat("/etc/hostname", &["User: 1 Group: 2"]);
    built.stat("/opt/b", &["User: 5 Group: 6"]);
    let names = built.asked("ls -p /etc") + &built.asked("ls -p /opt");
    for (name, is_there) in [
        ("/xx/", false),
        ("/xy/", true),
        ("/b.o/", false),
        ("/a.pyc/", false),
    ] {
        assert_eq!(names.contains(name), is_there, "{name} in {names}");
    }
}

#[test]
fn what_fakeroot_saved_is_taken_over() {
    let bench = Bench::new();
    bench.write("tree/usr/bin/tool", "");
    let script = "mkdir tree/dev && mknod -m 640 tree/dev/sda b 8 0 && chown 12:34 tree/usr/bin/tool && \
                  chmod 4755 tree/usr/bin/tool";
    let fakeroot = oracle::tool("fakeroot").unwrap();
    let status = fakeroot
        .command()
        .unwrap()
        .args(["-s", "saved", "sh", "-euc", script])
        .current_dir(bench.path())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(fs::metadata(bench.join("tree/dev/sda")).unwrap().is_file());
    let built = Built::with(&bench, &["--root", "tree", "--fakeroot", "saved"]);
    built.stat("/usr/bin/tool", &["Mode: 04755", "User: 12 Group: 34"]);
    built.stat("/dev/sda", &["Type: block special Mode: 0640", "8:0"]);
}

#[test]
fn overrides_from_files_and_the_description() {
    let bench = Bench::new();
    bench.write("tree/usr/bin/ping", "x");
    bench.write(
        "a.toml",
        "[[override]]\npath = \"/usr/bin/*\"\ncapability = \"cap_net_raw+ep\"\nmode = \"0711\"\n\
         [[override]]\npath = \"/dev\"\ntype = \"dir\"\n",
    );
    bench.write(
        "b.mtree",
        "#mtree\n./dev/console type=char device=linux,5,1 mode=0600 uid=1 gid=5\n\
         ./etc/hostname type=file mode=0640 time=1500000000.000000000\n",
    );
    bench.write(
        "kurmadisk.toml",
        "root = \"tree\"\noverrides = [\"a.toml\", \"b.mtree\"]\n\
         [[override]]\npath = \"/etc/hostname\"\nselinux = \"system_u:object_r:etc_t:s0\"\nuid = 9\n\
         flags = [\"immutable\"]\n\
         [[partition]]\nnumber = 2\n[[partition.override]]\npath = \"/usr\"\nowner = \"3:4\"\n",
    );
    let built = Built::with(&bench, &[]);
    built.stat("/usr/bin/ping", &["Mode: 0711", "security.capability (20)"]);
    built.stat("/usr", &["User: 3 Group: 4"]);
    built.stat(
        "/dev/console",
        &["Type: character special Mode: 0600", "User: 1 Group: 5"],
    );
    let hostname = [
        "Mode: 0640",
        "User: 9",
        "Flags: 0x80010",
        "mtime: 0x59682f00",
    ];
    built.stat("/etc/hostname", &hostname);
    let label = built.asked("ea_get /etc/hostname security.selinux");
    assert!(label.contains("system_u:object_r:etc_t:s0"), "{label}");
}

#[test]
fn attributes_are_left_out_by_name() {
    let bench = Bench::new();
    let file = bench.join("tree/etc/hostname");
    for name in ["user.a", "user.b", "security.c"] {
        oracle::setfattr(&file, name, Some(b"1")).unwrap();
    }
    let options = [
        "--root",
        "tree",
        "--xattrs-exclude",
        "security.*",
        "--xattrs-exclude",
        "user.b",
    ];
    let built = Built::with(&bench, &options);
    let listed = built.asked("ea_list /etc/hostname");
    assert!(listed.contains("user.a"), "{listed}");
    assert!(
        !listed.contains("user.b") && !listed.contains("security.c"),
        "{listed}"
    );
}

#[test]
fn what_fakeroot_saved_is_of_one_tree_of_several() {
    let bench = Bench::new();
    bench.write("other/opt/file", "");
    let fakeroot = oracle::tool("fakeroot").unwrap();
    let arguments = ["-s", "saved", "chown", "12:34", "tree/etc/hostname"];
    let status = fakeroot
        .command()
        .unwrap()
        .args(arguments)
        .current_dir(bench.path())
        .status();
    assert!(status.unwrap().success());
    let options = ["--root", "tree", "--root", "other", "--fakeroot", "saved"];
    let built = Built::with(&bench, &options);
    built.stat("/etc/hostname", &["User: 12 Group: 34"]);
    let options = [
        "--layout",
        "efi",
        "--format",
        "raw",
        "--root",
        "other",
        "--fakeroot",
        "saved",
    ];
    bench.refuses(options, &["--fakeroot: ", "inode"]);
}

#[test]
fn a_policys_labels() {
    let bench = Bench::new();
    bench.write("tree/usr/bin/ping", "x");
    bench.write(
        "contexts",
        "/.* system_u:object_r:default_t:s0\n/usr/bin/.* -- system_u:object_r:bin_t:s0\n",
    );
    let built = Built::with(&bench, &["--root", "tree", "--file-contexts", "contexts"]);
    for (path, label) in [
        ("/usr/bin/ping", "bin_t"),
        ("/usr/bin", "default_t"),
        ("/lost+found", "default_t"),
    ] {
        let found = built.asked(&format!("ea_get {path} security.selinux"));
        assert!(found.contains(&format!("object_r:{label}:s0")), "{found}");
    }
}

#[test]
fn later_times_are_clamped() {
    let bench = Bench::new();
    let old = bench.write("tree/old", "");
    kurmadisk_fixtures::treegen::set_mtime(&old, 1_000, 5).unwrap();
    let clamp = ["--root", "tree", "--source-date-epoch", "100000"];
    let built = Built::with(&bench, &clamp);
    built.stat("/old", &["mtime: 0x000003e8:00000014"]);
    built.stat("/etc/hostname", &["mtime: 0x000186a0:00000000"]);
    // The environment says the same; an option counts more.
    let arguments = BUILD.iter().chain(&["e.raw", "--root", "tree"]);
    let mut command = bench.run(arguments.copied());
    command
        .env("SOURCE_DATE_EPOCH", "100000")
        .assert()
        .success();
    let images = ["d.raw", "e.raw"].map(|name| fs::read(bench.join(name)).unwrap());
    assert!(images[0] == images[1]);
}

#[test]
fn changes_that_cannot_be_are_refused() {
    let bench = Bench::new();
    let archive = std::process::Command::new("tar")
        .args(["-cf", "t.tar", "tree"])
        .current_dir(bench.path())
        .status()
        .unwrap();
    assert!(archive.success());
    bench.write("o.toml", "[[override]]\npath = \"/no\"\nuid = 1\n");
    bench.write("bad.mtree", "#mtree\n./etc uid=x\n");
    bench.write("contexts", "/etc(/.* x:y:z\n");
    bench.write("saved", "dev=1\n");
    for (options, parts) in [
        (
            &["--root", "t.tar", "--owner", "0:0"][..],
            &["--owner: this is for folders"][..],
        ),
        (
            &["--root", "tree", "--map-uid", "1=0"],
            &["--map-uid: /: user 0", "\"0=0\""],
        ),
        (
            &["--root", "tree", "--exclude", "a[b"],
            &["--exclude: \"a[b\" is no pattern"],
        ),
        (
            &["--root", "tree", "--include", "a"],
            &["--include: without an exclude"],
        ),
        (
            &["--root", "tree", "--overrides", "o.toml"],
            &["o.toml:2:8: ", "/no"],
        ),
        (
            &["--root", "tree", "--overrides", "bad.mtree"],
            &["--overrides: bad.mtree:2", "uid"],
        ),
        (
            &["--root", "tree", "--overrides", "no"],
            &["--overrides: cannot read no"],
        ),
        (
            &["--root", "tree", "--file-contexts", "contexts"],
            &["--file-contexts: contexts:1"],
        ),
        (
            &["--root", "tree", "--fakeroot", "saved"],
            &["--fakeroot: ", "line 1"],
        ),
        (
            &["--root", "tree", "--fakeroot", "no"],
            &["--fakeroot: cannot read no"],
        ),
    ] {
        let all = ["--layout", "efi", "--format", "raw"].iter().chain(options);
        bench.refuses(all.copied(), parts);
    }
    let no_root = "[[partition]]\nnumber = 1\ntype = \"esp\"\nsize = \"auto\"\ncontent = \"esp\"\n\
                   filesystem = { type = \"fat\" }\n";
    let owner = "path = \"/EFI\"\nuid = 1\n";
    for (config, parts) in [
        (
            "overrides = \"no\"\n".to_owned() + no_root,
            &["c.toml:1:13: overrides: ", "root"][..],
        ),
        (
            "file-contexts = \"no\"\n".to_owned() + no_root,
            &["c.toml:1:17: file-contexts: ", "root"],
        ),
        (
            "trees = { exclude = \"x\" }\n".to_owned() + no_root,
            &["c.toml:1:21: exclude: there is no tree"],
        ),
        (
            no_root.to_owned() + "[[override]]\n" + owner,
            &["c.toml:8:8: override: ", "root"],
        ),
        (
            no_root.to_owned() + "[[partition.override]]\n" + owner,
            &["c.toml:8:8: override: ", "FAT"],
        ),
        (
            no_root.to_owned()
                + "[[partition]]\nsize = \"1M\"\ntype = \"linux\"\n[[partition.override]]\n"
                + owner,
            &["c.toml:11:8: override: without a filesystem"],
        ),
    ] {
        bench.write("c.toml", &config);
        bench.refuses(["--config", "c.toml", "--format", "raw"], parts);
    }
    // Words that are none of an option's.
    for option in [
        ["--owner", "0"],
        ["--map-uid", "1000"],
        ["--source-date-epoch", "now"],
    ] {
        bench
            .run(["build"].into_iter().chain(option))
            .assert()
            .code(2);
    }
}
