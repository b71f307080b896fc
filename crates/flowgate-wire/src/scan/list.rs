//! Lists of short plain strings, a block of octets at a time.
//!
//! A string is plain if it has no escapes. Between two of them stands one comma and nothing else;
//! of each octet of a block, one bit says whether that holds. However many strings a block has, it
//! costs the same.

use crate::block::{BLOCK, Kinds};
use crate::budget::Budget;

/// What the octet before a block was, each as the lowest bit.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    /// A closing quote.
    closing: u64,
    /// A comma between strings.
    comma: u64,
}

/// Passes strings by whole blocks, as long as they are plain and each follows its comma; takes
/// each but the first from the budget.
///
/// The first string begins at `pos`, after its opening quote. Returns the offset after the opening
/// quote of the last one that was reached, where to go on with more care: at the end of the list,
/// for whatever else follows, with an exhausted budget, and from a long string on, which others
/// find the end of sooner.
#[inline(never)]
pub(super) fn pass_blocks(bytes: &[u8], mut pos: usize, budget: &mut Budget) -> usize {
    let mut block_start = pos;
    let mut before = Before::default();
    // All bits alike: whether the block begins inside a string.
    let mut starts_inside = u64::MAX;
    while let Some(block) = bytes.get(block_start..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let Kinds { quotes, commas, stops } = Kinds::new(block);
        // Inside from an opening quote on until before the closing one.
        let inside = parity(quotes) ^ starts_inside;
        let (opening, closing) = (quotes & inside, quotes & !inside);
        let between = !(quotes | inside);
        let wrong = stops
            | between & !commas
            | between ^ (closing << 1 | before.closing)
            | opening ^ (between << 1 | before.comma);
        let reached = opening & !wrong & wrong.wrapping_sub(1);
        if reached == 0 || budget.take_values(reached.count_ones().into(), block_start).is_err() {
            break;
        }
        pos = block_start + BLOCK - reached.leading_zeros() as usize;
        if wrong != 0 {
            break;
        }
        before = Before { closing: closing >> (BLOCK - 1), comma: between >> (BLOCK - 1) };
        starts_inside = 0_u64.wrapping_sub(inside >> (BLOCK - 1));
        block_start += BLOCK;
    }
    pos
}

/// For each bit whether the set bits up to it, itself included, are odd in number.
const fn parity(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ bits << 32
}

#[cfg(test)]
mod prop;
