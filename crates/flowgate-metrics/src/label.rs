//! Labels: what tells the series of a family apart.

use std::fmt::Write;
use std::hash::{BuildHasher, Hasher};

/// What series that were folded, and whoever finds a family full, are counted under.
pub const OTHER: &str = "_other";

/// A label of a family.
///
/// A plain name is an open label, the safe choice: its values may come from outside, and a family
/// has a limit for how many it tells apart.
///
/// ```
/// use flowgate_metrics::Label;
///
/// let labels = [Label::open("procedure"), Label::closed("outcome")];
/// assert_eq!(labels[0], "procedure".into());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    pub(crate) name: &'static str,
    pub(crate) is_open: bool,
}

impl Label {
    /// A label whose values come from outside: beyond the family's limit they are folded into
    /// [`OTHER`].
    #[must_use]
    pub const fn open(name: &'static str) -> Self {
        Self { name, is_open: true }
    }

    /// A label whose values are few, and listed somewhere in the program: kept when the series is
    /// folded.
    #[must_use]
    pub const fn closed(name: &'static str) -> Self {
        Self { name, is_open: false }
    }
}

impl From<&'static str> for Label {
    fn from(name: &'static str) -> Self {
        Self::open(name)
    }
}

/// The labels of one series.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    values: Box<[Box<str>]>,
    /// `name="value"` with commas between, escaped as both text formats want it; labels without a
    /// value are left out, which means the same.
    text: Box<str>,
    pub(crate) hash: u64,
}

impl Labels {
    pub(crate) fn new(names: &[Label], values: &[&str]) -> Self {
        let mut text = String::new();
        for (name, value) in names.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{}=\"", name.name);
            escape(&mut text, value);
            text.push('"');
        }
        Self {
            values: values.iter().map(|value| Box::from(*value)).collect(),
            text: text.into(),
            hash: hash(values),
        }
    }

    pub(crate) fn matches(&self, values: &[&str]) -> bool {
        self.values.len() == values.len()
            && self.values.iter().map(|v| &**v).eq(values.iter().copied())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| &**value)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Escapes a label's value or the label part of an exemplar.
pub(crate) fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

pub(crate) fn hash(values: &[&str]) -> u64 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    for value in values {
        hasher.write(value.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.finish()
}
