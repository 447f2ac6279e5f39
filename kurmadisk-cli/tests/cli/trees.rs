//! Whatever a tree is kept in, the disk is the same.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use kurmadisk_fixtures::{oracle, treegen};
use serde_json::json;

use super::Bench;
use crate::common::judged;

/// Where the only partition begins, in bytes.
const FIRST: u64 = 1 << 20;

/// A disk of one filesystem for `root`, which is a TOML value.
fn disk(root: &str) -> String {
    format!(
        "name = \"same\"\nroot = {root}\n[[partition]]\nnumber = 1\nlabel = \"ROOT\"\ntype = \"linux\"\n\
         first = \"1 MiB\"\nsize = \"auto\"\ncontent = \"root\"\n\
         filesystem = {{ type = \"ext4\", lost-found = false }}\n"
    )
}

/// Makes what every archive can hold: whole seconds, no attributes.
fn furnish(folder: &Path) {
    fs::create_dir_all(folder.join("usr/bin")).unwrap();
    fs::write(folder.join("usr/bin/tool"), vec![7; 70_000]).unwrap();
    fs::hard_link(folder.join("usr/bin/tool"), folder.join("usr/bin/again")).unwrap();
    symlink("tool", folder.join("usr/bin/link")).unwrap();
    fs::set_permissions(folder.join("usr/bin/tool"), Permissions::from_mode(0o4711)).unwrap();
    chown(folder.join("etc"), Some(3), Some(70_000)).unwrap();
    let entries = [
        "etc/hostname",
        "etc",
        "usr/bin/tool",
        "usr/bin/link",
        "usr/bin",
        "usr",
        "",
    ];
    for (seconds, path) in (1_600_000_000..).zip(entries) {
        treegen::set_mtime(&folder.join(path), seconds, 0).unwrap();
    }
}

/// Runs a shell's command line in the folder.
#[track_caller]
fn shell(folder: &Path, line: &str) {
    let output = std::process::Command::new("sh")
        .args(["-euc", line])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

/// What `docker save` writes of an image with these layers, as the folder `saved`.
fn save_image(bench: &Bench, layers: &[&str]) {
    let digests = layers.iter().map(|layer| {
        let path = bench.join("saved").join(layer);
        format!("sha256:{}", judged(oracle::sha256(&path)))
    });
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": digests.collect::<Vec<_>>() },
    });
    let manifest = json!([{
        "Config": "config.json",
        "RepoTags": ["kurma:test"],
        "Layers": layers,
    }]);
    bench.write("saved/config.json", &config.to_string());
    bench.write("saved/manifest.json", &manifest.to_string());
}

#[test]
fn the_same_tree_from_everything_is_the_same_disk() {
    let bench = Bench::new();
    furnish(&bench.join("tree"));
    // Every tool is one of the oracles' list.
    for line in [
        "tar -C tree -cf t.tar --format=pax .",
        "gzip -k t.tar",
        "zstd -q t.tar",
        "xz -k t.tar",
        "bzip2 -k t.tar",
        "bsdtar -C tree -cf old.tar --format=ustar .",
        "cd tree && find . | bsdtar -cnf ../t.cpio --format=newc -T -",
        "zstd -q t.cpio",
        "mkdir saved && cp t.tar saved/layer.tar",
    ] {
        shell(bench.path(), line);
    }
    save_image(&bench, &["layer.tar"]);
    shell(bench.path(), "tar -C saved -czf image.tar.gz .");
    let image = bench.builds(&disk("\"tree\""));
    judged(oracle::e2fsck_clean(&image, FIRST));
    let expected = judged(oracle::sha256(&image));
    // An image is made from itself, in every container.
    for format in [
        "raw",
        "vdi",
        "vmdk",
        "vmdk-stream",
        "vhd",
        "vhd-fixed",
        "vhdx",
        "vhdx-fixed",
    ] {
        let output = format!("own.{format}");
        let arguments = [
            "build",
            "--config",
            "disk.toml",
            "--format",
            format,
            "-o",
            &output,
        ];
        bench.run(arguments).assert().success();
    }
    for root in [
        "\"t.tar\"",
        "\"t.tar.gz\"",
        "\"t.tar.zst\"",
        "\"tar:t.tar.xz\"",
        "\"t.tar.bz2\"",
        "\"old.tar\"",
        "\"t.cpio\"",
        "\"cpio:t.cpio.zst\"",
        "\"image.tar.gz\"",
        "\"image.tar.gz#kurma:test\"",
        "\"oci:image.tar.gz\"",
        "\"saved\"",
        "\"oci:saved#test\"",
        "\"own.raw\"",
        "\"own.raw#1\"",
        "\"own.vdi#ROOT\"",
        "\"disk:own.vmdk\"",
        "\"own.vmdk-stream\"",
        "\"own.vhd\"",
        "\"own.vhd-fixed\"",
        "\"own.vhdx\"",
        "\"own.vhdx-fixed\"",
        "{ path = \"own.raw\", part = \"ROOT\", kind = \"disk\" }",
        "[\"tree\", { path = \"t.tar\" }]",
        "[{ path = \"image.tar.gz\", part = \"test\", platform = \"linux/amd64\" }]",
    ] {
        let image = bench.builds(&disk(root));
        assert_eq!(judged(oracle::sha256(&image)), expected, "{root}");
    }
}

#[test]
fn trees_lie_over_one_another_in_their_order() {
    let bench = Bench::new();
    bench.write("upper/etc/hostname", "upper\n");
    bench.write("upper/etc/only", "upper\n");
    bench.write("more/file", "more\n");
    fs::set_permissions(bench.join("tree/etc"), Permissions::from_mode(0o750)).unwrap();
    // Neither the root nor /etc is in it.
    shell(
        bench.path(),
        "tar -C upper -cf upper.tar etc/hostname etc/only",
    );
    let files = "[[files]]\npartition = \"ROOT\"\npath = \"/srv\"\nsource = \"more\"\n\
                 [[files]]\npartition = \"ROOT\"\npath = \"/opt/x\"\ntree = [\"more\", \"upper.tar\"]\n";
    let root = "[\"tree\", \"upper.tar\", { path = \"more\", at = \"/var/lib\" }]";
    let image = bench.builds(&(disk(root) + files));
    judged(oracle::e2fsck_clean(&image, FIRST));
    let cat = |path: &str| judged(oracle::debugfs(&image, FIRST, &format!("cat {path}")));
    for (path, content) in [
        ("/etc/hostname", "upper\n"),
        ("/etc/only", "upper\n"),
        ("/var/lib/file", "more\n"),
        ("/srv/file", "more\n"),
        ("/opt/x/file", "more\n"),
        ("/opt/x/etc/hostname", "upper\n"),
    ] {
        assert_eq!(cat(path), content, "{path}");
    }
    let stat = judged(oracle::debugfs(&image, FIRST, "stat /etc"));
    assert!(stat.contains("Mode:  0750"), "{stat}");
    // In the other order the lower one's file stays.
    bench.builds(&disk("[\"upper.tar\", \"tree\"]"));
    assert_eq!(cat("/etc/hostname"), "kurma\n");
}

#[test]
fn an_overlay_goes_where_links_lead_and_leaves_directories_alone() {
    let bench = Bench::new();
    symlink("usr/lib", bench.join("tree/lib")).unwrap();
    bench.write("tree/usr/lib/old", "");
    bench.write("upper/lib/systemd/new.service", "upper\n");
    bench.write("upper/etc/new", "");
    fs::set_permissions(bench.join("upper/etc"), Permissions::from_mode(0o700)).unwrap();
    let config =
        disk("[\"tree\", { path = \"upper\", follow-links = true, keep-directories = true }]");
    let image = bench.builds(&config);
    let cat = oracle::debugfs(&image, FIRST, "cat /usr/lib/systemd/new.service");
    assert_eq!(judged(cat), "upper\n");
    let stat = judged(oracle::debugfs(&image, FIRST, "stat /etc"));
    assert!(stat.contains("Mode:  0755"), "{stat}");
    let options = [
        "build",
        "--config",
        "disk.toml",
        "--format",
        "raw",
        "-o",
        "option.raw",
    ];
    bench.write("disk.toml", &disk("[\"tree\", \"upper\"]"));
    let flags = ["--follow-links", "--keep-directories"];
    bench
        .run(options.into_iter().chain(flags))
        .assert()
        .success();
    let image = bench.join("option.raw");
    let stat = judged(oracle::debugfs(&image, FIRST, "stat /etc"));
    assert!(stat.contains("Mode:  0755"), "{stat}");
    let options = ["--config", "disk.toml", "--format", "raw"];
    bench.refuses(
        options,
        &[
            "disk.toml:2:17: root: /lib is a folder here",
            "follow-links",
        ],
    );
}

#[test]
fn a_folder_is_placed_as_it_is_and_a_name_may_have_a_number_sign() {
    let bench = Bench::new();
    bench.write("a#b/more/oci-layout", "{}");
    bench.write("a#b/more/index.json", "{}");
    bench.write("a#b/tree#1/file", "");
    bench.write("a#b/rootfs/file", "");
    let config = disk("[\"rootfs\", \"tree#1\"]")
        + "[[files]]\npartition = 1\npath = \"/images\"\nsource = \"more\"\n";
    bench.write("a#b/disk.toml", &config);
    let arguments = [
        "build",
        "--config",
        "a#b/disk.toml",
        "--format",
        "raw",
        "-o",
        "disk.raw",
    ];
    bench.run(arguments).assert().success();
    let image = bench.join("disk.raw");
    let listed = judged(oracle::debugfs(&image, FIRST, "ls -p /images"));
    assert!(
        listed.contains("/oci-layout/") && listed.contains("/index.json/"),
        "{listed}"
    );
    bench.write("a#b/disk.toml", &disk("\"rootfz\""));
    let arguments = [
        "--config",
        "a#b/disk.toml",
        "--format",
        "raw",
        "-o",
        "d.raw",
    ];
    bench.refuses(
        arguments,
        &["a#b/disk.toml:2:8: root: cannot read a#b/rootfz"],
    );
}

#[test]
fn options_name_trees_as_files_do() {
    let bench = Bench::new();
    bench.write("upper#1/etc/hostname", "upper\n");
    let arguments = [
        "build",
        "--layout",
        "efi",
        "--format",
        "raw",
        "-o",
        "d.raw",
        "--root",
        "dir:tree",
        "--root",
        "upper#1",
        "--scratch",
        ".",
    ];
    bench.run(arguments).assert().success();
    let table = crate::common::gpt(&bench.join("d.raw"));
    let root = crate::common::labelled(&table, "ROOT");
    let text = oracle::debugfs(&bench.join("d.raw"), root.offset(), "cat /etc/hostname");
    assert_eq!(judged(text), "upper\n");
}

#[test]
fn sources_that_cannot_be_are_refused() {
    let bench = Bench::new();
    shell(
        bench.path(),
        "tar -cf t.tar tree && head -c 700 t.tar >cut.tar && gzip -k t.tar",
    );
    shell(bench.path(), "head -c 100 t.tar.gz >cut.tar.gz");
    shell(
        bench.path(),
        r#"tar -cf up.tar -P "../$(basename "$PWD")/tree" && echo nothing >text"#,
    );
    let refused = |root: &str, parts: &[&str]| {
        bench.write("c.toml", &disk(root));
        bench.refuses(["--config", "c.toml", "--format", "raw"], parts);
    };
    for (root, parts) in [
        (
            "\"cut.tar\"",
            &["c.toml:2:8: root: cut.tar: ", "incomplete"][..],
        ),
        (
            "\"cut.tar.gz\"",
            &["c.toml:2:8: root: cut.tar.gz: ", "incomplete"],
        ),
        ("\"up.tar\"", &["c.toml:2:8: root: up.tar: ", "\"..\""]),
        (
            "\"text\"",
            &["c.toml:2:8: root: text is no folder", "tar:text"],
        ),
        ("\"tar:text\"", &["c.toml:2:8: root: text: ", "tar archive"]),
        ("\"disk:text\"", &["c.toml:2:8: root: text: ", "filesystem"]),
        ("\"oci:tree\"", &["c.toml:2:8: root: tree: ", "image"]),
        (
            "\"t.tar#1\"",
            &["c.toml:2:8: root: t.tar is read as tar", "\"1\""],
        ),
        ("[\"tree\", \"no\"]", &["c.toml:2:17: root: cannot read no"]),
        ("[]", &["c.toml:2:8: an empty list"]),
        ("[[\"tree\"]]", &["c.toml:2:8: a list in a list"]),
        ("{ at = \"/\" }", &["c.toml:2:8: missing field `path`"]),
        (
            "{ path = \"tree\", kind = \"zip\" }",
            &["c.toml:2:32: unknown variant `zip`"],
        ),
        (
            "{ path = \"tree\", any = 1 }",
            &["c.toml:2:25: unknown field `any`"],
        ),
    ] {
        refused(root, parts);
    }
    bench.write("more/file", "");
    bench.write("image/oci-layout", "{}");
    bench.write("image/index.json", "{}");
    symlink("usr", bench.join("tree/lib")).unwrap();
    let file = |rest: &str| disk("\"tree\"") + "[[files]]\npartition = 1\npath = \"/a\"\n" + rest;
    for (config, parts) in [
        (
            file("tree = \"tree\"\nmode = \"0600\"\n"),
            &["c.toml:15:8: mode: ", "single file"][..],
        ),
        (
            file("tree = \"tree\"\ntext = \"x\"\n"),
            &["c.toml:13:8: path: give one of"],
        ),
        (file(""), &["c.toml:13:8: path: give one of"]),
        (
            file("source = \"more\"\n").replace("/a", "/etc/hostname"),
            &["c.toml:13:8: path: ", "/etc/hostname"],
        ),
        (
            file("tree = \"more\"\n").replace("/a", "/lib/x"),
            &["c.toml:13:8: path: /lib is a symbolic link to \"usr\""],
        ),
        (
            disk("[\"tree\", { path = \"more\", at = \"/lib/x\" }]"),
            &["c.toml:2:39: at: /lib is a symbolic link"],
        ),
        (
            disk("{ path = \"image\", kind = \"oci\", platform = \"any\" }"),
            &["c.toml:2:51: platform: \"any\" is no platform"],
        ),
    ] {
        bench.write("c.toml", &config);
        bench.refuses(["--config", "c.toml", "--format", "raw"], parts);
    }
}
