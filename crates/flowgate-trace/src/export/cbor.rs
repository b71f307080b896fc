//! Records in CBOR.

use crate::record::Record;

/// Appends records as a sequence of dictionaries in CBOR (RFC 8742).
pub fn cbor<'a>(records: impl IntoIterator<Item = &'a Record>, out: &mut Vec<u8>) {
    for record in records {
        let written = ciborium::into_writer(record, &mut *out);
        // Memory takes everything.
        debug_assert!(written.is_ok());
    }
}
