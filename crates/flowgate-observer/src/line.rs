//! One line, parsed.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How many fields a line of any protocol has at the most; more are passed over.
const MAX_FIELD_COUNT: usize = 4;

/// The fields of a line: a JSON array.
///
/// A field that is not a string is empty, as php-wamp-observer has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    fields: [Cow<'a, str>; MAX_FIELD_COUNT],
    count: usize,
}

impl<'a> Fields<'a> {
    /// `None` if the line is no JSON array.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// The first fields, if there are as many or more.
    pub(crate) fn first<const N: usize>(&self) -> Option<[&str; N]> {
        let fields = self.fields.first_chunk::<N>().filter(|_| self.count >= N)?;
        Some(fields.each_ref().map(|field| &**field))
    }

    /// All fields, if there are exactly so many.
    pub(crate) fn exactly<const N: usize>(&self) -> Option<[&str; N]> {
        self.first().filter(|_| self.count == N)
    }
}

/// What a logged message is: an array in the shape of a WAMP version 1 or OCPP-J call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Logged<'a> {
    /// `[2, id, name, …]`
    Request { id: Cow<'a, str>, name: Cow<'a, str> },
    /// `[3, id, …]`
    Response { id: Cow<'a, str> },
    /// `[4, id, …]`
    Error { id: Cow<'a, str> },
    /// An array that begins with another number.
    Other,
}

impl<'a> Logged<'a> {
    /// `None` if the text is no array that begins with a number, or is one of the above without
    /// what it must have.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;

        impl<'de> Visitor<'de> for Array {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let mut fields = [const { Cow::Borrowed("") }; MAX_FIELD_COUNT];
                let mut count = 0;
                for field in &mut fields {
                    let Some(Text(text)) = array.next_element()? else { break };
                    *field = text.unwrap_or_default();
                    count += 1;
                }
                while let Some(IgnoredAny) = array.next_element()? {
                    count += 1;
                }
                Ok(Fields { fields, count })
            }
        }

        deserializer.deserialize_seq(Array)
    }
}

impl<'de> Deserialize<'de> for Logged<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;

        impl<'de> Visitor<'de> for Array {
            type Value = Logged<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let missing = |index| serde::de::Error::invalid_length(index, &self);
                let kind: f64 = array.next_element()?.ok_or_else(|| missing(0))?;
                // Comparing is exact: these are small integers.
                let logged = if [2.0, 3.0, 4.0].contains(&kind) {
                    let Identifier(id) = array.next_element()?.ok_or_else(|| missing(1))?;
                    if kind < 3.0 {
                        let Some(Text(Some(name))) = array.next_element()? else {
                            return Err(missing(2));
                        };
                        Logged::Request { id, name }
                    } else if kind < 4.0 {
                        Logged::Response { id }
                    } else {
                        Logged::Error { id }
                    }
                } else {
                    Logged::Other
                };
                while let Some(IgnoredAny) = array.next_element()? {}
                Ok(logged)
            }
        }

        deserializer.deserialize_seq(Array)
    }
}

/// A string, or something else.
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Text)
    }
}

/// What pairs a reply with its request: a string, or a number, which stands for its digits.
struct Identifier<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Identifier<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Identifier<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Identifier(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Identifier(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Identifier(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Identifier(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Identifier(Cow::Owned(number.to_string())))
            }
        }

        deserializer.deserialize_any(Visit)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        while let Some(IgnoredAny) = array.next_element()? {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while let Some((IgnoredAny, IgnoredAny)) = map.next_entry()? {}
        Ok(None)
    }
}
