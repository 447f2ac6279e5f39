//! Names of all kinds, and the short names beside them.

use std::collections::{HashMap, HashSet};

use kurmadisk::fs::fat::FatError;
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;

use super::support::{
    MIB, content, judged, judged_by_all, listing, meta, options, plan_of, read_back, write,
};

/// A tree of files with these names, whose content is the name.
fn tree_of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Tree {
    let mut tree = Tree::new(meta());
    for name in names {
        let path = format!("d/{name}");
        let bytes = content(name.as_bytes());
        tree.place_file(path.as_bytes(), meta(), bytes)
            .unwrap_or_else(|error| panic!("{name:?}: {error}"));
    }
    tree
}

/// Names that are hard to keep, separated by the bar that FAT forbids.
const NASTY: [&str; 7] = [
    // What Windows's own programs take for devices.
    "aux.c|con|CON.txt|nul|prn.tar.gz|com1|lpt9.h|clock$",
    // Dots and spaces that count.
    ".profile|..x|...y.z|.a.b c|a.b.c.d|a..b| lead|  .x|a b|trail .txt",
    // All that is allowed of ASCII.
    "!#$%&'()-@^_`{}~|+,;=[]|a+b.c,d|[x].y|~|~1|A~1",
    "LONGNA~1.TXT|long name.txt|longname.text|longname two.txt",
    // The two bits of case, and what they can't say.
    "UPPER.TXT|lower.txt|lOWER2.tXT|UPPER3.txt|lower4.TXT|Mixed5.Txt|8letters.3ch",
    "A|b|12345678|123456789|1.1234|no-ext",
    // Beyond ASCII: accents composed or not, other scripts, the ends of the plane.
    "Größe|café|cafe\u{301}|日本語.テキスト|Ελλάδα|привет мир.документ|עברית|ﷺ|\u{a0}nbsp|å|ß|ẞ|\
     \u{e000}private|\u{fffd}|\u{fffe}|\u{d7ff}|\u{2028}line|\u{200b}|\u{feff}bom|del\u{7f}|\u{80}",
];

/// Files in the directory `d` whose names are hard to keep.
pub fn nasty_tree() -> Tree {
    let long = ["n".repeat(255), "é".repeat(127), "日".repeat(85)];
    // Lengths around those that fill a part of a long name.
    let full = [12, 13, 14, 25, 26, 27, 38, 39, 40].map(|len| "x".repeat(len - 2) + ".y");
    let names = NASTY.into_iter().flat_map(|names| names.split('|'));
    let made = long.iter().chain(&full).map(String::as_str);
    tree_of_names(names.chain(made))
}

#[test]
fn nasty_names_survive() {
    let tree = nasty_tree();
    for size in [MIB, 16 * MIB, 600 * MIB] {
        let plan = plan_of(&tree, size, &options()).expect("fits");
        judged_by_all(&tree, &plan);
    }
}

#[test]
fn a_file_may_be_called_as_the_volume() {
    let mut tree = nasty_tree();
    tree.place_file(b"EFI-SYST.EM", meta(), content(b"file"))
        .expect("new");
    tree.place_file(b"efi-system", meta(), content(b"other"))
        .expect("new");
    let plan = plan_of(&tree, MIB, &options()).expect("fits");
    assert_eq!(plan.label(), Some("EFI-SYSTEM"));
    judged_by_all(&tree, &plan);
}

#[test]
fn the_longest_names_and_paths_survive() {
    // 255 units, but 765 bytes: too long for the host to unpack.
    let tree = tree_of_names([&*"日".repeat(255), &*"ё".repeat(254)]);
    let plan = plan_of(&tree, MIB, &options()).expect("fits");
    let map = judged(&tree, &plan);
    let image = write(&map);
    let listed = oracle::sevenzip_list_fat(image.path()).expect("7-Zip lists it");
    let listed: HashSet<_> = listed.into_iter().map(|entry| entry.path).collect();
    assert_eq!(listed, listing(&tree).into_keys().collect());

    // A path of 10,000 characters: the limits of drivers are none of the volume's.
    let mut tree = Tree::new(meta());
    let path = vec!["a directory below another"; 400].join("/");
    tree.place_file(path.as_bytes(), meta(), content(b"deep"))
        .expect("new");
    let plan = plan_of(&tree, 4 * MIB, &options()).expect("fits");
    let map = plan.build().expect("builds");
    oracle::fsck_fat_clean(write(&map).path(), 0).expect("fsck.fat finds no fault");
    assert!(read_back(&map) == listing(&tree));
}

#[test]
fn short_names_follow_the_specification() {
    let names = [
        ("TextFile.Mine.txt", "TEXTFI~1.TXT"),
        ("TextFile1.Mine.txt", "TEXTFI~2.TXT"),
        ("ver +1.2.text", "VER_12~1.TEX"),
        (".bashrc.swp", "BASHRC~1.SWP"),
        ("Größe", "GR__E~1"),
        ("日本語", "___~1"),
        ("a.b.c", "AB~1.C"),
        ("loader.conf", "LOADER~2.CON"),
        // Somebody's own name is nobody else's tail.
        ("LOADER~1.CON", "LOADER~1.CON"),
        ("lower.txt", "lower.txt"),
        ("Mixed.txt", "MIXED.TXT"),
    ];
    let tree = tree_of_names(names.map(|(name, _)| name));
    let plan = plan_of(&tree, MIB, &options()).expect("fits");
    let image = write(&judged_by_all(&tree, &plan));
    let listed = oracle::sevenzip_list_fat(image.path()).expect("7-Zip lists it");
    let listed: HashMap<_, _> = listed
        .into_iter()
        .map(|entry| (entry.path, entry.short_name))
        .collect();
    for (name, short) in names {
        assert_eq!(listed[&format!("d/{name}")], short, "{name}");
    }
}

#[test]
fn two_thousand_names_of_one_stem_differ_in_their_tails() {
    let mut names: Vec<String> = (0..2000)
        .map(|number| format!("kernel module {number:04}.ko"))
        .collect();
    // The stem that shorter tails leave, and those tails themselves.
    names.extend((0..50).map(|number| format!("kernel~{number}.ko")));
    names.push("KERNE~10.KO".to_owned());
    let tree = tree_of_names(names.iter().map(String::as_str));
    let plan = plan_of(&tree, 16 * MIB, &options()).expect("fits");
    judged_by_all(&tree, &plan);
}

#[test]
fn what_windows_takes_for_one_name_is_refused() {
    let capitals = oracle::windows_capitals().expect("mkntfs has them");
    let mut groups: HashMap<u16, Vec<char>> = HashMap::new();
    for (unit, capital) in (0..).zip(&capitals) {
        if let Some(character) = char::from_u32(unit).filter(|_| unit > 0x20) {
            groups.entry(*capital).or_default().push(character);
        }
    }
    groups.retain(|_, characters| characters.len() > 1);
    assert!(groups.len() > 900, "{}", groups.len());
    for characters in groups.into_values() {
        for pair in characters.windows(2) {
            let names: Vec<String> = pair.iter().map(|each| format!("n{each}")).collect();
            let tree = tree_of_names(names.iter().map(String::as_str));
            let error = plan_of(&tree, MIB, &options()).expect_err("twins");
            assert!(matches!(error, FatError::Twins { .. }), "{error}");
        }
    }
}

#[test]
fn letters_that_are_no_pair_are_two_names() {
    let tree = tree_of_names(["straße", "strasse", "STRAẞE", "ﬁ", "fi", "İ", "i"]);
    let plan = plan_of(&tree, MIB, &options()).expect("fits");
    judged_by_all(&tree, &plan);
}

#[test]
fn a_name_is_as_long_as_its_units() {
    for (name, fits) in [
        ("a".repeat(255), true),
        ("a".repeat(256), false),
        ("日".repeat(256), false),
    ] {
        let mut tree = Tree::new(meta());
        let placed = tree.place_file(name.as_bytes(), meta(), DiskMap::new(0));
        placed.expect("the tree takes it");
        let planned = plan_of(&tree, MIB, &options());
        assert_eq!(planned.is_ok(), fits);
        if let Err(error) = planned {
            assert!(error.to_string().contains("more than 255"), "{error}");
        }
    }
}
