//! The size by which messages are rated.

use std::error::Error;
use std::fmt;

/// The size of a rated message: a power of two, 1 to 2^63 bytes, 512 by default.
///
/// A message counts as its length divided by this size and rounded up, so that a long message
/// weighs as much as the short ones that it could have been.
/// Source: `rated_message_size` in "Session Statistics" of Crossbar.io's documentation.
///
/// ```
/// use flowgate_meter::RatedMessageSize;
///
/// let size = RatedMessageSize::try_from(256_u64)?;
/// assert_eq!(size.rate(256), 1);
/// assert_eq!(size.rate(257), 2);
/// assert!(RatedMessageSize::try_from(6_u64).is_err());
/// # Ok::<(), flowgate_meter::RatedMessageSizeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RatedMessageSize {
    /// Binary logarithm of the size, below 64.
    shift: u8,
}

impl RatedMessageSize {
    /// 512 bytes, the documented default.
    pub const DEFAULT: Self = Self { shift: 9 };

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        1_u64.wrapping_shl(self.shift as u32)
    }

    /// How many rated messages a message of `bytes` octets counts as: `bytes` divided by the size,
    /// rounded up.
    ///
    /// Exact up to 2^63 bytes, more than a message in memory can have.
    /// An empty message counts as zero rated messages, as the formula says; no WAMP message is
    /// empty, so this never shows.
    /// Costs three instructions.
    #[inline]
    #[must_use]
    pub const fn rate(self, bytes: usize) -> u64 {
        // An arithmetic shift rounds towards minus infinity, so that dividing the negated length
        // rounds its magnitude up: no branch for a remainder or for zero, no carry to lose.
        // The shift is below 64, so `wrapping_shr` never wraps; it only spares the check.
        let negated = (bytes as u64).wrapping_neg().cast_signed();
        negated.wrapping_shr(self.shift as u32).cast_unsigned().wrapping_neg()
    }
}

impl Default for RatedMessageSize {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u64> for RatedMessageSize {
    type Error = RatedMessageSizeError;

    fn try_from(size_bytes: u64) -> Result<Self, Self::Error> {
        if size_bytes == 0 {
            return Err(RatedMessageSizeError::Zero);
        }
        if !size_bytes.is_power_of_two() {
            return Err(RatedMessageSizeError::NotPowerOfTwo { size_bytes });
        }
        // A power of two in 64 bits has at most 63 trailing zeros.
        u8::try_from(size_bytes.trailing_zeros())
            .map(|shift| Self { shift })
            .map_err(|_| RatedMessageSizeError::NotPowerOfTwo { size_bytes })
    }
}

impl TryFrom<u32> for RatedMessageSize {
    type Error = RatedMessageSizeError;

    fn try_from(size_bytes: u32) -> Result<Self, Self::Error> {
        Self::try_from(u64::from(size_bytes))
    }
}

/// Why a number is no [`RatedMessageSize`].
///
/// The operator is at fault: the number comes from the node configuration, and a router refuses the
/// configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RatedMessageSizeError {
    /// The size is zero: nothing could be rated by it.
    Zero,
    /// The size is not a power of two.
    NotPowerOfTwo {
        /// The refused size.
        size_bytes: u64,
    },
}

impl fmt::Display for RatedMessageSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Zero => f.write_str("the rated message size must be a power of two, not 0"),
            Self::NotPowerOfTwo { size_bytes } => {
                write!(f, "the rated message size must be a power of two, not {size_bytes}")?;
                // No power of two follows the numbers above 2^63.
                match (size_bytes.checked_ilog2(), size_bytes.checked_next_power_of_two()) {
                    (Some(log), Some(above)) => {
                        write!(f, " (next to it: {} and {above})", 1_u64.wrapping_shl(log))
                    }
                    (Some(log), None) => write!(f, " (at most {})", 1_u64.wrapping_shl(log)),
                    (None, _) => Ok(()),
                }
            }
        }
    }
}

impl Error for RatedMessageSizeError {}
