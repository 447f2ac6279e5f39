//! Signed EFI programs, judged by `sbverify`, `osslsigncode` and firmware with Secure Boot.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{demo_initrd, demo_kernel, efi_stub, gpt, json, judged, kurmadisk, labelled};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle::{self, SYSTEMD_BOOT};
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use tempfile::TempDir;

/// A folder with the keys `own.key` and `other.key` and their certificates `own.pem` and `other.pem`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bits) in [("own", 2048), ("other", 4096)] {
        let path = |end: &str| folder.path().join(format!("{name}.{end}"));
        let subject = format!("/O=Test, Inc./CN={name}");
        judged(oracle::openssl_key(
            &path("key"),
            &path("pem"),
            bits,
            &subject,
        ));
    }
    folder
}

/// A unified kernel image, signed with the key of this name.
fn image(folder: &Path, out: &str, key: &str, certificate: &str) -> PathBuf {
    let mut build = kurmadisk(folder);
    build.args(["uki", "build", "--cmdline", "kurma=1", "--efi-stub"]);
    build.arg(efi_stub()).arg("--kernel").arg(demo_kernel());
    build.arg("--initrd").arg(demo_initrd());
    build.args([
        "--sign-key",
        key,
        "--sign-certificate",
        certificate,
        "-o",
        out,
    ]);
    build.assert().success();
    folder.join(out)
}

fn report(folder: &Path, image: &Path) -> Vec<serde_json::Value> {
    let mut inspect = kurmadisk(folder);
    let report = json(inspect.args(["uki", "inspect", "--json"]).arg(image));
    report["signatures"].as_array().unwrap().clone()
}

/// What is said when the image is not signed by the certificate's key.
fn refused(folder: &Path, image: &Path, certificate: &str) -> String {
    let mut inspect = kurmadisk(folder);
    inspect.args(["uki", "inspect", "--certificate", certificate]);
    let output = inspect.arg(image).assert().failure();
    String::from_utf8_lossy(&output.get_output().stderr).into_owned()
}

#[test]
fn signatures_are_sound_and_the_same_each_time() {
    let folder = folder();
    let folder = folder.path();
    for name in ["own", "other"] {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let signed = image(folder, "signed.efi", &key, &certificate);
        let pem = folder.join(&certificate);
        judged(oracle::sbverify(&signed, &pem));
        judged(oracle::osslsigncode_verify(&signed, &pem));
        let mut inspect = kurmadisk(folder);
        inspect.args([
            "uki",
            "inspect",
            "signed.efi",
            "--certificate",
            &certificate,
        ]);
        let output = inspect.assert().success();
        let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
        assert!(
            said.contains(&format!("signature: sound, by CN={name},O=Test\\, Inc.")),
            "{said}"
        );

        let again = image(folder, "again.efi", &key, &certificate);
        assert!(fs::read(&signed).unwrap() == fs::read(&again).unwrap());
        // The older form of a key is the same key.
        let old = folder.join("old.key");
        judged(oracle::openssl_convert_key(
            &folder.join(&key),
            &old,
            "",
            true,
        ));
        assert!(
            fs::read_to_string(&old)
                .unwrap()
                .contains("RSA PRIVATE KEY")
        );
        let again = image(folder, "again.efi", "old.key", &certificate);
        assert!(fs::read(&signed).unwrap() == fs::read(&again).unwrap());
    }
}

#[test]
fn another_key_and_a_changed_program_are_told() {
    let folder = folder();
    let folder = folder.path();
    let signed = image(folder, "signed.efi", "own.key", "own.pem");
    assert!(oracle::sbverify(&signed, &folder.join("other.pem")).is_err());
    let said = refused(folder, &signed, "other.pem");
    assert!(
        said.contains(
            "signed.efi is not signed by the key of other.pem: its signatures: sound, by CN=own"
        ),
        "{said}"
    );

    let bytes = fs::read(&signed).unwrap();
    let report_of = |bytes: &[u8]| {
        fs::write(&signed, bytes).unwrap();
        report(folder, &signed)[0]["problem"]
            .as_str()
            .map(str::to_owned)
    };
    assert_eq!(report_of(&bytes), None);
    // In the headers, in a section, and in the signature, whose 256 bytes are the last but for what fills them up.
    for (at, told) in [
        (0x50, "the program was changed"),
        (0x2000, "the program was changed"),
        (bytes.len() - 100, "the certificate's key did not make it"),
    ] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let problem = report_of(&changed).unwrap_or_default();
        assert!(problem.contains(told), "byte {at}: {problem}");
        let judged = oracle::sbverify(&signed, &folder.join("own.pem"));
        assert!(judged.is_err(), "byte {at}");
        refused(folder, &signed, "own.pem");
    }
    fs::write(&signed, fs::read(efi_stub()).unwrap()).unwrap();
    let said = refused(folder, &signed, "own.pem");
    assert!(said.contains("it has no signature"), "{said}");
}

#[test]
fn signatures_of_others_are_read_and_kept() {
    let folder = folder();
    let folder = folder.path();
    let path = |name: &str| folder.join(name);
    for sign in [oracle::sbsign, oracle::osslsigncode_sign] {
        let theirs = path("theirs.efi");
        let _ = fs::remove_file(&theirs);
        judged(sign(
            efi_stub(),
            &path("other.key"),
            &path("other.pem"),
            &theirs,
        ));
        let found = report(folder, &theirs);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["problem"], serde_json::Value::Null);
        // A boot manager that has a signature already gets one more.
        fs::copy(&theirs, path("manager.efi")).unwrap();
        let signer = kurmadisk::boot::authenticode::Signer::from_pem(
            &fs::read_to_string(path("own.key")).unwrap(),
            &fs::read_to_string(path("own.pem")).unwrap(),
        )
        .unwrap();
        let map = signer
            .sign(&kurmadisk::host_file(&theirs).unwrap())
            .unwrap();
        let mut bytes = vec![0; usize::try_from(map.len()).unwrap()];
        kurmadisk::formats::read_at::ReadAt::read_exact_at(&map.reader(), 0, &mut bytes).unwrap();
        fs::write(path("both.efi"), bytes).unwrap();
        let both = report(folder, &path("both.efi"));
        let problems: Vec<_> = both.iter().map(|each| each["problem"].as_str()).collect();
        assert_eq!(problems, [None, None]);
        for certificate in ["own.pem", "other.pem"] {
            judged(oracle::sbverify(&path("both.efi"), &path(certificate)));
        }
    }
}

#[test]
fn keys_and_certificates_that_cannot_sign_are_told() {
    let folder = folder();
    let folder = folder.path();
    let weak = (folder.join("weak.key"), folder.join("weak.pem"));
    judged(oracle::openssl_key(&weak.0, &weak.1, 1024, "/CN=weak"));
    fs::copy(
        judged(oracle::SNAKEOIL_KEY.require()),
        folder.join("secret.key"),
    )
    .unwrap();
    fs::write(folder.join("text"), "no key").unwrap();
    for (key, certificate, told) in [
        ("own.key", "other.pem", "it is for another key"),
        ("own.key", "text", "it is no X.509 certificate"),
        ("text", "own.pem", "it is no RSA key in PEM"),
        ("own.pem", "own.pem", "it is no RSA key in PEM"),
        ("secret.key", "own.pem", "it is encrypted"),
        ("weak.key", "weak.pem", "fewer than 2048 bits"),
        ("none.key", "own.pem", "none.key"),
    ] {
        let mut plan = kurmadisk(folder);
        plan.args(["plan", "--layout", "efi", "--size", "128M", "--kernel"])
            .arg(demo_kernel());
        plan.args(["--efi-stub"]).arg(efi_stub());
        plan.args(["--sign-key", key, "--sign-certificate", certificate]);
        let output = plan.assert().failure();
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(said.contains(told) && said.contains("--sign-"), "{said}");
    }
    let mut plan = kurmadisk(folder);
    plan.args(["plan", "--layout", "efi", "--sign-key", "own.key"]);
    let output = plan.assert().failure();
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(said.contains("signing needs a certificate too"), "{said}");
    let mut plan = kurmadisk(folder);
    plan.args(["plan", "--layout", "efi", "--size", "128M"]);
    plan.args(["--sign-key", "own.key", "--sign-certificate", "own.pem"]);
    let output = plan.assert().failure();
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(
        said.contains("--sign-key: none of the boot files is an EFI program"),
        "{said}"
    );
}

/// A disk of everything that firmware and boot manager start, signed, with Debian's kernel.
#[test]
fn all_programs_of_a_disk_are_signed() {
    let folder = folder();
    let folder = folder.path();
    let mut build = kurmadisk(folder);
    build.args([
        "build", "--layout", "kurmaos", "--size", "2G", "-o", "disk.raw",
    ]);
    build.arg("--kernel").arg(&debian_root().kernel);
    build.arg("--initrd").arg(demo_initrd());
    build.arg("--efi-stub").arg(efi_stub());
    build
        .arg("--systemd-boot")
        .arg(judged(SYSTEMD_BOOT.require()));
    build.args(["--sign-key", "own.key", "--sign-certificate", "own.pem"]);
    build.assert().success();
    let disk = folder.join("disk.raw");
    let esp = labelled(&gpt(&disk), "EFI-SYSTEM").offset();
    judged(oracle::fsck_fat_clean(&disk, esp));
    let mut programs = 0;
    for path in judged(oracle::mdir_paths(&disk, esp)) {
        if path.ends_with('/') {
            continue;
        }
        let content = judged(oracle::mcopy_read(&disk, esp, &path));
        if !content.starts_with(b"MZ") {
            continue;
        }
        let program = folder.join("program.efi");
        fs::write(&program, content).unwrap();
        judged(oracle::sbverify(&program, &folder.join("own.pem")));
        programs += 1;
    }
    // The boot manager twice, the unified image, and the kernel of the slot.
    assert_eq!(programs, 4);
}

/// A disk that firmware with the snakeoil key is to start, by kurmaboot or a unified kernel image with this stub.
fn disk(folder: &Path, signed: bool, stub: Option<&Path>) -> PathBuf {
    let key = judged(oracle::SNAKEOIL_KEY.require());
    judged(oracle::openssl_convert_key(
        key,
        &folder.join("snakeoil.key"),
        "snakeoil",
        false,
    ));
    let mut build = kurmadisk(folder);
    build.args([
        "build", "--layout", "efi", "--size", "128M", "-o", "disk.raw",
    ]);
    build.args(["--cmdline", "kurma=secure"]);
    build
        .arg("--kernel")
        .arg(demo_kernel())
        .arg("--initrd")
        .arg(demo_initrd());
    if let Some(stub) = stub {
        build.arg("--efi-stub").arg(stub);
    }
    if signed {
        build.args(["--sign-key", "snakeoil.key", "--sign-certificate"]);
        build.arg(judged(oracle::SNAKEOIL_CERTIFICATE.require()));
    }
    build.assert().success();
    folder.join("disk.raw")
}

fn machine(disk: &Path) -> Machine {
    Machine::new(Firmware::UefiSecure)
        .drive(Drive::new(disk, "raw", Interface::Virtio))
        .deadline(Duration::from_mins(5))
}

fn is_refused(disk: &Path) {
    let mut running = machine(disk).start().unwrap();
    running
        .wait_for("Access Denied")
        .unwrap_or_else(|error| panic!("{error}"));
    let said = running.transcript();
    assert!(!said.contains("kurmadisk demo"), "{said}");
}

/// The command line, changed in place.
fn tampered(image: &Path) {
    let mut bytes = fs::read(image).unwrap();
    let at = bytes
        .windows(12)
        .position(|window| window == b"kurma=secure")
        .unwrap();
    bytes[at..at + 12].copy_from_slice(b"kurma=hacked");
    fs::write(image, bytes).unwrap();
}

/// The kernel in an image has no signature that counts: the image's vouches for it.
#[test]
fn firmware_starts_what_is_signed_and_nothing_else() {
    for stub in [efi_stub(), Path::new("kurmaboot")] {
        let folder = tempfile::tempdir().unwrap();
        let image = disk(folder.path(), true, Some(stub));
        let said = machine(&image).run_to_end();
        let said = said.unwrap_or_else(|error| panic!("{error}"));
        assert!(said.contains("kurmadisk demo: entered by UEFI"), "{said}");
        assert!(said.contains("command line: kurma=secure"), "{said}");
        tampered(&image);
        is_refused(&image);
    }
    let folder = tempfile::tempdir().unwrap();
    is_refused(&disk(folder.path(), false, Some(efi_stub())));
}

#[test]
fn kurmaboot_starts_a_signed_kernel_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let image = disk(folder.path(), true, None);
    let said = machine(&image).run_to_end();
    let said = said.unwrap_or_else(|error| panic!("{error}"));
    assert!(said.contains("kurmadisk demo: entered by UEFI"), "{said}");

    // An updater's kernel, which nobody signed: the firmware refuses it to the loader.
    let esp = labelled(&gpt(&image), "EFI-SYSTEM").offset();
    let kernel = judged(oracle::mcopy_read(&image, esp, "::/kurmaos/vmlinuz-a"));
    let mut bytes = fs::read(&image).unwrap();
    let found = bytes
        .windows(kernel.len())
        .position(|window| window == kernel);
    bytes[found.unwrap() + kernel.len() / 2] ^= 1;
    fs::write(&image, bytes).unwrap();
    let mut running = machine(&image).start().unwrap();
    running
        .wait_for("is refused by Secure Boot")
        .unwrap_or_else(|error| panic!("{error}"));
    let said = running.transcript();
    assert!(!said.contains("kurmadisk demo: entered"), "{said}");
}
