//! `kurmadisk aci`: what it says, and its exit codes.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use common::kurmadisk;
use serde_json::Value;

const MANIFEST: &str = "name: example.com/app
labels: [{name: os, value: linux}, {name: arch, value: amd64}]
app: {exec: [/bin/app], user: \"0\", group: \"0\"}
";

/// A folder with a manifest and a program.
fn bench() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("manifest.yaml"), MANIFEST).unwrap();
    fs::write(folder.path().join("program"), "program").unwrap();
    folder
}

/// Exit code, standard output and standard error.
fn run(folder: &Path, line: &str) -> (i32, String, String) {
    let mut command = kurmadisk(folder);
    let output = command.args(line.split_whitespace()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

fn json_of(folder: &Path, line: &str) -> Value {
    let (code, said, error) = run(folder, line);
    assert_eq!((code, error.as_str()), (0, ""));
    serde_json::from_str(&said).unwrap()
}

#[test]
fn an_image_is_built_inspected_verified_and_rendered() {
    let folder = bench();
    let build = "aci build --manifest manifest.yaml --binary /bin/app=program --label version=1.2 -o app.aci --json";
    let built = json_of(folder.path(), build);
    let seen = json_of(folder.path(), "aci inspect app.aci --json");
    assert_eq!(
        (&built["id"], &built["name"]),
        (&seen["id"], &seen["manifest"]["name"])
    );
    let files = seen["files"].as_array().unwrap().iter();
    let paths: Vec<_> = files.map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/bin", "/bin/app"]);
    let (_, said, _) = run(folder.path(), "aci inspect app.aci");
    for part in [
        "label version: 1.2",
        "runs /bin/app",
        "0755  0:0    7      /bin/app",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let verdict = json_of(folder.path(), "aci verify app.aci --json");
    assert_eq!(verdict["id"], built["id"]);
    for out in ["tree.tar.gz", "tree"] {
        let (code, said, error) = run(folder.path(), &format!("aci render app.aci -o {out}"));
        assert_eq!((code, error.as_str()), (0, ""));
        assert!(said.starts_with(&format!("{out}: ")), "{said}");
    }
    assert_eq!(
        fs::read(folder.path().join("tree/bin/app")).unwrap(),
        b"program"
    );
    let oci =
        "aci build --manifest manifest.yaml --binary /bin/app=program --format oci -o app.oci.tar";
    let (code, said, _) = run(folder.path(), oci);
    assert_eq!(code, 0);
    assert!(said.contains("layer example.com/app: "), "{said}");
}

#[test]
fn verify_answers_by_its_exit_code() {
    let folder = bench();
    run(
        folder.path(),
        "aci build --manifest manifest.yaml -o app.aci",
    );
    let (code, said, _) = run(folder.path(), "aci verify app.aci");
    assert_eq!(code, 0);
    assert!(said.contains("note: /bin/app is not in rootfs"), "{said}");
    fs::copy(folder.path().join("program"), folder.path().join("bad.aci")).unwrap();
    let (code, said, error) = run(folder.path(), "aci verify bad.aci");
    assert_eq!((code, error.as_str()), (1, ""));
    assert!(said.starts_with("bad.aci: refused\nrefused: "), "{said}");
    assert_eq!(
        run(folder.path(), "aci verify bad.aci --quiet"),
        (1, String::new(), String::new())
    );
    assert_eq!(run(folder.path(), "aci verify missing.aci").0, 2);
    assert_eq!(run(folder.path(), "aci verify").0, 2);
}

#[test]
fn images_of_a_file_go_into_a_folder() {
    let folder = bench();
    let images = r#"
[[aci]]
name = "one"
manifest = "manifest.yaml"
binaries = { "/bin/app" = "program" }

[[aci]]
name = "two"
manifest = "manifest.yaml"
format = "oci"
"#;
    fs::write(folder.path().join("images.toml"), images).unwrap();
    let (code, said, error) = run(folder.path(), "aci build --spec images.toml -o out");
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(
        said.contains("out/one.aci: ") && said.contains("out/two.oci.tar: "),
        "{said}"
    );
    let reports = json_of(
        folder.path(),
        "aci build --spec images.toml -o again two --json",
    );
    assert_eq!(reports.as_array().unwrap().len(), 1);
    assert_eq!(
        fs::read_dir(folder.path().join("again")).unwrap().count(),
        1
    );
    let (code, _, error) = run(folder.path(), "aci build --spec images.toml -o out three");
    assert_eq!(
        (code, error.as_str()),
        (1, "kurmadisk: images.toml has no image called three\n")
    );
    let outside = images.replace("two", "../two");
    fs::write(folder.path().join("outside.toml"), outside).unwrap();
    let (code, _, error) = run(folder.path(), "aci build --spec outside.toml -o out");
    assert_eq!(code, 1);
    let said = "kurmadisk: outside.toml:8:8: name: \"../two\": it becomes the name of files";
    assert!(error.starts_with(said), "{error}");
    // A folder that was made for images of which none can be is gone again.
    fs::remove_file(folder.path().join("program")).unwrap();
    let (code, _, _) = run(folder.path(), "aci build --spec images.toml -o none one");
    assert_eq!(code, 1);
    assert!(!folder.path().join("none").exists());
    let (code, _, _) = run(
        folder.path(),
        "aci build --spec images.toml --manifest a -o out",
    );
    assert_eq!(code, 2);
}

#[test]
fn errors_are_one_line_and_leave_nothing() {
    let folder = bench();
    fs::write(
        folder.path().join("bad.yaml"),
        "name: A\napp: {exec: [], user: 0, group: \"0\"}\n",
    )
    .unwrap();
    let before = fs::read_dir(folder.path()).unwrap().count();
    for (line, expected) in [
        (
            "aci build --manifest bad.yaml -o app.aci",
            "bad.yaml:1:7: name: \"A\" is no AC identifier: small letters and digits, with - . _ ~ / between them; \
             bad.yaml:2:13: app.exec: it is empty; give the program and its arguments; \
             bad.yaml:2:23: app.user: a text is needed, and this is a number; write it in quotes",
        ),
        (
            "aci build --manifest manifest.yaml --binary program -o app.aci",
            "--binary program: write it as NAME=VALUE",
        ),
        (
            "aci build --manifest manifest.yaml --compress zst -o app.aci",
            "--compress: App Container images are compressed with gz or xz, or not (none)",
        ),
        (
            "aci build --manifest manifest.yaml --rootfs . -o app.aci",
            "app.aci lies in ., whose content goes into the image; name an output outside of it",
        ),
        (
            "aci build --manifest manifest.yaml --owner 0:0 -o app.aci",
            "--owner: this is for folders, and no tree here is one; an archive's or image's is changed by a table: \
             root = { path = \"…\", owner = \"…\" }",
        ),
        (
            "aci inspect manifest.yaml",
            "manifest.yaml: tar archive, byte 0: ",
        ),
    ] {
        let (code, said, error) = run(folder.path(), line);
        assert_eq!((code, said.as_str()), (1, ""), "{line}");
        let expected = format!("kurmadisk: {expected}");
        assert!(error.starts_with(&expected), "{line}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            before,
            "{line}"
        );
    }
}

#[test]
fn who_may_not_give_files_away_gets_none_that_run_as_another() {
    let folder = bench();
    let image = r#"
[[aci]]
name = "su"
manifest = { name = "example.com/su" }
files = [{ path = "/su", text = "su", mode = "4555", uid = 1234 }]
override = [{ path = "/su", xattrs = { "user.origin" = "image" } }]
"#;
    fs::write(folder.path().join("image.toml"), image).unwrap();
    let (code, _, error) = run(folder.path(), "aci build --spec image.toml -o .");
    assert_eq!((code, error.as_str()), (0, ""));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    // Whoever runs the tests may be root, who may give files away.
    let program = folder.path().join("kurmadisk");
    fs::copy(env!("CARGO_BIN_EXE_kurmadisk"), &program).unwrap();
    let mut command = Command::new(&program);
    command.current_dir(folder.path());
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65534).gid(65534);
    }
    command.args(["aci", "render", "su.aci", "-o", "tree", "--json"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["attributes_lost"], 0);
    assert_eq!(report["owners_lost"], 2);
    let found = fs::metadata(folder.path().join("tree/su")).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o555);
}
