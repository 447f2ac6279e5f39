//! Writing XML: elements on lines of their own, and every text escaped.

use std::fmt::Write;

/// A document that is being written.
#[derive(Debug)]
pub(super) struct Xml {
    text: String,
    open: Vec<&'static str>,
}

/// An element's attributes, in their order.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Xml {
    /// A document with nothing but its declaration.
    pub fn new() -> Self {
        Self {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
            open: Vec::new(),
        }
    }

    /// An element with what `content` puts into it.
    pub fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Self),
    ) {
        self.begin(name, attributes);
        self.text.push_str(">\n");
        self.open.push(name);
        content(self);
        self.open.pop();
        self.indent();
        let _ = writeln!(self.text, "</{name}>");
    }

    /// An element without content.
    pub fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.begin(name, attributes);
        self.text.push_str("/>\n");
    }

    /// An element with nothing but a text.
    pub fn leaf(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.begin(name, attributes);
        let text = escape(text, false);
        let _ = writeln!(self.text, ">{text}</{name}>");
    }

    /// An element with nothing but a text, if there is one.
    pub fn leaf_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, &[], text);
        }
    }

    /// The document.
    pub fn finish(self) -> String {
        self.text
    }

    fn begin(&mut self, name: &str, attributes: Attributes<'_>) {
        self.indent();
        let _ = write!(self.text, "<{name}");
        for (key, value) in attributes {
            let _ = write!(self.text, " {key}=\"{}\"", escape(value, true));
        }
    }

    fn indent(&mut self) {
        for _ in &self.open {
            self.text.push_str("  ");
        }
    }
}

/// The text as XML 1.0 has it (sections 2.4 and 3.3.3); within attributes, line breaks stay what they are.
///
/// What XML can't have at all (most control characters) the machine's description has refused before.
fn escape(text: &str, is_attribute: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' if is_attribute => escaped.push_str("&quot;"),
            '\n' if is_attribute => escaped.push_str("&#10;"),
            '\t' if is_attribute => escaped.push_str("&#9;"),
            '\r' => escaped.push_str("&#13;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        assert_eq!(
            escape("a < b & \"c\" > d\n", false),
            "a &lt; b &amp; \"c\" &gt; d\n"
        );
        assert_eq!(escape("\"\n\t", true), "&quot;&#10;&#9;");
    }

    #[test]
    fn elements_are_indented() {
        let mut xml = Xml::new();
        xml.element("a", &[("k", "v")], |xml| {
            xml.leaf("b", &[], "&");
            xml.leaf_if("none", None);
            xml.empty("c", &[]);
        });
        let text = xml.finish();
        let (_, body) = text.split_once('\n').unwrap();
        assert_eq!(body, "<a k=\"v\">\n  <b>&amp;</b>\n  <c/>\n</a>\n");
    }
}
