//! How many lines a second `flowgate observe` takes, and what they cost it.
//!
//! `observer_lines FLOWGATE CONNECTIONS LINES`: starts the observer on free ports, sends so many
//! lines in all over so many connections, and checks that the observer has counted and shows
//! exactly what was sent.
//! Lines are written as the PHP client writes them, encoded beforehand; only their identifiers are
//! patched. One request in 9 stays without a reply, and one reply in 99 is an error.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measuring program prints, and reads the real clock"
)]

mod lines;
mod observer;

use std::error::Error;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use self::lines::{Block, Sent};
use self::observer::Observer;

/// What ends the measurement.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [binary, connection_count, line_count] = arguments.as_slice() else {
        eprintln!("usage: observer_lines FLOWGATE CONNECTIONS LINES");
        return ExitCode::from(2);
    };
    match measure(binary, connection_count, line_count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("observer_lines: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(binary: &str, connection_count: &str, line_count: &str) -> Result<(), Failure> {
    let (connection_count, line_count): (u32, u64) =
        (connection_count.parse()?, line_count.parse()?);
    let observer = Observer::start(binary)?;
    let line_count_each = line_count / u64::from(connection_count.max(1));

    let start = Instant::now();
    let cpu_before_ns = observer.cpu_ns()?;
    let address = observer.lines();
    let senders: Vec<_> = (0..connection_count)
        .map(|connection| thread::spawn(move || send(address, connection, line_count_each)))
        .collect();
    let mut sent = Sent::default();
    for sender in senders {
        sent += sender.join().map_err(|_| "a sender failed")??;
    }
    observer.wait_until_read(sent.lines())?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_ns = observer.cpu_ns()? - cpu_before_ns;

    observer.check(&sent)?;
    let line_count = sent.lines();
    println!("lines:        {line_count} over {connection_count} connections, all as sent");
    println!("rate:         {:.0} lines/s", line_count as f64 / seconds);
    println!("observer CPU: {:.0} ns a line", cpu_ns as f64 / line_count as f64);
    println!("largest RSS:  {} KiB", observer.largest_resident_kib()?);
    Ok(())
}

/// Sends whole blocks until there are at least so many lines.
fn send(address: SocketAddr, connection: u32, line_count: u64) -> Result<Sent, Failure> {
    let mut stream = TcpStream::connect(address)?;
    let mut block = Block::new(connection);
    let mut sent = Sent::default();
    while sent.lines() < line_count {
        stream.write_all(block.renew())?;
        sent += block.sent();
    }
    Ok(sent)
}
