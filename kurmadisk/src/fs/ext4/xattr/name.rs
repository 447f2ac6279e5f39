//! Attributes as ext4 names them: a number in place of the prefix (`attributes.rst`, "Attribute Name Indices").

use std::borrow::Cow;

use super::acl;
use crate::tree::lossy;

const USER: u8 = 1;
const ACL_ACCESS: u8 = 2;
const ACL_DEFAULT: u8 = 3;
const TRUSTED: u8 = 4;
const SECURITY: u8 = 6;
const SYSTEM: u8 = 7;
const RICHACL: u8 = 8;

/// Names that have a number of their own.
const WHOLE: [(&[u8], u8); 3] = [
    (b"system.posix_acl_access", ACL_ACCESS),
    (b"system.posix_acl_default", ACL_DEFAULT),
    (b"system.richacl", RICHACL),
];

const PREFIXES: [(&[u8], u8); 4] = [
    (b"user.", USER),
    (b"trusted.", TRUSTED),
    (b"security.", SECURITY),
    (b"system.", SYSTEM),
];

/// ext4 keeps contents under this name that lie in the inode (`inline_data`).
const INLINE_DATA: &[u8] = b"system.data";

/// Linux gives a name no more bytes, its prefix included.
const LONGEST_NAME: usize = 255;

/// An attribute as ext4 stores it. They are sorted as the entries of a block are: by number, then length of
/// name, then name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attribute<'a> {
    /// The number of the prefix.
    pub index: u8,
    /// The name behind the prefix.
    pub name: &'a [u8],
    /// The name with its prefix.
    pub full_name: &'a [u8],
    pub value: Cow<'a, [u8]>,
}

impl<'a> Attribute<'a> {
    /// The attribute as the kernel gives it. Fails with what is wrong with its name or value.
    pub fn new(full_name: &'a [u8], value: &'a [u8]) -> Result<Self, String> {
        let (index, name) = numbered(full_name).map_err(|fault| fault.said_of(full_name))?;
        let value = match index {
            ACL_ACCESS | ACL_DEFAULT => {
                let list = acl::stored(value).map_err(|fault| fault.said_of(full_name))?;
                Cow::Owned(list)
            }
            _ => Cow::Borrowed(value),
        };
        Ok(Self {
            index,
            name,
            full_name,
            value,
        })
    }

    /// What entries are sorted by.
    pub fn key(&self) -> (u8, usize, &'a [u8]) {
        (self.index, self.name.len(), self.name)
    }

    /// Whether the kernel or a module of it decides by this on access.
    pub fn is_security(&self) -> bool {
        self.index == SECURITY
    }

    /// Whether Linux lets only regular files and directories have it.
    pub fn is_user(&self) -> bool {
        self.index == USER
    }

    pub fn is_acl(&self) -> bool {
        matches!(self.index, ACL_ACCESS | ACL_DEFAULT)
    }

    /// Whether only directories can have it.
    pub fn is_default_acl(&self) -> bool {
        self.index == ACL_DEFAULT
    }
}

/// Whether an entry holds what of a content lies in the inode.
#[cfg(feature = "inspect")]
pub fn is_inline_data(index: u8, name: &[u8]) -> bool {
    index == SYSTEM && INLINE_DATA.strip_prefix(b"system.") == Some(name)
}

/// The name and value of an entry as the kernel gives them. Fails with what is wrong with either.
#[cfg(feature = "inspect")]
pub fn given<'a>(
    index: u8,
    name: &[u8],
    value: &'a [u8],
) -> Result<(Vec<u8>, Cow<'a, [u8]>), String> {
    let known = WHOLE.iter().chain(&PREFIXES);
    let prefix = known
        .clone()
        .find(|(_, known)| *known == index)
        .map(|(prefix, _)| *prefix);
    let Some(prefix) = prefix else {
        return Err(format!(
            "has a prefix of number {index}, which Linux gives no name; take it away"
        ));
    };
    let full = [prefix, name].concat();
    let fault = |Fault(reason)| reason;
    if numbered(&full).map_err(fault)? != (index, name) {
        return Err("has a name that is not one of its prefix; take it away".to_owned());
    }
    let value = match index {
        ACL_ACCESS | ACL_DEFAULT => Cow::Owned(acl::given(value).map_err(fault)?),
        _ => Cow::Borrowed(value),
    };
    Ok((full, value))
}

/// What is wrong with an attribute, and what to do.
pub struct Fault(pub String);

impl Fault {
    fn said_of(self, name: &[u8]) -> String {
        format!("the extended attribute {:?} {}", lossy(name), self.0)
    }
}

/// The number of a name's prefix and what is behind it.
fn numbered(full: &[u8]) -> Result<(u8, &[u8]), Fault> {
    let fault = |text: &str| Err(Fault(text.to_owned()));
    if full.contains(&0) {
        return fault("has a NUL in its name; give it another");
    }
    if full.len() > LONGEST_NAME {
        let len = full.len();
        return Err(Fault(format!(
            "has a name of {len} bytes; Linux has room for {LONGEST_NAME}"
        )));
    }
    if full == INLINE_DATA {
        return fault("is what ext4 keeps contents under; leave it out");
    }
    if let Some((name, index)) = WHOLE.iter().find(|(name, _)| *name == full) {
        return Ok((*index, &full[name.len()..]));
    }
    let found = PREFIXES
        .iter()
        .find_map(|(prefix, index)| Some((*index, full.strip_prefix(*prefix)?)));
    match found {
        Some((_, [])) => fault("has no name behind its prefix; give it one"),
        Some(found) => Ok(found),
        None => fault(
            "has a prefix that ext4 has no number for; it must be user., trusted., security. or system.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_become_numbers() {
        let cases: [(&str, u8, &str); 8] = [
            ("user.a", 1, "a"),
            ("user.user.a", 1, "user.a"),
            ("trusted.overlay.opaque", 4, "overlay.opaque"),
            ("security.capability", 6, "capability"),
            ("system.nfs4_acl", 7, "nfs4_acl"),
            ("system.richacl", 8, ""),
            // Only the whole name is the list's.
            ("system.posix_acl_accessory", 7, "posix_acl_accessory"),
            ("system.dat", 7, "dat"),
        ];
        for (full, index, name) in cases {
            let found = Attribute::new(full.as_bytes(), b"value").unwrap();
            assert_eq!(
                (found.index, found.name),
                (index, name.as_bytes()),
                "{full}"
            );
            assert_eq!(&*found.value, b"value");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("user.{}", "n".repeat(251));
        let cases = [
            ("selinux", "has a prefix that ext4 has no number for"),
            ("User.a", "has a prefix that ext4 has no number for"),
            ("", "has a prefix that ext4 has no number for"),
            ("user.", "has no name behind its prefix"),
            ("user.a\0b", "has a NUL in its name"),
            ("system.data", "is what ext4 keeps contents under"),
            (&long, "has a name of 256 bytes; Linux has room for 255"),
        ];
        for (name, expected) in cases {
            let message = Attribute::new(name.as_bytes(), b"").unwrap_err();
            let begin = format!("the extended attribute {name:?} ");
            assert!(message.starts_with(&begin), "{message}");
            assert!(message[begin.len()..].starts_with(expected), "{message}");
        }
        assert!(Attribute::new(&long.as_bytes()[..255], b"").is_ok());
    }

    #[cfg(feature = "inspect")]
    #[test]
    fn numbers_become_prefixes() {
        let names = [
            "user.a",
            "trusted.b",
            "security.c",
            "system.d",
            "system.richacl",
        ];
        for full in names {
            let attribute = Attribute::new(full.as_bytes(), b"value").unwrap();
            let found = given(attribute.index, attribute.name, b"value").unwrap();
            assert_eq!(
                found,
                (full.as_bytes().to_vec(), Cow::Borrowed(&b"value"[..]))
            );
        }
        assert!(is_inline_data(7, b"data") && !is_inline_data(1, b"data"));
        let cases = [
            (5, "lustre", "has a prefix of number 5"),
            (9, "c", "has a prefix of number 9"),
            (8, "more", "has a name that is not one of its prefix"),
            (2, "more", "has a name that is not one of its prefix"),
            (7, "richacl", "has a name that is not one of its prefix"),
            (1, "", "has no name behind its prefix"),
            (7, "data", "is what ext4 keeps contents under"),
        ];
        for (index, name, expected) in cases {
            let reason = given(index, name.as_bytes(), b"").unwrap_err();
            assert!(reason.starts_with(expected), "{reason}");
        }
    }
}
