//! The modules of glibc's name services: `libnss_SERVICE.so.2` for each service that `nsswitch.conf` names.

use std::collections::BTreeSet;

/// Which services there are.
pub(in crate::initrd) const NSSWITCH: &[u8] = b"etc/nsswitch.conf";

/// The libraries of the services that a `nsswitch.conf(5)` names, in the order of their names. Where there is none, glibc
/// asks files and the DNS.
pub(in crate::initrd) fn services(text: Option<&[u8]>) -> Vec<Vec<u8>> {
    let text = text.unwrap_or(b"all: files dns");
    let mut names = BTreeSet::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let line = String::from_utf8_lossy(&line[colon + 1..]);
        let mut in_action = false;
        // Actions, such as [NOTFOUND=return], may stand between services, with blanks in them.
        for word in line
            .replace('[', " [")
            .replace(']', "] ")
            .split_whitespace()
        {
            in_action |= word.starts_with('[');
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            if !in_action && word.bytes().all(plain) {
                names.insert(format!("libnss_{word}.so.2").into_bytes());
            }
            in_action &= !word.ends_with(']');
        }
    }
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_told_from_actions() {
        let text = b"# passwd: no\npasswd: files systemd\nhosts: files mymachines[NOTFOUND = return] dns # end\n\nnothing";
        let found = services(Some(text));
        let found: Vec<_> = found
            .iter()
            .map(|name| String::from_utf8_lossy(name))
            .collect();
        assert_eq!(
            found,
            [
                "libnss_dns.so.2",
                "libnss_files.so.2",
                "libnss_mymachines.so.2",
                "libnss_systemd.so.2"
            ]
        );
        assert_eq!(services(None).len(), 2);
    }
}
