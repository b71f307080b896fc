//! What an observer says of itself.

/// What became of lines and requests, since the start.
///
/// Every line is in exactly one of `empty`, `malformed`, `oversized`, `ignored`, `measured`,
/// `requests` and `replies`; every request ends in exactly one of `answered`, `timed_out` and
/// `replaced`, is `unpaired`, or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Lines without text: what the PHP client sends for a message that is not UTF-8.
    pub empty: u64,
    /// Lines that are not what their protocol says.
    pub malformed: u64,
    /// Lines that were too long.
    pub oversized: u64,
    /// Well-formed messages that are neither request nor reply.
    pub ignored: u64,
    /// Counts and durations of the sibling protocol.
    pub measured: u64,
    /// Requests.
    pub requests: u64,
    /// Responses and errors.
    pub replies: u64,
    /// Requests that got their reply in time.
    pub answered: u64,
    /// Requests that got none.
    pub timed_out: u64,
    /// Requests whose identifier was used again on their connection before they were answered.
    pub replaced: u64,
    /// Requests beyond what may wait.
    pub unpaired: u64,
    /// Measurements that were folded into `_other`.
    pub folded: u64,
}

impl Counts {
    /// All lines.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.empty
            + self.malformed
            + self.oversized
            + self.ignored
            + self.measured
            + self.requests
            + self.replies
    }

    /// Name, help and value of each count, in a fixed order, for whoever shows them.
    #[must_use]
    pub const fn each(&self) -> [(&'static str, &'static str, u64); 12] {
        [
            ("empty_lines", "Lines without text", self.empty),
            ("malformed_lines", "Lines that are not what their protocol says", self.malformed),
            ("oversized_lines", "Lines that were too long", self.oversized),
            ("ignored_lines", "Messages that are neither request nor reply", self.ignored),
            ("measured_lines", "Counts and durations sent as such", self.measured),
            ("requests", "Requests", self.requests),
            ("replies", "Responses and errors", self.replies),
            ("answered_requests", "Requests answered in time", self.answered),
            ("timed_out_requests", "Requests not answered in time", self.timed_out),
            ("replaced_requests", "Requests whose identifier was used again", self.replaced),
            ("unpaired_requests", "Requests beyond what may wait", self.unpaired),
            ("folded_measurements", "Measurements folded into _other", self.folded),
        ]
    }
}
