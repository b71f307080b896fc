//! Small dictionaries on the stack.

use std::borrow::Cow;

use flowgate_wire::{Dict, Entry, Value};

/// Up to `N` entries of a `Details` or `Options` dictionary, without allocation.
pub(crate) struct Details<'a, const N: usize> {
    entries: [Entry<'a>; N],
    len: usize,
}

impl<'a, const N: usize> Details<'a, N> {
    pub(crate) fn new() -> Self {
        Self { entries: [const { (Cow::Borrowed(""), Value::Null) }; N], len: 0 }
    }

    /// Adds an entry. `N` is the number of keys that the caller can add, so there is always room.
    pub(crate) fn push(&mut self, key: &'static str, value: impl Into<Value<'a>>) {
        debug_assert!(self.len < N, "details have room for every key that is pushed");
        if let Some(entry) = self.entries.get_mut(self.len) {
            *entry = (Cow::Borrowed(key), value.into());
            self.len += 1;
        }
    }

    pub(crate) fn entries(&self) -> &[Entry<'a>] {
        self.entries.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn as_dict(&self) -> Dict<'_> {
        Dict::from_entries(self.entries())
    }
}
