//! POSIX access control lists: from the text that archives have (`acl(5)`, "ACL Text Forms", with star's number
//! as a fourth field) to what the kernel exchanges (`linux/posix_acl_xattr.h`).

use super::error::TarFault;
use super::pax::{decimal, lossy};

/// `ACL_UNDEFINED_ID`.
const NOBODY: u32 = u32::MAX;
/// `POSIX_ACL_XATTR_VERSION`.
const VERSION: u32 = 2;

/// Whom an entry is for; numbers as the kernel has them, in the order in which it wants entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tag {
    UserObj = 0x01,
    User = 0x02,
    GroupObj = 0x04,
    Group = 0x08,
    Mask = 0x10,
    Other = 0x20,
}

impl Tag {
    fn code(self) -> u16 {
        self as u16
    }
}

/// An access control list, ascending by tag and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Acl {
    entries: Vec<(Tag, u32, u8)>,
}

impl Acl {
    /// Reads a list in text form; none of an empty text.
    pub(super) fn parse(text: &[u8]) -> Result<Option<Self>, TarFault> {
        let mut entries = Vec::new();
        for line in text.split(|byte| matches!(byte, b'\n' | b',')) {
            // A comment may follow: what the entry effectively grants.
            let entry = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            let entry = entry.trim_ascii();
            if !entry.is_empty() {
                entries.push(parse_entry(entry)?);
            }
        }
        entries.sort_unstable();
        let twice = entries
            .windows(2)
            .find(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1));
        if let Some([(tag, id, _), ..]) = twice {
            let entry = format!("{tag:?} {id}");
            return Err(TarFault::Acl { entry });
        }
        let acl = Self { entries };
        if acl.entries.is_empty() {
            return Ok(None);
        }
        let named = [Tag::User, Tag::Group].iter().any(|tag| acl.has(*tag));
        let needed = [
            (Tag::UserObj, "the owner (user::)"),
            (Tag::GroupObj, "the group (group::)"),
            (Tag::Other, "all others (other::)"),
            (Tag::Mask, "the mask (mask::)"),
        ];
        for (tag, who) in needed {
            if !acl.has(tag) && (tag != Tag::Mask || named) {
                return Err(TarFault::AclIncomplete { who });
            }
        }
        Ok(Some(acl))
    }

    fn has(&self, tag: Tag) -> bool {
        self.entries.iter().any(|entry| entry.0 == tag)
    }

    fn permissions(&self, tag: Tag) -> Option<u16> {
        let entry = self.entries.iter().find(|entry| entry.0 == tag);
        entry.map(|entry| u16::from(entry.2))
    }

    /// As the kernel exchanges it, unless the permission bits say all of it: then the kernel keeps none.
    pub(super) fn extended(&self) -> Option<Vec<u8>> {
        (self.entries.len() > 3).then(|| self.encoded())
    }

    /// As the kernel exchanges it.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (tag, id, permissions) in &self.entries {
            bytes.extend_from_slice(&tag.code().to_le_bytes());
            bytes.extend_from_slice(&u16::from(*permissions).to_le_bytes());
            bytes.extend_from_slice(&id.to_le_bytes());
        }
        bytes
    }

    /// `mode` with the permission bits that a file with this list has.
    pub(super) fn applied_to(&self, mode: u16) -> u16 {
        let group = self
            .permissions(Tag::Mask)
            .or_else(|| self.permissions(Tag::GroupObj));
        let bits = |permissions: Option<u16>, shift: u16| permissions.unwrap_or(0) << shift;
        mode & 0o7000
            | bits(self.permissions(Tag::UserObj), 6)
            | bits(group, 3)
            | bits(self.permissions(Tag::Other), 0)
    }
}

fn parse_entry(entry: &[u8]) -> Result<(Tag, u32, u8), TarFault> {
    let malformed = || TarFault::Acl {
        entry: lossy(entry),
    };
    let mut fields = entry.split(|byte| *byte == b':').map(<[u8]>::trim_ascii);
    let mut kind = fields.next().unwrap_or_default();
    if matches!(kind, b"default" | b"d") {
        kind = fields.next().unwrap_or_default();
    }
    let mut rest = fields.collect::<Vec<_>>();
    // `other` and `mask` have no name, and some writers leave its colon out.
    if rest.len() == 1 && matches!(kind, b"other" | b"o" | b"mask" | b"m") {
        rest.insert(0, b"");
    }
    let (name, permissions, number) = match rest[..] {
        [name, permissions] => (name, permissions, None),
        [name, permissions, number] => (name, permissions, Some(number)),
        _ => return Err(malformed()),
    };
    let tag = match (kind, name.is_empty()) {
        (b"user" | b"u", true) => Tag::UserObj,
        (b"user" | b"u", false) => Tag::User,
        (b"group" | b"g", true) => Tag::GroupObj,
        (b"group" | b"g", false) => Tag::Group,
        (b"mask" | b"m", true) => Tag::Mask,
        (b"other" | b"o", true) => Tag::Other,
        _ => return Err(malformed()),
    };
    let id = match tag {
        Tag::User | Tag::Group => {
            let id = number
                .filter(|number| !number.is_empty())
                .map_or_else(|| decimal(name), decimal)
                .ok_or_else(|| TarFault::AclName {
                    entry: lossy(entry),
                })?;
            let id = u32::try_from(id).ok();
            id.filter(|id| *id != NOBODY).ok_or_else(malformed)?
        }
        _ => NOBODY,
    };
    let permissions = parse_permissions(permissions).ok_or_else(malformed)?;
    Ok((tag, id, permissions))
}

/// `rwx` with `-` for what is missing, or one octal digit.
fn parse_permissions(text: &[u8]) -> Option<u8> {
    match text {
        [digit @ b'0'..=b'7'] => Some(digit - b'0'),
        _ => text.iter().try_fold(0, |bits, letter| match letter {
            b'r' => Some(bits | 4),
            b'w' => Some(bits | 2),
            b'x' => Some(bits | 1),
            b'-' => Some(bits),
            _ => None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &[u8] = b"user::rw-\ngroup::r--\nother::---\n";

    #[test]
    fn lists_of_every_writer() {
        let gnu = b"user::rw-\nuser:1000:rwx\ngroup::r--\ngroup:7:--x\nmask::rwx\nother::---\n";
        let star = b"user::rw-,other::---,user:me:rwx:1000,group::r--,mask::rwx,group:us:--x:7";
        let acl = Acl::parse(gnu).unwrap().unwrap();
        assert_eq!(Acl::parse(star).unwrap().unwrap(), acl);
        let mut expected = vec![2, 0, 0, 0];
        for entry in [
            [1, 0, 6, 0, 255, 255, 255, 255],
            [2, 0, 7, 0, 0xe8, 3, 0, 0],
            [4, 0, 4, 0, 255, 255, 255, 255],
            [8, 0, 1, 0, 7, 0, 0, 0],
            [16, 0, 7, 0, 255, 255, 255, 255],
            [32, 0, 0, 0, 255, 255, 255, 255],
        ] {
            expected.extend(entry);
        }
        assert_eq!(acl.extended(), Some(expected));
        assert_eq!(acl.applied_to(0o4000), 0o4670);
        let short = Acl::parse(SHORT).unwrap().unwrap();
        assert_eq!((short.extended(), short.applied_to(0o777)), (None, 0o640));
        assert_eq!(Acl::parse(b"").unwrap(), None);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let with = |more: &[u8]| Acl::parse(&[SHORT, more].concat());
        assert!(matches!(
            with(b"user:me:rwx\nmask::rwx"),
            Err(TarFault::AclName { .. })
        ));
        for more in [
            &b"user::rwx"[..],
            b"user:1:rwx\nuser:1:r--\nmask::rwx",
            b"mask:1:rwx",
            b"friend::rwx",
            b"user:1:rwz\nmask::rwx",
            b"user:1",
            b"user:4294967295:rwx\nmask::rwx",
            b"user:1:rwx:1:1\nmask::rwx",
        ] {
            assert!(
                matches!(with(more), Err(TarFault::Acl { .. })),
                "{}",
                more.escape_ascii()
            );
        }
        assert!(matches!(
            with(b"user:1:rwx"),
            Err(TarFault::AclIncomplete { .. })
        ));
        let acl = Acl::parse(b"user::rwx,other::rwx");
        assert!(matches!(acl, Err(TarFault::AclIncomplete { .. })));
    }
}
