//! What the benchmarks of Flowgate work on.
//!
//! The Criterion benchmarks below `benches/` and the instruction counts of
//! `src/bin/instructions.rs` measure the same things, made here.
//! Start from [`cases::all`], the cases whose instructions are counted.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on fails")]

pub mod cases;
pub mod messages;
pub mod realm;
pub mod trace;
pub mod uris;
