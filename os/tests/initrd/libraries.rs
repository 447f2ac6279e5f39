//! Programs of a Debian system and what they need, compared with lddtree's account.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle;

use crate::support::{Case, link};

/// The real paths that an initrd's files have.
fn files(case: &Case, name: &str) -> BTreeSet<String> {
    let pieces = case.inspect(name).pieces.into_iter();
    let files = pieces
        .flat_map(|piece| piece.entries)
        .filter(|entry| entry.kind == "file");
    files.map(|entry| entry.path).collect()
}

/// The real path within a root of one that may have links in it.
fn real(root: &Path, path: &str) -> String {
    let real = Command::new("chroot")
        .arg(root)
        .args(["readlink", "-f", path])
        .output()
        .unwrap();
    String::from_utf8(real.stdout).unwrap().trim().to_owned()
}

#[test]
fn programs_of_debian_need_what_lddtree_finds() {
    let root = &debian_root().tree;
    let mut programs = Vec::new();
    for folder in ["usr/bin", "usr/sbin", "usr/lib/systemd"] {
        let mut names: Vec<_> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        names.sort_by_key(fs::DirEntry::file_name);
        let programs_of = names.into_iter().filter(|entry| {
            let meta = entry.metadata().unwrap();
            let is_elf = meta.is_file() && fs::read(entry.path()).unwrap().starts_with(b"\x7fELF");
            is_elf && meta.permissions().mode() & 0o111 != 0
        });
        let all: Vec<_> = programs_of.collect();
        let step = all.len() / 7 + 1;
        programs.extend(
            all.into_iter()
                .step_by(step)
                .map(|entry| format!("/{folder}/{}", entry.file_name().to_str().unwrap())),
        );
    }
    assert!(programs.len() >= 20, "{programs:?}");
    let case = Case::new();
    let mut all = BTreeSet::new();
    for program in &programs {
        let text = format!(
            "sysroot = {:?}\ncompression = \"none\"\nbinaries = [{program:?}]",
            root.display().to_string()
        );
        case.build(&text, "out");
        let expected = oracle::lddtree(root, Path::new(program)).unwrap();
        let expected: BTreeSet<_> = expected.iter().map(|path| real(root, path)).collect();
        assert_eq!(files(&case, "out"), expected, "{program}");
        all.extend(expected);
    }
    // All of them at once are no other files than each alone.
    let text = format!(
        "sysroot = {:?}\ncompression = \"none\"\nbinaries = {programs:?}",
        root.display().to_string()
    );
    case.build(&text, "all");
    assert_eq!(files(&case, "all"), all);
    // And there each of them finds what it needs: its loader says so.
    let unpacked = case.extract("all", "unpacked");
    for program in &programs {
        let loader = Command::new("chroot")
            .arg(&unpacked)
            .args(["/lib64/ld-linux-x86-64.so.2", "--list", program])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&loader.stdout);
        assert!(
            loader.status.success() && !said.contains("not found"),
            "{program}: {said}"
        );
    }
}

/// Compiles a library or program in the case's folder.
fn compile(case: &Case, output: &str, source: &str, arguments: &[&str]) {
    let code = case.write("code.c", source);
    let out = case.path(output);
    fs::create_dir_all(out.parent().unwrap()).unwrap();
    let done = Command::new("cc")
        .arg("-o")
        .arg(&out)
        .arg(code)
        .args(arguments)
        .current_dir(case.path(""))
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A sysroot with this machine's C library and loader.
fn c_library(case: &Case) {
    for path in [
        "lib64/ld-linux-x86-64.so.2",
        "lib/x86_64-linux-gnu/libc.so.6",
    ] {
        let bytes = fs::read(Path::new("/").join(path)).unwrap();
        let copy = case.write(&format!("root/{path}"), bytes);
        fs::set_permissions(copy, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

const LIBRARY: &str = "int value(void) { return 1; }";
const USER: &str = "int value(void); int user(void) { return value(); }";
const PROGRAM: &str = "int user(void); int main(void) { return user() - 1; }";

/// The libraries that come along with /bin/program.
fn along(case: &Case) -> Vec<String> {
    case.build(
        "sysroot = \"root\"\ncompression = \"none\"\nbinaries = [\"/bin/program\"]",
        "out",
    );
    let files = files(case, "out").into_iter();
    files
        .filter(|path| !path.contains("x86_64-linux-gnu/libc.") && !path.contains("ld-linux"))
        .collect()
}

/// The same, and with nothing else /bin/program runs.
fn along_and_runs(case: &Case) -> Vec<String> {
    let found = along(case);
    let _ = fs::remove_dir_all(case.path("unpacked"));
    let unpacked = case.extract("out", "unpacked");
    let mut run = Command::new("chroot");
    let ran = run.arg(unpacked).arg("/bin/program").output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    found
}

#[test]
fn paths_of_programs_and_libraries_are_followed() {
    let case = Case::new();
    c_library(&case);
    for (folder, value) in [("root/opt/a", 1), ("root/opt/b", 1)] {
        let source = LIBRARY.replace('1', &value.to_string());
        compile(
            &case,
            &format!("{folder}/libvalue.so.1"),
            &source,
            &["-shared", "-fPIC", "-Wl,-soname,libvalue.so.1"],
        );
    }
    link("libvalue.so.1", &case.path("root/opt/a/libvalue.so"));
    let user = ["-shared", "-fPIC", "-Lroot/opt/a", "-lvalue"];
    compile(&case, "root/opt/lib/libuser.so", USER, &user);
    let link_with = ["-Lroot/opt/lib", "-luser", "-Wl,--allow-shlib-undefined"];
    let with = |more: &[&'static str]| [&link_with[..], more].concat();

    // The path of the program counts for its libraries' libraries, when it is a DT_RPATH.
    compile(
        &case,
        "root/bin/program",
        PROGRAM,
        &with(&["-Wl,--disable-new-dtags,-rpath,/opt/lib:/opt/b"]),
    );
    assert_eq!(
        along_and_runs(&case),
        [
            "/bin/program",
            "/opt/b/libvalue.so.1",
            "/opt/lib/libuser.so"
        ]
    );

    // Where the program itself lies it could tell with /proc alone, which a test's root has not.
    compile(
        &case,
        "root/bin/program",
        PROGRAM,
        &with(&["-Wl,--disable-new-dtags,-rpath,$ORIGIN/../opt/lib:/opt/b"]),
    );
    assert_eq!(
        along(&case),
        [
            "/bin/program",
            "/opt/b/libvalue.so.1",
            "/opt/lib/libuser.so"
        ]
    );

    // A DT_RUNPATH counts for the program alone: the library is missing then.
    compile(
        &case,
        "root/bin/program",
        PROGRAM,
        &with(&["-Wl,--enable-new-dtags,-rpath,$ORIGIN/../opt/lib:/opt/b"]),
    );
    let text = "sysroot = \"root\"\nbinaries = [\"/bin/program\"]";
    let said = case.refusal(text);
    assert!(said.starts_with("spec.toml:2:13: binaries: /bin/../opt/lib/libuser.so needs libvalue.so.1, which is in none of /etc/ld.so.cache, /lib/x86_64-linux-gnu, "), "{said}");

    // The library's own path comes first, and its DT_RUNPATH silences the program's DT_RPATH.
    compile(
        &case,
        "root/opt/lib/libuser.so",
        USER,
        &[&user[..], &["-Wl,--enable-new-dtags,-rpath,${ORIGIN}/../a"]].concat(),
    );
    compile(
        &case,
        "root/bin/program",
        PROGRAM,
        &with(&["-Wl,--disable-new-dtags,-rpath,/opt/lib:/opt/b"]),
    );
    assert_eq!(
        along_and_runs(&case),
        [
            "/bin/program",
            "/opt/a/libvalue.so.1",
            "/opt/lib/libuser.so"
        ]
    );

    // What is found by ld.so.cache alone brings that along.
    compile(&case, "root/opt/lib/libuser.so", USER, &user);
    compile(&case, "root/bin/program", PROGRAM, &with(&[]));
    case.write("root/etc/ld.so.conf", "/opt/lib\n/opt/b\n");
    let cached = Command::new("/sbin/ldconfig")
        .arg("-r")
        .arg(case.path("root"))
        .status()
        .unwrap();
    assert!(cached.success());
    assert_eq!(
        along_and_runs(&case),
        [
            "/bin/program",
            "/etc/ld.so.cache",
            "/opt/b/libvalue.so.1",
            "/opt/lib/libuser.so"
        ]
    );
}

#[test]
fn links_of_the_sysroot_lead_where_they_led() {
    let case = Case::new();
    case.write("root/usr/lib/real.so.1.2", "library");
    case.write("root/usr/sbin/tool", "#!/bin/sh -e\n");
    case.write("root/usr/bin/dash", "shell");
    link("usr/bin", &case.path("root/bin"));
    link("/usr/sbin", &case.path("root/sbin"));
    link("dash", &case.path("root/usr/bin/sh"));
    link("../sbin/tool", &case.path("root/usr/bin/tool"));
    case.build(
        "sysroot = \"root\"\nbinaries = [\"/bin/tool\", \"/sbin/tool\"]",
        "out",
    );
    let paths = case.paths("out");
    assert_eq!(
        paths,
        [
            "/bin",
            "/sbin",
            "/usr",
            "/usr/bin",
            "/usr/bin/dash",
            "/usr/bin/sh",
            "/usr/bin/tool",
            "/usr/sbin",
            "/usr/sbin/tool"
        ]
    );
}

#[test]
fn a_musl_program_needs_its_loader_and_what_lies_in_its_paths() {
    // Headers that musl's own tools would write, made by this machine's compiler: only the loader's name is musl's.
    let case = Case::new();
    case.write("root/lib/ld-musl-x86_64.so.1", "loader");
    case.write("root/etc/ld-musl-x86_64.path", "/odd\n/lib");
    let shared = ["-shared", "-fPIC", "-nostdlib"];
    compile(&case, "root/odd/libvalue.so", LIBRARY, &shared);
    compile(
        &case,
        "libc.so",
        "",
        &[&shared[..], &["-Wl,-soname,libc.musl-x86_64.so.1"]].concat(),
    );
    let program = "int value(void); void _start(void) { value(); }";
    compile(
        &case,
        "root/bin/program",
        program,
        &[
            "-nostdlib",
            "-Lroot/odd",
            "-lvalue",
            "-Wl,--no-as-needed",
            "libc.so",
            "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1",
        ],
    );
    case.build("sysroot = \"root\"\nbinaries = [\"/bin/program\"]", "out");
    let files: Vec<_> = files(&case, "out").into_iter().collect();
    assert_eq!(
        files,
        [
            "/bin/program",
            "/lib/ld-musl-x86_64.so.1",
            "/odd/libvalue.so"
        ]
    );
}

#[test]
fn libraries_that_programs_say_they_open_come_along_where_that_is_asked_for() {
    let case = Case::new();
    c_library(&case);
    for name in ["libvalue.so.1", "libmore.so.1"] {
        let soname = format!("-Wl,-soname,{name}");
        let output = format!("root/usr/lib/{name}");
        compile(&case, &output, LIBRARY, &["-shared", "-fPIC", &soname]);
    }
    // As systemd's header for it writes the note.
    let said = r#"[{"soname":["libvalue.so.1","libvalue.so.0"],"priority":"recommended"},
        {"soname":["libmore.so.1"],"priority":"suggested"}]"#;
    let note = format!(
        ".section .note.dlopen,\"a\",@note\n.balign 4\n.long 4, 2f-1f, 0x407c0c0a\n.asciz \"FDO\"\n\
         1: .asciz \"{}\"\n2: .balign 4\n.section .note.GNU-stack,\"\",@progbits\n",
        said.replace('"', "\\\"").replace('\n', " "),
    );
    case.write("note.s", note);
    let program = "int main(void) { return 0; }";
    compile(&case, "root/bin/program", program, &["note.s"]);
    let text = "sysroot = \"root\"\nbinaries = [\"/bin/program\"]\n";
    let has = |name: &str| files(&case, "out").contains(&format!("/usr/lib/{name}"));
    case.build(text, "out");
    assert!(!has("libvalue.so.1"));
    case.build(&format!("dlopen = true\n{text}"), "out");
    assert!(has("libvalue.so.1") && !has("libmore.so.1"));
}
