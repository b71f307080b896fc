//! A message's place in its action.

use crate::{Correlation, TraceContext};

/// A message's place in its action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// The action.
    pub correlation: Correlation,
    /// The URI of the action: the procedure or topic, the same for all of its messages.
    pub uri: Option<&'a str>,
    /// Whether the message begins or ends the action.
    pub position: Position,
    /// The trace context that the client sent with the request that began the action, the same
    /// for all of its messages.
    pub context: Option<TraceContext>,
}

/// Whether a message begins or ends its action; exactly one does each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// The first, more follow.
    Anchor,
    /// Neither the first nor the last.
    Inner,
    /// The last of several.
    Last,
    /// The first and the last: nothing follows.
    Only,
}

impl Position {
    /// The position of a message that is or is not the first, and is or is not the last.
    #[must_use]
    pub const fn new(is_anchor: bool, is_last: bool) -> Self {
        match (is_anchor, is_last) {
            (true, true) => Self::Only,
            (true, false) => Self::Anchor,
            (false, true) => Self::Last,
            (false, false) => Self::Inner,
        }
    }

    /// Whether the message begins its action.
    #[must_use]
    pub const fn is_anchor(self) -> bool {
        matches!(self, Self::Anchor | Self::Only)
    }

    /// Whether the message ends its action.
    #[must_use]
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Last | Self::Only)
    }

    /// The same place, but at the end of the action.
    #[must_use]
    pub const fn ending(self) -> Self {
        Self::new(self.is_anchor(), true)
    }
}
