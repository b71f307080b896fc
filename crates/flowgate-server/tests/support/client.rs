//! A client that speaks JSON whatever the format on the wire, and keeps its own account.

use flowgate_client::{ConnectOptions, Connection, ConnectionError, Frame, Received};
use flowgate_wire::{Format, Limits, Message, rawsocket::MaxLength};
use serde_json::{Value, json};

use super::router::{CBOR, Link, REALM, Router, Transport};

/// One direction of a client's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Account {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) rated_messages: u64,
}

impl Account {
    fn count(&mut self, bytes: usize, rated_message_size: u64) {
        let bytes = u64::try_from(bytes).unwrap();
        self.messages += 1;
        self.bytes += bytes;
        self.rated_messages += bytes.div_ceil(rated_message_size);
    }
}

impl std::ops::AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.rated_messages += other.rated_messages;
    }
}

/// A connection whose messages are counted one by one.
pub(crate) struct Client {
    pub(crate) connection: Connection,
    format: Format,
    rated_message_size: u64,
    /// What this side has sent.
    pub(crate) sent: Account,
    /// What this side has received.
    pub(crate) received: Account,
    /// The session, after [`join`](Self::join).
    pub(crate) session: u64,
    next_request: u64,
}

/// HELLO with all roles.
pub(crate) fn hello(realm: &str) -> Value {
    json!([1, realm, {"roles": {"caller": {}, "callee": {}, "publisher": {}, "subscriber": {}}}])
}

pub(crate) fn goodbye() -> Value {
    json!([6, {}, "wamp.close.close_realm"])
}

/// A received message as JSON.
pub(crate) fn to_json(frame: &Frame) -> Value {
    let mut text = Vec::new();
    frame.message().unwrap().encode(Format::Json, &mut text);
    serde_json::from_slice(&text).unwrap()
}

impl Client {
    pub(crate) async fn connect(router: &Router, link: Link) -> Self {
        Self::new(router.connect(link).await)
    }

    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            format: connection.serializer().format,
            connection,
            rated_message_size: 512,
            sent: Account::default(),
            received: Account::default(),
            session: 0,
            next_request: 1,
        }
    }

    /// A client that has joined [`REALM`].
    pub(crate) async fn join(router: &Router, link: Link) -> Self {
        let mut client = Self::connect(router, link).await;
        client.join_realm(REALM).await;
        client
    }

    /// A client that has joined [`REALM`] in CBOR over RawSocket, and has said that it takes messages
    /// of at most 2048 octets: enough for WELCOME, which names all features.
    pub(crate) async fn join_small(router: &Router) -> Self {
        let max_length = MaxLength::rounding_up(2048).unwrap();
        let options = ConnectOptions { max_length, ..ConnectOptions::with_serializer(CBOR) };
        let mut client = Self::new(router.connect_with(Transport::RawSocket, &options).await);
        client.join_realm(REALM).await;
        client
    }

    pub(crate) const fn rated_by(mut self, rated_message_size: u64) -> Self {
        self.rated_message_size = rated_message_size;
        self
    }

    pub(crate) async fn join_realm(&mut self, realm: &str) {
        self.say(&hello(realm)).await;
        self.expect_welcome().await;
    }

    pub(crate) async fn expect_welcome(&mut self) {
        let welcome = self.hear().await;
        assert_eq!(welcome[0], 2, "{welcome}");
        self.session = welcome[1].as_u64().unwrap();
        self.next_request = 1;
    }

    /// Forgets what was counted.
    pub(crate) fn start_account(&mut self) {
        self.sent = Account::default();
        self.received = Account::default();
    }

    /// The number of the next request.
    pub(crate) const fn request(&mut self) -> u64 {
        let request = self.next_request;
        self.next_request += 1;
        request
    }

    /// The octets of a message.
    pub(crate) fn encode(&self, message: &Value) -> Vec<u8> {
        let text = message.to_string();
        let limits = Limits { message_bytes: 64 << 20, ..Limits::default() };
        let message = Message::decode(Format::Json, text.as_bytes(), &limits).unwrap();
        let mut octets = Vec::new();
        message.encode(self.format, &mut octets);
        octets
    }

    /// Buffers a message.
    pub(crate) fn feed(&mut self, message: &Value) {
        let octets = self.encode(message);
        self.sent.count(octets.len(), self.rated_message_size);
        self.connection.writer().feed_octets(&octets).unwrap();
    }

    pub(crate) async fn flush(&mut self) {
        self.connection.writer().flush().await.unwrap();
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.feed(message);
        self.flush().await;
    }

    pub(crate) async fn hear(&mut self) -> Value {
        match self.try_hear().await {
            Ok(message) => message,
            Err(error) => panic!("{error:?}"),
        }
    }

    pub(crate) async fn try_hear(&mut self) -> Result<Value, ConnectionError> {
        let frame = self.connection.recv().await?;
        Ok(self.count(&frame))
    }

    /// Sends a PING and counts the messages up to the answer: all that was under way.
    pub(crate) async fn messages_before_pong(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        self.connection.writer().feed_ping(b"sentinel".to_vec());
        self.flush().await;
        loop {
            match self.connection.reader().recv_any().await.unwrap() {
                Received::Frame(frame) => messages.push(self.count(&frame)),
                Received::Pong(payload) => {
                    assert_eq!(&payload[..], b"sentinel");
                    return messages;
                }
            }
        }
    }

    fn count(&mut self, frame: &Frame) -> Value {
        self.received.count(frame.octets().len(), self.rated_message_size);
        to_json(frame)
    }

    /// Hears messages up to one of this type, and gives that.
    pub(crate) async fn hear_type(&mut self, code: u64) -> Value {
        loop {
            let message = self.hear().await;
            if message[0] == code {
                return message;
            }
        }
    }

    /// Says GOODBYE and hears the answer, and nothing in between but events.
    pub(crate) async fn leave(&mut self) {
        self.say(&goodbye()).await;
        loop {
            let message = self.hear().await;
            if message[0] == 6 {
                assert_eq!(message[2], "wamp.close.goodbye_and_out");
                return;
            }
            assert_eq!(message[0], 36, "{message}");
        }
    }

    /// Hears the end of the connection: messages before it, and the WebSocket close code.
    pub(crate) async fn end(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut messages = Vec::new();
        loop {
            match self.try_hear().await {
                Ok(message) => messages.push(message),
                Err(ConnectionError::Closed { code, .. }) => return (messages, code),
                Err(ConnectionError::Io(_)) => return (messages, None),
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    /// Subscribes and gives the subscription.
    pub(crate) async fn subscribe(&mut self, topic: &str) -> u64 {
        let request = self.request();
        self.say(&json!([32, request, {}, topic])).await;
        let subscribed = self.hear_type(33).await;
        assert_eq!(subscribed[1], request);
        subscribed[2].as_u64().unwrap()
    }

    /// Registers and gives the registration.
    pub(crate) async fn register(&mut self, procedure: &str) -> u64 {
        let request = self.request();
        self.say(&json!([64, request, {}, procedure])).await;
        let registered = self.hear_type(65).await;
        assert_eq!(registered[1], request);
        registered[2].as_u64().unwrap()
    }
}
