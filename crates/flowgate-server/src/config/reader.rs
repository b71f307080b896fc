//! Typed access to the spanned tree: every wrong value becomes a finding with its key path, and
//! reading goes on, so that one run reports all findings.

use std::{ops::RangeInclusive, path::Path, time::Duration};

use super::{
    Diagnostic, Position,
    schema::{Fixed, RefusedValues, Section, Treatment},
    suggest::nearest,
    tree::{Entry, Node, Value},
};

/// The longest duration that is accepted anywhere, in seconds: one year.
const MAX_SECONDS: f64 = 31_536_000.0;

/// The shortest duration that is accepted anywhere, in seconds, unless zero has a meaning.
const MIN_SECONDS: f64 = 0.001;

/// What reading needs beside the tree, and what it finds.
pub(super) struct Reader<'e> {
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
    /// Looks up an environment variable.
    pub(super) environment: &'e dyn Fn(&str) -> Option<String>,
    /// Relative paths in the file start here.
    pub(super) directory: &'e Path,
}

/// A value with its key path.
#[derive(Debug, Clone)]
pub(super) struct Field<'n> {
    pub(super) path: String,
    pub(super) node: &'n Node,
}

/// A map whose keys have been checked.
#[derive(Debug, Clone)]
pub(super) struct Map<'n> {
    pub(super) path: String,
    pub(super) position: Position,
    entries: &'n [Entry],
}

impl<'n> Map<'n> {
    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Field<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.field(entry))
    }

    /// All entries as key and value, for maps whose keys are names.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'n Entry, Field<'n>)> {
        self.entries.iter().map(|entry| (entry, self.field(entry)))
    }

    fn field(&self, entry: &'n Entry) -> Field<'n> {
        Field { path: child(&self.path, &entry.key), node: &entry.node }
    }
}

impl Reader<'_> {
    /// Records an error at a value.
    pub(super) fn error(&mut self, field: &Field<'_>, message: impl Into<String>) {
        self.error_at(field.node.position, &field.path, message, None);
    }

    /// Records an error at a value, with the nearest valid value.
    pub(super) fn error_suggesting(
        &mut self,
        field: &Field<'_>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        self.error_at(field.node.position, &field.path, message, suggestion);
    }

    /// Records an error.
    pub(super) fn error_at(
        &mut self,
        position: Position,
        path: &str,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let (path, message) = (path.to_owned(), message.into());
        self.errors.push(Diagnostic { position, path, message, suggestion });
    }

    /// Records a warning.
    pub(super) fn warn_at(&mut self, position: Position, path: &str, message: impl Into<String>) {
        let (path, message) = (path.to_owned(), message.into());
        self.warnings.push(Diagnostic { position, path, message, suggestion: None });
    }

    fn expected(&mut self, field: &Field<'_>, wanted: &str) {
        let kind = field.node.value.kind();
        self.error(field, format!("expected {wanted}, found {kind}"));
    }

    /// A map with any keys.
    pub(super) fn map<'n>(&mut self, field: &Field<'n>) -> Option<Map<'n>> {
        let Value::Map(entries) = &field.node.value else {
            self.expected(field, "a map");
            return None;
        };
        Some(Map { path: field.path.clone(), position: field.node.position, entries })
    }

    /// A map with the keys of a section.
    pub(super) fn section<'n>(&mut self, field: &Field<'n>, section: &Section) -> Option<Map<'n>> {
        let map = self.map(field)?;
        self.check_keys(&map, section);
        Some(map)
    }

    /// Reports the keys of `map` that the section does not have, refuses or ignores.
    pub(super) fn check_keys(&mut self, map: &Map<'_>, section: &Section) {
        for (entry, field) in map.fields() {
            let Some(key) = section.key(&entry.key) else {
                let valid = section
                    .keys()
                    .filter(|key| !matches!(key.treatment, Treatment::Refused(_)))
                    .map(|key| key.name);
                let suggestion = nearest(&entry.key, valid);
                let message = format!("unknown key in section {}", section.name);
                self.error_at(entry.position, &field.path, message, suggestion);
                continue;
            };
            match &key.treatment {
                Treatment::Used | Treatment::Quiet(_) => {}
                Treatment::Ignored(reason) => {
                    let message = format!("accepted without effect: {reason}");
                    self.warn_at(entry.position, &field.path, message);
                }
                Treatment::Fixed(fixed, reason) => {
                    if !is_fixed(&field.node.value, *fixed) {
                        let message = format!("accepted without effect: {reason}");
                        self.warn_at(entry.position, &field.path, message);
                    }
                }
                Treatment::OnlyEmpty(reason) => {
                    if !is_empty(&field.node.value) {
                        let message = format!("refused: {reason}");
                        self.error_at(entry.position, &field.path, message, None);
                    }
                }
                Treatment::Refused(reason) => {
                    let message = format!("refused: {reason}");
                    self.error_at(entry.position, &field.path, message, None);
                }
            }
        }
    }

    /// The value of a key that must be there.
    pub(super) fn required<'n>(&mut self, map: &Map<'n>, key: &str) -> Option<Field<'n>> {
        let field = map.get(key);
        if field.is_none() {
            self.error_at(map.position, &map.path, format!("the key `{key}` is missing"), None);
        }
        field
    }

    /// A sub-section, if its key is there.
    pub(super) fn optional_section<'n>(
        &mut self,
        map: &Map<'n>,
        key: &str,
        section: &Section,
    ) -> Option<Map<'n>> {
        let field = map.get(key)?;
        self.section(&field, section)
    }

    /// The items of a list; none if the key is missing.
    pub(super) fn list<'n>(&mut self, map: &Map<'n>, key: &str) -> Vec<Field<'n>> {
        map.get(key).map(|field| self.items(&field)).unwrap_or_default()
    }

    /// The items of a list.
    pub(super) fn items<'n>(&mut self, field: &Field<'n>) -> Vec<Field<'n>> {
        let Value::List(items) = &field.node.value else {
            self.expected(field, "a list");
            return Vec::new();
        };
        let with_path = |(index, node)| Field { path: format!("{}[{index}]", field.path), node };
        items.iter().enumerate().map(with_path).collect()
    }

    /// A boolean, or the default if the key is missing.
    pub(super) fn boolean(&mut self, map: &Map<'_>, key: &str, default: bool) -> bool {
        let Some(field) = map.get(key) else { return default };
        match &field.node.value {
            Value::Boolean(value) => *value,
            Value::Text(text) => {
                let suggestion = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" => Some("true".to_owned()),
                    "no" | "off" | "n" | "false" => Some("false".to_owned()),
                    _ => None,
                };
                self.error_suggesting(&field, "expected a boolean, found a string", suggestion);
                default
            }
            Value::Null | Value::Integer(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
                self.expected(&field, "a boolean");
                default
            }
        }
    }

    /// A string.
    pub(super) fn text<'n>(&mut self, field: &Field<'n>) -> Option<&'n str> {
        let Value::Text(text) = &field.node.value else {
            self.expected(field, "a string");
            return None;
        };
        Some(text)
    }

    /// A string that is not empty, if the key is there.
    pub(super) fn optional_text<'n>(&mut self, map: &Map<'n>, key: &str) -> Option<&'n str> {
        let field = map.get(key)?;
        self.filled_text(&field)
    }

    /// A string that is not empty.
    pub(super) fn filled_text<'n>(&mut self, field: &Field<'n>) -> Option<&'n str> {
        let text = self.text(field)?;
        if text.is_empty() {
            self.error(field, "must not be empty");
            return None;
        }
        Some(text)
    }

    /// An integer in a range, if the key is there.
    pub(super) fn integer<T: TryFrom<i128>>(
        &mut self,
        map: &Map<'_>,
        key: &str,
        range: RangeInclusive<i128>,
    ) -> Option<T> {
        let field = map.get(key)?;
        self.integer_value(&field, range)
    }

    /// An integer in a range.
    pub(super) fn integer_value<T: TryFrom<i128>>(
        &mut self,
        field: &Field<'_>,
        range: RangeInclusive<i128>,
    ) -> Option<T> {
        let Value::Integer(number) = field.node.value else {
            self.expected(field, "an integer");
            return None;
        };
        let value = T::try_from(number).ok().filter(|_| range.contains(&number));
        if value.is_none() {
            let (low, high) = (range.start(), range.end());
            self.error(field, format!("must be from {low} to {high}, is {number}"));
        }
        value
    }

    /// A duration in seconds, integer or fraction, if the key is there; `Some(None)` for zero,
    /// which callers without a meaning for zero refuse by [`positive_seconds`](Self::positive_seconds).
    pub(super) fn seconds(&mut self, map: &Map<'_>, key: &str) -> Option<Option<Duration>> {
        let field = map.get(key)?;
        let seconds = match field.node.value {
            // Any integer that is in the range below is exact as a fraction.
            #[expect(clippy::cast_precision_loss, reason = "compared with a small range")]
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            Value::Null | Value::Boolean(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                self.expected(&field, "a number of seconds");
                return None;
            }
        };
        if seconds == 0.0 {
            return Some(None);
        }
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
            let message =
                format!("must be 0 or from {MIN_SECONDS} to {MAX_SECONDS} seconds, is {seconds}");
            self.error(&field, message);
            return None;
        }
        Duration::try_from_secs_f64(seconds).ok().map(Some)
    }

    /// A duration in seconds above zero, or the default if the key is missing.
    pub(super) fn positive_seconds(
        &mut self,
        map: &Map<'_>,
        key: &str,
        default: Duration,
    ) -> Duration {
        match self.seconds(map, key) {
            Some(Some(duration)) => duration,
            Some(None) => {
                if let Some(field) = map.get(key) {
                    self.error(&field, "must be above 0 seconds");
                }
                default
            }
            None => default,
        }
    }

    /// A duration in milliseconds, if the key is there; `Some(None)` for zero.
    /// Crossbar.io takes values below one second for seconds given by mistake, and so do we.
    pub(super) fn milliseconds(&mut self, map: &Map<'_>, key: &str) -> Option<Option<Duration>> {
        let field = map.get(key)?;
        let number: u64 = self.integer_value(&field, 0..=86_400_000)?;
        if (1..1000).contains(&number) {
            let message = format!("is in milliseconds: must be 0 or at least 1000, is {number}");
            self.error(&field, message);
            return None;
        }
        Some((number > 0).then(|| Duration::from_millis(number)))
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        field: &Field<'_>,
        choices: &[(&'static str, T)],
        refused: Option<&RefusedValues>,
    ) -> Option<T> {
        let text = self.text(field)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let refusal = refused.and_then(|refused| {
            refused.values.iter().find(|(name, _)| *name == text).map(|(_, reason)| *reason)
        });
        match refusal {
            Some(reason) => self.error(field, format!("`{text}` is refused: {reason}")),
            None => {
                let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                let message = match names.as_slice() {
                    [only] => format!("must be `{only}`"),
                    _ => format!("must be one of {}", names.join(", ")),
                };
                self.error_suggesting(field, message, nearest(text, names.into_iter()));
            }
        }
        None
    }

    /// One of several words, if the key is there.
    pub(super) fn optional_choice<T: Copy>(
        &mut self,
        map: &Map<'_>,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let field = map.get(key)?;
        self.choice(&field, choices, None)
    }
}

/// The path of a key within a map.
fn child(path: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-$".contains(letter));
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

fn is_fixed(value: &Value, fixed: Fixed) -> bool {
    match fixed {
        Fixed::Boolean(wanted) => matches!(value, Value::Boolean(given) if *given == wanted),
        Fixed::Integer(wanted) => matches!(value, Value::Integer(given) if *given == wanted),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) => {
            false
        }
    }
}
