//! What ties the messages of one action together.

use std::{fmt, num::NonZeroU128, str::FromStr};

/// The identifier of one action: a call, a publication, a subscription, with all its messages.
///
/// Chosen by the router when an action begins, unique over routers and time as far as its source
/// of randomness is, and never zero, so that it can serve as the identifier of a distributed trace.
/// Written as a UUID, such as `d5d9bcec-a3eb-4f0e-875b-6933680bb546`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Correlation(NonZeroU128);

/// A text that is no correlation: not the form of a UUID, or all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a correlation, which has the form of a UUID and is not zero")]
pub struct CorrelationSyntax;

impl Correlation {
    /// The smallest.
    pub const MIN: Self = Self(NonZeroU128::MIN);

    /// The correlation of these bits; `None` for zero.
    #[must_use]
    pub const fn new(bits: u128) -> Option<Self> {
        match NonZeroU128::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// The bits.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0.get()
    }

    /// A number that is evenly spread even if correlations were counted up, for sampling.
    ///
    /// The same for the same correlation in every process.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "each half is taken")]
    pub const fn spread(self) -> u64 {
        // The finalizer of SplitMix64 over both halves.
        let [high, low] = [(self.0.get() >> 64) as u64, self.0.get() as u64];
        let mut bits = low ^ high.rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.get();
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            (bits >> 80) & 0xffff,
            (bits >> 64) & 0xffff,
            (bits >> 48) & 0xffff,
            bits & 0xffff_ffff_ffff,
        )
    }
}

impl FromStr for Correlation {
    type Err = CorrelationSyntax;

    fn from_str(text: &str) -> Result<Self, CorrelationSyntax> {
        let mut bits = 0_u128;
        if text.len() != 36 {
            return Err(CorrelationSyntax);
        }
        for (index, char) in text.chars().enumerate() {
            if matches!(index, 8 | 13 | 18 | 23) {
                if char != '-' {
                    return Err(CorrelationSyntax);
                }
            } else {
                let digit = char.to_digit(16).ok_or(CorrelationSyntax)?;
                bits = bits << 4 | u128::from(digit);
            }
        }
        Self::new(bits).ok_or(CorrelationSyntax)
    }
}

#[cfg(test)]
mod tests;
