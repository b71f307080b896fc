//! The receiving half of a connection.

use std::{collections::VecDeque, future::poll_fn};

use bytes::Bytes;
use flowgate_wire::{Batching, Serializer, batch};

use super::{Frame, Received};
use crate::{
    ConnectionError, TrafficCounter,
    link::{Incoming, SharedLink},
};

/// The receiving half of a [`Connection`](crate::Connection).
pub struct ConnectionReader {
    link: SharedLink,
    serializer: Serializer,
    traffic: TrafficCounter,
    /// Messages of the last batch.
    batch: VecDeque<Bytes>,
}

impl ConnectionReader {
    pub(super) const fn new(
        link: SharedLink,
        serializer: Serializer,
        traffic: TrafficCounter,
    ) -> Self {
        Self { link, serializer, traffic, batch: VecDeque::new() }
    }

    pub(super) const fn serializer(&self) -> Serializer {
        self.serializer
    }

    pub(super) const fn traffic(&self) -> &TrafficCounter {
        &self.traffic
    }

    pub(super) fn into_link(self) -> SharedLink {
        self.link
    }

    /// Receives the next message; answers PINGs and skips PONGs on the way.
    ///
    /// Cancellation safety: safe, no message is lost.
    ///
    /// # Errors
    /// [`ConnectionError`], after which the connection is of no more use.
    pub async fn recv(&mut self) -> Result<Frame, ConnectionError> {
        loop {
            if let Received::Frame(frame) = self.recv_any().await? {
                return Ok(frame);
            }
        }
    }

    /// Receives the next message or PONG; answers PINGs on the way.
    ///
    /// Cancellation safety: safe, nothing is lost.
    ///
    /// # Errors
    /// [`ConnectionError`], after which the connection is of no more use.
    pub async fn recv_any(&mut self) -> Result<Received, ConnectionError> {
        loop {
            if let Some(frame) = self.recv_buffered() {
                return Ok(Received::Frame(frame));
            }
            match poll_fn(|cx| self.link.lock().poll_receive(cx)).await? {
                Incoming::Pong(octets) => return Ok(Received::Pong(octets)),
                Incoming::Message(octets) => self.accept(octets)?,
            }
        }
    }

    /// The next message of the batch that was received last, if there is one.
    pub fn recv_buffered(&mut self) -> Option<Frame> {
        let octets = self.batch.pop_front()?;
        self.traffic.count_received(octets.len());
        Some(Frame { format: self.serializer.format, octets })
    }

    /// Takes a transport message apart.
    fn accept(&mut self, octets: Bytes) -> Result<(), ConnectionError> {
        match self.serializer.batching {
            Batching::Single => self.batch.push_back(octets),
            Batching::Batched => {
                for message in batch::split(self.serializer.format, &octets) {
                    self.batch.push_back(octets.slice_ref(message?));
                }
            }
        }
        Ok(())
    }
}
