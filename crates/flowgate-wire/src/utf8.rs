//! Checking UTF-8.

use std::borrow::Cow;

use crate::DecodeError;

/// The text that the octets are, if they are UTF-8.
#[inline]
pub(crate) fn text(octets: &[u8]) -> Option<&str> {
    simdutf8::basic::from_utf8(octets).ok()
}

/// The text of a message in JSON.
pub(crate) fn json_text(octets: &[u8]) -> Result<&str, DecodeError> {
    text(octets).ok_or_else(|| invalid_text(octets))
}

#[cold]
fn invalid_text(octets: &[u8]) -> DecodeError {
    let offset = simdutf8::compat::from_utf8(octets).err().map_or(0, |error| error.valid_up_to());
    DecodeError::InvalidUnicode { offset }
}

/// Checks the string that ends at `end`.
#[inline]
pub(crate) fn check(octets: &[u8], end: usize) -> Result<(), DecodeError> {
    // Short ASCII is most frequent, and the vectorized check costs more to start.
    if (octets.len() <= 32 && octets.is_ascii()) || text(octets).is_some() {
        Ok(())
    } else {
        Err(DecodeError::InvalidUnicode { offset: end - octets.len() })
    }
}

/// The text of a string whose octets have been checked.
pub(crate) fn checked(octets: Cow<'_, [u8]>) -> Cow<'_, str> {
    match octets {
        Cow::Borrowed(octets) => {
            let checked = text(octets);
            debug_assert!(checked.is_some(), "the decoder has checked every string");
            checked.map_or_else(|| String::from_utf8_lossy(octets), Cow::Borrowed)
        }
        Cow::Owned(octets) => {
            let checked = String::from_utf8(octets);
            debug_assert!(checked.is_ok(), "the decoder has checked every string");
            Cow::Owned(checked.unwrap_or_default())
        }
    }
}
