//! Scenarios: what clients send, and everything that the router says to it.

mod asks;
mod broker;
mod calls;
mod dealer;
mod handshake;
mod harness;
mod lifecycle;
mod meta;
mod testaments;
mod violations;
mod walk;

use harness::{Setup, check, check_with};
