//! What is left of the limits while a message is read.

use crate::{DecodeError, Limits};

/// Counts values and levels down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Levels that may still be opened below the message's own list.
    depth: usize,
    /// Values that may still come.
    elements: usize,
}

impl Budget {
    /// The budget inside the message's own list, which takes one level.
    pub(crate) const fn inside(limits: &Limits) -> Self {
        Self { depth: limits.depth.saturating_sub(1), elements: limits.elements }
    }

    /// Takes one value.
    pub(crate) const fn take_value(&mut self, offset: usize) -> Result<(), DecodeError> {
        match self.elements.checked_sub(1) {
            Some(rest) => {
                self.elements = rest;
                Ok(())
            }
            None => Err(DecodeError::TooManyValues { offset }),
        }
    }

    /// Takes the values that a list or dictionary declares.
    pub(crate) fn take_values(&mut self, count: u64, offset: usize) -> Result<(), DecodeError> {
        let rest = usize::try_from(count).ok().and_then(|count| self.elements.checked_sub(count));
        match rest {
            Some(rest) => {
                self.elements = rest;
                Ok(())
            }
            None => Err(DecodeError::TooManyValues { offset }),
        }
    }

    /// Whether `depth` levels may be open.
    pub(crate) const fn check_depth(&self, depth: usize, offset: usize) -> Result<(), DecodeError> {
        if depth > self.depth { Err(DecodeError::TooDeep { offset }) } else { Ok(()) }
    }
}
