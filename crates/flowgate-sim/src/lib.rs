//! A seeded world of model clients and faults over the router's pure core.
//!
//! Start with [`run`]: it plays one seed and says what it did, or which step broke which promise.
//! Random clients use every feature, answer late or twice or never, break the protocol, read too
//! slowly, vanish at any message and shut down with the router.
//! Every message passes the codec in its client's own format, so that callers and callees of
//! different formats are transcoded between.
//! Everything random comes from the seed, so the same seed gives the same transcript.
//!
//! # What must hold, after every step
//! - The realm's own invariants ([`Realm::check_invariants`](flowgate_router::Realm)).
//! - Each session is told exactly what a second, naive router predicts (the `model` module): every
//!   event, invocation and reply, with its payload, and nothing else.
//!   In particular a CALL gets exactly one final reply, which each client counts for itself, too.
//! - Nothing comes before WELCOME or after GOODBYE or ABORT, no EVENT before its SUBSCRIBED, no
//!   INVOCATION before its REGISTERED, and events and invocations keep the order of their sender
//!   across topics and procedures.
//! - Every action has one anchor and one end, and each message belongs to the right one (the
//!   `actions` module); to trace changes nothing of what is sent. In a third of the seeds tracing
//!   begins and ends in between.
//!
//! In the end, when all callees have answered, no call waits; and when all have left, every table of
//! the realm is empty.
//!
//! This crate is for development only and is part of no program that users run.
//! It must never do I/O or read a clock: its binary prints, the library does not.
#![allow(
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "for development only: a fault in the simulation itself may stop it, and its clients \
              care for few messages"
)]

mod actions;
mod client;
mod gate;
mod material;
mod model;
mod said;
mod shell;
mod transcript;
mod world;

use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use world::{Traced, World};

/// How much a simulation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Random steps before everything is brought to its end.
    pub step_count: u32,
    /// The most clients at a time; the seed chooses a number from 2 to this.
    pub client_count_max: u32,
}

/// What a simulation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Inputs that the realm has handled.
    pub input_count: u64,
    /// Messages, by their name and direction, and other inputs and actions, by theirs.
    pub counts: BTreeMap<String, u64>,
    /// A hash of everything that happened, in order.
    pub transcript_hash: u64,
}

/// A promise that the router has broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed that shows it.
    pub seed: u64,
    /// The options that it was played with.
    pub options: Options,
    /// The number of the input at which it shows.
    pub step: u64,
    /// What is wrong.
    pub what: String,
    /// The end of the transcript, the last line last.
    pub tail: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { step_count: 600, client_count_max: 8 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.tail {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "seed {}, input {}: {}", self.seed, self.step, self.what)?;
        write!(f, "replay with: cargo xtask sim --seed {}", self.seed)?;
        if self.options.step_count != Options::default().step_count {
            write!(f, " --steps {}", self.options.step_count)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Plays one seed.
///
/// # Errors
/// The first broken promise; a panic of the router is one.
pub fn run(seed: u64, options: &Options) -> Result<Summary, Failure> {
    let traced = if seed.is_multiple_of(3) { Traced::Sometimes } else { Traced::Yes };
    play(seed, options, traced)
}

fn play(seed: u64, options: &Options, traced: Traced) -> Result<Summary, Failure> {
    let mut world = World::new(seed, options, traced);
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run()));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without a message")))
    });
    match outcome {
        Ok(()) => Ok(world.into_summary()),
        Err(what) => {
            let (step, tail) = world.into_tail();
            Err(Failure { seed, options: *options, step, what, tail })
        }
    }
}

#[cfg(test)]
mod tests;
