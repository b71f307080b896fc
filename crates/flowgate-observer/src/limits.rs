//! How much an observer takes.

/// The longest line without its newline, in octets, unless configured otherwise: what
/// php-wamp-observer takes.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Requests that wait for a reply, unless configured otherwise: about 200 MB with ordinary texts.
const MAX_PENDING_COUNT: usize = 1_000_000;

/// Octets of their texts, unless configured otherwise: far more than a million ordinary ones have.
const MAX_PENDING_BYTES: usize = 256 << 20;

/// Families, unless configured otherwise; an application has a handful.
const MAX_FAMILY_COUNT: usize = 100;

/// Label values of a family, unless configured otherwise.
const MAX_LABEL_VALUE_COUNT: usize = 500;

/// What bounds the memory of an observer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest line without its newline, in octets; a longer one is skipped and counted.
    pub max_line_bytes: usize,
    /// Requests that may wait for their replies; one more is not paired, and counted.
    pub max_pending_count: usize,
    /// Octets of the identifiers, names, protocols and directions of all requests that wait; a
    /// request for which there is no room is not paired, and counted.
    pub max_pending_bytes: usize,
    /// Families; what would be one more goes to the family of the protocol `_other`.
    pub max_family_count: usize,
    /// Label values of one family; what would be one more goes to the value `_other`.
    pub max_label_value_count: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_line_bytes: MAX_LINE_BYTES,
            max_pending_count: MAX_PENDING_COUNT,
            max_pending_bytes: MAX_PENDING_BYTES,
            max_family_count: MAX_FAMILY_COUNT,
            max_label_value_count: MAX_LABEL_VALUE_COUNT,
        }
    }
}
