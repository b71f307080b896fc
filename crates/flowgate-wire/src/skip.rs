//! Checking and skipping one encoded value without recursion and without looking at it twice.

pub(crate) mod cbor;
pub(crate) mod json;
pub(crate) mod msgpack;
mod run;

use crate::stack::Stack;

/// Which keys a dictionary may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Strings: options, details and keyword arguments.
    Strings,
    /// Anything but lists and dictionaries: dictionaries inside a payload.
    Scalars,
}

/// What comes next inside an open list or dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Item,
    Key(Keys),
    /// The value to the last key.
    Value,
}

/// An open list or dictionary of a binary format.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Values still to come, keys included, so that in a dictionary a key comes next where it is
    /// even. More than [`INDEFINITE`] / 2 until a break.
    remaining: u64,
    /// The keys of a dictionary; `None` for a list.
    keys: Option<Keys>,
    /// How much deeper than the parent: 1, and 1 for each tag in front.
    height: usize,
}

impl Level {
    const fn next(&self) -> Next {
        match self.keys {
            None => Next::Item,
            Some(keys) if self.remaining.is_multiple_of(2) => Next::Key(keys),
            Some(_) => Next::Value,
        }
    }

    const fn is_indefinite(&self) -> bool {
        self.remaining > INDEFINITE / 2
    }
}

/// An even count that no message can declare, since each value takes an octet at least; nor can
/// one hold half as many.
const INDEFINITE: u64 = 1 << 63;

/// The lists and dictionaries that are open while a value of a binary format is skipped.
#[derive(Debug)]
struct Nesting {
    current: Level,
    parents: Stack<Level>,
    depth: usize,
}

impl Nesting {
    /// Before the value to skip.
    fn new() -> Self {
        let current = Level { remaining: 1, keys: None, height: 0 };
        Self { current, parents: Stack::new(), depth: 0 }
    }

    fn enter(&mut self, remaining: u64, keys: Option<Keys>, tags: usize) {
        self.parents.push(self.current);
        self.current = Level { remaining, keys, height: 1 + tags };
        self.depth += 1 + tags;
    }

    /// Returns to the parent; `false` if there is none.
    fn leave(&mut self) -> bool {
        let Some(parent) = self.parents.pop() else {
            return false;
        };
        self.depth -= self.current.height;
        self.current = parent;
        true
    }

    /// The keys of a dictionary that opens here: the outermost one is part of the envelope.
    const fn keys(&self) -> Keys {
        if self.parents.len() == 0 { Keys::Strings } else { Keys::Scalars }
    }

    /// Notes that a value has ended, and every level that ends with it; `true` after the last.
    #[inline]
    fn end_value(&mut self) -> bool {
        self.current.remaining -= 1;
        self.current.remaining == 0 && self.end_level()
    }

    /// Notes that the current level has ended, and every level that ends with it; `true` after
    /// the last.
    fn end_level(&mut self) -> bool {
        while self.leave() {
            self.current.remaining -= 1;
            if self.current.remaining != 0 {
                return false;
            }
        }
        true
    }
}
