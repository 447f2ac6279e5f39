//! Hash trees that vouch for partitions.

use std::str::FromStr;

use serde::Deserialize;
use uuid::Uuid;

use super::layer::{Layer, layered};
use super::located::Located;
use super::parse::Document;
use super::value::{Name, deserialize_by_text};
use crate::layout::Size;
use crate::place::Place;

/// The hash tree in a partition (`[partition.verity]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct VeritySpec {
    /// Label or number of the partition whose filesystem it protects; its own for a tree behind that.
    pub data: Option<Located<Name>>,
    /// What every block is hashed with; derived from the image's identity without it.
    pub salt: Option<Located<Salt>>,
    /// The tree's own UUID; derived from the image's identity without it.
    pub uuid: Option<Located<Uuid>>,
    /// Bytes in a block of data.
    pub data_block_size: Option<Located<Size>>,
    /// Bytes in a block of hashes.
    pub hash_block_size: Option<Located<Size>>,
}

layered!(VeritySpec {
    data,
    salt,
    uuid,
    data_block_size,
    hash_block_size,
});

impl VeritySpec {
    /// A key that means nothing without `data`, and where it was written.
    pub(crate) fn key_without_data(&self) -> Option<(&'static str, &Place)> {
        fn key<'a, T>(
            name: &'static str,
            value: Option<&'a Located<T>>,
        ) -> Option<(&'static str, &'a Place)> {
            value.map(|value| (name, &value.place))
        }
        key("salt", self.salt.as_ref())
            .or_else(|| key("uuid", self.uuid.as_ref()))
            .or_else(|| key("data-block-size", self.data_block_size.as_ref()))
            .or_else(|| key("hash-block-size", self.hash_block_size.as_ref()))
            .filter(|_| self.data.is_none())
    }
}

/// A salt in hexadecimal digits; empty for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salt(pub Vec<u8>);

impl FromStr for Salt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        data_encoding::HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .map(Self)
            .map_err(|_| format!("{text:?} is no even number of hexadecimal digits"))
    }
}

deserialize_by_text! { Salt => "hexadecimal digits in quotes" }
