//! The floor: a hard-coded program that forwards WAMP messages and does nothing else.
//!
//! A measuring instrument, not a product: it tells what the machine, the kernel and tokio ask for
//! moving the messages of a load, so that the cost of a router can be given as a ratio to it.
//! It knows no realms, roles, errors or limits, checks nothing, and trusts its clients: whoever
//! sends it anything but what `flowgate-load` sends is disconnected, or worse.
//!
//! `floor ADDRESS` serves RawSocket and WebSocket on one port, told apart by the first octet, on
//! tokio with work stealing and two workers.
//! The task that reads a connection handles every whole message in its buffer, and then writes to
//! each destination itself, once.
//! There is no table of invocations: the caller is a part of the invocation's request id.
//! Callers, callee, publishers and subscribers all use the transport and the serializer of the
//! first of them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal prints")]

mod connection;
mod handshake;
mod message;
mod routes;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Builder;

use self::connection::Connection;
use self::routes::Routes;

/// As many as the machines have that the figures in docs/performance.md come from.
const WORKERS_COUNT: usize = 2;

fn main() -> ExitCode {
    let Some(address) = std::env::args().nth(1) else {
        eprintln!("usage: floor ADDRESS");
        return ExitCode::from(2);
    };
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS_COUNT).enable_io().build();
    match runtime.and_then(|runtime| runtime.block_on(serve(&address))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Accepts connections for ever.
async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let routes = Arc::new(Routes::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let routes = Arc::clone(&routes);
        // Nobody waits for a connection to end: the whole program ends at once.
        tokio::spawn(async move { Connection::open(stream, routes).await });
    }
}
