//! What comes where, and what is refused.

use std::num::NonZero;

use kurmadisk::boot::kurmaboot::uefi_loader;
use kurmadisk::boot::{
    BootFiles, BootMethod, BootSummary, FALLBACK_PATH, StagedFile, stage, stage_root,
};
use kurmadisk::host_file;
use kurmadisk::tree::{NodeKind, Timestamp, Tree};

use crate::support::{
    COMMAND_LINE, SLOT_CMDLINE, SLOT_INITRD, SLOT_KERNEL, content, file, files, initrd, kernel,
    manager, meta, paths, stub, told,
};

const ENTRY: &str = "/loader/entries/kurma-a.conf";
const CONF: &str = "/loader/loader.conf";
const MANAGER: &str = "/EFI/systemd/systemd-bootx64.efi";
const IMAGE: &str = "/EFI/Linux/kurma-a.efi";

/// The tree of an EFI system partition.
fn esp(files: &BootFiles) -> (Tree, BootSummary) {
    let mut tree = Tree::new(meta());
    let summary = stage(&mut tree, files, &meta()).unwrap();
    let mut staged: Vec<_> = summary.files.iter().map(|file| file.path.clone()).collect();
    staged.sort();
    let mut there = paths(&tree);
    there.sort();
    assert_eq!(staged, there);
    for StagedFile { path, len } in &summary.files {
        assert_eq!(file(&tree, path).len() as u64, *len, "{path}");
    }
    assert_eq!(summary.kernel_release.as_deref(), Some("1.0"));
    (tree, summary)
}

fn check_paths(files: &BootFiles, method: BootMethod, expected: &[&str]) -> Tree {
    let (tree, summary) = esp(files);
    assert_eq!(summary.method, method);
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    let mut there = paths(&tree);
    there.sort();
    assert_eq!(there, expected);
    tree
}

fn with(files: BootFiles, stub_too: bool, manager_too: bool) -> BootFiles {
    BootFiles {
        efi_stub: stub_too.then(|| content(stub())),
        systemd_boot: manager_too.then(|| content(manager())),
        ..files
    }
}

#[test]
fn files_lie_where_loaders_and_updaters_look() {
    use BootMethod::{Kurmaboot, ManagedEntry, ManagedImage, UnifiedImage};
    let slot = [SLOT_KERNEL, SLOT_INITRD, SLOT_CMDLINE];
    for (stub_too, manager_too, method, own) in [
        (false, false, Kurmaboot, &[FALLBACK_PATH][..]),
        (true, false, UnifiedImage, &[FALLBACK_PATH]),
        (
            true,
            true,
            ManagedImage,
            &[FALLBACK_PATH, IMAGE, CONF, MANAGER],
        ),
        (
            false,
            true,
            ManagedEntry,
            &[FALLBACK_PATH, ENTRY, CONF, MANAGER],
        ),
    ] {
        let slots = with(files(true), stub_too, manager_too);
        let tree = check_paths(&slots, method, &[own, &slot].concat());
        assert!(file(&tree, SLOT_KERNEL) == kernel());
        assert!(file(&tree, SLOT_INITRD) == initrd());
        assert_eq!(
            file(&tree, SLOT_CMDLINE),
            format!("{COMMAND_LINE}\n").into_bytes()
        );
        if method == Kurmaboot {
            assert!(file(&tree, FALLBACK_PATH) == uefi_loader().unwrap());
        }
        if manager_too {
            assert!(file(&tree, FALLBACK_PATH) == manager());
            assert!(file(&tree, MANAGER) == manager());
        }
    }
    check_paths(
        &with(files(false), true, false),
        UnifiedImage,
        &[FALLBACK_PATH],
    );
    check_paths(
        &files(false),
        Kurmaboot,
        &[&[FALLBACK_PATH][..], &slot].concat(),
    );
}

/// Where BIOS machines boot too, they read the slot's files, whatever UEFI firmware starts.
#[test]
fn bios_machines_find_the_files_of_a_slot() {
    for (stub_too, manager_too) in [(false, false), (true, false), (true, true), (false, true)] {
        let files = BootFiles {
            bios: true,
            ..with(files(false), stub_too, manager_too)
        };
        let (tree, summary) = esp(&files);
        assert!(summary.bios);
        assert!(file(&tree, SLOT_KERNEL) == kernel());
        assert!(file(&tree, SLOT_INITRD) == initrd());
    }
    let (_, summary) = esp(&files(true));
    assert!(!summary.bios);
}

/// A kernel for one kind of firmware alone, or one that kurmaboot refuses.
#[test]
fn what_starts_a_kernel_depends_on_its_headers() {
    let patched = |offset: usize, bytes: &[u8], bios| {
        let mut kernel = kernel();
        kernel[offset..offset + bytes.len()].copy_from_slice(bytes);
        BootFiles {
            kernel: Some(content(kernel)),
            bios,
            ..files(true)
        }
    };
    let slot = [SLOT_KERNEL, SLOT_INITRD, SLOT_CMDLINE];
    let without_stub = patched(0, b"XX", true);
    check_paths(&without_stub, BootMethod::None, &slot);
    assert!(esp(&without_stub).1.bios);
    let old = patched(0x206, &[0x0b, 0x02], true);
    let (_, summary) = esp(&old);
    assert_eq!(
        (summary.method, summary.bios),
        (BootMethod::Kurmaboot, false)
    );

    let nowhere = patched(0, b"XX", false);
    let error = stage(&mut Tree::new(meta()), &nowhere, &meta()).unwrap_err();
    assert!(told(&error).contains("without an EFI stub"), "{error}");
}

#[test]
fn the_boot_manager_is_told_what_to_start() {
    let own = [FALLBACK_PATH, ENTRY, CONF, MANAGER, "/vmlinuz", "/initrd"];
    let tree = check_paths(
        &with(files(false), false, true),
        BootMethod::ManagedEntry,
        &own,
    );
    let text = |path| String::from_utf8(file(&tree, path)).unwrap();
    assert_eq!(text(CONF), "timeout 0\ndefault kurma-a.conf\n");
    assert_eq!(
        text(ENTRY),
        format!(
            "title KurmaOS 1\nversion 1.0\nlinux /vmlinuz\ninitrd /initrd\noptions {COMMAND_LINE}\n"
        )
    );
    let bare = BootFiles {
        initrd: None,
        cmdline: String::new(),
        os_release: None,
        ..with(files(false), false, true)
    };
    let (tree, _) = esp(&bare);
    assert_eq!(
        file(&tree, ENTRY),
        b"title Linux\nversion 1.0\nlinux /vmlinuz\n"
    );
}

/// The manager chooses by what is left of the tries, so it is not told what to start.
#[test]
fn tries_are_in_the_names_of_what_the_manager_starts() {
    for (stub_too, method, path) in [
        (
            false,
            BootMethod::ManagedEntry,
            "/loader/entries/kurma-a+3.conf",
        ),
        (true, BootMethod::ManagedImage, "/EFI/Linux/kurma-a+3.efi"),
    ] {
        let files = BootFiles {
            boot_tries: NonZero::new(3),
            ..with(files(false), stub_too, true)
        };
        let (tree, summary) = esp(&files);
        assert_eq!(summary.method, method);
        assert!(paths(&tree).iter().any(|there| there == path));
        assert_eq!(file(&tree, CONF), b"timeout 0\n");
        if !stub_too {
            let entry = String::from_utf8(file(&tree, path)).unwrap();
            assert!(entry.contains("\nsort-key kurmaos\n"), "{entry}");
        }
    }
    let alone = BootFiles {
        boot_tries: NonZero::new(3),
        ..files(false)
    };
    let error = stage(&mut Tree::new(meta()), &alone, &meta()).unwrap_err();
    assert!(
        told(&error).contains("name one with --systemd-boot"),
        "{error}"
    );
    let error = stage_root(&mut Tree::new(meta()), &alone, &meta()).unwrap_err();
    assert!(
        told(&error).contains("needs an EFI system partition"),
        "{error}"
    );
}

#[test]
fn an_os_release_that_is_no_text_counts_as_none() {
    let with_os_release = |os_release: Option<&str>, stub, manager| {
        let files = BootFiles {
            os_release: os_release.map(str::to_owned),
            ..with(files(false), stub, manager)
        };
        esp(&files).0
    };
    for (stub, manager, path) in [(true, false, FALLBACK_PATH), (false, true, ENTRY)] {
        let [broken, none] = [Some("NAME=a\0"), None]
            .map(|os_release| file(&with_os_release(os_release, stub, manager), path));
        assert!(broken == none);
    }
    let alone = BootFiles {
        os_release: Some("\0".to_owned()),
        ..BootFiles::default()
    };
    let summary = stage(&mut Tree::new(meta()), &alone, &meta()).unwrap();
    assert_eq!(summary, BootSummary::default());
}

#[test]
fn a_root_without_an_esp_gets_the_kernel_too() {
    let mut root = Tree::new(meta());
    let summary = stage_root(&mut root, &files(true), &meta()).unwrap();
    assert_eq!(summary.method, BootMethod::None);
    assert!(file(&root, "/boot/kurmaos/vmlinuz-a") == kernel());
    assert!(file(&root, "/boot/kurmaos/initrd-a") == initrd());
    assert_eq!(
        file(&root, "/boot/kurmaos/cmdline"),
        format!("{COMMAND_LINE}\n").into_bytes()
    );
    assert_eq!(paths(&root).len(), 3);

    for (stub_too, option) in [(true, "--efi-stub"), (false, "--systemd-boot")] {
        let files = with(files(true), stub_too, !stub_too);
        let error = stage_root(&mut root, &files, &meta()).unwrap_err();
        assert!(told(&error).contains(option), "{error}");
    }
}

#[test]
fn metadata_is_the_callers_and_what_is_there_is_replaced() {
    let mut meta = meta();
    meta.mtime = Timestamp {
        seconds: 1_000_000_000,
        nanos: 0,
    };
    let mut tree = Tree::new(meta.clone());
    let old = content(*b"old");
    tree.place_file(SLOT_KERNEL.as_bytes(), meta.clone(), old)
        .unwrap();
    stage(&mut tree, &files(true), &meta).unwrap();
    assert!(file(&tree, SLOT_KERNEL) == kernel());
    for (path, node) in tree.paths() {
        let node = tree.node(node);
        assert_eq!(node.meta.mtime, meta.mtime, "{path:?}");
        let mode = match node.kind {
            NodeKind::Directory(_) => 0o755,
            _ => 0o644,
        };
        assert_eq!(node.meta.mode, mode, "{path:?}");
    }
}

#[test]
fn nothing_given_is_nothing_staged() {
    let mut tree = Tree::new(meta());
    let summary = stage(&mut tree, &BootFiles::default(), &meta()).unwrap();
    assert_eq!(summary, BootSummary::default());
    assert_eq!(tree.node_count(), 1);
    let summary = stage_root(&mut tree, &BootFiles::default(), &meta()).unwrap();
    assert_eq!(summary, BootSummary::default());
}

#[test]
fn what_could_have_no_effect_is_refused_by_name() {
    let none = BootFiles::default;
    let cases = [
        (
            with(none(), true, false),
            "the EFI stub (--efi-stub) is of no use without a kernel",
        ),
        (
            with(none(), false, true),
            "the boot manager (--systemd-boot) is of no use",
        ),
        (
            BootFiles {
                initrd: Some(content(initrd())),
                ..none()
            },
            "the initrd (--initrd) is of no use",
        ),
        (
            BootFiles {
                cmdline: "ro".to_owned(),
                ..none()
            },
            "the command line (--cmdline) is of no use",
        ),
        (
            BootFiles {
                cmdline: "x".repeat(1988),
                ..files(true)
            },
            "the command line (--cmdline): it has 1988 bytes, and the kernel takes 1987 with the slot's name",
        ),
        (
            BootFiles {
                cmdline: "a\nb".to_owned(),
                ..files(true)
            },
            "the command line (--cmdline): a line break is at byte 1",
        ),
        (
            BootFiles {
                efi_stub: Some(content(manager())),
                ..files(true)
            },
            "the EFI stub (--efi-stub) is the boot manager (--systemd-boot)",
        ),
        (
            BootFiles {
                systemd_boot: Some(content(stub())),
                ..files(true)
            },
            "the boot manager (--systemd-boot) is the EFI stub (--efi-stub)",
        ),
        (
            BootFiles {
                systemd_boot: Some(content(*b"#!/bin/sh")),
                ..files(true)
            },
            "the boot manager (--systemd-boot) cannot be used: it is not a PE image",
        ),
    ];
    for (files, expected) in cases {
        let error = stage(&mut Tree::new(meta()), &files, &meta()).unwrap_err();
        assert!(
            told(&error).contains(expected),
            "{expected}: {}",
            told(&error)
        );
    }
    let mut taken = Tree::new(meta());
    taken
        .place_file(b"/kurmaos", meta(), content(*b"a file"))
        .unwrap();
    let error = stage(&mut taken, &files(true), &meta()).unwrap_err();
    assert!(
        told(&error).contains("/kurmaos/vmlinuz-a cannot be placed"),
        "{error}"
    );
}

#[test]
fn a_file_of_the_host_is_content() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), kernel()).unwrap();
    let map = host_file(file.path()).unwrap();
    assert!(crate::support::bytes_of(&map) == kernel());
    std::fs::write(file.path(), b"").unwrap();
    assert_eq!(host_file(file.path()).unwrap().len(), 0);
    let folder = tempfile::tempdir().unwrap();
    assert!(host_file(folder.path()).is_err());
    assert!(host_file(&folder.path().join("absent")).is_err());
}
