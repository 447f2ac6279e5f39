//! Overrides as they are written in TOML.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer};

use super::layer::Layer;
use super::located::Located;
use super::parse::Document;
use super::value::{Mode, by_names, deserialize_by_text};
use crate::adjust::overrides::{
    Changes, Context, Device, FlagNames, Override, OverrideError, OverrideFault, Overrides, Time,
};
use crate::adjust::{Capabilities, Id, Kind, Owner, capability, selinux};

/// An override (`[[override]]`), in a file of them or in a description.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OverrideSpec {
    /// A path from the root, or a pattern of paths.
    pub path: Located<String>,
    /// Owner, as a number.
    pub uid: Option<u32>,
    /// Group, as a number.
    pub gid: Option<u32>,
    /// Owner and group, as numbers or names of the tree's own.
    pub owner: Option<Owner>,
    /// Permission bits.
    pub mode: Option<Mode>,
    /// Time of the last modification.
    pub mtime: Option<Time>,
    /// What it is, or becomes.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// The number of a device.
    pub device: Option<Device>,
    /// What a symbolic link leads to.
    pub target: Option<String>,
    /// Extended attributes by name.
    #[serde(default)]
    pub xattrs: BTreeMap<String, XattrSpec>,
    /// File capabilities.
    pub capability: Option<Capabilities>,
    /// SELinux context.
    pub selinux: Option<Context>,
    /// All flags that it has then.
    pub flags: Option<FlagNames>,
    /// Takes what matches out of the tree.
    #[serde(default)]
    pub remove: bool,
    /// Nothing needs to match.
    #[serde(default)]
    pub optional: bool,
}

/// The value of an extended attribute.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawXattr")]
pub enum XattrSpec {
    /// These bytes: a text; or `0x` and hexadecimal digits, or `0s` and base64, as `setfattr` has them;
    /// `{ text = "…" }` where a text looks like one of those.
    Value(Vec<u8>),
    /// `false`: the attribute is taken away.
    Removed,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a text, \"0x\" with hexadecimal digits, \"0s\" with base64, { text = \"…\" }, or false"
)]
enum RawXattr {
    Flag(bool),
    Text(String),
    Exact(ExactText),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExactText {
    text: String,
}

impl TryFrom<RawXattr> for XattrSpec {
    type Error = String;

    fn try_from(raw: RawXattr) -> Result<Self, String> {
        let text = match raw {
            RawXattr::Flag(false) => return Ok(Self::Removed),
            RawXattr::Flag(true) => {
                return Err("true is no value; write a text, or false to remove it".to_owned());
            }
            RawXattr::Exact(exact) => return Ok(Self::Value(exact.text.into_bytes())),
            RawXattr::Text(text) => text,
        };
        let prefixed = |lower, upper| {
            text.strip_prefix(lower)
                .or_else(|| text.strip_prefix(upper))
                .map(str::as_bytes)
        };
        let decoded = if let Some(digits) = prefixed("0x", "0X") {
            HEXLOWER_PERMISSIVE.decode(digits)
        } else if let Some(letters) = prefixed("0s", "0S") {
            BASE64.decode(letters)
        } else {
            return Ok(Self::Value(text.into_bytes()));
        };
        decoded.map(Self::Value).map_err(|error| {
            format!("{text:?} can't be decoded ({error}); a text that begins so is {{ text = {text:?} }}")
        })
    }
}

impl<'de> Deserialize<'de> for FlagNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_names(deserializer)
    }
}

impl OverrideSpec {
    /// Whether it says what only a filesystem with inodes can keep.
    pub(crate) fn needs_inodes(&self) -> bool {
        let owner = self.uid.is_some() || self.gid.is_some() || self.owner.is_some();
        let labels = self.capability.is_some() || self.selinux.is_some();
        owner || labels || self.flags.is_some() || !self.xattrs.is_empty()
    }

    /// The override that this means.
    pub fn resolve(&self) -> Result<Override, OverrideError> {
        let Located { value: path, place } = &self.path;
        let changes = self.changes().map_err(|fault| OverrideError::At {
            place: place.clone(),
            fault,
        })?;
        let changing = Override::changing(place.clone(), path, self.optional, changes)?;
        if self.remove {
            changing.removing()
        } else {
            Ok(changing)
        }
    }

    fn changes(&self) -> Result<Changes, OverrideFault> {
        let owner = self.owner.as_ref();
        let mut xattrs = BTreeMap::new();
        for (name, value) in &self.xattrs {
            let value = match value {
                XattrSpec::Value(value) => Some(value.clone()),
                XattrSpec::Removed => None,
            };
            xattrs.insert(name.as_bytes().to_vec(), value);
        }
        if let Some(capabilities) = &self.capability {
            let value = Some(capabilities.to_xattr());
            if xattrs.insert(capability::XATTR.to_vec(), value).is_some() {
                return Err(twice("capability", "xattrs.\"security.capability\""));
            }
        }
        if let Some(Context(context)) = &self.selinux {
            let value = Some([context.as_bytes(), b"\0"].concat());
            if xattrs.insert(selinux::XATTR.to_vec(), value).is_some() {
                return Err(twice("selinux", "xattrs.\"security.selinux\""));
            }
        }
        Ok(Changes {
            user: one("uid", self.uid, owner.map(|owner| &owner.user))?,
            group: one("gid", self.gid, owner.map(|owner| &owner.group))?,
            mode: self.mode.map(|mode| mode.0),
            mtime: self.mtime.map(|time| time.0),
            kind: self.kind,
            device: self.device.map(|device| device.0),
            link: self
                .target
                .as_ref()
                .map(|target| target.as_bytes().to_vec()),
            xattrs,
            capable: self.capability.is_some(),
            flags: self.flags.map(|flags| flags.0),
        })
    }
}

fn twice(first: &'static str, second: &'static str) -> OverrideFault {
    OverrideFault::Twice { first, second }
}

/// The one of two that is given.
fn one(
    key: &'static str,
    number: Option<u32>,
    owner: Option<&Id>,
) -> Result<Option<Id>, OverrideFault> {
    match (number, owner) {
        (Some(_), Some(_)) => Err(twice(key, "owner")),
        (Some(u32::MAX), None) => Err(OverrideFault::Value {
            keyword: key.to_owned(),
            value: u32::MAX.to_string(),
            expected: "id: it means \"unchanged\" to Linux",
        }),
        (Some(number), None) => Ok(Some(Id::Number(number))),
        (None, owner) => Ok(owner.cloned()),
    }
}

deserialize_by_text! {
    Kind => "a type of file such as \"char\"",
    Device => "a device such as \"5:1\"",
    Time => "a time in seconds since 1970, such as 1700000000 or \"1700000000.5\"",
    Context => "an SELinux context such as \"system_u:object_r:bin_t:s0\"",
    Capabilities => "capabilities such as \"cap_net_raw+ep\"",
    Owner => "an owner such as \"0:0\"",
}

/// Overrides of the upper layer come behind those of the lower, so that they count.
impl Layer for Vec<OverrideSpec> {
    fn over(self, below: Self) -> Self {
        below.into_iter().chain(self).collect()
    }

    fn locate(&mut self, document: &Document) {
        for spec in self {
            spec.path.locate(document);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "override", default)]
    overrides: Vec<OverrideSpec>,
}

impl Overrides {
    /// Reads a file: TOML if its name ends in `.toml`; a device table if the first name in it begins with `/`, as none
    /// of mtree does; and mtree otherwise.
    pub fn read(path: &Path) -> Result<Self, OverrideError> {
        let read_error = |source| OverrideError::Read {
            path: path.to_path_buf(),
            source,
        };
        let name = path.display().to_string();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let text = std::fs::read_to_string(path).map_err(read_error)?;
            return Self::from_toml(&name, text);
        }
        let text = std::fs::read(path).map_err(read_error)?;
        Self::from_table_or_mtree(&name, &text)
    }

    /// Reads a TOML file of `[[override]]` tables; `name` stands for it in errors.
    pub fn from_toml(name: &str, text: String) -> Result<Self, OverrideError> {
        let parsed: Result<File, _> = toml::from_str(&text);
        let document = Document::new(name, text);
        let mut file = parsed.map_err(|error| OverrideError::At {
            place: document.place(error.span().map_or(0, |span| span.start)),
            fault: OverrideFault::Syntax {
                // The parser breaks lines; an error is one line here.
                reason: error.message().trim().replace('\n', "; "),
            },
        })?;
        file.overrides.locate(&document);
        Self::from_specs(&file.overrides)
    }

    /// Overrides as they stand in a description.
    pub fn from_specs(specs: &[OverrideSpec]) -> Result<Self, OverrideError> {
        specs.iter().map(OverrideSpec::resolve).collect()
    }
}
