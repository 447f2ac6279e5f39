//! What an image runs on.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

/// An operating system and a processor, by the names that Go has for them, such as `linux/arm64`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// Operating system: `linux`.
    pub os: String,
    /// Processor: `amd64`, `arm64`, `arm`, `riscv64`.
    pub architecture: String,
    /// Which kind of it, such as `v7` of `arm`.
    #[serde(default)]
    pub variant: Option<String>,
}

/// A platform's name is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is no platform; write it as os/architecture or os/architecture/variant, such as linux/arm64"
)]
pub struct PlatformError {
    /// What was given.
    pub text: String,
}

impl Platform {
    /// What is taken where several are there and none is asked for.
    #[must_use]
    pub fn linux_amd64() -> Self {
        Self {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            variant: None,
        }
    }

    /// Whether an image for this platform is one for `wanted`. Without a variant, any is.
    pub(super) fn is(&self, wanted: &Self) -> bool {
        let (own, wanted) = (self.canonical(), wanted.canonical());
        own.0 == wanted.0 && (wanted.1.is_none() || own.1 == wanted.1)
    }

    /// Whether it is `wanted` to the letter, the variant that needs no name being the usual one.
    pub(super) fn is_exactly(&self, wanted: &Self) -> bool {
        self.canonical() == wanted.canonical()
    }

    fn canonical(&self) -> ((&str, &str), Option<&str>) {
        let architecture = match self.architecture.as_str() {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            "i386" | "i686" => "386",
            other => other,
        };
        let variant = match (architecture, self.variant.as_deref()) {
            (_, Some("")) | ("amd64", Some("v1")) | ("arm64", Some("v8")) => None,
            (_, variant) => variant,
        };
        ((&self.os, architecture), variant)
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<_> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] if !variant.is_empty() => (os, architecture, Some(variant)),
            _ => ("", "", None),
        };
        if os.is_empty() || architecture.is_empty() {
            let text = text.to_owned();
            return Err(PlatformError { text });
        }
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(ToOwned::to_owned),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) if !variant.is_empty() => write!(f, "/{variant}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_read_and_written() {
        for text in ["linux/amd64", "linux/arm/v7"] {
            assert_eq!(platform(text).to_string(), text);
        }
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/", "a/b/c/d"] {
            let error = text.parse::<Platform>().unwrap_err();
            assert_eq!(error.text, text);
        }
    }

    #[test]
    fn usual_variants_need_no_name() {
        let is = |own: &str, wanted: &str| platform(own).is(&platform(wanted));
        assert!(is("linux/amd64", "linux/amd64/v1") && is("linux/arm64/v8", "linux/aarch64"));
        assert!(is("linux/arm/v7", "linux/arm") && !is("linux/arm", "linux/arm/v7"));
        assert!(!is("windows/amd64", "linux/amd64") && !is("linux/386", "linux/amd64"));
        let exactly = |own: &str, wanted: &str| platform(own).is_exactly(&platform(wanted));
        assert!(
            exactly("linux/arm64/v8", "linux/arm64") && !exactly("linux/amd64/v3", "linux/amd64")
        );
    }
}
