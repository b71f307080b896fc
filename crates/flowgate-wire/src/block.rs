//! Blocks of octets: which of them are of a kind, as one bit each.
//!
//! The lowest bit stands for the first octet.
//! Single blocks are looked at with what every machine of the target has; loops over many are
//! compiled once for each kind of machine, and [`dispatch!`] picks one of them at run time.

use fearless_simd::{Level, Simd, dispatch, mask8x64, prelude::*, u8x16, u8x32, u8x64};

/// Octets of one [`specials`] or [`separators`] block.
pub(crate) const BLOCK: usize = 64;

/// Octets of one [`non_ascii`] block; more than a string has whose length stands in its first
/// octet.
pub(crate) const SHORT: usize = 32;

/// Octets of one [`lane_specials`] block.
pub(crate) const LANE: usize = 16;

/// The quotes, backslashes and control characters: what ends a run of plain text in JSON.
#[inline]
pub(crate) fn specials(block: &[u8; BLOCK]) -> u64 {
    dispatch!(Level::baseline(), simd => specials_in(simd, block).to_bitmask())
}

/// The same in a loop over many blocks.
#[inline(always)]
pub(crate) fn specials_in<S: Simd>(simd: S, block: &[u8; BLOCK]) -> mask8x64<S> {
    let octets = u8x64::from_slice(simd, block);
    octets.simd_le(0x1f) | octets.simd_eq(b'"') | octets.simd_eq(b'\\')
}

/// The same of one lane.
#[inline]
pub(crate) fn lane_specials(lane: &[u8; LANE]) -> u64 {
    dispatch!(Level::baseline(), simd => {
        let octets = u8x16::from_slice(simd, lane);
        let quotes = octets.simd_eq(b'"');
        let backslashes = octets.simd_eq(b'\\');
        (octets.simd_le(0x1f) | quotes | backslashes).to_bitmask()
    })
}

/// The quotes and the commas; `None` if there is a backslash or a control character.
#[inline(always)]
pub(crate) fn separators<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Option<(u64, u64)> {
    let octets = u8x64::from_slice(simd, block);
    let stops = octets.simd_le(0x1f) | octets.simd_eq(b'\\');
    if stops.any_true() {
        return None;
    }
    Some((octets.simd_eq(b'"').to_bitmask(), octets.simd_eq(b',').to_bitmask()))
}

/// The dots; `None` if there is an octet that a loosely checked URI must not have, or that takes
/// more than a look at a single octet.
#[inline]
pub(crate) fn uri_dots(block: &[u8; BLOCK]) -> Option<u64> {
    dispatch!(Level::baseline(), simd => {
        let octets = u8x64::from_slice(simd, block);
        let others = octets.simd_le(b' ') | octets.simd_ge(0x80) | octets.simd_eq(b'#');
        if others.any_true() { None } else { Some(octets.simd_eq(b'.').to_bitmask()) }
    })
}

/// The octets that are not ASCII.
#[inline]
pub(crate) fn non_ascii(block: &[u8; SHORT]) -> u64 {
    dispatch!(Level::baseline(), simd => {
        let octets = u8x32::from_slice(simd, block);
        octets.simd_ge(0x80).to_bitmask()
    })
}

/// What this machine can be taken for, to be tested as.
#[cfg(test)]
pub(crate) fn machines() -> impl Iterator<Item = Level> {
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    let between = { [best.as_sse4_2().map(Simd::level), best.as_avx2().map(Simd::level)] };
    #[cfg(not(target_arch = "x86_64"))]
    let between = [None; 2];
    [Level::baseline(), best].into_iter().chain(between.into_iter().flatten())
}
