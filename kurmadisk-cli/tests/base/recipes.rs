//! The build files: approved by other people's programs, and the kernel's script run on a source that only looks like
//! a kernel's. `kernel` has a real one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use kurmadisk_fixtures::{oracle, workspace_root};

use crate::common::judged;

/// What the script asks of a kernel's Makefile.
const MAKEFILE: &str = "
allnoconfig:
\t@sed '/LOST/d; s/=n$$/ is not set/' $$KCONFIG_ALLCONFIG >$(O)/.config
olddefconfig:
\t@echo CONFIG_MORE=y >>$(O)/.config
kernelrelease:
\t@echo 6.1.0-fake
bzImage:
\t@mkdir -p $(O)/arch/x86/boot && cp greeting $(O)/arch/x86/boot/bzImage && echo a map >$(O)/System.map
modules:
\t@echo \"$$KBUILD_BUILD_USER at $$KBUILD_BUILD_TIMESTAMP\" >$(O)/one.ko
modules_install:
\t@mkdir -p $(INSTALL_MOD_PATH)/lib/modules/6.1.0-fake/kernel
\t@cp $(O)/one.ko $(INSTALL_MOD_PATH)/lib/modules/6.1.0-fake/kernel/
\t@ln -s $(O) $(INSTALL_MOD_PATH)/lib/modules/6.1.0-fake/build
";

const PATCH: &str = "--- a/greeting\n+++ b/greeting\n@@ -1 +1 @@\n-hello\n+good morning\n";

fn base(name: &str) -> std::path::PathBuf {
    workspace_root().join("base").join(name)
}

#[test]
fn hadolint_has_nothing_against_the_dockerfiles() {
    for stage in ["stage3", "stage4", "kernel"] {
        judged(oracle::hadolint(&base(stage).join("Dockerfile")));
    }
}

#[test]
fn shellcheck_has_nothing_against_the_script() {
    judged(oracle::shellcheck(&base("kernel/build.sh")));
}

/// A source, a fragment and patches, in a new folder.
fn kernel(fragment: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["source", "patches"] {
        fs::create_dir(path.join(name)).unwrap();
    }
    for (name, text) in [
        ("source/Kbuild", ""),
        ("source/Makefile", MAKEFILE),
        ("source/greeting", "hello\n"),
        ("patches/0010-greeting.patch", PATCH),
        ("fragment", fragment),
    ] {
        fs::write(path.join(name), text).unwrap();
    }
    folder
}

fn run(folder: &Path, out: &str) -> Output {
    let mut script = Command::new(base("kernel/build.sh"));
    script
        .args(["source", "fragment", "patches", out])
        .current_dir(folder);
    script
        .env_remove("MAKEFLAGS")
        .env_remove("SOURCE_DATE_EPOCH");
    script.output().unwrap()
}

#[test]
fn the_script_exports_the_kernels_files() {
    let folder = kernel("# A comment\nCONFIG_ONE=y\nCONFIG_TEXT=\"a b\"\nCONFIG_OFF=n\n");
    for out in ["first", "second"] {
        // The second time the source has its patch.
        let output = run(folder.path(), out);
        assert!(output.status.success(), "{output:?}");
    }
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("first/bzImage"), b"good morning\n");
    assert!(read("first/config").ends_with(b"CONFIG_MORE=y\n"));
    for name in ["bzImage", "System.map", "config", "modules.tar"] {
        assert_eq!(
            read(&format!("first/{name}")),
            read(&format!("second/{name}")),
            "{name}"
        );
    }
    let mut list = judged(oracle::tool("tar").unwrap().command());
    let list = list.arg("-tf").arg(folder.path().join("first/modules.tar"));
    let names = String::from_utf8(list.output().unwrap().stdout).unwrap();
    let release = "lib/modules/6.1.0-fake/";
    let expected =
        format!("lib/\nlib/modules/\n{release}\n{release}kernel/\n{release}kernel/one.ko\n");
    assert_eq!(names, expected);
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["first", "fragment", "patches", "second", "source"]);
}

#[test]
fn lines_that_a_kernel_does_not_take_are_all_named() {
    let folder = kernel("CONFIG_LOST=y\nCONFIG_ONE=y\nCONFIG_ALSO_LOST=m\nCONFIG_MORE=n\n");
    let output = run(folder.path(), "out");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    for line in ["CONFIG_LOST=y\n", "CONFIG_ALSO_LOST=m\n", "CONFIG_MORE=n\n"] {
        assert!(error.contains(line), "{error}");
    }
    assert!(!error.contains("CONFIG_ONE"), "{error}");
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_patch_that_does_not_apply_stops_the_script() {
    let folder = kernel("CONFIG_ONE=y\n");
    fs::write(folder.path().join("source/greeting"), "servus\n").unwrap();
    let output = run(folder.path(), "out");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("0010-greeting.patch does not apply"),
        "{error}"
    );
}

#[test]
fn the_script_tells_how_it_is_called() {
    for arguments in [&[][..], &["/nowhere", "a", "b", "c"], &["/", "a", "b", "c"]] {
        let mut script = Command::new(base("kernel/build.sh"));
        let output = script.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!output.stderr.is_empty());
    }
}
