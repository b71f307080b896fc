//! Labels: what tells the series of a family apart.

use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;

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
    /// `{name="value",…} `, escaped as both text formats want it, as it stands between the name and
    /// the value of a sample: a space alone, if there is nothing to say. Labels without a value are
    /// left out, which means the same.
    text: Box<str>,
    /// The values, one after the other.
    values: Box<str>,
    /// Where each of the values ends.
    ends: Box<[usize]>,
    pub(crate) hash: u64,
}

impl Labels {
    pub(crate) fn new(names: &[Label], values: &[&str]) -> Self {
        let mut text = String::new();
        for (name, value) in names.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
            text.push_str(if text.is_empty() { OPEN } else { "," });
            text.push_str(name.name);
            text.push_str("=\"");
            escape(&mut text, value);
            text.push('"');
        }
        text.push_str(if text.is_empty() { " " } else { CLOSE });
        let end_of = |end: &mut usize, value: &&str| {
            *end += value.len();
            Some(*end)
        };
        Self {
            text: text.into(),
            values: values.concat().into(),
            ends: values.iter().scan(0, end_of).collect(),
            hash: hash(values),
        }
    }

    pub(crate) fn matches(&self, values: &[&str]) -> bool {
        self.values().eq(values.iter().copied())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| self.values.get(*start..*end).unwrap_or_default())
    }

    /// What stands between the name and the value of a sample.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same without braces and space, for samples with one more label.
    pub(crate) fn pairs(&self) -> &str {
        let inner = self.text.strip_prefix(OPEN).and_then(|text| text.strip_suffix(CLOSE));
        inner.unwrap_or_default()
    }

    /// Asks for the memory of the text, which is about to be read.
    pub(crate) fn fetch_text(&self) {
        let text = self.text.as_bytes();
        black_box((text.first().copied(), text.last().copied()));
    }

    /// Asks for the memory of the values.
    pub(crate) fn fetch_values(&self) {
        let values = self.values.as_bytes();
        black_box((values.first().copied(), values.last().copied(), self.ends.first().copied()));
    }
}

const OPEN: &str = "{";
const CLOSE: &str = "} ";

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
