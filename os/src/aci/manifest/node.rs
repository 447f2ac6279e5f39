//! Values of a manifest before it is known what they mean.

use kurmadisk::spec::Place;
use serde_json::Number;

use super::Fault;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written, as far as that is known.
    pub place: Option<Place>,
}

/// What JSON and YAML have in common.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// Values in their order.
    List(Vec<Node>),
    /// Values by their keys.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Reads JSON (RFC 8259). Of a key that occurs twice the last value counts, as for all programs that read ACIs.
    pub fn from_json(name: &str, text: &[u8]) -> Result<Self, Fault> {
        let value: serde_json::Value = serde_json::from_slice(text).map_err(|error| Fault {
            place: Some(Place::File {
                name: name.into(),
                line: error.line(),
                column: error.column(),
            }),
            field: String::new(),
            reason: format!("it is no JSON: {error}"),
        })?;
        Ok(Self::of(value, None))
    }

    /// A value of JSON's, all of which was written at `place`.
    #[must_use]
    pub fn of(value: serde_json::Value, place: Option<&Place>) -> Self {
        use serde_json::Value as Json;
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => Value::Number(number),
            Json::String(text) => Value::Text(text),
            Json::Array(list) => {
                Value::List(list.into_iter().map(|item| Self::of(item, place)).collect())
            }
            Json::Object(map) => {
                let entries = map.into_iter();
                Value::Map(
                    entries
                        .map(|(key, value)| (key, Self::of(value, place)))
                        .collect(),
                )
            }
        };
        Self {
            value,
            place: place.cloned(),
        }
    }

    /// The value as JSON has it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(list) => Json::Array(list.iter().map(Self::to_json).collect()),
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.to_json()))
                    .collect(),
            ),
        }
    }

    /// What it is, in a word.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a table of keys",
        }
    }
}
