//! Machines with random words and numbers: what was described is what other parsers read.

use std::collections::BTreeMap;

use kurmadisk::package::Target;
use proptest::prelude::*;

use super::support::{package, text_of};

/// A text that a description may have: anything but control characters.
fn text() -> impl Strategy<Value = String> {
    let special = "[\"'&<>|\\]\\[!=#%{}$ -]{0,8}";
    let any = "\\PC{1,24}";
    (any, special).prop_filter_map("XML has no place for it", |(any, special)| {
        let text = format!("{any}{special}");
        let allowed = |c: char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
        text.chars().all(allowed).then_some(text)
    })
}

#[derive(Clone, Debug)]
struct Described {
    name: String,
    lines: Vec<String>,
    vendor: String,
    cpus: u32,
    memory: u64,
    cards: Vec<&'static str>,
}

fn described() -> impl Strategy<Value = Described> {
    let network = prop::sample::select(vec!["nat", "bridged", "host-only"]);
    (
        text(),
        prop::collection::vec(text(), 1..4),
        text(),
        1_u32..=64,
        1_u64..=1 << 12,
        prop::collection::vec(network, 0..=8),
    )
        .prop_map(|(name, lines, vendor, cpus, units, cards)| Described {
            name,
            lines,
            vendor,
            cpus,
            memory: units * 4,
            cards,
        })
}

impl Described {
    fn toml(&self) -> String {
        let mut machine = toml::Table::new();
        let mut set = |key: &str, value: toml::Value| machine.insert(key.to_owned(), value);
        set("name", self.name.clone().into());
        set("description", self.lines.join("\n").into());
        set("vendor", self.vendor.clone().into());
        set("cpus", i64::from(self.cpus).into());
        set("memory", format!("{} MiB", self.memory).into());
        let cards = self.cards.iter().map(|network| {
            let network = ("network".to_owned(), toml::Value::from(*network));
            toml::Value::Table([network].into_iter().collect())
        });
        set("nic", toml::Value::Array(cards.collect()));
        let mut description = toml::Table::new();
        description.insert("layout".to_owned(), "bios".into());
        description.insert("machine".to_owned(), machine.into());
        description.to_string()
    }
}

/// The text of the first element of this name.
fn element<'a>(document: &'a roxmltree::Document<'_>, name: &str) -> Option<&'a str> {
    let mut found = document.descendants();
    found.find(|node| node.tag_name().name() == name)?.text()
}

fn attribute<'a>(
    document: &'a roxmltree::Document<'_>,
    element: &str,
    name: &str,
) -> Option<&'a str> {
    let mut found = document.descendants();
    let node = found.find(|node| node.tag_name().name() == element)?;
    node.attribute(name)
}

/// A `.vmx` as VMware reads it: each key once.
fn vmx(text: &str) -> BTreeMap<&str, String> {
    let mut keys = BTreeMap::new();
    for line in text.trim_end().lines() {
        let (key, value) = line.split_once(" = \"").expect("a key");
        let value = value.strip_suffix('"').expect("a value");
        assert!(!value.contains('"'), "{line}");
        let mut parts = value.split('|');
        let mut plain = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let code = u8::from_str_radix(&part[..2], 16).expect("two digits");
            plain.push(char::from(code));
            plain.push_str(&part[2..]);
        }
        assert_eq!(keys.insert(key, plain), None, "{key} is there twice");
    }
    keys
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn descriptions_are_read_back(machine in described()) {
        let toml = machine.toml();
        let description = machine.lines.join("\n");

        let text = text_of(&package(&toml, Target::Ova), ".ovf");
        let ovf = roxmltree::Document::parse(&text).expect("XML");
        prop_assert_eq!(element(&ovf, "Name"), Some(&*machine.name));
        prop_assert_eq!(element(&ovf, "Annotation"), Some(&*description));
        prop_assert_eq!(element(&ovf, "Vendor"), Some(&*machine.vendor));
        prop_assert_eq!(attribute(&ovf, "Machine", "name"), Some(&*machine.name));
        prop_assert_eq!(attribute(&ovf, "CPU", "count"), Some(&*machine.cpus.to_string()));
        let quantities: Vec<_> = ovf.descendants()
            .filter(|node| node.tag_name().name() == "VirtualQuantity")
            .filter_map(|node| node.text()?.parse::<u64>().ok())
            .collect();
        prop_assert_eq!(quantities, [u64::from(machine.cpus), machine.memory]);
        let connections: Vec<_> = ovf.descendants()
            .filter(|node| node.tag_name().name() == "Connection")
            .filter_map(|node| node.text())
            .map(|name| match name { "NAT" => "nat", "Bridged" => "bridged", _ => "host-only" })
            .collect();
        prop_assert_eq!(&connections, &machine.cards);
        let instances: Vec<_> = ovf.descendants()
            .filter(|node| node.tag_name().name() == "InstanceID" && node.parent_element()
                .is_some_and(|item| item.tag_name().name() == "Item"))
            .filter_map(|node| node.text())
            .collect();
        let different: std::collections::BTreeSet<_> = instances.iter().collect();
        prop_assert_eq!(different.len(), 4 + machine.cards.len());
        prop_assert_eq!(instances.len(), different.len());

        let text = text_of(&package(&toml, Target::Vmware), ".vmx");
        let keys = vmx(&text);
        prop_assert_eq!(&keys["displayName"], &machine.name);
        prop_assert_eq!(&keys["annotation"], &description);
        prop_assert_eq!(&keys["memsize"], &machine.memory.to_string());
        let cards = (0..).take_while(|index| keys.contains_key(&*format!("ethernet{index}.present")));
        prop_assert_eq!(cards.count(), machine.cards.len());

        let boxed = format!("{toml}\n[target.virtualbox]\nwith = \"vbox\"\n");
        let text = text_of(&package(&boxed, Target::Virtualbox), ".vbox");
        let vbox = roxmltree::Document::parse(&text).expect("XML");
        prop_assert_eq!(element(&vbox, "Description"), Some(&*description));
        prop_assert_eq!(attribute(&vbox, "Memory", "RAMSize"), Some(&*machine.memory.to_string()));
    }
}
