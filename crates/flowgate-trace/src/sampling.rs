//! Which actions a trace takes when it does not take all.

use flowgate_event::Correlation;

/// A share of all actions, chosen by the hash of the correlation.
///
/// All messages of an action are kept or dropped together, by every worker and every router alike,
/// and a smaller share is always part of a larger one.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Sampling(f64);

/// It is a number: no `NaN` is above 0.
impl Eq for Sampling {}

impl Sampling {
    /// Every action.
    pub const ALL: Self = Self(1.0);

    /// A share above 0 and up to 1; `None` for other numbers.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share <= 1.0).then_some(Self(share))
    }

    /// The share.
    #[must_use]
    pub const fn share(self) -> f64 {
        self.0
    }

    /// Whether the action belongs to the share.
    #[must_use]
    pub fn takes(self, correlation: Correlation) -> bool {
        correlation.spread() <= self.threshold()
    }

    /// The largest hash that belongs to the share.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product is between 0 and 2^64, and the conversion saturates"
    )]
    pub(crate) fn threshold(self) -> u64 {
        // 2^64, which a float holds exactly.
        const HASHES: f64 = 18_446_744_073_709_551_616.0;
        (self.0 * HASHES) as u64
    }
}
