//! Counts that are known only after the list or dictionary has been written.
//!
//! One octet is left for each header.
//! That is enough for most lists; the others are noted, and one pass over the output makes room
//! for all of them, so that the cost stays linear however the lists are nested.

use super::Shape;

/// A header that needs more than the octet left for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wide {
    /// Offset of the octet.
    pub(super) at: usize,
    pub(super) shape: Shape,
    pub(super) count: usize,
}

/// A header: its octets, and how many of them count.
pub(super) type Header = ([u8; 9], usize);

/// Makes room for the wide headers and writes them.
#[inline(never)]
pub(super) fn widen(out: &mut Vec<u8>, wide: &mut Vec<Wide>, header: impl Fn(Wide) -> Header) {
    wide.sort_unstable_by_key(|wide| wide.at);
    let extra: usize = wide.iter().map(|wide| header(*wide).1 - 1).sum();
    let mut end = out.len();
    out.resize(end + extra, 0);
    let mut new_end = out.len();
    for wide in wide.drain(..).rev() {
        let body = wide.at + 1;
        new_end -= end - body;
        out.copy_within(body..end, new_end);
        let (octets, len) = header(wide);
        new_end -= len;
        if let (Some(target), Some(octets)) =
            (out.get_mut(new_end..new_end + len), octets.get(..len))
        {
            target.copy_from_slice(octets);
        }
        end = wide.at;
    }
    debug_assert_eq!(end, new_end, "what lies before the first wide header stays in place");
}
