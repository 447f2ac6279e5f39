//! Whole systems: one from fixtures alone, from sources to packages, booted; and the manifest of this checkout.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use common::{checkout, json, judged, kurmadisk, names};
use kurmadisk_fixtures::debian;
use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use tempfile::TempDir;

/// A copy of the system's description, with what it is made from.
struct System {
    folder: TempDir,
}

impl System {
    fn new() -> Self {
        let cc = oracle::tool("cc").expect("it is in the list of tools");
        judged(cc.command());
        let folder = tempfile::tempdir().unwrap();
        let from = checkout().join("kurmadisk-cli/tests/system");
        copy(&from, folder.path());
        let debian = debian::debian_root();
        let manifest = folder.path().join("kurmaos.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let text = text.replace("KERNEL", debian.kernel.to_str().unwrap());
        let text = text.replace("SYSROOT", debian.tree.to_str().unwrap());
        fs::write(manifest, text).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn output(&self, name: &str) -> PathBuf {
        self.path().join("output").join(name)
    }

    fn os<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = kurmadisk(self.path());
        command.arg("os").args(arguments);
        command
    }

    #[track_caller]
    fn says<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        let output = self
            .os(arguments)
            .assert()
            .success()
            .get_output()
            .stdout
            .clone();
        String::from_utf8(output).unwrap()
    }

    /// What the machine tells on its serial port.
    fn boots(&self, firmware: Firmware, image: &str, format: &str) {
        let machine = Machine::new(firmware)
            .drive(Drive::new(self.output(image), format, Interface::Virtio))
            .deadline(Duration::from_mins(4))
            .start()
            .unwrap();
        let said = machine.wait_for_end().unwrap();
        for line in [
            "service: console on kurma-test, root has the image",
            "kurma-init: REPORT version=0.4.2 hostname=kurma-test service=console status=7",
        ] {
            assert!(said.contains(line), "no {line:?} in {said}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

#[test]
fn a_system_from_its_sources_to_its_packages_boots_and_is_made_once() {
    let system = System::new();
    let plan = system.says(["plan"]);
    assert!(plan.starts_with("record: waits for "), "{plan}");
    assert!(plan.contains("kernel: runs, it was not made yet"), "{plan}");

    // A part, then all the others.
    let built = json(&mut system.os(["build", "--json", "aci:console"]));
    let steps: Vec<_> = built["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["aci:console", "component:service"]);
    let said = system.says(["build", "--jobs", "2"]);
    assert!(
        said.starts_with("7 steps made in ") && said.ends_with(", 2 were made already\n"),
        "{said}"
    );
    for file in [
        "SHA256SUMS",
        "record.json",
        "aci/console.aci",
        "aci/kurma-upgrader.aci",
        "components/kurma-init/kurma-init",
        "components/kurma-init-0.4.2-linux-amd64.tar.gz",
        "initrd",
        "kernel/bzImage",
        "kurma-init.tar.gz",
        "kurmaos.raw",
        "kurmaos.vdi",
        "kurmaos-vmware.zip",
        "kurmaos-virtualbox.zip",
        "kurmaos-openstack.zip",
        "kurmaos-aws/kurmaos.vmdk",
        "kurmaos-vagrant-virtualbox.box",
        "kurmaos-vagrant-vmware.json",
    ] {
        assert!(
            system.output(file).is_file(),
            "no {file} in {:?}",
            names(&system.path().join("output"))
        );
    }
    let checked = judged(oracle::sha256sum_check(
        &system.path().join("output"),
        "SHA256SUMS",
    ));
    assert!(checked > 20, "{checked}");

    system.boots(Firmware::Bios, "kurmaos.raw", "raw");
    system.boots(Firmware::Uefi, "kurmaos.vdi", "vdi");

    // Nothing is made twice.
    let said = system.says(["build"]);
    assert!(
        said.starts_with("nothing to do: all 9 steps are made in "),
        "{said}"
    );
    assert!(
        system
            .says(["plan"])
            .ends_with("nothing to do: all 9 steps are made\n")
    );

    // The service's source changes: what has no part of it stays.
    let sums = fs::read_to_string(system.output("SHA256SUMS")).unwrap();
    let source = system.path().join("service/service.c");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("return 7;", "return 8;")).unwrap();
    let plan = json(&mut system.os(["plan", "--json"]));
    let standing = |name: &str| {
        let steps = plan["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["step"] == name).unwrap();
        step["standing"].as_str().unwrap().to_owned()
    };
    assert_eq!(standing("component:service"), "run");
    assert_eq!(standing("component:kurma-init"), "cached");
    assert_eq!(
        (standing("aci:console"), standing("release")),
        ("wait".to_owned(), "wait".to_owned())
    );
    fs::write(&source, text).unwrap();

    // From nothing, the same bytes.
    let said = system.says(["clean"]);
    assert!(said.ends_with(" files removed\n"), "{said}");
    assert!(!system.path().join("output").exists());
    system.says(["build", "--quiet"]);
    assert_eq!(
        fs::read_to_string(system.output("SHA256SUMS")).unwrap(),
        sums
    );
}

#[test]
fn what_is_wrong_in_a_manifest_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: &str, said: &str| {
        fs::write(folder.path().join("kurmaos.toml"), text).unwrap();
        for command in [&["os", "plan"][..], &["os", "build"]] {
            let output = kurmadisk(folder.path())
                .args(command)
                .assert()
                .code(1)
                .get_output()
                .clone();
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(error.starts_with(&format!("kurmadisk: {said}")), "{error}");
            assert_eq!(error.matches('\n').count(), 1, "{error}");
            assert_eq!(names(folder.path()), ["kurmaos.toml"]);
        }
    };
    refused("x = 1\n", "kurmaos.toml:1:1: unknown field");
    refused(
        "[disk]\nlayout = \"efi\"\ninitrd = '@initrd'\n",
        "release reads ",
    );
    refused(
        "[initrd]\nacis = [\"@ac:x\"]\n",
        "kurmaos.toml:2:9: @: @ac:x names no output of a step",
    );
    refused(
        "[disk]\ntrees = { fakeroot = \"@initrd\", x = 1 }\n",
        "kurmaos.toml:2:33: unknown field `x`",
    );
    refused(
        "[release]\ntargets = [\"ova\"]\n",
        "kurmaos.toml:2:12: targets: there is no [disk]",
    );
    refused(
        "[bundle]\nname = \"x\"\n",
        "kurmaos.toml:2:8: bundle: kernel and initrd go into it",
    );
    let twice = "[[aci]]\nname = \"a\"\n[[aci]]\nname = \"a\"\n";
    refused(
        twice,
        "kurmaos.toml:4:8: name: another aci is called \"a\" too",
    );
    refused(
        "[[aci]]\nname = \"../a\"\n",
        "kurmaos.toml:2:8: name: \"../a\": it becomes the name of files",
    );
    let circle = "[[aci]]\nname = \"a\"\ndependencies = [\"@aci:b\"]\n[[aci]]\nname = \"b\"\ndependencies = [\"@aci:a\"]\n";
    refused(
        circle,
        "no step can be first of these, since each needs the next: aci:a → aci:b → aci:a",
    );
}

#[test]
fn the_manifest_of_this_checkout_is_planned() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = kurmadisk(checkout());
    let plan = json(
        command
            .args(["os", "plan", "--json", "--output"])
            .arg(folder.path().join("out")),
    );
    let steps = plan["steps"].as_array().unwrap();
    let found: Vec<_> = steps
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    for name in [
        "stage3",
        "stage4",
        "kernel",
        "component:kurma-cli",
        "component:kurma-init",
        "component:kurma-server",
        "component:kurma-api",
        "aci:console",
        "aci:kurma-upgrader",
        "initrd",
        "kurma-init",
        "release",
        "record",
    ] {
        assert!(found.contains(&name), "no {name} in {found:?}");
    }
    let needs = |name: &str| {
        let step = steps.iter().find(|step| step["step"] == name).unwrap();
        step["needs"].to_string()
    };
    assert!(needs("release").contains("\"initrd\""));
    assert!(needs("aci:kurma-upgrader").contains("\"kurma-init\""));
}
