//! The head of an encoded item in the binary formats: its type, and its length or value.

pub(crate) mod cbor;
pub(crate) mod msgpack;

use std::borrow::Cow;

use crate::DecodeError;

/// The octets of a string or of binary data.
pub(crate) fn take(
    bytes: &[u8],
    pos: usize,
    len: u64,
    start: usize,
) -> Result<(&[u8], usize), DecodeError> {
    let end = usize::try_from(len).ok().and_then(|len| pos.checked_add(len));
    match end.and_then(|end| Some((bytes.get(pos..end)?, end))) {
        Some(taken) => Ok(taken),
        None => Err(DecodeError::UnexpectedEnd { offset: start }),
    }
}

/// A number of fixed width, big endian.
pub(crate) fn fixed<const N: usize>(
    bytes: &[u8],
    pos: usize,
) -> Result<([u8; N], usize), DecodeError> {
    match bytes.get(pos..).and_then(<[u8]>::first_chunk::<N>) {
        Some(chunk) => Ok((*chunk, pos + N)),
        None => Err(DecodeError::UnexpectedEnd { offset: bytes.len() }),
    }
}

/// Checks the string that ends at `end`.
#[inline]
pub(crate) fn check_utf8(text: &[u8], end: usize) -> Result<(), DecodeError> {
    // Short ASCII is most frequent, and the vectorized check costs more to start.
    if (text.len() <= 32 && text.is_ascii()) || simdutf8::basic::from_utf8(text).is_ok() {
        Ok(())
    } else {
        Err(DecodeError::InvalidUnicode { offset: end - text.len() })
    }
}

/// The text of a string whose octets have been checked.
pub(crate) fn checked_text(text: Cow<'_, [u8]>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => {
            let checked = simdutf8::basic::from_utf8(text);
            debug_assert!(checked.is_ok(), "the decoder has checked every string");
            checked.map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed)
        }
        Cow::Owned(text) => {
            let checked = String::from_utf8(text);
            debug_assert!(checked.is_ok(), "the decoder has checked every string");
            Cow::Owned(checked.unwrap_or_default())
        }
    }
}
