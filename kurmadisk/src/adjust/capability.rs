//! File capabilities: from their text (`cap_from_text(3)`) to the value of `security.capability`
//! (`linux/capability.h`, `vfs_cap_data`, `vfs_ns_cap_data`).

use std::str::FromStr;

use byteorder::{ByteOrder, LittleEndian};
use thiserror::Error;

/// The extended attribute that has them.
pub const XATTR: &[u8] = b"security.capability";

/// Names by number, from 0 on, without their `cap_`.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// All that Linux 5.9 and later have.
const ALL: u64 = (1 << NAMES.len()) - 1;

const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const EFFECTIVE: u32 = 1;
const LEN_2: usize = 20;
const LEN_3: usize = 24;

/// The capabilities that a program has when it is run; bit *n* of a set is capability *n*.
///
/// Read from a text such as `cap_net_raw+ep`: clauses with blanks between them, each a list of names (or numbers, or
/// `all`, or nothing before `=`, which is the same), and `=`, `+` or `-` with some of `e`, `i` and `p`, in turn. `all`
/// are the 41 that Linux has since 5.9. As `getcap -n` shows it, `[rootid=1000]` may follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What the program gets.
    pub permitted: u64,
    /// What it keeps if its caller has it inheritable.
    pub inheritable: u64,
    /// Whether it has them from its start, without asking for them.
    pub effective: bool,
    /// The user that is root of the user namespace in which they count; everywhere without one.
    pub rootid: Option<u32>,
}

/// A text is no capabilities.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CapabilityError {
    /// A name that Linux has no capability of.
    #[error("{name:?} is no capability; write one such as cap_net_raw, or all")]
    Name {
        /// The name.
        name: String,
    },
    /// A clause is malformed.
    #[error(
        "{clause:?} is no clause of capabilities; write names, then =, + or - and some of e, i and p, as in \"cap_net_raw+ep\""
    )]
    Clause {
        /// The clause.
        clause: String,
    },
    /// A file can't say which of its capabilities are effective.
    #[error(
        "the capabilities that are effective (e) must be all that are permitted or inheritable (p, i), or none: a file has one bit for all"
    )]
    Effective,
    /// The root's number is none.
    #[error("{text:?} is no user such as [rootid=1000]")]
    RootId {
        /// The text.
        text: String,
    },
}

/// The three sets that a text changes clause by clause.
#[derive(Default)]
struct Sets {
    effective: u64,
    inheritable: u64,
    permitted: u64,
}

impl FromStr for Capabilities {
    type Err = CapabilityError;

    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        let mut sets = Sets::default();
        let mut rootid = None;
        for clause in text.split_ascii_whitespace() {
            if rootid.is_some() {
                let clause = clause.to_owned();
                return Err(CapabilityError::Clause { clause });
            }
            match clause.strip_prefix("[rootid=") {
                Some(number) => rootid = Some(parse_rootid(number, clause)?),
                None => sets.change(clause)?,
            }
        }
        let Sets {
            effective,
            inheritable,
            permitted,
        } = sets;
        if effective != 0 && effective != permitted | inheritable {
            return Err(CapabilityError::Effective);
        }
        Ok(Self {
            permitted,
            inheritable,
            effective: effective != 0,
            rootid,
        })
    }
}

fn parse_rootid(number: &str, clause: &str) -> Result<u32, CapabilityError> {
    let number = number.strip_suffix(']').and_then(|text| text.parse().ok());
    let number = number.filter(|number| *number != u32::MAX);
    number.ok_or_else(|| CapabilityError::RootId {
        text: clause.to_owned(),
    })
}

impl Sets {
    fn change(&mut self, clause: &str) -> Result<(), CapabilityError> {
        let malformed = || CapabilityError::Clause {
            clause: clause.to_owned(),
        };
        let operator = clause.find(['=', '+', '-']).ok_or_else(malformed)?;
        let (names, mut actions) = clause.split_at(operator);
        let named = match names {
            // Only `=` may stand alone.
            "" if !actions.starts_with('=') => return Err(malformed()),
            "" => ALL,
            names => names
                .split(',')
                .try_fold(0, |set, name| Ok(set | capability(name)?))?,
        };
        while let Some(operator) = actions.chars().next() {
            let rest = &actions[1..];
            let end = rest.find(['=', '+', '-']).unwrap_or(rest.len());
            let (letters, next) = rest.split_at(end);
            if letters.is_empty() && operator != '=' {
                return Err(malformed());
            }
            if operator == '=' {
                for set in [
                    &mut self.effective,
                    &mut self.inheritable,
                    &mut self.permitted,
                ] {
                    *set &= !named;
                }
            }
            for letter in letters.chars() {
                let set = match letter {
                    'e' => &mut self.effective,
                    'i' => &mut self.inheritable,
                    'p' => &mut self.permitted,
                    _ => return Err(malformed()),
                };
                match operator {
                    '-' => *set &= !named,
                    _ => *set |= named,
                }
            }
            actions = next;
        }
        Ok(())
    }
}

fn capability(name: &str) -> Result<u64, CapabilityError> {
    if name.eq_ignore_ascii_case("all") {
        return Ok(ALL);
    }
    let lower = name.to_ascii_lowercase();
    let number = match lower.strip_prefix("cap_") {
        Some(short) => NAMES.iter().position(|known| *known == short),
        None => name.parse().ok().filter(|number| *number < 64),
    };
    let number = number.ok_or_else(|| CapabilityError::Name {
        name: name.to_owned(),
    })?;
    Ok(1_u64 << number)
}

impl Capabilities {
    /// The value of [`XATTR`]: of revision 3 with a `rootid`, of revision 2 without.
    #[must_use]
    pub fn to_xattr(&self) -> Vec<u8> {
        let revision = self.rootid.map_or(REVISION_2, |_| REVISION_3);
        let halves = |set: u64| [(set & 0xffff_ffff) as u32, (set >> 32) as u32];
        let [permitted, permitted_high] = halves(self.permitted);
        let [inheritable, inheritable_high] = halves(self.inheritable);
        let words = [
            revision | if self.effective { EFFECTIVE } else { 0 },
            permitted,
            inheritable,
            permitted_high,
            inheritable_high,
        ];
        let words = words.into_iter().chain(self.rootid);
        words.flat_map(u32::to_le_bytes).collect()
    }

    /// Reads a value of [`XATTR`] of revision 2 or 3; of nothing else.
    #[must_use]
    pub fn from_xattr(value: &[u8]) -> Option<Self> {
        let mut words = [0; LEN_3 / 4];
        let given = words.get_mut(..value.len() / 4)?;
        LittleEndian::read_u32_into(value.get(..given.len() * 4)?, given);
        let [
            magic,
            permitted,
            inheritable,
            permitted_high,
            inheritable_high,
            root,
        ] = words;
        let rootid = match (magic & !EFFECTIVE, value.len()) {
            (REVISION_2, LEN_2) => None,
            (REVISION_3, LEN_3) => Some(root),
            _ => return None,
        };
        let joined = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        Some(Self {
            permitted: joined(permitted, permitted_high),
            inheritable: joined(inheritable, inheritable_high),
            effective: magic & EFFECTIVE != 0,
            rootid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Capabilities, CapabilityError> {
        text.parse()
    }

    #[test]
    fn texts_are_sets() {
        let raw = Capabilities {
            permitted: 1 << 13,
            inheritable: 0,
            effective: true,
            rootid: None,
        };
        for text in [
            "cap_net_raw+ep",
            "cap_net_raw=ep",
            "CAP_NET_RAW=pe",
            "13=pe",
            "all=ep all-ep cap_net_raw+p cap_net_raw+e",
            "=ep = cap_net_raw+i-i+pe",
        ] {
            assert_eq!(parse(text), Ok(raw), "{text}");
        }
        let all_but = parse("=eip cap_chown-eip").unwrap();
        assert_eq!(all_but.permitted, 0x1ff_ffff_fffe);
        assert_eq!(parse(""), Ok(Capabilities::default()));
    }

    #[test]
    fn values_are_as_the_kernel_has_them() {
        let two = parse("cap_bpf,cap_chown=eip").unwrap();
        let mut expected = vec![
            1, 0, 0, 2, 1, 0, 0, 0, 1, 0, 0, 0, 0x80, 0, 0, 0, 0x80, 0, 0, 0,
        ];
        assert_eq!(two.to_xattr(), expected);
        let three = parse("cap_bpf,cap_chown=eip [rootid=1000]").unwrap();
        expected[3] = 3;
        expected.extend([0xe8, 3, 0, 0]);
        assert_eq!(three.to_xattr(), expected);
        for sets in [two, three] {
            assert_eq!(Capabilities::from_xattr(&sets.to_xattr()), Some(sets));
        }
        for value in [&expected[..20], &expected[..23], &[], &[0; 20], &[0; 28]] {
            assert_eq!(Capabilities::from_xattr(value), None);
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for text in [
            "cap_net_raw",
            "+ep",
            "-p",
            "cap_net_raw+",
            "cap_net_raw+x",
            "[rootid=1] =p",
        ] {
            let clause = text.split(' ').next_back().unwrap().to_owned();
            assert_eq!(parse(text), Err(CapabilityError::Clause { clause }));
        }
        for name in ["cap_nett_raw", "net_raw", "", "cap_", "64"] {
            let text = format!("cap_chown,{name}+p");
            let name = name.to_owned();
            assert_eq!(parse(&text), Err(CapabilityError::Name { name }));
        }
        for text in [
            "cap_chown,cap_kill=p cap_kill+e",
            "cap_chown=e",
            "=p cap_kill=ep",
        ] {
            assert_eq!(parse(text), Err(CapabilityError::Effective), "{text}");
        }
        for text in [
            "[rootid=]",
            "[rootid=1",
            "[rootid=-1]",
            "[rootid=4294967295]",
        ] {
            let wrong = CapabilityError::RootId { text: text.into() };
            assert_eq!(parse(text), Err(wrong));
        }
    }
}
