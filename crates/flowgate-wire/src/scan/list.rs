//! Lists of short plain strings, a block of octets at a time.
//!
//! A string is plain if it has no escapes. Between two of them stands one comma and nothing else,
//! so that each quote is either the first or the last octet of one `","`. However many strings a
//! block has, finding that out costs the same.

use fearless_simd::{Level, Simd, dispatch};

use crate::block::{BLOCK, separators};
use crate::budget::Budget;

/// Passes strings by whole blocks, as long as they are plain and each follows its comma; takes
/// each but the first from the budget.
///
/// The first string begins at `pos`, after its opening quote. Returns the offset after the opening
/// quote of the last one that was reached, where to go on with more care: at the end of the list,
/// for whatever else follows, with an exhausted budget, and from a long string on, which others
/// find the end of sooner.
pub(super) fn pass_blocks(bytes: &[u8], pos: usize, budget: &mut Budget) -> usize {
    pass_blocks_on(Level::new(), bytes, pos, budget)
}

/// The same on a machine that has at least this.
fn pass_blocks_on(machine: Level, bytes: &[u8], pos: usize, budget: &mut Budget) -> usize {
    dispatch!(machine, simd => pass_blocks_with(simd, bytes, pos, budget))
}

/// The same, compiled once for each kind of machine.
#[inline(always)]
fn pass_blocks_with<S: Simd>(simd: S, bytes: &[u8], mut pos: usize, budget: &mut Budget) -> usize {
    let mut block_start = pos;
    let (mut quotes_before, mut commas_before, mut opening_before) = (0, 0, 0);
    while let Some((quotes, commas)) = bytes
        .get(block_start..)
        .and_then(<[u8]>::first_chunk)
        .and_then(|block| separators(simd, block))
    {
        // By the last octet of each `","`. Of the quotes two octets back it is known by now whether
        // they are a first one or a last one, of which they must be one and not both.
        let two_back = shifted::<2>(quotes, quotes_before);
        let opening = quotes & shifted::<1>(commas, commas_before) & two_back;
        let wrong = two_back ^ opening ^ shifted::<2>(opening, opening_before);
        let reached = opening & !wrong & wrong.wrapping_sub(1);
        if reached == 0 || budget.take_values(reached.count_ones().into(), block_start).is_err() {
            break;
        }
        pos = block_start + BLOCK - reached.leading_zeros() as usize;
        if wrong != 0 {
            break;
        }
        (quotes_before, commas_before, opening_before) = (quotes, commas, opening);
        block_start += BLOCK;
    }
    pos
}

/// The bits of a block for the octets `BACK` before; the first ones are of the block before it.
const fn shifted<const BACK: usize>(bits: u64, before: u64) -> u64 {
    bits << BACK | before >> (BLOCK - BACK)
}

#[cfg(test)]
mod prop;
