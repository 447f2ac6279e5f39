//! Programs that stand for container engines and compilers: they tell how they were called, and make the files that
//! the real ones would.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use kurmadisk_fixtures::workspace_root;

use crate::common;

/// An image that is pinned.
pub const PINNED: &str =
    "gentoo/stage3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The id that the engine gives its images.
pub const IMAGE_ID: &str =
    "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// An engine. Each call is a line of words with `|` behind each; files in its folder say what goes wrong.
const ENGINE: &str = r#"#!/bin/sh
state=$(dirname "$0")/../state
for word in "${0##*/}" "$@"; do printf '%s|' "$word"; done >>"$state/calls"
echo >>"$state/calls"
env >"$state/env"
case "$*" in
"version "*) [ ! -e "$state/down" ] || { echo "no daemon answers" >&2; exit 1; }; echo 9.8.7; exit ;;
--version) echo "${0##*/} version 9.8.7 (a fake)"; exit ;;
"from "*) echo container-1; exit ;;
"rm "*) exit ;;
run*) exec "$state/inside" "$@" ;;
esac
echo "step 1 of 2"
printf '10 percent\r20 percent\n' >&2
if [ -e "$state/fails" ]; then
    for n in $(seq 1 40); do echo "line $n"; done
    echo "gcc: out of memory" >&2
    exit 3
fi
while [ $# -gt 0 ]; do
    case $1 in
    --iidfile) [ -e "$state/silent" ] || echo ID >"$2"; shift ;;
    --output)
        out=${2#type=local,dest=}
        for file in bzImage System.map config modules.tar; do echo "this is $file" >"$out/$file"; done
        [ ! -e "$state/incomplete" ] || rm "$out/modules.tar"
        shift ;;
    esac
    shift
done
"#;

/// The command of `run`, run outside: the folder of the host is where its volume says.
const INSIDE: &str = r#"#!/bin/sh
set -e
shift
while :; do
    case $1 in
    --volume) host=${2%:*} mount=${2##*:}; shift 2 ;;
    --workdir | --workingdir) work=$2; shift 2 ;;
    --env) export "${2?}"; shift 2 ;;
    --user | --pull) shift 2 ;;
    --rm) shift ;;
    --) shift ;;
    *) shift; break ;;
    esac
done
cd "$host${work#"$mount"}"
exec "$@"
"#;

/// A folder to work in, with programs that come before all others.
pub struct Workplace {
    folder: tempfile::TempDir,
}

impl Workplace {
    /// With these engines.
    pub fn new(engines: &[&str]) -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(place.path().join("bin")).unwrap();
        fs::create_dir(place.path().join("state")).unwrap();
        for engine in engines {
            place.program(engine, &ENGINE.replace("ID", IMAGE_ID));
        }
        executable(&place.path().join("state/inside"), INSIDE);
        place
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a program.
    pub fn program(&self, name: &str, script: &str) {
        executable(&self.path().join("bin").join(name), script);
    }

    /// Lets something go wrong.
    pub fn mark(&self, name: &str) {
        fs::write(self.path().join("state").join(name), "").unwrap();
    }

    /// What programs were called with, a line each.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path().join("state/calls"));
        let calls = calls.unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// The environment of the last call.
    pub fn env(&self) -> Vec<String> {
        let env = fs::read_to_string(self.path().join("state/env")).unwrap();
        env.lines().map(str::to_owned).collect()
    }

    /// The command, which finds the programs here first.
    pub fn kurmadisk(&self) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path);
        let folders = [self.path().join("bin")].into_iter().chain(folders);
        let mut command = common::kurmadisk(self.path());
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command
    }

    /// `kurmadisk base build STAGE` with the project's own build files and the images it needs.
    pub fn base_build(&self, stage: &str, engine: &str) -> Command {
        let manifest = self.path().join("base.toml");
        let base = workspace_root().join("base");
        let contexts = ["stage3", "stage4", "kernel"].map(|stage| {
            let context = base.join(stage);
            format!("[base.{stage}]\ncontext = '{}'\n", context.display())
        });
        fs::write(&manifest, contexts.concat()).unwrap();
        let mut command = self.kurmadisk();
        command.args(["base", "build", stage, "--engine", engine]);
        command.arg("--manifest").arg(manifest);
        if stage == "stage3" {
            let portage = PINNED.replace("stage3", "portage");
            let portage = format!("PORTAGE={portage}");
            command.args(["--from", PINNED, "--build-arg", &portage]);
        }
        command
    }

    /// Names of all files in the output folder; none if that is not there, and one at least if it is.
    pub fn outputs(&self) -> Vec<String> {
        let output = self.path().join("output");
        let Ok(entries) = fs::read_dir(output) else {
            return Vec::new();
        };
        let entries = entries.collect::<Vec<_>>();
        assert!(!entries.is_empty(), "an empty folder is left");
        let entries = entries.into_iter();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn output(&self, name: &str) -> PathBuf {
        self.path().join("output").join(name)
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The standard error of a command that must fail.
pub fn refused(command: &mut Command) -> String {
    let output = command.assert().failure().code(1).get_output().clone();
    String::from_utf8(output.stderr).unwrap()
}

/// Standard output and standard error of a command that must succeed.
pub fn said(command: &mut Command) -> (String, String) {
    let output = command.assert().success().get_output().clone();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}
