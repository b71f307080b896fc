//! A stack that needs no allocation while it is shallow.

/// How many entries live inline; deeper payloads are rare.
const INLINE: usize = 16;

/// A stack of small entries: the first ones inline, the others on the heap.
#[derive(Debug)]
pub(crate) struct Stack<T> {
    inline: [T; INLINE],
    len: usize,
    spilled: Vec<T>,
}

impl<T: Copy + Default> Stack<T> {
    pub(crate) fn new() -> Self {
        Self { inline: [T::default(); INLINE], len: 0, spilled: Vec::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, entry: T) {
        match self.inline.get_mut(self.len) {
            Some(slot) => *slot = entry,
            None => self.spilled.push(entry),
        }
        self.len += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        match self.inline.get(self.len) {
            Some(entry) => Some(*entry),
            None => self.spilled.pop(),
        }
    }
}
