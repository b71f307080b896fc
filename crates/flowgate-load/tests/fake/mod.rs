//! A router that breaks one promise, or none.
//!
//! RawSocket on a port of the loopback network, one thread for each connection.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use flowgate_wire::rawsocket::{
    FrameHeader, FrameKind, HANDSHAKE_BYTES, HEADER_BYTES, Handshake, MaxLength, Refusal,
};
use flowgate_wire::{
    Abort, Dict, Entry, Error, Event, Format, Goodbye, Invocation, Limits, Message, MessageType,
    Payload, PublicationId, Published, Registered, RegistrationId, RequestId, Result as CallResult,
    SessionId, Subscribed, SubscriptionId, Uri, Value, Welcome,
};

/// Which message of its kind is hit by the fault: one in the middle of a run.
const HIT: u64 = 40;

/// What the router does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// A message is not delivered.
    Lose(MessageType),
    /// A message is delivered twice.
    Repeat(MessageType),
    /// A message is overtaken by the next one.
    Delay(MessageType),
    /// A message carries something else.
    Alter(MessageType),
    /// An ERROR comes instead of a message.
    Fail(MessageType),
    /// No message comes but octets that are none.
    Garbage(MessageType),
    /// The connection is closed instead of a message.
    Close(MessageType),
    /// A message of the load comes after the last one that was due.
    Afterwards,
    /// The handshake is refused.
    RefuseHandshake,
    /// Every realm is refused.
    RefuseRealm,
    /// Every subscription and registration is refused.
    RefuseEntry,
    /// Nothing is answered after the handshake.
    Silent,
}

/// The sending half of a connection.
#[derive(Debug, Clone)]
struct Peer {
    stream: Arc<Mutex<TcpStream>>,
    format: Format,
}

impl Peer {
    fn send(&self, message: &Message<'_>) {
        let mut body = Vec::new();
        message.encode(self.format, &mut body);
        self.send_frame(&body);
    }

    fn send_frame(&self, body: &[u8]) {
        let header = FrameHeader::new(FrameKind::Regular, body.len(), MaxLength::MAX).unwrap();
        let frame = [&header.to_octets()[..], body].concat();
        // A client that has failed is gone.
        let _ = self.stream.lock().unwrap().write_all(&frame);
    }
}

/// A subscription or registration: who has it, and whether it is a pattern.
#[derive(Debug, Clone)]
struct Holder {
    peer: Peer,
    is_pattern: bool,
}

#[derive(Debug, Default)]
struct State {
    callee: Option<Holder>,
    subscribers: Vec<Holder>,
    /// By the invocation's request, counted from 1.
    invocations: Vec<(Peer, RequestId)>,
    /// Messages of the kind that the fault is about.
    count: u64,
    /// The message that is overtaken, and whose it is.
    delayed: Option<(Peer, Vec<u8>)>,
}

/// The router; its threads end with the process.
#[derive(Debug)]
pub(crate) struct Router {
    address: SocketAddr,
}

impl Router {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = state.clone();
                // A connection ends where the client, or the fault, ends it.
                thread::spawn(move || serve(stream.unwrap(), fault, &state));
            }
        });
        Self { address }
    }

    pub(crate) fn url(&self) -> String {
        format!("rs://{}", self.address)
    }
}

fn serve(mut stream: TcpStream, fault: Fault, state: &Mutex<State>) -> Option<()> {
    stream.set_nodelay(true).unwrap();
    let mut octets = [0; HANDSHAKE_BYTES];
    stream.read_exact(&mut octets).ok()?;
    let request = Handshake::parse_request(octets).unwrap();
    if fault == Fault::RefuseHandshake {
        return stream.write_all(&Refusal::TooManyConnections.to_octets()).ok();
    }
    stream.write_all(&request.to_octets()).ok()?;
    let writer = Arc::new(Mutex::new(stream.try_clone().ok()?));
    let peer = Peer { stream: writer, format: request.format };
    loop {
        let mut header = [0; HEADER_BYTES];
        stream.read_exact(&mut header).ok()?;
        let mut body = vec![0; FrameHeader::parse(header).unwrap().len()];
        stream.read_exact(&mut body).ok()?;
        if fault != Fault::Silent {
            let message = Message::decode(peer.format, &body, &Limits::default()).unwrap();
            handle(&peer, message, fault, &mut state.lock().unwrap());
        }
    }
}

fn handle(peer: &Peer, message: Message<'_>, fault: Fault, state: &mut State) {
    match message {
        Message::Hello(_) => peer.send(&hello(fault)),
        Message::Goodbye(_) => {
            if fault == Fault::Afterwards {
                let request = RequestId::MIN;
                let (details, payload) = (Dict::EMPTY, Payload::EMPTY);
                peer.send(&CallResult { request, details, payload }.into());
            }
            let reason = Uri::new("wamp.close.goodbye_and_out");
            peer.send(&Goodbye { details: Dict::EMPTY, reason }.into());
        }
        Message::Register(register) => {
            let (request, registration) = (register.request, RegistrationId::MIN);
            let is_pattern = !register.options.is_empty();
            // Those that follow are not hit.
            state.callee.get_or_insert_with(|| Holder { peer: peer.clone(), is_pattern });
            answer(
                peer,
                MessageType::Register,
                request,
                fault,
                Registered { request, registration },
            );
        }
        Message::Subscribe(subscribe) => {
            let (request, subscription) = (subscribe.request, SubscriptionId::MIN);
            let is_pattern = !subscribe.options.is_empty();
            if subscribe.topic.as_str().contains(".0.") {
                state.subscribers.push(Holder { peer: peer.clone(), is_pattern });
            }
            answer(
                peer,
                MessageType::Subscribe,
                request,
                fault,
                Subscribed { request, subscription },
            );
        }
        Message::Call(call) => {
            state.invocations.push((peer.clone(), call.request));
            let request = RequestId::new(state.invocations.len() as u64).unwrap();
            let callee = state.callee.clone().unwrap();
            let detail = [("procedure".into(), call.procedure.as_str().into())];
            let details = details(&detail, callee.is_pattern);
            let (registration, payload) = (RegistrationId::MIN, call.payload);
            let invocation = Invocation { request, registration, details, payload };
            deliver(&callee.peer, invocation.into(), fault, state);
        }
        Message::Yield(reply) => {
            let index = usize::try_from(reply.request.get()).unwrap() - 1;
            let (caller, request) = state.invocations[index].clone();
            let (details, payload) = (Dict::EMPTY, reply.payload);
            deliver(&caller, CallResult { request, details, payload }.into(), fault, state);
        }
        Message::Publish(publish) => {
            let (request, publication) = (publish.request, PublicationId::MIN);
            for Holder { peer, is_pattern } in state.subscribers.clone() {
                let detail = [("topic".into(), publish.topic.as_str().into())];
                let details = details(&detail, is_pattern);
                let (subscription, payload) = (SubscriptionId::MIN, publish.payload.clone());
                let event = Event { subscription, publication, details, payload };
                deliver(&peer, event.into(), fault, state);
            }
            if publish.options.get("acknowledge") == Some(Value::Bool(true)) {
                deliver(peer, Published { request, publication }.into(), fault, state);
            }
        }
        other => panic!("the load generator sends {}", other.message_type().name()),
    }
}

fn hello(fault: Fault) -> Message<'static> {
    if fault == Fault::RefuseRealm {
        let reason = Uri::new("wamp.error.no_such_realm");
        return Abort { details: Dict::EMPTY, reason, payload: Payload::EMPTY }.into();
    }
    Welcome { session: SessionId::MIN, details: Dict::EMPTY }.into()
}

fn details<'a>(detail: &'a [Entry<'a>], is_pattern: bool) -> Dict<'a> {
    if is_pattern { Dict::from_entries(detail) } else { Dict::EMPTY }
}

fn answer(
    peer: &Peer,
    request_type: MessageType,
    request: RequestId,
    fault: Fault,
    reply: impl Into<Message<'static>>,
) {
    match fault {
        Fault::RefuseEntry => peer.send(&error(request_type, request)),
        _ => peer.send(&reply.into()),
    }
}

fn error(request_type: MessageType, request: RequestId) -> Message<'static> {
    let error = Uri::new("wamp.error.not_authorized");
    let (details, payload) = (Dict::EMPTY, Payload::EMPTY);
    Error { request_type, request, details, error, payload }.into()
}

/// Sends a message of the load, or does to it what the fault says.
fn deliver(peer: &Peer, message: Message<'_>, fault: Fault, state: &mut State) {
    let kind = message.message_type();
    let (Fault::Lose(hit)
    | Fault::Repeat(hit)
    | Fault::Delay(hit)
    | Fault::Alter(hit)
    | Fault::Fail(hit)
    | Fault::Garbage(hit)
    | Fault::Close(hit)) = fault
    else {
        return peer.send(&message);
    };
    state.count += u64::from(hit == kind);
    if hit != kind || state.count != HIT {
        peer.send(&message);
        if hit == kind
            && let Some((delayed, body)) =
                state.delayed.take_if(|(delayed, _)| Arc::ptr_eq(&delayed.stream, &peer.stream))
        {
            delayed.send_frame(&body);
        }
        return;
    }
    match fault {
        Fault::Repeat(_) => {
            peer.send(&message);
            peer.send(&message);
        }
        Fault::Delay(_) => {
            let mut body = Vec::new();
            message.encode(peer.format, &mut body);
            state.delayed = Some((peer.clone(), body));
        }
        Fault::Alter(_) => peer.send(&altered(message)),
        Fault::Fail(_) => peer.send(&error(MessageType::Call, RequestId::MIN)),
        Fault::Garbage(_) => peer.send_frame(b"garbage"),
        Fault::Close(_) => {
            let _ = peer.stream.lock().unwrap().shutdown(Shutdown::Both);
        }
        // It is lost.
        _ => {}
    }
}

/// The same message with the last character of its text changed.
fn altered(message: Message<'_>) -> Message<'static> {
    let payload = match &message {
        Message::Result(result) => &result.payload,
        Message::Event(event) => &event.payload,
        Message::Invocation(invocation) => &invocation.payload,
        other => panic!("{} has no payload", other.message_type().name()),
    };
    let (values, _) = payload.decode();
    let mut texts: Vec<String> =
        values.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
    let last = texts.last_mut().unwrap();
    last.pop();
    last.push('!');
    let payload = Payload::from_vecs(texts.into_iter().map(Value::from).collect(), Vec::new());
    let details = Dict::EMPTY;
    match message {
        Message::Result(CallResult { request, .. }) => {
            CallResult { request, details, payload }.into()
        }
        Message::Event(Event { subscription, publication, .. }) => {
            Event { subscription, publication, details, payload }.into()
        }
        Message::Invocation(Invocation { request, registration, .. }) => {
            Invocation { request, registration, details, payload }.into()
        }
        other => panic!("{} has no payload", other.message_type().name()),
    }
}
