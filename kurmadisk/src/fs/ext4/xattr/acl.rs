//! POSIX access control lists: what `getxattr` gives (`posix_acl_xattr.h`: version 2, eight bytes an entry), and
//! what ext4 stores (`fs/ext4/acl.h`: version 1, no id where none is meant).

use byteorder::{ByteOrder, LittleEndian};

use super::name::Fault;

const GIVEN_VERSION: u32 = 2;
const STORED_VERSION: u32 = 1;
const GIVEN_ENTRY: usize = 8;
/// The id of an entry that is about no one user or group (`ACL_UNDEFINED_ID`).
#[cfg(feature = "inspect")]
const NO_ID: [u8; 4] = [0xff; 4];

/// Whom an entry is about (`e_tag`).
mod tag {
    pub const OWNER: u16 = 0x1;
    pub const USER: u16 = 0x2;
    pub const OWNING_GROUP: u16 = 0x4;
    pub const GROUP: u16 = 0x8;
    pub const MASK: u16 = 0x10;
    pub const OTHERS: u16 = 0x20;
}

/// The list as ext4 stores it. Fails where the kernel would: its entries must be of known kinds and in order.
pub fn stored(given: &[u8]) -> Result<Vec<u8>, Fault> {
    let Some((head, list)) = given.split_at_checked(4) else {
        return malformed("it is shorter than its version");
    };
    let version = LittleEndian::read_u32(head);
    if version != GIVEN_VERSION {
        return malformed(&format!("its version is {version}, not {GIVEN_VERSION}"));
    }
    let (entries, []) = list.as_chunks::<GIVEN_ENTRY>() else {
        let len = given.len();
        return malformed(&format!("{len} bytes are not 4, and 8 for each entry"));
    };
    let mut bytes = STORED_VERSION.to_le_bytes().to_vec();
    let mut order = Order::default();
    for entry in entries {
        let (tag, permissions) = (
            LittleEndian::read_u16(&entry[..2]),
            LittleEndian::read_u16(&entry[2..4]),
        );
        if permissions > 7 {
            return malformed(&format!("{permissions:#o} are no permissions"));
        }
        order.next(tag)?;
        bytes.extend_from_slice(&entry[..4]);
        if matches!(tag, tag::USER | tag::GROUP) {
            bytes.extend_from_slice(&entry[4..]);
        }
    }
    order.end()?;
    Ok(bytes)
}

/// The list that ext4 stores, as the kernel gives it. Fails where [`stored`] could not have made it.
#[cfg(feature = "inspect")]
pub fn given(stored: &[u8]) -> Result<Vec<u8>, Fault> {
    let Some((head, mut list)) = stored.split_at_checked(4) else {
        return malformed("it is shorter than its version");
    };
    let version = LittleEndian::read_u32(head);
    if version != STORED_VERSION {
        return malformed(&format!("its version is {version}, not {STORED_VERSION}"));
    }
    let mut bytes = GIVEN_VERSION.to_le_bytes().to_vec();
    let mut order = Order::default();
    while !list.is_empty() {
        let Some((entry, rest)) = list.split_at_checked(4) else {
            return malformed("an entry is too short");
        };
        let (tag, permissions) = (
            LittleEndian::read_u16(&entry[..2]),
            LittleEndian::read_u16(&entry[2..]),
        );
        if permissions > 7 {
            return malformed(&format!("{permissions:#o} are no permissions"));
        }
        order.next(tag)?;
        bytes.extend_from_slice(entry);
        list = rest;
        if matches!(tag, tag::USER | tag::GROUP) {
            let Some((id, rest)) = list.split_at_checked(4) else {
                return malformed("an entry is too short");
            };
            bytes.extend_from_slice(id);
            list = rest;
        } else {
            bytes.extend_from_slice(&NO_ID);
        }
    }
    order.end()?;
    Ok(bytes)
}

/// What was there of a list so far: owner, users, owning group, groups, mask, others.
#[derive(Default)]
struct Order {
    last: u16,
    named: bool,
    masked: bool,
}

impl Order {
    fn next(&mut self, tag: u16) -> Result<(), Fault> {
        let may_follow: &[u16] = match tag {
            tag::OWNER => &[0],
            tag::USER | tag::OWNING_GROUP => &[tag::OWNER, tag::USER],
            tag::GROUP | tag::MASK => &[tag::OWNING_GROUP, tag::GROUP],
            tag::OTHERS => &[tag::OWNING_GROUP, tag::GROUP, tag::MASK],
            _ => return malformed(&format!("no entry has the tag {tag:#x}")),
        };
        if !may_follow.contains(&self.last) {
            return malformed(
                "its entries must be those of the owner, users, the owning group, groups, the mask, others",
            );
        }
        self.named |= matches!(tag, tag::USER | tag::GROUP);
        self.masked |= tag == tag::MASK;
        self.last = tag;
        Ok(())
    }

    fn end(&self) -> Result<(), Fault> {
        if self.last != tag::OTHERS {
            return malformed("it has no entry for others at its end");
        }
        if self.named && !self.masked {
            return malformed("it has users or groups and no mask");
        }
        Ok(())
    }
}

fn malformed<T>(what: &str) -> Result<T, Fault> {
    Err(Fault(format!(
        "is no access control list as Linux gives it: {what}; leave it out, or set it again"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0];
        for (tag, permissions, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    const NONE: u32 = u32::MAX;

    #[test]
    fn only_users_and_groups_keep_an_id() {
        let list = given(&[
            (1, 7, NONE),
            (2, 5, 1000),
            (2, 6, 0x1_0000),
            (4, 4, NONE),
            (8, 3, 77),
            (0x10, 7, NONE),
            (0x20, 0, NONE),
        ]);
        let expected = [
            1, 0, 0, 0, // version
            1, 0, 7, 0, // owner
            2, 0, 5, 0, 0xe8, 3, 0, 0, // users
            2, 0, 6, 0, 0, 0, 1, 0, //
            4, 0, 4, 0, // owning group
            8, 0, 3, 0, 77, 0, 0, 0, // group
            0x10, 0, 7, 0, 0x20, 0, 0, 0, // mask, others
        ];
        assert_eq!(stored(&list).ok().unwrap(), expected);
        #[cfg(feature = "inspect")]
        {
            assert_eq!(super::given(&expected).ok().unwrap(), list);
            for len in 0..expected.len() {
                assert!(super::given(&expected[..len]).is_err());
            }
            assert!(super::given(&list).is_err());
        }
        let short = given(&[(1, 7, NONE), (4, 4, NONE), (0x20, 0, NONE)]);
        assert_eq!(stored(&short).ok().unwrap().len(), 16);
        let masked = given(&[(1, 7, 0), (4, 4, 0), (0x10, 4, 0), (0x20, 0, 0)]);
        assert_eq!(stored(&masked).ok().unwrap().len(), 20);
    }

    #[test]
    fn what_the_kernel_would_not_take_is_refused() {
        let (owner, group, mask, others) = ((1, 7, 0), (4, 4, 0), (0x10, 7, 0), (0x20, 0, 0));
        let (user, named) = ((2, 5, 1000), (8, 5, 1000));
        let wrong_order = [
            vec![group, others],
            vec![owner, owner, group, others],
            vec![owner, group, user, mask, others],
            vec![owner, named, group, mask, others],
            vec![owner, group, others, mask],
            vec![owner, group, mask, mask, others],
            vec![owner, mask, others],
        ];
        for list in wrong_order {
            let fault = stored(&given(&list)).unwrap_err();
            assert!(fault.0.contains("must be those of"), "{}", fault.0);
        }
        let cases = [
            (vec![], "it is shorter than its version"),
            (vec![2, 0, 0], "it is shorter than its version"),
            (vec![1, 0, 0, 0], "its version is 1, not 2"),
            (given(&[]), "it has no entry for others"),
            (given(&[owner, group]), "it has no entry for others"),
            (given(&[owner, user, group, others]), "no mask"),
            (given(&[owner, group, named, others]), "no mask"),
            (given(&[owner, (0x40, 1, 0)]), "no entry has the tag 0x40"),
            (given(&[(0, 1, 0)]), "no entry has the tag 0x0"),
            (given(&[(1, 8, 0)]), "0o10 are no permissions"),
            (vec![2, 0, 0, 0, 1], "5 bytes are not 4, and 8"),
        ];
        for (list, expected) in cases {
            let fault = stored(&list).unwrap_err();
            assert!(fault.0.contains(expected), "{}", fault.0);
        }
    }
}
