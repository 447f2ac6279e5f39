//! Extended attributes of a node.

use std::fmt;
use std::sync::Arc;

/// A name, such as `security.capability`, and its value.
type Xattr = (Box<[u8]>, Box<[u8]>);

/// Extended attributes, ascending by name bytes; a name occurs once.
///
/// Names have their prefix (`user.`, `trusted.`, `security.`, `system.`). Values are as Linux's
/// `getxattr` gives them; so `system.posix_acl_access` and `system.posix_acl_default` are in the
/// kernel's exchange format, not in that of any filesystem. Copies share their storage.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Xattrs(Option<Arc<Vec<Xattr>>>);

impl Xattrs {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Names and values, ascending by name bytes.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.all().iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let at = self.find(name).ok()?;
        self.all().get(at).map(|(_, value)| &**value)
    }

    /// Gives `name` a value, in place of the one it has.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        let found = self.find(name);
        let all = Arc::make_mut(self.0.get_or_insert_default());
        match found {
            Ok(at) => all[at].1 = value.into(),
            Err(at) => all.insert(at, (name.into(), value.into())),
        }
    }

    /// Takes `name` away, if it is there.
    pub fn remove(&mut self, name: &[u8]) {
        let Ok(at) = self.find(name) else { return };
        if let Some(all) = &mut self.0 {
            Arc::make_mut(all).remove(at);
            if all.is_empty() {
                self.0 = None;
            }
        }
    }

    fn all(&self) -> &[Xattr] {
        self.0.as_ref().map_or(&[], |all| all.as_slice())
    }

    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.all()
            .binary_search_by(|(other, _)| (**other).cmp(name))
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Xattrs {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut xattrs = Self::new();
        for (name, value) in pairs {
            xattrs.set(name.as_ref(), value.as_ref());
        }
        xattrs
    }
}

impl fmt::Debug for Xattrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| {
            (
                name.escape_ascii().to_string(),
                value.escape_ascii().to_string(),
            )
        });
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ascend_and_occur_once() {
        let mut xattrs: Xattrs = [("user.b", "1"), ("user.a", "2"), ("user.b", "3")]
            .into_iter()
            .collect();
        let all: Vec<_> = xattrs.iter().collect();
        assert_eq!(all, [(&b"user.a"[..], &b"2"[..]), (b"user.b", b"3")]);
        let copy = xattrs.clone();
        xattrs.remove(b"user.a");
        xattrs.remove(b"user.c");
        assert_eq!(xattrs.get(b"user.a"), None);
        assert_eq!(copy.get(b"user.a"), Some(&b"2"[..]));
        xattrs.remove(b"user.b");
        assert!(xattrs.is_empty() && xattrs == Xattrs::new());
    }
}
