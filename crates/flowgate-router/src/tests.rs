//! Scenarios: what clients send, and everything that the router says to it.

mod asks;
mod broker;
mod calls;
mod calls_in_parts;
mod contexts;
mod dealer;
mod events;
mod handshake;
mod harness;
mod lifecycle;
mod meta;
mod observed;
mod passthru;
mod queues;
mod registration_meta;
mod served;
mod sharing;
mod subscriptions;
mod testaments;
mod violations;
mod walk;

use harness::{Setup, check, check_with};
