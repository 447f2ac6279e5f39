//! A whole Debian system, by systemd up to its prompt.

use kurmadisk_fixtures::qemu::{Firmware, Interface, Running};
use kurmadisk_fixtures::{debian, oracle};

use crate::common::{DEBIAN_CMDLINE, debian_options, judged, kurmadisk};
use crate::machines::{Turn, machine, went};

/// What `command` prints on the machine's console, logged in as root.
fn ask(running: &mut Running, command: &str) -> String {
    // The line that is typed, and so echoed, doesn't hold what is waited for.
    went(running.type_text(&format!("echo \"answer\"\"=<$({command})>\"\n")));
    went(running.wait_for("answer=<"));
    went(running.wait_for(">"));
    let said = running.transcript();
    let answer = said.rsplit("answer=<").next().unwrap_or_default();
    answer.split('>').next().unwrap_or_default().to_owned()
}

/// Looked at from inside, without a unit that failed.
#[test]
fn debian_boots_to_the_login() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("debian.vmdk");
    let mut build = kurmadisk(folder.path());
    build.args(["build", "--format", "vmdk-stream", "--systemd-boot"]);
    build.arg(judged(oracle::SYSTEMD_BOOT.require()));
    debian_options(&mut build)
        .arg("-o")
        .arg(&image)
        .assert()
        .success();
    let _turn = Turn::take();
    let machine = machine(&image, "vmdk", Interface::Virtio, Firmware::Uefi);
    let mut running = went(machine.start());
    went(running.wait_for(&format!("{} login: ", debian::HOSTNAME)));
    went(running.type_text("root\n"));
    went(running.wait_for("# "));
    assert_eq!(
        ask(&mut running, "findmnt -no SOURCE,FSTYPE /"),
        "/dev/vda2 ext4"
    );
    assert_eq!(ask(&mut running, "hostname"), debian::HOSTNAME);
    // A boot manager puts the initrd's name before the options.
    let cmdline = ask(&mut running, "cat /proc/cmdline");
    assert!(cmdline.ends_with(DEBIAN_CMDLINE), "{cmdline}");
    assert_eq!(
        ask(&mut running, "systemctl --failed --no-legend | wc -l"),
        "0"
    );
}
