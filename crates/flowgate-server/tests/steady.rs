//! The steady path of a call and of an event allocates nothing in the router.
//!
//! The router runs on one thread, and the clients on another, so that the thread's allocations are
//! the router's.
//! What starting, joining and growing cost is the same for a short and for a long load: the
//! difference of the two is what the messages cost.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
};

use flowgate_wire::rawsocket::{FrameHeader, FrameKind, HEADER_BYTES, MaxLength};
use serde_json::{Value, json};

use crate::support::{
    client::hello,
    router::{Router, Setup, Transport},
};

const SHORT_ROUNDS: u64 = 100;
const LONG_ROUNDS: u64 = 1100;

/// Messages written at once, so that they come as a batch.
const BATCH: u64 = 8;

const SUBSCRIBERS: usize = 10;

/// How many allocations are no message's: a list that grows late, a timer.
const SLACK: u64 = 50;

/// A client that blocks, with JSON over RawSocket.
struct Blocking(TcpStream);

impl Blocking {
    fn join(router: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(router).unwrap();
        stream.write_all(&[0x7f, 0xf1, 0, 0]).unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        let mut client = Self(stream);
        client.say(&[hello("realm1")]);
        assert_eq!(client.hear()[0], 2);
        client
    }

    fn say(&mut self, messages: &[Value]) {
        let mut octets = Vec::new();
        for message in messages {
            let message = message.to_string();
            let header = FrameHeader::new(FrameKind::Regular, message.len(), MaxLength::MAX);
            octets.extend_from_slice(&header.unwrap().to_octets());
            octets.extend_from_slice(message.as_bytes());
        }
        self.0.write_all(&octets).unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut header = [0; HEADER_BYTES];
        self.0.read_exact(&mut header).unwrap();
        let mut message = vec![0; FrameHeader::parse(header).unwrap().len()];
        self.0.read_exact(&mut message).unwrap();
        serde_json::from_slice(&message).unwrap()
    }

    fn ask(&mut self, message: &Value) {
        self.say(std::slice::from_ref(message));
        self.hear();
    }
}

fn calls(router: SocketAddr, rounds: u64) {
    let [mut callee, mut caller] = [Blocking::join(router), Blocking::join(router)];
    callee.ask(&json!([64, 1, {}, "com.echo"]));
    for round in 0..rounds {
        let requests: Vec<u64> = (1..=BATCH).map(|request| round * BATCH + request).collect();
        let call = |request: &u64| json!([48, request, {}, "com.echo", ["text"]]);
        caller.say(&requests.iter().map(call).collect::<Vec<_>>());
        let invoked: Vec<Value> = (0..BATCH).map(|_| callee.hear()).collect();
        let answer = |invocation: &Value| json!([70, invocation[1], {}, invocation[4]]);
        callee.say(&invoked.iter().map(answer).collect::<Vec<_>>());
        for request in requests {
            assert_eq!(caller.hear(), json!([50, request, {}, ["text"]]));
        }
    }
}

fn events(router: SocketAddr, rounds: u64) {
    let mut publisher = Blocking::join(router);
    let mut subscribers: Vec<_> = (0..SUBSCRIBERS).map(|_| Blocking::join(router)).collect();
    for subscriber in &mut subscribers {
        subscriber.ask(&json!([32, 1, {}, "com.topic"]));
    }
    for round in 0..rounds {
        let publish = |number| json!([16, round * BATCH + number, {}, "com.topic", [number]]);
        publisher.say(&(1..=BATCH).map(publish).collect::<Vec<_>>());
        for subscriber in &mut subscribers {
            for number in 1..=BATCH {
                assert_eq!(subscriber.hear()[4], json!([number]));
            }
        }
    }
}

/// Allocations of a router during a load, its start and its end included.
fn allocations(load: fn(SocketAddr, u64), rounds: u64) -> u64 {
    let router = || {
        let (address, place) = mpsc::channel();
        let (done, ended) = tokio::sync::oneshot::channel();
        let clients = thread::spawn(move || {
            load(place.recv().unwrap(), rounds);
            let _ = done.send(());
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let router = Router::start(&Setup { stats: None, ..Setup::default() });
            address.send(router.address(Transport::RawSocket)).unwrap();
            // An end without the message: the clients have panicked, which joining them tells.
            let _ = ended.await;
            router.shut_down().finished().await;
        });
        clients.join().unwrap();
    };
    allocation_counter::measure(router).count_total
}

#[track_caller]
fn check(load: fn(SocketAddr, u64)) {
    let short = allocations(load, SHORT_ROUNDS);
    let long = allocations(load, LONG_ROUNDS);
    let messages = (LONG_ROUNDS - SHORT_ROUNDS) * BATCH;
    let growth = long.saturating_sub(short);
    assert!(growth <= SLACK, "{growth} allocations for {messages} messages");
}

#[test]
fn calls_allocate_nothing() {
    check(calls);
}

#[test]
fn events_allocate_nothing() {
    check(events);
}
