//! Values looked at with their paths, and what is found wrong with them.

use std::collections::HashSet;

use super::node::{Node, Value};
use super::{Fault, NameValue, Origin, types};

/// Gathers what is wrong.
pub(super) struct Checker {
    pub(super) origin: Origin,
    pub(super) faults: Vec<Fault>,
    pub(super) notes: Vec<Fault>,
}

/// A value and where it stands in the manifest.
#[derive(Clone)]
pub(super) struct At<'n> {
    pub(super) node: &'n Node,
    pub(super) path: String,
}

/// The keys of a table, of which those that are asked for are known.
pub(super) struct Fields<'n> {
    at: At<'n>,
    entries: &'n [(String, Node)],
    known: Vec<&'static str>,
}

impl<'n> At<'n> {
    pub(super) fn top(node: &'n Node) -> Self {
        Self {
            node,
            path: String::new(),
        }
    }

    fn below(&self, key: &str, node: &'n Node) -> Self {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        Self { node, path }
    }
}

impl<'n> Fields<'n> {
    /// A value that may be left out; nothing is as good as left out.
    pub(super) fn optional(&mut self, key: &'static str) -> Option<At<'n>> {
        self.known.push(key);
        let (_, node) = self.entries.iter().find(|(name, _)| name == key)?;
        (node.value != Value::Null).then(|| self.at.below(key, node))
    }

    /// A value that must be there.
    pub(super) fn required(&mut self, key: &'static str, checker: &mut Checker) -> Option<At<'n>> {
        let found = self.optional(key);
        if found.is_none() {
            checker.fault(&self.at, format!("{key} is missing; give it"));
        }
        found
    }

    /// Tells of keys that nobody asked for.
    pub(super) fn done(self, checker: &mut Checker) {
        for (key, node) in self.entries {
            if !self.known.contains(&key.as_str()) {
                let at = self.at.below(key, node);
                let known = self.known.join(", ");
                checker.unknown(&at, format!("there is no such key; there are: {known}"));
            }
        }
    }
}

impl Checker {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            faults: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn fault(&mut self, at: &At<'_>, reason: impl Into<String>) {
        self.faults.push(fault(at, reason.into()));
    }

    pub(super) fn note(&mut self, at: &At<'_>, reason: impl Into<String>) {
        self.notes.push(fault(at, reason.into()));
    }

    /// What may be a typing mistake in a description, and somebody's own in an image.
    fn unknown(&mut self, at: &At<'_>, reason: String) {
        match self.origin {
            Origin::Description => self.fault(at, reason),
            Origin::Image => self.note(at, reason),
        }
    }

    /// Tells that a value is of another kind than it must be.
    fn wrong_kind(&mut self, at: &At<'_>, wanted: &str) {
        let found = at.node.kind();
        let help = match at.node.value {
            Value::Number(_) | Value::Bool(_) if wanted == "a text" => "; write it in quotes",
            _ => "",
        };
        self.fault(at, format!("{wanted} is needed, and this is {found}{help}"));
    }

    pub(super) fn fields<'n>(&mut self, at: &At<'n>) -> Option<Fields<'n>> {
        let Value::Map(entries) = &at.node.value else {
            self.wrong_kind(at, "a table of keys");
            return None;
        };
        Some(Fields {
            at: at.clone(),
            entries,
            known: Vec::new(),
        })
    }

    pub(super) fn list<'n>(&mut self, at: &At<'n>) -> Vec<At<'n>> {
        let Value::List(list) = &at.node.value else {
            self.wrong_kind(at, "a list");
            return Vec::new();
        };
        let items = list.iter().enumerate();
        items
            .map(|(index, node)| At {
                node,
                path: format!("{}[{index}]", at.path),
            })
            .collect()
    }

    pub(super) fn text<'n>(&mut self, at: &At<'n>) -> Option<&'n str> {
        if let Value::Text(text) = &at.node.value {
            return Some(text);
        }
        self.wrong_kind(at, "a text");
        None
    }

    /// A text that `is` accepts; `what` says what those are.
    pub(super) fn text_that<'n>(
        &mut self,
        at: &At<'n>,
        is: impl Fn(&str) -> bool,
        what: &str,
    ) -> Option<&'n str> {
        let text = self.text(at)?;
        if is(text) {
            return Some(text);
        }
        self.fault(at, format!("{text:?} is {what}"));
        None
    }

    pub(super) fn bool(&mut self, at: &At<'_>) -> Option<bool> {
        if let Value::Bool(value) = at.node.value {
            return Some(value);
        }
        self.wrong_kind(at, "true or false");
        None
    }

    /// A whole number from `least` to `most`.
    pub(super) fn integer(&mut self, at: &At<'_>, least: i64, most: i64) -> Option<i64> {
        let Value::Number(number) = &at.node.value else {
            self.wrong_kind(at, "a number");
            return None;
        };
        let value = number
            .as_i64()
            .filter(|value| (least..=most).contains(value));
        if value.is_none() {
            self.fault(
                at,
                format!("{number} is not a whole number from {least} to {most}"),
            );
        }
        value
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, at: &At<'_>) -> Vec<String> {
        let items = self.list(at);
        let texts = items.iter().filter_map(|item| self.text(item));
        texts.map(str::to_owned).collect()
    }

    /// A list of names and values, with no name twice.
    pub(super) fn pairs(
        &mut self,
        at: &At<'_>,
        is_name: impl Fn(&str) -> bool,
        what: &str,
    ) -> Vec<NameValue> {
        let mut seen = HashSet::new();
        let mut pairs = Vec::new();
        for item in self.list(at) {
            let Some(mut fields) = self.fields(&item) else {
                continue;
            };
            let name = fields.required("name", self);
            let value = fields.required("value", self);
            fields.done(self);
            let text = name
                .as_ref()
                .and_then(|name| self.text_that(name, &is_name, what));
            if let (Some(at), Some(text)) = (&name, text)
                && !seen.insert(text)
            {
                self.fault(at, format!("{text:?} is there already; leave one out"));
            }
            let value = value.and_then(|value| self.text(&value));
            if let (Some(name), Some(value)) = (text, value) {
                pairs.push(NameValue {
                    name: name.to_owned(),
                    value: value.to_owned(),
                });
            }
        }
        pairs
    }

    pub(super) fn identifier<'n>(&mut self, at: &At<'n>) -> Option<&'n str> {
        self.text_that(at, types::is_identifier, NO_IDENTIFIER)
    }

    pub(super) fn name<'n>(&mut self, at: &At<'n>) -> Option<&'n str> {
        self.text_that(at, types::is_name, NO_NAME)
    }

    pub(super) fn absolute<'n>(&mut self, at: &At<'n>) -> Option<&'n str> {
        let what = "no absolute path without \"..\"; begin it with \"/\"";
        self.text_that(at, types::is_absolute, what)
    }
}

pub(super) const NO_IDENTIFIER: &str =
    "no AC identifier: small letters and digits, with - . _ ~ / between them";
pub(super) const NO_NAME: &str = "no AC name: small letters and digits, with - between them";

fn fault(at: &At<'_>, reason: String) -> Fault {
    Fault {
        place: at.node.place.clone(),
        field: at.path.clone(),
        reason,
    }
}
