//! Octets in JSON: a string of NUL and base64.
//!
//! Source: WAMP advanced profile, "Binary support in JSON"; RFC 4648 section 4.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

use crate::scan::unescape;

/// The octets that the text between the quotes of a JSON string stands for.
///
/// `None` if it is an ordinary string: no NUL first, or no base64 with padding after it.
pub(crate) fn from_json_text(text: &str) -> Option<Vec<u8>> {
    let encoded = text.strip_prefix("\\u0000")?;
    if encoded.contains('\\') {
        // Some encoders escape the slash.
        STANDARD.decode(unescape(encoded)).ok()
    } else {
        STANDARD.decode(encoded).ok()
    }
}

/// Appends NUL and base64, as the text between the quotes of a JSON string.
pub(crate) fn to_json_text(octets: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u0000");
    let start = out.len();
    // Four octets for each three, rounded up.
    let len = octets.len().div_ceil(3) * 4;
    out.resize(start + len, b'=');
    if let Some(target) = out.get_mut(start..) {
        let written = STANDARD.encode_slice(octets, target);
        debug_assert_eq!(written.ok(), Some(len), "the length of base64 with padding is fixed");
    }
}

/// NUL and base64 as text.
pub(crate) fn to_text(octets: &[u8]) -> String {
    let mut text = String::from('\0');
    STANDARD.encode_string(octets, &mut text);
    text
}
