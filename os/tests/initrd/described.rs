//! What a description asks for.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::Command;

use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle;

use crate::support::Case;

/// Every key but those of programs and modules.
const EVERYTHING: &str = r#"
        sysroot = "root"
        compression = "none"
        source-date-epoch = 1234567
        init = "/sbin/own-init"
        acis = ["console.aci"]
        udev-rules = ["60-*", "rules/70-own.rules"]
        lsb-release = true

        [os-release]
        NAME = "KurmaOS"
        ID = "kurmaos"
        VERSION_ID = "1.2"

        [[tree]]
        source = "tree"
        [[tree]]
        source = "tree"
        at = "/srv/again"
        [[directory]]
        path = "/tmp"
        mode = "1777"
        [[file]]
        path = "/etc/issue"
        source = "files/issue"
        mode = "0600"
        uid = 7
        gid = 8
        [[file]]
        path = "/sbin/own-init"
        text = "begins"
        mode = "0755"
        [[link]]
        path = "/etc/link"
        target = "motd"
        [[link]]
        path = "/etc/hard"
        target = "/etc/motd"
        hard = true
        [[node]]
        path = "/dev/console"
        type = "char"
        major = 5
        minor = 1
        [[node]]
        path = "/dev/vda"
        type = "b"
        major = 254
        minor = 0
        mode = "0660"
        gid = 6
        [[node]]
        path = "/run/pipe"
        type = "fifo"
    "#;

#[test]
fn everything_a_description_can_name_is_there() {
    let case = Case::new();
    case.write("tree/etc/motd", "hello");
    case.write("tree/etc/issue", "from the tree");
    case.write("tree/etc/hard", "from the tree");
    case.write("files/issue", "from the file");
    case.write("console.aci", "an image");
    case.write("rules/70-own.rules", "RUN+=\"own-helper\"\n");
    case.write(
        "root/usr/lib/udev/rules.d/60-a.rules",
        "IMPORT{program}=\"a-helper x\"\n",
    );
    case.write("root/usr/lib/udev/rules.d/61-b.rules", "");
    case.write("root/usr/lib/udev/a-helper", "#!/bin/sh\n");
    case.write("root/usr/lib/udev/own-helper", "helper");
    case.write("root/bin/sh", "shell");
    case.build(EVERYTHING, "out");
    let top = case.extract("out", "top");
    let read = |path: &str| fs::read_to_string(top.join(path)).unwrap();
    assert_eq!(read("etc/motd"), "hello");
    assert_eq!(read("srv/again/etc/issue"), "from the tree");
    assert_eq!(read("etc/issue"), "from the file");
    assert_eq!(read("sbin/own-init"), "begins");
    let init = fs::read_link(top.join("init")).unwrap();
    assert_eq!(init.to_str(), Some("/sbin/own-init"));
    assert_eq!(
        read("etc/os-release"),
        "ID=kurmaos\nNAME=KurmaOS\nVERSION_ID=1.2\n"
    );
    assert_eq!(
        read("etc/lsb-release"),
        "DISTRIB_ID=kurmaos\nDISTRIB_RELEASE=1.2\n"
    );
    assert_eq!(read("acis/console.aci"), "an image");
    assert_eq!(
        read("etc/udev/rules.d/70-own.rules"),
        "RUN+=\"own-helper\"\n"
    );
    assert_eq!(read("usr/lib/udev/own-helper"), "helper");
    // A script's shell comes along too, and rules that nobody named stay.
    assert_eq!(read("bin/sh"), "shell");
    assert!(!top.join("usr/lib/udev/rules.d/61-b.rules").exists());
    let meta = |path: &str| top.join(path).symlink_metadata().unwrap();
    let numbers = |path: &str| {
        (
            meta(path).mode() & 0o7777,
            meta(path).uid(),
            meta(path).gid(),
        )
    };
    assert_eq!(numbers("tmp"), (0o1777, 0, 0));
    assert_eq!(numbers("etc/issue"), (0o600, 7, 8));
    assert_eq!(numbers("dev/vda"), (0o660, 0, 6));
    assert!(
        meta("dev/console").file_type().is_char_device()
            && meta("dev/console").rdev() == 5 << 8 | 1
    );
    assert!(meta("dev/vda").file_type().is_block_device() && meta("dev/vda").rdev() == 254 << 8);
    assert!(meta("run/pipe").file_type().is_fifo());
    assert_eq!(meta("etc/hard").ino(), meta("etc/motd").ino());
    assert_eq!(
        fs::read_link(top.join("etc/link")).unwrap().to_str(),
        Some("motd")
    );
    assert_eq!(meta("etc/motd").mtime(), 1_234_567);
}

#[test]
fn microcode_comes_first_and_as_it_is() {
    let case = Case::new();
    case.write("ucode/06-02", [&[1, 0, 0, 0], &[7; 60][..]].concat());
    case.write("ucode/06-01", [&[1, 0, 0, 0], &[6; 60][..]].concat());
    case.write("ucode/README", "no microcode");
    case.write("amd.bin", b"DMA\0amd");
    let text = "microcode = [\"amd.bin\", \"ucode\"]\n[[file]]\npath = \"/init\"\ntext = \"x\"";
    case.build(text, "out");
    let pieces = case.inspect("out").pieces;
    assert!(pieces[0].microcode && pieces[0].offset == 0 && pieces[0].compression.is_none());
    assert_eq!(pieces[1].compression, Some("gzip"));
    let folder = case.path("unpacked");
    oracle::unmkinitramfs(&case.path("out"), &folder).unwrap();
    let blob = |name: &str| fs::read(folder.join("early/kernel/x86/microcode").join(name)).unwrap();
    assert_eq!(blob("AuthenticAMD.bin"), b"DMA\0amd");
    let expected = [&[1, 0, 0, 0], &[6; 60][..], &[1, 0, 0, 0], &[7; 60]].concat();
    assert_eq!(blob("GenuineIntel.bin"), expected);
    assert_eq!(fs::read_to_string(folder.join("main/init")).unwrap(), "x");
}

#[test]
fn busybox_goes_by_the_names_it_lists_itself() {
    let case = Case::new();
    case.build("sysroot = \"/\"\n[busybox]\nlinks = \"/applets\"", "out");
    let listed = Command::new("busybox").arg("--list").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut expected: Vec<_> = listed
        .lines()
        .map(|name| format!("/applets/{name}"))
        .collect();
    expected.sort();
    let paths = case.paths("out").into_iter();
    let mut found: Vec<_> = paths.filter(|path| path.starts_with("/applets/")).collect();
    found.sort();
    assert_eq!(found, expected);
    assert!(found.len() > 100);
    case.build(
        "sysroot = \"/\"\n[busybox]\napplets = [\"sh\", \"mount\"]",
        "two",
    );
    let links = case.inspect("two").pieces.remove(0).entries.into_iter();
    let links = links.filter(|entry| entry.target.as_deref() == Some("/bin/busybox"));
    assert_eq!(links.count(), 2);
}

#[test]
fn a_sysroot_may_be_an_archive_and_services_are_found_in_it() {
    let case = Case::new();
    let root = &debian_root().tree;
    let pack = "cd \"$1\" && tar -cf \"$2\" etc/nsswitch.conf bin lib lib64 usr/lib64 usr/bin/getent \
        usr/lib/x86_64-linux-gnu/ld-linux* usr/lib/x86_64-linux-gnu/libc.so.6 usr/lib/x86_64-linux-gnu/libnss_*";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", pack, "sh"])
        .arg(root)
        .arg(case.path("root.tar"));
    assert!(shell.status().unwrap().success());
    let text = |sysroot: &str| {
        format!(
            "sysroot = {sysroot:?}\ncompression = \"none\"\nsource-date-epoch = 0\nnss = true\nbinaries = [\"/usr/bin/getent\"]"
        )
    };
    case.build(&text(&root.display().to_string()), "folder");
    case.build(&text("root.tar"), "archive");
    let (folder, archive) = (case.path("folder"), case.path("archive"));
    assert!(fs::read(folder).unwrap() == fs::read(archive).unwrap());
    let paths = case.paths("archive");
    assert!(
        paths.iter().any(|path| path.ends_with("libnss_files.so.2")),
        "{paths:?}"
    );
    assert!(paths.contains(&"/etc/nsswitch.conf".to_owned()));
}

#[test]
fn segments_follow_one_another_and_take_from_what_they_are_in() {
    let case = Case::new();
    case.write("root/usr/lib/a", "a");
    case.write("root/usr/lib/b", "b");
    case.write("root/var/x", "x");
    std::os::unix::fs::symlink("usr/lib", case.path("root/lib")).unwrap();
    fs::set_permissions(
        case.path("root/var"),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    case.build(
        "compression = \"none\"\n[[file]]\npath = \"/ready\"\ntext = \"ready\"",
        "ready",
    );
    let text = r#"
        sysroot = "root"
        compression = "xz"
        binaries = ["/lib/a"]
        [[segment]]
        archive = "ready"
        [[segment]]
        compression = "zstd"
        level = 19
        binaries = ["/lib/b", "/var/x"]
        [[segment]]
        binaries = ["/var/x"]
        [[segment.file]]
        path = "/var/y"
        text = "y"
    "#;
    case.build(text, "out");
    let pieces = case.inspect("out").pieces;
    let told: Vec<_> = pieces
        .iter()
        .map(|piece| {
            let paths: Vec<_> = piece
                .entries
                .iter()
                .map(|entry| entry.path.as_str())
                .collect();
            (piece.compression.unwrap_or("none"), paths)
        })
        .collect();
    // A directory that is only on the way comes once, so that no later archive gives it another mode.
    let expected: [(&str, Vec<&str>); 4] = [
        ("xz", vec!["/lib", "/usr", "/usr/lib", "/usr/lib/a"]),
        ("none", vec!["/ready"]),
        ("zstd", vec!["/lib", "/usr/lib/b", "/var", "/var/x"]),
        ("xz", vec!["/var/x", "/var/y"]),
    ];
    assert_eq!(told, expected);
    assert_eq!(pieces[2].entries[2].mode, "0700");
    assert!(pieces.iter().all(|piece| piece.offset % 4 == 0));
}

#[test]
fn the_description_of_the_documentation_is_one() {
    let page = kurmadisk_fixtures::workspace_root().join("docs/initrd.md");
    let page = fs::read_to_string(page).unwrap();
    let text = page.split("```toml\n").nth(1).unwrap();
    let text = text.split("```").next().unwrap();
    let spec = Case::new().spec(text);
    assert_eq!(spec.segments.len(), 1);
    assert_eq!(spec.binaries.len(), 2);
    assert!(
        spec.inputs()
            .iter()
            .any(|path| path.ends_with("vendor.cpio"))
    );
}
