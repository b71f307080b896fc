//! When windows close, and how messages are rated.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::RatedMessageSize;

/// The realm's `stats` section: how messages are rated, and what closes a window.
///
/// Every combination is legal, also one without any trigger (then nothing is ever reported) and one
/// with only the join and leave triggers.
/// Source: the configuration table in "Session Statistics" of Crossbar.io's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatsConfig {
    /// The size by which messages are rated.
    /// Default: 512 bytes.
    pub rated_message_size: RatedMessageSize,
    /// Closes a window once this many rated messages passed in it, both directions together.
    /// Default: none, written 0 in a configuration file.
    pub trigger_after_rated_messages: Option<NonZeroU64>,
    /// Closes a window once it has lasted this long, also when no message passed.
    /// A zero duration means the same as none, just as it is written 0 (seconds) in a configuration
    /// file.
    /// Counted in nanoseconds; beyond the range of [`Timestamp`](flowgate_event::Timestamp) it
    /// never ends.
    /// Default: none.
    pub trigger_after_duration: Option<Duration>,
    /// Closes the first window when the session has joined, so that the first report covers
    /// exactly HELLO to WELCOME.
    /// Default: true.
    pub trigger_on_join: bool,
    /// Reports the last window when the session leaves, however short it is.
    /// Default: true.
    pub trigger_on_leave: bool,
}

impl Default for StatsConfig {
    fn default() -> Self {
        Self {
            rated_message_size: RatedMessageSize::DEFAULT,
            trigger_after_rated_messages: None,
            trigger_after_duration: None,
            trigger_on_join: true,
            trigger_on_leave: true,
        }
    }
}
