//! The WAMP router as pure, synchronous state machines: handshake, realm, broker, dealer and meta API.
