//! What has to be known of a WebSocket message.

/// A message of some WebSocket library.
///
/// Implemented for axum's and tungstenite's behind the features `axum` and `tungstenite`; others
/// take a few lines:
///
/// ```
/// use flowgate_metrics::websocket::{Message, MessageKind};
///
/// /// A connection that knows nothing but text.
/// struct Line(String);
///
/// impl Message for Line {
///     fn kind(&self) -> MessageKind {
///         MessageKind::Text
///     }
///     fn payload(&self) -> &[u8] {
///         self.0.as_bytes()
///     }
/// }
/// ```
pub trait Message {
    /// What kind of message it is.
    fn kind(&self) -> MessageKind;

    /// Its payload; of a close frame, the reason.
    fn payload(&self) -> &[u8];

    /// Of a close frame, its code, if it has one.
    fn close_code(&self) -> Option<u16> {
        None
    }
}

/// The kinds of messages (RFC 6455, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Text.
    Text,
    /// Octets.
    Binary,
    /// A question whether the other side is there.
    Ping,
    /// Its answer.
    Pong,
    /// The end.
    Close,
}

impl MessageKind {
    /// All of them, in the order of their declaration.
    pub(crate) const ALL: [Self; 5] =
        [Self::Text, Self::Binary, Self::Ping, Self::Pong, Self::Close];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Close => "close",
        }
    }
}

/// How a connection ended, by the code of its close frame (RFC 6455, section 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeClass {
    /// 1000.
    Normal,
    /// 1001: a page was left, or the server shuts down.
    GoingAway,
    /// 1002, 1003, 1007, 1010: one side sent what the other does not take.
    Protocol,
    /// 1008.
    Policy,
    /// 1009.
    TooBig,
    /// 1011 to 1014: the server's fault, or that of one behind it.
    Server,
    /// 3000 to 3999, registered by libraries.
    Library,
    /// 4000 to 4999, private to applications.
    Application,
    /// A close frame without a code.
    NoCode,
    /// A code that means nothing.
    Unknown,
    /// No close frame: the connection broke, or the task that served it.
    Abnormal,
}

impl CodeClass {
    pub(crate) fn of(code: Option<u16>) -> Self {
        match code {
            None | Some(1005) => Self::NoCode,
            Some(1000) => Self::Normal,
            Some(1001) => Self::GoingAway,
            Some(1002 | 1003 | 1007 | 1010) => Self::Protocol,
            Some(1006) => Self::Abnormal,
            Some(1008) => Self::Policy,
            Some(1009) => Self::TooBig,
            Some(1011..=1014) => Self::Server,
            Some(3000..=3999) => Self::Library,
            Some(4000..=4999) => Self::Application,
            Some(_) => Self::Unknown,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GoingAway => "going_away",
            Self::Protocol => "protocol",
            Self::Policy => "policy",
            Self::TooBig => "too_big",
            Self::Server => "server",
            Self::Library => "library",
            Self::Application => "application",
            Self::NoCode => "no_code",
            Self::Unknown => "unknown",
            Self::Abnormal => "abnormal",
        }
    }
}

#[cfg(feature = "axum")]
impl Message for axum::extract::ws::Message {
    fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
            Self::Ping(_) => MessageKind::Ping,
            Self::Pong(_) => MessageKind::Pong,
            Self::Close(_) => MessageKind::Close,
        }
    }

    fn payload(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
            Self::Close(frame) => frame.as_ref().map_or(&[], |frame| frame.reason.as_bytes()),
        }
    }

    fn close_code(&self) -> Option<u16> {
        match self {
            Self::Close(frame) => frame.as_ref().map(|frame| frame.code),
            Self::Text(_) | Self::Binary(_) | Self::Ping(_) | Self::Pong(_) => None,
        }
    }
}

#[cfg(feature = "tungstenite")]
impl Message for tungstenite::Message {
    fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) | Self::Frame(_) => MessageKind::Binary,
            Self::Ping(_) => MessageKind::Ping,
            Self::Pong(_) => MessageKind::Pong,
            Self::Close(_) => MessageKind::Close,
        }
    }

    fn payload(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
            Self::Close(frame) => frame.as_ref().map_or(&[], |frame| frame.reason.as_bytes()),
            Self::Frame(frame) => frame.payload(),
        }
    }

    fn close_code(&self) -> Option<u16> {
        match self {
            Self::Close(frame) => frame.as_ref().map(|frame| frame.code.into()),
            Self::Text(_) | Self::Binary(_) | Self::Ping(_) | Self::Pong(_) | Self::Frame(_) => {
                None
            }
        }
    }
}
