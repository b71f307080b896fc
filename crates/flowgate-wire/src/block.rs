//! Blocks of octets: which of them are of a kind, as one bit each.
//!
//! The lowest bit stands for the first octet.

use wide::u8x16;

/// Octets of one [`specials`] or [`Kinds`] block.
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

/// What separates the plain strings of a JSON list, and what is in none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kinds {
    pub(crate) quotes: u64,
    pub(crate) commas: u64,
    /// The backslashes and control characters.
    pub(crate) stops: u64,
}

impl Kinds {
    #[inline]
    pub(crate) fn new(block: &[u8; BLOCK]) -> Self {
        let (lanes, _) = block.as_chunks::<LANE>();
        lanes.iter().rev().fold(Self::default(), |kinds, lane| {
            let octets = u8x16::new(*lane);
            let mask = |hits: u8x16| u64::from(hits.to_bitmask());
            let controls = octets.min(u8x16::splat(0x1f)).simd_eq(octets);
            let backslashes = octets.simd_eq(u8x16::splat(b'\\'));
            Self {
                quotes: kinds.quotes << LANE | mask(octets.simd_eq(u8x16::splat(b'"'))),
                commas: kinds.commas << LANE | mask(octets.simd_eq(u8x16::splat(b','))),
                stops: kinds.stops << LANE | mask(controls | backslashes),
            }
        })
    }
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
