//! Texts that nobody wrote: an error or not, but no panic.

use kurmadisk::adjust::overrides::Overrides;
use kurmadisk::adjust::selinux::FileContexts;
use kurmadisk::adjust::{Capabilities, Fakeroot, Filter, IdRange, Names, Owner};
use kurmadisk::tree::{NodeKind, Timestamp};
use proptest::prelude::*;

use super::support::tree;

/// Words and letters of which the formats are made.
fn text(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(words).prop_map(str::to_owned),
        1 => "[ -~]{1,3}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

const MTREE: &[&str] = &[
    "/set ",
    "/unset ",
    "all",
    "\n",
    "\n..\n",
    " ",
    "\\\n",
    "\\",
    "./",
    "usr/",
    "a",
    "*",
    "[",
    "]",
    "?",
    "type=",
    "dir",
    "link",
    "char",
    "file",
    "uid=",
    "gid=",
    "uname=",
    "mode=",
    "time=",
    "-1.5",
    "device=",
    "native,1,2",
    "link=x",
    "flags=",
    "none",
    "schg",
    "xattr.user.a=",
    "AAA=",
    "optional",
    "nochange",
    "#",
    "\\M-",
    "\\0",
    "\\^",
    "=",
    "7",
];

const TABLE: &[&str] = &[
    "/usr",
    "/dev/a ",
    "\n",
    " c ",
    " b ",
    " d ",
    " r ",
    " f ",
    "644 ",
    "0 ",
    "0 ",
    "1 ",
    "- ",
    "4294967295 ",
    "7",
    "|xattr ",
    "cap_chown+p",
    "..",
    "#",
];

const CONTEXTS: &[&str] = &[
    "/",
    "a",
    ".*",
    "(",
    ")",
    "?",
    "[",
    "]",
    "^",
    "|",
    "\\",
    "{",
    "}",
    "2",
    ",",
    "+",
    " -- ",
    " -d ",
    " u:r:t\n",
    " <<none>>\n",
    "#",
    "\t",
    "\\.",
    "[^/]*",
    "[[:alpha:]]",
    "(/.*)?",
    "-",
    "&&",
    "\\<",
    "$",
];

const CAPABILITIES: &[&str] = &[
    "cap_chown",
    "cap_bpf",
    "all",
    "=",
    "+",
    "-",
    "e",
    "i",
    "p",
    ",",
    " ",
    "[rootid=",
    "1000]",
    "41",
];

const NUMBERS: &[&str] = &["0", "1000", "=", ":", "65536", "4294967295", "-", "root"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn mtree(text in text(MTREE)) {
        if let Ok(overrides) = Overrides::from_mtree("spec", text.as_bytes()) {
            let mut tree = tree(&["usr/a", "a*", "b"]);
            let _ = overrides.apply(&mut tree, &Names::default(), Timestamp::default());
        }
    }

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Overrides::from_mtree("spec", &bytes);
        let _ = Overrides::from_device_table("table", &bytes);
        let _ = Fakeroot::parse(&bytes);
        let _ = Names::from_files(&bytes, &bytes);
        let _ = Capabilities::from_xattr(&bytes);
        let _ = Overrides::from_toml("toml", String::from_utf8_lossy(&bytes).into_owned());
    }

    #[test]
    fn device_tables(text in text(TABLE)) {
        if let Ok(overrides) = Overrides::from_device_table("table", text.as_bytes()) {
            let mut tree = tree(&["usr/a", "a*", "b"]);
            let _ = overrides.apply(&mut tree, &Names::default(), Timestamp::default());
        }
    }

    #[test]
    fn file_contexts(text in text(CONTEXTS), path in "[/a.2-]{0,8}") {
        let mut contexts = FileContexts::default();
        if contexts.add("contexts", &text).is_ok() {
            let _ = contexts.lookup(path.as_bytes(), &NodeKind::Fifo);
        }
        let _ = contexts.substitute("subs", &text);
        let _ = contexts.lookup(path.as_bytes(), &NodeKind::Fifo);
    }

    #[test]
    fn capabilities(text in text(CAPABILITIES)) {
        if let Ok(sets) = text.parse::<Capabilities>() {
            prop_assert_eq!(Capabilities::from_xattr(&sets.to_xattr()), Some(sets));
        }
    }

    #[test]
    fn ids_and_patterns(text in text(NUMBERS), pattern in "[/a*?!^{}\\[\\]\\\\,.-]{0,12}") {
        let _ = text.parse::<IdRange>();
        let _ = text.parse::<Owner>();
        if let Ok(filter) = Filter::new(&[pattern], &[]) {
            filter.apply(&mut tree(&["usr/a", "a*", "b"]));
        }
    }
}
