//! Exact metering of WAMP sessions: messages, bytes and rated messages by direction, in windows with triggers.
