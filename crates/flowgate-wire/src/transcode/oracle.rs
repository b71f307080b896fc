//! Other people's decoders, to compare with: `serde_json`, `rmp-serde` and `ciborium`.

use std::fmt;

use ::base64::Engine;
use serde::de::{
    Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use crate::{Format, Value};

/// A value as a foreign decoder sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Any {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Octets(Vec<u8>),
    List(Vec<Any>),
    Dict(Vec<(Any, Any)>),
    /// A MessagePack extension or a CBOR tag.
    Special(Box<Any>),
}

/// What the format's oracle makes of exactly these octets.
pub(super) fn read(format: Format, bytes: &[u8]) -> Result<Any, String> {
    match format {
        Format::Json => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        Format::MessagePack => {
            let mut rest = bytes;
            let any = Any::deserialize(&mut rmp_serde::Deserializer::new(&mut rest))
                .map_err(|error| error.to_string())?;
            if rest.is_empty() { Ok(any) } else { Err("trailing".to_owned()) }
        }
        Format::Cbor => {
            let mut rest = bytes;
            let any = ciborium::from_reader(&mut rest).map_err(|error| format!("{error:?}"))?;
            if rest.is_empty() { Ok(any) } else { Err("trailing".to_owned()) }
        }
    }
}

impl Any {
    /// The value that docs/payload.md promises for this; `None` where the oracle keeps too little
    /// to tell.
    pub(super) fn into_value(self, format: Format) -> Option<Value<'static>> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Integer(number) => match (u64::try_from(number), i64::try_from(number)) {
                (Ok(number), _) => Value::Unsigned(number),
                (_, Ok(number)) => Value::Signed(number),
                _ => Value::Float(number as f64),
            },
            Self::Float(number) => Value::Float(number),
            Self::Text(text) if format == Format::Json => match text.strip_prefix('\0') {
                None => Value::from(text),
                Some(encoded) => {
                    match ::base64::engine::general_purpose::STANDARD.decode(encoded) {
                        Ok(octets) => Value::from(octets),
                        Err(_) => Value::from(text),
                    }
                }
            },
            Self::Text(text) => Value::from(text),
            Self::Octets(octets) => Value::from(octets),
            Self::List(items) => {
                let items = items.into_iter().map(|item| item.into_value(format));
                Value::List(items.collect::<Option<_>>()?)
            }
            Self::Dict(entries) => {
                let entries = entries.into_iter().map(|(key, value)| {
                    let Self::Text(key) = key else { return None };
                    Some((key.into(), value.into_value(format)?))
                });
                Value::Dict(entries.collect::<Option<_>>()?)
            }
            Self::Special(_) => return None,
        })
    }
}

/// What is left of a value in JSON.
pub(super) fn in_json(value: Value<'static>) -> Value<'static> {
    match value {
        Value::Float(number) if !number.is_finite() => Value::Null,
        Value::String(text) => {
            Any::Text(text.into_owned()).into_value(Format::Json).expect("text is a value")
        }
        Value::List(items) => Value::List(items.into_iter().map(in_json).collect()),
        Value::Dict(entries) => {
            Value::Dict(entries.into_iter().map(|(key, value)| (key, in_json(value))).collect())
        }
        Value::Null
        | Value::Bool(_)
        | Value::Unsigned(_)
        | Value::Signed(_)
        | Value::Float(_)
        | Value::Binary(_) => value,
    }
}

/// Equality, but for the last digit of floats, which `serde_json` does not always get right, and
/// for NaN, which equals itself here.
pub(super) fn alike(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Float(a), Value::Float(b)) => {
            let tolerance = (a.abs() * 1e-15).max(f64::MIN_POSITIVE);
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Value::Dict(a), Value::Dict(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && alike(a, b))
        }
        _ => left == right,
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Any, E> {
        Ok(Any::Bool(truth))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Any, E> {
        Ok(Any::Integer(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Any, E> {
        Ok(Any::Integer(number.into()))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Any, E> {
        Ok(Any::Integer(number))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Any, E> {
        Ok(i128::try_from(number).map_or(Any::Float(number as f64), Any::Integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Any, E> {
        Ok(Any::Float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Any, E> {
        Ok(Any::Text(text.to_owned()))
    }

    fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Any, E> {
        Ok(Any::Octets(octets.to_owned()))
    }

    fn visit_none<E: Error>(self) -> Result<Any, E> {
        Ok(Any::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<Any, E> {
        Ok(Any::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Any, D::Error> {
        Any::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Any, D::Error> {
        Any::deserialize(inner).map(|any| Any::Special(Box::new(any)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Any, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Any::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Any, A::Error> {
        let mut dict = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            dict.push(entry);
        }
        Ok(Any::Dict(dict))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Any, A::Error> {
        let (_, content) = tagged.variant::<String>()?;
        content.tuple_variant(2, Self).map(|any| Any::Special(Box::new(any)))
    }
}
