//! An asynchronous WAMP client over WebSocket and RawSocket.
