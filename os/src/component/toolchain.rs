//! What is run for a component.

use serde::{Deserialize, Serialize};

use super::spec::ComponentSpec;

/// A way to build that needs no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Toolchain {
    /// `go build`: programs are in `bin/`.
    Go,
    /// `cargo build --release`: programs are in `target/release/`.
    Cargo,
    /// `make`.
    Make,
}

/// The command and the variables that it gets besides `VERSION`, which every build has.
pub(super) struct Order {
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(String, String)>,
}

impl Toolchain {
    /// What is run for `spec`, whose version is known.
    pub(super) fn order(self, spec: &ComponentSpec, version: &str) -> Order {
        let fixed: &[&str] = match self {
            // Paths of the folder it is built in would make each build another one.
            Self::Go => &["go", "build", "-trimpath", "-buildvcs=false"],
            // Wherever the user's other builds go.
            Self::Cargo => &[
                "cargo",
                "build",
                "--release",
                "--locked",
                "--target-dir",
                "target",
            ],
            Self::Make => &["make"],
        };
        let mut command: Vec<_> = fixed.iter().map(|&word| word.to_owned()).collect();
        let mut env = Vec::new();
        if self == Self::Go {
            let mut flags = "-s -w".to_owned();
            if let Some(variable) = &spec.version_variable {
                flags = format!("{flags} -X {}={version}", variable.value);
            }
            command.extend(["-ldflags".to_owned(), flags]);
            command.extend(["-o", "bin/"].map(str::to_owned));
            for (name, value) in [("CGO_ENABLED", "0"), ("GOOS", "linux"), ("GOARCH", "amd64")] {
                env.push((name.to_owned(), value.to_owned()));
            }
        }
        command.extend(spec.arguments.iter().cloned());
        Order { command, env }
    }
}
