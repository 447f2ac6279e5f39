//! How container engines are told what to do.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::run::{Program, RunError, Runner};

/// The platform of all images.
const PLATFORM: &str = "linux/amd64";

/// A program that builds images from a `Dockerfile`, and runs commands in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Docker, with `BuildKit` by its `buildx`.
    #[default]
    Docker,
    /// Podman.
    Podman,
    /// Buildah.
    Buildah,
}

/// What a build is told; paths are the host's.
pub(super) struct BuildOrder<'a> {
    pub(super) context: &'a Path,
    pub(super) dockerfile: &'a Path,
    /// Arguments of the `Dockerfile`, by name.
    pub(super) args: Vec<(&'a str, &'a str)>,
    pub(super) target: BuildTarget<'a>,
}

/// What comes of a build.
pub(super) enum BuildTarget<'a> {
    /// An image of this name; its id goes to a file.
    Image { tag: &'a str, id_file: &'a Path },
    /// The files of the last stage, in a folder.
    Files { folder: &'a Path },
}

/// A command that runs in an image, with a folder of the host's.
#[derive(Clone, Debug)]
pub struct Container<'a> {
    /// The image's name.
    pub image: &'a str,
    /// The folder of the host.
    pub folder: &'a Path,
    /// Where it is in the container.
    pub inside: &'a str,
    /// Where the command runs, in the container.
    pub work: &'a str,
    /// Variables that it gets.
    pub env: &'a [(String, String)],
    /// Owner of the folder, as `UID:GID`.
    pub user: &'a str,
    /// The command.
    pub command: &'a [String],
}

impl Engine {
    /// All engines.
    pub const ALL: [Self; 3] = [Self::Docker, Self::Podman, Self::Buildah];

    /// The name of its program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        }
    }

    /// Asks for the version of what builds: docker's daemon, and podman and buildah themselves.
    pub(super) fn version(self, runner: &mut Runner) -> Result<String, RunError> {
        let program = Program::new(self.name());
        let program = match self {
            Self::Docker => program.args(["version", "--format", "{{.Server.Version}}"]),
            Self::Podman | Self::Buildah => program.arg("--version"),
        };
        let said = runner.output(&program)?;
        let words = said.split_whitespace();
        // `podman version 4.3.1`, `buildah version 1.28.2 (image-spec …)`.
        let version = words.skip_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
        Ok(version.take(1).collect())
    }

    /// The command that builds.
    pub(super) fn build(self, order: &BuildOrder) -> Program {
        let program = Program::new(self.name());
        let program = match self {
            // Attestations would make images of one content differ.
            Self::Docker => program.env("DOCKER_BUILDKIT", "1").args([
                "buildx",
                "build",
                "--progress",
                "plain",
                "--provenance=false",
            ]),
            Self::Podman => program.arg("build"),
            Self::Buildah => program.args(["bud", "--layers"]),
        };
        let mut program = program
            .args(["--platform", PLATFORM, "--file"])
            .arg(order.dockerfile);
        for (name, value) in &order.args {
            program = program.arg("--build-arg").arg(format!("{name}={value}"));
        }
        let program = match order.target {
            BuildTarget::Image { tag, id_file } => {
                let program = match self {
                    // Builders in a container of their own keep images otherwise.
                    Self::Docker => program.arg("--load"),
                    Self::Podman | Self::Buildah => program,
                };
                program.args(["--tag", tag]).arg("--iidfile").arg(id_file)
            }
            BuildTarget::Files { folder } => {
                let mut output = OsString::from("type=local,dest=");
                output.push(folder);
                program.arg("--output").arg(output)
            }
        };
        program.arg(order.context)
    }

    /// Runs a command in an image that the engine has.
    pub fn run_in(self, container: &Container, runner: &mut Runner) -> Result<(), RunError> {
        match self {
            Self::Docker | Self::Podman => runner.run(&self.run_program(container)),
            Self::Buildah => {
                let from = Program::new("buildah").args(["from", "--pull-never", container.image]);
                let id = runner.output(&from)?.trim().to_owned();
                let ran = runner.run(&buildah_run(&id, container));
                let removed = runner.output(&Program::new("buildah").args(["rm", &id]));
                ran.and(removed.map(drop))
            }
        }
    }

    fn run_program(self, container: &Container) -> Program {
        let program = Program::new(self.name()).args(["run", "--rm", "--pull", "never"]);
        // Docker's root is the host's: what it makes would belong to root. Podman's is the user.
        let program = match self {
            Self::Docker => program.args(["--user", container.user]),
            Self::Podman | Self::Buildah => program,
        };
        let program = program.arg("--volume").arg(volume(container));
        let program = program.args(["--workdir", container.work]);
        let program = with_env(program, container);
        program.arg(container.image).args(container.command)
    }
}

fn buildah_run(id: &str, container: &Container) -> Program {
    let program = Program::new("buildah").arg("run").arg("--volume");
    let program = program.arg(volume(container));
    let program = program.args(["--workingdir", container.work]);
    let program = with_env(program, container);
    program.args(["--", id]).args(container.command)
}

fn volume(container: &Container) -> OsString {
    let mut volume = container.folder.as_os_str().to_owned();
    volume.push(":");
    volume.push(container.inside);
    volume
}

fn with_env(program: Program, container: &Container) -> Program {
    let set = container.env.iter();
    set.fold(program, |program, (name, value)| {
        program.arg("--env").arg(format!("{name}={value}"))
    })
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|engine| engine.name() == text);
        found.ok_or_else(|| format!("{text:?} is no engine; there are docker, podman and buildah"))
    }
}
