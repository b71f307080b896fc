//! The head of an encoded item in the binary formats: its type, and its length or value.

pub(crate) mod cbor;
pub(crate) mod msgpack;

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
