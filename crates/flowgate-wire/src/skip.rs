//! Checking and skipping one encoded value without recursion and without looking at it twice.

pub(crate) mod cbor;
pub(crate) mod json;
pub(crate) mod msgpack;
mod run;

use smallvec::{SmallVec, smallvec};

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
    /// Values that have not begun yet, keys included, so that in a dictionary a key comes next
    /// where it is even. More than [`INDEFINITE`] / 2 until a break.
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

/// How many open lists and dictionaries need no allocation; deeper payloads are rare.
const INLINE: usize = 16;

/// The lists and dictionaries that are open while a value of a binary format is skipped.
#[derive(Debug)]
struct Nesting {
    current: Level,
    parents: SmallVec<[Level; INLINE]>,
    depth: usize,
}

impl Nesting {
    /// Before the value to skip.
    fn new() -> Self {
        let current = Level { remaining: 1, keys: None, height: 0 };
        Self { current, parents: SmallVec::new(), depth: 0 }
    }

    /// Inside of the value to skip, a list.
    fn inside(list: Level) -> Self {
        let whole = Level { remaining: 0, keys: None, height: 0 };
        Self { current: list, parents: smallvec![whole], depth: 1 }
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
    fn keys(&self) -> Keys {
        if self.parents.is_empty() { Keys::Strings } else { Keys::Scalars }
    }

    /// Leaves the levels of which nothing is to come; `true` after the last.
    #[inline]
    fn is_complete(&mut self) -> bool {
        while self.current.remaining == 0 {
            if !self.leave() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
