//! Reading YAML 1.2 with the core schema: what JSON can say, in YAML's ways of writing it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kurmadisk::spec::Place;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

use super::Fault;
use super::node::{Node, Value};

/// The most values, those of repeated aliases counted each time.
const MOST_VALUES: usize = 100_000;

/// How deep lists and tables may lie in one another.
const DEEPEST: usize = 64;

/// Reads one document.
pub(super) fn parse(name: &str, text: &str) -> Result<Node, Fault> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        name: name.into(),
        anchors: HashMap::new(),
        values: 0,
    };
    let (node, at) = reader.document()?;
    node.ok_or_else(|| reader.fault(at, "there is no manifest in it".to_owned()))
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    name: Arc<str>,
    anchors: HashMap<usize, Node>,
    /// Values so far.
    values: usize,
}

impl<'t> Reader<'t> {
    /// The only document, and where the text ends.
    fn document(&mut self) -> Result<(Option<Node>, Marker), Fault> {
        let mut found = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok((found, span.start)),
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                _ if found.is_some() => {
                    let reason = "a second document follows; a file has one manifest";
                    return Err(self.fault(span.start, reason.to_owned()));
                }
                event => found = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Fault> {
        match self.parser.next() {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(self.scan_fault(&error)),
            None => Ok((
                Event::StreamEnd,
                Span::new(Marker::new(0, 1, 0), Marker::new(0, 1, 0)),
            )),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Fault> {
        if depth > DEEPEST {
            let reason = format!("values lie more than {DEEPEST} deep in one another");
            return Err(self.fault(span.start, reason));
        }
        self.count(span, 1)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    return Err(self.tagged(span));
                }
                (scalar(&text, style), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                if tag.is_some() {
                    return Err(self.tagged(span));
                }
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                if tag.is_some() {
                    return Err(self.tagged(span));
                }
                (self.map(depth)?, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    let reason = "this alias stands within what it means";
                    return Err(self.fault(span.start, reason.to_owned()));
                };
                self.count(span, size(&node))?;
                return Ok(node);
            }
            _ => return Err(self.fault(span.start, "a value is missing here".to_owned())),
        };
        let node = Node {
            value,
            place: Some(self.place(span.start)),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(list)),
                (event, span) => list.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Value::Map(entries)),
                (Event::Scalar(text, ..), span) => {
                    let key = text.into_owned();
                    if !seen.insert(key.clone()) {
                        let reason = format!("the key {key:?} is there already; leave one out");
                        return Err(self.fault(span.start, reason));
                    }
                    key
                }
                (_, span) => {
                    let reason = "a key is a text".to_owned();
                    return Err(self.fault(span.start, reason));
                }
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push((key, value));
        }
    }

    fn count(&mut self, span: Span, more: usize) -> Result<(), Fault> {
        self.values = self.values.saturating_add(more);
        if self.values > MOST_VALUES {
            let reason = format!("there are more than {MOST_VALUES} values");
            return Err(self.fault(span.start, reason));
        }
        Ok(())
    }

    fn tagged(&self, span: Span) -> Fault {
        let reason = "tags (!…) mean nothing in a manifest; leave it out";
        self.fault(span.start, reason.to_owned())
    }

    fn scan_fault(&self, error: &ScanError) -> Fault {
        self.fault(*error.marker(), format!("it is no YAML: {}", error.info()))
    }

    fn fault(&self, at: Marker, reason: String) -> Fault {
        Fault {
            place: Some(self.place(at)),
            field: String::new(),
            reason,
        }
    }

    fn place(&self, at: Marker) -> Place {
        Place::File {
            name: Arc::clone(&self.name),
            line: at.line(),
            // The parser counts columns from 0 on.
            column: at.col() + 1,
        }
    }
}

/// How many values a node has, itself among them.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(list) => list.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(_, value)| size(value)).sum(),
        _ => 0,
    }
}

/// What an unquoted text means: YAML 1.2.2, 10.3.2, "Tag Resolution".
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    match number(text) {
        Some(number) => Value::Number(number),
        None => Value::Text(text.to_owned()),
    }
}

fn number(text: &str) -> Option<serde_json::Number> {
    let based = |prefix, radix| {
        let digits = text.strip_prefix(prefix)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then(|| u64::from_str_radix(digits, radix).ok())?
    };
    if let Some(number) = based("0x", 16).or_else(|| based("0o", 8)) {
        return Some(number.into());
    }
    let first = text.trim_start_matches(['-', '+']).bytes().next()?;
    if !(first.is_ascii_digit() || first == b'.') {
        return None;
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(number.into());
    }
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    serde_json::Number::from_f64(text.parse().ok()?)
}
