//! Components built by real compilers.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use kurmadisk_fixtures::oracle;
use serde_json::Value;

use crate::common::judged;
use crate::fake::{Workplace, refused, said};
use crate::project::{TIME, git, manifest, project, write};

const GREET: &str = "[[component]]\nname = \"greet\"\nsource = \"project\"\ntoolchain = \"make\"\noutputs = [\"bin/greet\"]\n";

fn build(place: &Workplace) -> assert_cmd::Command {
    let mut command = place.kurmadisk();
    command.args(["component", "build"]);
    command
}

#[test]
fn a_program_is_compiled_and_packed_with_its_licence() {
    let place = Workplace::new(&[]);
    project(&place);
    manifest(&place, GREET);
    let (out, log) = said(&mut build(&place));
    assert_eq!(
        out,
        "greet v1.2: built, output/greet-v1.2-linux-amd64.tar.gz\n"
    );
    assert!(log.contains("cc -DVERSION"), "{log}");
    let program = place.output("greet/greet");
    let answer = Command::new(&program).output().unwrap();
    assert_eq!(answer.stdout, b"I am v1.2\n");
    let tarball = place.output("greet-v1.2-linux-amd64.tar.gz");
    let members = judged(oracle::python_members(&tarball));
    let told: Vec<_> = members
        .iter()
        .map(|member| (member.name.as_str(), member.mode, member.time, member.owner))
        .collect();
    let root = Some((0, 0));
    let expected = [("greet", 0o755, TIME, root), ("LICENSE", 0o644, TIME, root)];
    assert_eq!(told, expected);
    let digest = judged(oracle::sha256(&program));
    assert_eq!(members[0].sha256.as_ref(), Some(&digest));
    // GNU tar and gzip have nothing against it either.
    let tar = judged(oracle::tool("tar").unwrap().command())
        .arg("-tzf")
        .arg(&tarball)
        .output();
    assert_eq!(tar.unwrap().stdout, b"greet\nLICENSE\n");
    let names = [
        "component-greet.json",
        "greet",
        "greet-v1.2-linux-amd64.tar.gz",
    ];
    assert_eq!(place.outputs(), names);
    // The checkout is as it was.
    assert!(!place.path().join("project/bin").exists());
}

#[test]
fn the_same_source_gives_the_same_tarball() {
    let [first, second] = [(); 2].map(|()| {
        let place = Workplace::new(&[]);
        project(&place);
        manifest(&place, GREET);
        said(&mut build(&place));
        let read = |name: &str| fs::read(place.output(name)).unwrap();
        (
            read("greet-v1.2-linux-amd64.tar.gz"),
            read("component-greet.json"),
        )
    });
    assert_eq!(first, second);
}

#[test]
fn what_is_unchanged_is_not_built_again() {
    let place = Workplace::new(&[]);
    let source = project(&place);
    manifest(&place, GREET);
    said(&mut build(&place));
    let unchanged = |place: &Workplace| {
        let (out, log) = said(&mut build(place));
        assert_eq!(log.contains("cc "), out.contains("built"), "{log}");
        out.contains("unchanged")
    };
    assert!(unchanged(&place));
    // Neither what git ignores nor when a file was written counts.
    write(&source.join("ignored/large"), "other bytes\n");
    let greeting = fs::read_to_string(source.join("greet.c")).unwrap();
    write(&source.join("greet.c"), &greeting);
    assert!(unchanged(&place));
    // An output that somebody changed is built anew.
    fs::write(place.output("greet/greet"), "broken").unwrap();
    assert!(!unchanged(&place));
    assert!(unchanged(&place));
    fs::set_permissions(source.join("greet.c"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(!unchanged(&place));
    manifest(
        &place,
        &format!("{GREET}environment = {{ MORE = \"1\" }}\n"),
    );
    assert!(!unchanged(&place));
}

#[test]
fn the_version_is_what_git_describes() {
    let place = Workplace::new(&[]);
    let source = project(&place);
    manifest(&place, GREET);
    said(&mut build(&place));
    write(
        &source.join("greet.c"),
        "int main(void) { return 0; } /* VERSION */\n",
    );
    let (out, _) = said(&mut build(&place));
    assert!(out.starts_with("greet v1.2-dirty: built"), "{out}");
    // What had another name is gone.
    let names = [
        "component-greet.json",
        "greet",
        "greet-v1.2-dirty-linux-amd64.tar.gz",
    ];
    assert_eq!(place.outputs(), names);
    git(&source, &["commit", "--quiet", "-a", "-m", "Less"]);
    let (out, _) = said(&mut build(&place));
    assert!(out.starts_with("greet v1.2-1-g"), "{out}");
    manifest(&place, &format!("{GREET}version = \"3.0\"\n"));
    let (out, _) = said(&mut build(&place));
    assert!(out.starts_with("greet 3.0: built"), "{out}");
}

#[test]
fn a_source_without_git_needs_a_version() {
    let place = Workplace::new(&[]);
    let source = project(&place);
    fs::remove_dir_all(source.join(".git")).unwrap();
    manifest(&place, GREET);
    // A repository around it would be asked otherwise.
    let mut command = build(&place);
    let error = refused(command.env("GIT_CEILING_DIRECTORIES", place.path()));
    assert!(
        error.contains("component greet") && error.contains("give one by `version`"),
        "{error}"
    );
    manifest(&place, &format!("{GREET}version = \"1\"\n"));
    let mut command = build(&place);
    said(command.env("GIT_CEILING_DIRECTORIES", place.path()));
}

#[test]
fn a_build_that_fails_is_told_and_leaves_nothing() {
    let place = Workplace::new(&[]);
    let source = project(&place);
    manifest(&place, GREET);
    write(
        &source.join("greet.c"),
        "int main(void) { return nothing; }\n",
    );
    let log = refused(&mut build(&place));
    let error = log.lines().last().unwrap();
    assert!(error.contains("component greet can't be built"), "{error}");
    assert!(error.contains("exit status: 2"), "{error}");
    assert!(error.contains("nothing"), "{error}");
    assert_eq!(place.outputs(), [""; 0]);
    // Whatever was there before stays.
    git(&source, &["checkout", "--quiet", "greet.c"]);
    said(&mut build(&place));
    write(&source.join("greet.c"), "no C at all\n");
    refused(&mut build(&place));
    let names = [
        "component-greet.json",
        "greet",
        "greet-v1.2-linux-amd64.tar.gz",
    ];
    assert_eq!(place.outputs(), names);
}

#[test]
fn a_crate_is_built_by_cargo() {
    let place = Workplace::new(&[]);
    let source = place.path().join("crate");
    let manifest_text = "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[profile.release]\nopt-level = 0\n";
    write(&source.join("Cargo.toml"), manifest_text);
    write(
        &source.join("Cargo.lock"),
        "version = 4\n\n[[package]]\nname = \"tiny\"\nversion = \"0.1.0\"\n",
    );
    write(
        &source.join("src/main.rs"),
        "fn main() { println!(\"{}\", env!(\"VERSION\")); }\n",
    );
    manifest(
        &place,
        "[[component]]\nname = \"tiny\"\nsource = \"crate\"\ntoolchain = \"cargo\"\nversion = \"7\"\noutputs = [\"target/release/tiny\"]\n",
    );
    let (out, _) = said(&mut build(&place));
    assert_eq!(out, "tiny 7: built, output/tiny-7-linux-amd64.tar.gz\n");
    let answer = Command::new(place.output("tiny/tiny")).output().unwrap();
    assert_eq!(answer.stdout, b"7\n");
}

#[test]
fn a_prebuilt_file_stands_in() {
    let place = Workplace::new(&[]);
    let source = project(&place);
    write(&place.path().join("given"), "#!/bin/sh\n");
    let mode = fs::Permissions::from_mode(0o700);
    fs::set_permissions(place.path().join("given"), mode).unwrap();
    manifest(&place, &format!("{GREET}prebuilt = \"given\"\n"));
    // Nothing is compiled.
    write(&source.join("Makefile"), "no makefile\n");
    let (out, log) = said(&mut build(&place));
    assert!(out.starts_with("greet v1.2-dirty: built"), "{out}");
    assert_eq!(log, "");
    assert_eq!(
        fs::read(place.output("greet/greet")).unwrap(),
        b"#!/bin/sh\n"
    );
    let found = fs::metadata(place.output("greet/greet")).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o755);
    let (out, _) = said(&mut build(&place));
    assert!(out.contains("unchanged"), "{out}");
    write(&place.path().join("given"), "#!/bin/bash\n");
    let (out, _) = said(&mut build(&place));
    assert!(out.contains("built"), "{out}");
}

#[test]
fn components_are_listed() {
    let place = Workplace::new(&[]);
    project(&place);
    let other = GREET
        .replace("\"greet\"", "\"other\"")
        .replace("make", "go");
    manifest(&place, &format!("{GREET}{other}version = \"5\"\n"));
    let (out, _) = said(build(&place).arg("greet"));
    assert_eq!(out.lines().count(), 1);
    let list = |more: &[&str]| said(place.kurmadisk().args(["component", "list"]).args(more)).0;
    let rows: Vec<Vec<String>> = list(&[])
        .lines()
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    assert_eq!(rows[0], ["component", "version", "by", "built"]);
    assert_eq!(rows[1], ["greet", "v1.2", "make", "yes"]);
    assert_eq!(rows[2], ["other", "5", "go", "no"]);
    let json: Value = serde_json::from_str(&list(&["--json"])).unwrap();
    let greet = &json["components"][0];
    assert_eq!(greet["built"], true);
    let record = fs::read(place.output("component-greet.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(greet["inputs"], record["inputs"]);
    let error = refused(build(&place).arg("third"));
    assert!(
        error.contains("no component \"third\"; it has greet, other"),
        "{error}"
    );
}

#[test]
fn faults_of_a_description_have_their_place() {
    let place = Workplace::new(&[]);
    project(&place);
    for (change, at, reason) in [
        (
            ("name = \"greet\"", "name = \"../greet\""),
            "2:8",
            "becomes the name of files",
        ),
        (
            ("\"bin/greet\"", "\"../greet\""),
            "5:11",
            "no path within the source",
        ),
        (
            ("\"bin/greet\"", "\"/bin/greet\""),
            "5:11",
            "no path within the source",
        ),
        (("\"bin/greet\"", ""), "5:11", "at least one file"),
        (
            ("\"bin/greet\"", "\"a/x\", \"b/x\""),
            "5:11",
            "two files would be called x",
        ),
        (
            ("toolchain = \"make\"", "command = []"),
            "4:11",
            "has no words",
        ),
        (("toolchain = \"make\"", ""), "2:8", "say how it is built"),
        (
            ("source = \"project\"", ""),
            "2:8",
            "no source and no `prebuilt`",
        ),
        (
            (
                "source = \"project\"",
                "license = \"COPYING\"\nsource = \"project\"",
            ),
            "3:11",
            "is no file",
        ),
        (
            ("source", "import-path = \"a\"\nsource"),
            "3:15",
            "for toolchain = \"go\" only",
        ),
        (
            ("source", "version = \"a b\"\nsource"),
            "3:11",
            "in the name of a file",
        ),
        (("make", "meson"), "4:13", "unknown variant `meson`"),
        (
            ("toolchain", "tool-chain"),
            "4:1",
            "unknown field `tool-chain`",
        ),
    ] {
        manifest(&place, &GREET.replace(change.0, change.1));
        let error = refused(build(&place).arg("--quiet"));
        assert!(error.contains(&format!("kurmaos.toml:{at}: ")), "{error}");
        assert!(error.contains(reason), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert_eq!(place.outputs(), [""; 0]);
    }
}

#[test]
fn an_output_that_is_not_made_is_named() {
    let place = Workplace::new(&[]);
    project(&place);
    manifest(&place, &GREET.replace("bin/greet", "bin/great"));
    let error = refused(build(&place).arg("--quiet"));
    assert!(error.contains("made no file bin/great"), "{error}");
    assert_eq!(place.outputs(), [""; 0]);
}

#[test]
fn the_copy_has_what_git_knows_whatever_its_name_and_one_time() {
    let place = Workplace::new(&[]);
    let source = project(&place);
    let odd = OsStr::from_bytes(b"odd \xff name\n");
    fs::write(source.join(odd), "").unwrap();
    let tells = "[[component]]\nname = \"list\"\nsource = \"project\"\nversion = \"1\"\noutputs = [\"names\", \"times\"]\n\
                 command = [\"sh\", \"-c\", \"stat -c %Y * >../times; ls -1 >../names; mv ../times ../names .\"]\n";
    manifest(&place, tells);
    let mut command = build(&place);
    // As in a hook of another repository's.
    let other = place.path().join("other");
    fs::create_dir(&other).unwrap();
    git(&other, &["init", "--quiet"]);
    said(command.env("GIT_DIR", other.join(".git")));
    let names = fs::read(place.output("list/names")).unwrap();
    assert_eq!(names, b"LICENSE\nMakefile\ngreet.c\nodd \xff name\n\n");
    let times = fs::read_to_string(place.output("list/times")).unwrap();
    assert_eq!(times, format!("{TIME}\n").repeat(4));
}

#[test]
fn a_place_that_is_taken_leaves_nothing_of_a_build() {
    let place = Workplace::new(&[]);
    project(&place);
    manifest(&place, GREET);
    let tarball = "greet-v1.2-linux-amd64.tar.gz";
    write(&place.output(tarball).join("file"), "in the way");
    let error = refused(build(&place).arg("--quiet"));
    assert!(error.contains(tarball), "{error}");
    assert_eq!(place.outputs(), [tarball]);
}
