//! The stages, in the order in which each stands on the one before.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the kernel's stage exports.
pub const KERNEL_FILES: [&str; 4] = ["bzImage", "System.map", "config", "modules.tar"];

/// A step of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Gentoo, pinned.
    Stage3,
    /// With compilers and all that images are made of.
    Stage4,
    /// The kernel, compiled in `stage4`.
    Kernel,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Stage3, Self::Stage4, Self::Kernel];

    /// Its name on the command line, in descriptions and of its folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stage3 => "stage3",
            Self::Stage4 => "stage4",
            Self::Kernel => "kernel",
        }
    }

    /// The stage it stands on.
    #[must_use]
    pub fn below(self) -> Option<Self> {
        match self {
            Self::Stage3 => None,
            Self::Stage4 => Some(Self::Stage3),
            Self::Kernel => Some(Self::Stage4),
        }
    }

    /// The files that it exports; the other stages are images.
    #[must_use]
    pub fn exports(self) -> &'static [&'static str] {
        match self {
            Self::Stage3 | Self::Stage4 => &[],
            Self::Kernel => &KERNEL_FILES,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|stage| stage.name() == text);
        found.ok_or_else(|| format!("{text:?} is no stage; there are stage3, stage4 and kernel"))
    }
}
