//! Checked values as a flat sequence of tokens.

mod cbor;
mod json;
mod msgpack;

use std::borrow::Cow;

use crate::{Format, Value, base64, utf8};

pub(crate) use cbor::CborTokens;
pub(crate) use json::JsonTokens;
pub(crate) use msgpack::MessagePackTokens;

/// One scalar, or the beginning or end of a list or dictionary.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'a> {
    Null,
    /// JavaScript's `undefined`: an absent option, and null in a payload.
    Undefined,
    Bool(bool),
    Unsigned(u64),
    /// Negative.
    Signed(i64),
    Float(f64),
    /// The octets of a text that the decoder has checked; most are written as they are, and no
    /// text is checked again for that.
    String(Cow<'a, [u8]>),
    Binary(Cow<'a, [u8]>),
    /// The number of items, if the format declares it; else [`End`](Self::End) follows them.
    List(Option<u64>),
    /// The number of entries, if the format declares it; else [`End`](Self::End) follows them.
    Dict(Option<u64>),
    /// The end of an undeclared list or dictionary, or of the input.
    End,
}

/// Reads what the decoder has checked, and therefore cannot fail.
///
/// Should the input be malformed after all, every further token is [`Token::End`].
pub(crate) trait Tokens<'a> {
    /// The next token, where a value or an end is due.
    fn token(&mut self) -> Token<'a>;

    /// The next token, where a key or an end is due.
    fn key(&mut self) -> Token<'a>;
}

/// The tokens of any format, where speed does not matter.
#[derive(Debug, Clone)]
pub(crate) enum AnyTokens<'a> {
    Json(JsonTokens<'a>),
    MessagePack(MessagePackTokens<'a>),
    Cbor(CborTokens<'a>),
}

impl<'a> AnyTokens<'a> {
    pub(crate) fn new(format: Format, bytes: &'a [u8]) -> Self {
        match format {
            Format::Json => Self::Json(JsonTokens::new(bytes)),
            Format::MessagePack => Self::MessagePack(MessagePackTokens::new(bytes)),
            Format::Cbor => Self::Cbor(CborTokens::new(bytes)),
        }
    }
}

impl<'a> Tokens<'a> for AnyTokens<'a> {
    fn token(&mut self) -> Token<'a> {
        match self {
            Self::Json(tokens) => tokens.token(),
            Self::MessagePack(tokens) => tokens.token(),
            Self::Cbor(tokens) => tokens.token(),
        }
    }

    fn key(&mut self) -> Token<'a> {
        match self {
            Self::Json(tokens) => tokens.key(),
            Self::MessagePack(tokens) => tokens.key(),
            Self::Cbor(tokens) => tokens.key(),
        }
    }
}

impl<'a> Token<'a> {
    /// Null in place of an end where a value must come; checked input has none there.
    pub(crate) fn or_null(self) -> Self {
        if matches!(self, Self::End) { Self::Null } else { self }
    }

    /// The text that stands for this key where keys must be strings.
    pub(crate) fn into_key(self) -> Cow<'a, str> {
        match self {
            Self::String(text) => utf8::checked(text),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Unsigned(number) => Cow::Owned(number.to_string()),
            Self::Signed(number) => Cow::Owned(number.to_string()),
            Self::Float(number) if number.is_nan() => Cow::Borrowed("NaN"),
            Self::Float(f64::INFINITY) => Cow::Borrowed("Infinity"),
            Self::Float(f64::NEG_INFINITY) => Cow::Borrowed("-Infinity"),
            Self::Float(number) => Cow::Owned(ryu::Buffer::new().format_finite(number).to_owned()),
            Self::Binary(octets) => Cow::Owned(base64::to_text(&octets)),
            // The decoder refuses lists and dictionaries as keys.
            Self::Null | Self::Undefined | Self::List(_) | Self::Dict(_) | Self::End => {
                Cow::Borrowed("null")
            }
        }
    }
}

/// A list or dictionary that is being read.
enum Partial<'a> {
    List { items: Vec<Value<'a>>, remaining: Option<u64> },
    Dict { entries: Vec<(Cow<'a, str>, Value<'a>)>, remaining: Option<u64> },
}

/// The value that begins with `token`; null for [`Token::End`].
pub(crate) fn read_value<'a>(tokens: &mut impl Tokens<'a>, token: Token<'a>) -> Value<'a> {
    // The lists and dictionaries that are open, each but the innermost with the key of the next
    // if it is a dictionary.
    let mut open: Vec<(Partial<'a>, Cow<'a, str>)> = Vec::new();
    let mut token = token;
    loop {
        let mut done = match token {
            Token::List(remaining) => {
                open.push((Partial::List { items: Vec::new(), remaining }, Cow::Borrowed("")));
                None
            }
            Token::Dict(remaining) => {
                open.push((Partial::Dict { entries: Vec::new(), remaining }, Cow::Borrowed("")));
                None
            }
            Token::Null
            | Token::Undefined
            | Token::Bool(_)
            | Token::Unsigned(_)
            | Token::Signed(_)
            | Token::Float(_)
            | Token::String(_)
            | Token::Binary(_)
            | Token::End => Some(read_scalar(token)),
        };
        // Add what is done to what is open, until another token is needed.
        token = loop {
            let Some((partial, key)) = open.last_mut() else {
                return done.unwrap_or(Value::Null);
            };
            let next = match partial {
                Partial::List { items, remaining } => {
                    items.extend(done.take());
                    if count_down(remaining) { tokens.token() } else { Token::End }
                }
                Partial::Dict { entries, remaining } => {
                    if let Some(value) = done.take() {
                        entries.push((std::mem::take(key), value));
                    }
                    let name = if count_down(remaining) { tokens.key() } else { Token::End };
                    if matches!(name, Token::End) {
                        Token::End
                    } else {
                        *key = name.into_key();
                        tokens.token().or_null()
                    }
                }
            };
            if !matches!(next, Token::End) {
                break next;
            }
            done = open.pop().map(|(partial, _)| match partial {
                Partial::List { items, .. } => Value::List(items),
                Partial::Dict { entries, .. } => Value::Dict(entries),
            });
        };
    }
}

/// Whether there is another item, as far as the count tells.
pub(crate) const fn count_down(remaining: &mut Option<u64>) -> bool {
    match remaining {
        None => true,
        Some(0) => false,
        Some(count) => {
            *count -= 1;
            true
        }
    }
}

fn read_scalar(token: Token<'_>) -> Value<'_> {
    match token {
        Token::Bool(truth) => Value::Bool(truth),
        Token::Unsigned(number) => Value::Unsigned(number),
        Token::Signed(number) => Value::Signed(number),
        Token::Float(number) => Value::Float(number),
        Token::String(text) => Value::String(utf8::checked(text)),
        Token::Binary(octets) => Value::Binary(octets),
        Token::Null | Token::Undefined | Token::End | Token::List(_) | Token::Dict(_) => {
            Value::Null
        }
    }
}
