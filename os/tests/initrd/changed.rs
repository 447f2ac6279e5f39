//! Initrds inspected, compared, and appended to.

use std::fs;

use kurmadisk::source::Scratch;
use kurmadisk::spec::Located;
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle;
use kurmadisk_os::initrd::{
    Addition, BuildOptions, DiffOptions, InitrdSpec, append, diff, inspect,
};

use crate::support::Case;

#[test]
fn debians_own_initrd_is_told_as_its_own_tool_tells_it() {
    let initrd = &debian_root().initrd;
    let report = inspect(initrd, &Scratch::Memory).unwrap();
    let mut ours: Vec<_> = report
        .pieces
        .iter()
        .flat_map(|piece| &piece.entries)
        .map(|entry| entry.path[1..].to_owned())
        .collect();
    let theirs = oracle::lsinitramfs(initrd).unwrap().into_iter();
    let mut theirs: Vec<_> = theirs.filter(|path| path != ".").collect();
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    assert!(report.pieces.last().unwrap().compression.is_some());
    assert!(report.pieces.iter().any(|piece| !piece.kernels.is_empty()));
}

#[test]
fn what_is_appended_comes_behind_and_leaves_the_rest() {
    let case = Case::new();
    let base = &debian_root().initrd;
    let release = debian_root()
        .kernel
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .replace("vmlinuz-", "");
    let text = format!(
        "compression = \"xz\"\n[[file]]\npath = \"/etc/added\"\ntext = \"added\"\n[[file]]\npath = \"/usr/lib/modules/{release}/x\"\ntext = \"x\""
    );
    let spec = case.spec(&text);
    let additions = [Addition::Spec(Box::new(spec))];
    let out = case.path("out");
    append(base, &additions, &out, &BuildOptions::default()).unwrap();
    let (before, after) = (fs::read(base).unwrap(), fs::read(&out).unwrap());
    assert!(after.starts_with(&before));
    let report = inspect(&out, &Scratch::Memory).unwrap();
    let last: Vec<_> = report
        .pieces
        .last()
        .unwrap()
        .entries
        .iter()
        .map(|entry| entry.path.clone())
        .collect();
    // The directories on the way are there already.
    assert_eq!(
        last,
        [
            "/etc/added".to_owned(),
            format!("/usr/lib/modules/{release}/x")
        ]
    );
    let found = diff(base, &out, DiffOptions::default(), &Scratch::Memory).unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|found| (found.path.as_str(), found.what))
        .collect();
    let x = format!("/usr/lib/modules/{release}/x");
    assert_eq!(
        told,
        [
            ("/etc/added", "only in the second"),
            (x.as_str(), "only in the second")
        ]
    );

    // An archive is put behind as it is.
    case.build(
        "compression = \"none\"\n[[file]]\npath = \"/b\"\ntext = \"b\"",
        "b",
    );
    let more = [Addition::Archive(Located::by_caller(case.path("b")))];
    append(&out, &more, &case.path("both"), &BuildOptions::default()).unwrap();
    assert!(
        fs::read(case.path("both"))
            .unwrap()
            .ends_with(&fs::read(case.path("b")).unwrap())
    );
    assert_eq!(case.inspect("both").pieces.len(), report.pieces.len() + 1);

    // Nothing goes behind one that has no end.
    case.build(
        "compression = \"lz4\"\n[[file]]\npath = \"/b\"\ntext = \"b\"",
        "lz4",
    );
    let refused = append(
        &case.path("lz4"),
        &more,
        &case.path("none"),
        &BuildOptions::default(),
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("nothing can follow an archive in lz4")
    );
    assert!(!case.path("none").exists());
    let microcode = InitrdSpec {
        microcode: vec![Located::by_caller(case.write("ucode", b"DMA\0amd"))],
        ..InitrdSpec::default()
    };
    let refused = append(
        &case.path("b"),
        &[Addition::Spec(Box::new(microcode))],
        &case.path("none"),
        &BuildOptions::default(),
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("takes microcode from the first archive alone")
    );
}

#[test]
fn each_kind_of_difference_is_found() {
    let case = Case::new();
    let entry = |path: &str, rest: &str| format!("[[file]]\npath = \"/{path}\"\n{rest}\n");
    let link = |target: &str| format!("[[link]]\npath = \"/link\"\ntarget = \"{target}\"\n");
    let node = |minor: u32| {
        format!("[[node]]\npath = \"/node\"\ntype = \"c\"\nmajor = 1\nminor = {minor}\n")
    };
    let first = [
        "source-date-epoch = 5\n".to_owned(),
        entry("content", "text = \"abc\""),
        entry("gone", "text = \"x\""),
        entry("mode", "text = \"x\"\nmode = \"0600\""),
        entry("owner", "text = \"x\"\nuid = 1"),
        entry("same", "text = \"x\""),
        entry("size", "text = \"x\""),
        entry("type", "text = \"x\""),
        link("a"),
        node(1),
        "[[link]]\npath = \"/again\"\ntarget = \"/same\"\nhard = true".to_owned(),
    ];
    let second = [
        "source-date-epoch = 5\ncompression = \"zstd\"\n".to_owned(),
        entry("again", "text = \"x\""),
        entry("content", "text = \"abd\""),
        entry("mode", "text = \"x\"\nmode = \"0601\""),
        entry("new", "text = \"x\""),
        entry("owner", "text = \"x\"\ngid = 2"),
        entry("same", "text = \"x\""),
        entry("size", "text = \"xx\""),
        "[[directory]]\npath = \"/type\"\n".to_owned(),
        link("b"),
        node(2),
    ];
    case.build(&first.concat(), "a");
    case.build(&second.concat(), "b");
    let found = |a: &str, b: &str, ignore_times| {
        let options = DiffOptions { ignore_times };
        let found = diff(&case.path(a), &case.path(b), options, &Scratch::Memory).unwrap();
        let told = found
            .into_iter()
            .map(|found| format!("{} {}", found.path, found.what));
        told.collect::<Vec<_>>()
    };
    let expected = [
        "/content content",
        "/gone only in the first",
        "/link target",
        "/mode mode",
        "/new only in the second",
        "/node device",
        "/owner owner",
        "/same hard links",
        "/size size",
        "/type type",
    ];
    assert_eq!(found("a", "b", false), expected);
    assert!(found("a", "a", false).is_empty());
    case.build(&first.concat().replace("= 5", "= 6"), "later");
    assert!(
        found("a", "later", false)
            .iter()
            .all(|line| line.ends_with(" mtime"))
    );
    assert!(!found("a", "later", false).is_empty());
    assert!(found("a", "later", true).is_empty());
}
