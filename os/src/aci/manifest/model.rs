//! A manifest that is what the specification asks for.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// An image's manifest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    /// `ImageManifest`.
    pub ac_kind: String,
    /// The version of the specification it was written for.
    pub ac_version: String,
    /// The image's name, an AC Identifier such as `example.com/reduce-worker`.
    pub name: String,
    /// What is said of the image: `version`, `os`, `arch` and any others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<NameValue>,
    /// What runs in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<App>,
    /// Images that lie below it, the lowest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// The only paths that are there once it is rendered; all if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path_whitelist: Vec<String>,
    /// What else is said of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<NameValue>,
}

/// A name and what it stands for: a label, an annotation, a variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameValue {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// How a process of an image is started.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// The program and its arguments.
    pub exec: Vec<String>,
    /// User: a name, a number, or the path of a file whose owner it is.
    pub user: String,
    /// Group, likewise.
    pub group: String,
    /// Further groups by number.
    #[serde(rename = "supplementaryGIDs", skip_serializing_if = "Vec::is_empty")]
    pub supplementary_gids: Vec<u32>,
    /// What is run before and after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_handlers: Vec<EventHandler>,
    /// Where it is started; `/` without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// Environment variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<NameValue>,
    /// Where it expects something to be mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mount_points: Vec<MountPoint>,
    /// Where it listens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// What it is confined to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub isolators: Vec<Isolator>,
    /// What users say of it, by any keys.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub user_annotations: BTreeMap<String, String>,
    /// What users find it by.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub user_labels: BTreeMap<String, String>,
}

/// What is run when something happens to an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventHandler {
    /// `pre-start` or `post-stop`.
    pub name: String,
    /// The program and its arguments.
    pub exec: Vec<String>,
}

/// A place where something is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MountPoint {
    /// What it is called.
    pub name: String,
    /// Its absolute path in the image.
    pub path: String,
    /// Whether nothing may be written there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// Ports that an app listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// What it is called.
    pub name: String,
    /// `tcp`, `udp` or another one.
    pub protocol: String,
    /// The first port.
    pub port: u16,
    /// How many there are.
    pub count: u16,
    /// Whether the executor listens and hands the sockets over.
    pub socket_activated: bool,
}

/// What an app is confined to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Isolator {
    /// Its name, such as `resource/memory`.
    pub name: String,
    /// Whatever it says.
    pub value: serde_json::Value,
}

/// An image that lies below another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// Its name.
    pub image_name: String,
    /// Its id, if it must be that very image.
    #[serde(rename = "imageID", skip_serializing_if = "Option::is_none")]
    pub image_id: Option<ImageId>,
    /// Labels that it must have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<NameValue>,
    /// The length of its file in bytes, if it must be that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// The SHA-512 of an image's archive, uncompressed: `sha512-` and 128 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ImageId(String);

impl ImageId {
    /// The id of an archive with this digest.
    #[must_use]
    pub fn of_digest(digest: &[u8; 64]) -> Self {
        Self(format!("sha512-{}", data_encoding::HEXLOWER.encode(digest)))
    }

    /// What a manifest says, if it is an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha512-")?;
        let good = digits.len() == 128 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| Self(text.to_ascii_lowercase()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ImageManifest {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        value_of(&self.labels, name)
    }

    /// The value of an annotation.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        value_of(&self.annotations, name)
    }

    /// As it lies in an image: JSON on one line.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Nothing in it has keys that are no texts, which is all that could fail.
        let mut text = serde_json::to_vec(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

fn value_of<'m>(pairs: &'m [NameValue], name: &str) -> Option<&'m str> {
    let found = pairs.iter().find(|pair| pair.name == name);
    found.map(|pair| pair.value.as_str())
}
