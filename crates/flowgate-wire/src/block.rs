//! Blocks of octets: which of them are of a kind, as one bit each.
//!
//! The lowest bit stands for the first octet.

use wide::u8x16;

/// Octets of one [`specials`] or [`separators`] block.
pub(crate) const BLOCK: usize = 64;

/// Octets of one [`non_ascii`] block; more than a string has whose length stands in its first
/// octet.
pub(crate) const SHORT: usize = 32;

/// Octets that are compared at once.
pub(crate) const LANE: usize = 16;

/// The quotes, backslashes and control characters: what ends a run of plain text in JSON.
#[inline]
pub(crate) fn specials(block: &[u8; BLOCK]) -> u64 {
    let (lanes, _) = block.as_chunks::<LANE>();
    lanes.iter().rev().fold(0, |mask, lane| mask << LANE | u64::from(lane_specials(lane)))
}

/// The quotes and the commas; `None` if there is a backslash or a control character.
#[inline]
pub(crate) fn separators(block: &[u8; BLOCK]) -> Option<(u64, u64)> {
    let (lanes, _) = block.as_chunks::<LANE>();
    let (mut quotes, mut commas, mut stops) = (0, 0, u8x16::ZERO);
    for lane in lanes.iter().rev() {
        let octets = u8x16::new(*lane);
        let mask = |octet| u64::from(octets.simd_eq(u8x16::splat(octet)).to_bitmask());
        quotes = quotes << LANE | mask(b'"');
        commas = commas << LANE | mask(b',');
        let controls = octets.min(u8x16::splat(0x1f)).simd_eq(octets);
        stops |= controls | octets.simd_eq(u8x16::splat(b'\\'));
    }
    (stops.to_bitmask() == 0).then_some((quotes, commas))
}

/// The quotes, backslashes and control characters of one lane, in the lower bits.
#[inline]
pub(crate) fn lane_specials(lane: &[u8; LANE]) -> u32 {
    let octets = u8x16::new(*lane);
    let controls = octets.min(u8x16::splat(0x1f)).simd_eq(octets);
    let quotes = octets.simd_eq(u8x16::splat(b'"'));
    let backslashes = octets.simd_eq(u8x16::splat(b'\\'));
    (controls | quotes | backslashes).to_bitmask()
}

/// The octets that are not ASCII.
#[inline]
pub(crate) fn non_ascii(block: &[u8; SHORT]) -> u32 {
    let (lanes, _) = block.as_chunks::<LANE>();
    lanes.iter().rev().fold(0, |mask, lane| mask << LANE | u8x16::new(*lane).to_bitmask())
}
