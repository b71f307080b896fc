//! Who gets what.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use tokio::net::tcp::OwnedWriteHalf;

/// All connections, and what they registered and subscribed to.
#[derive(Debug, Default)]
pub(crate) struct Routes(RwLock<Tables>);

/// The tables behind the lock.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// By connection.
    peers: Vec<Option<Arc<Peer>>>,
    /// Connections without a peer.
    free: Vec<usize>,
    /// The only callee there is.
    callee: Option<usize>,
    topics: Vec<Topic>,
}

#[derive(Debug)]
struct Topic {
    uri: Vec<u8>,
    subscribers: Vec<usize>,
}

/// The writing end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: OwnedWriteHalf,
    /// What the socket did not take at once.
    rest: Mutex<Rest>,
}

/// Octets that wait for the socket; those that were written stay until all are, so that nothing
/// is moved.
#[derive(Debug, Default)]
struct Rest {
    octets: Vec<u8>,
    written: usize,
}

impl Routes {
    /// The tables as they are; never held while waiting.
    pub(crate) fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a connection; its number.
    pub(crate) fn join(&self, peer: &Arc<Peer>) -> usize {
        self.change(|tables| {
            let index = tables.free.pop().unwrap_or(tables.peers.len());
            if index == tables.peers.len() {
                tables.peers.push(None);
            }
            if let Some(place) = tables.peers.get_mut(index) {
                *place = Some(Arc::clone(peer));
            }
            index
        })
    }

    /// Removes a connection.
    pub(crate) fn leave(&self, index: usize) {
        self.change(|tables| {
            if let Some(place) = tables.peers.get_mut(index) {
                *place = None;
            }
            tables.free.push(index);
            if tables.callee == Some(index) {
                tables.callee = None;
            }
            for topic in &mut tables.topics {
                topic.subscribers.retain(|subscriber| *subscriber != index);
            }
        });
    }

    /// Makes a connection the callee of everything.
    pub(crate) fn register(&self, index: usize) {
        self.change(|tables| tables.callee = Some(index));
    }

    /// Adds a connection to a topic; the subscription.
    pub(crate) fn subscribe(&self, index: usize, uri: &[u8]) -> u64 {
        self.change(|tables| {
            let position = tables.topics.iter().position(|topic| topic.uri == uri);
            let position = position.unwrap_or_else(|| {
                tables.topics.push(Topic { uri: uri.to_vec(), subscribers: Vec::new() });
                tables.topics.len() - 1
            });
            if let Some(topic) = tables.topics.get_mut(position) {
                topic.subscribers.push(index);
            }
            position as u64 + 1
        })
    }
}

impl Tables {
    pub(crate) fn callee(&self) -> Option<usize> {
        self.callee
    }

    /// The topic's number, if there are subscribers.
    pub(crate) fn topic(&self, uri: &[u8]) -> Option<usize> {
        self.topics.iter().position(|topic| topic.uri == uri)
    }

    pub(crate) fn peer(&self, index: usize) -> Option<&Arc<Peer>> {
        self.peers.get(index).and_then(Option::as_ref)
    }

    /// The subscribers of a topic.
    pub(crate) fn subscribers(&self, topic: usize) -> impl Iterator<Item = &Arc<Peer>> {
        let subscribers = self.topics.get(topic).map(|topic| topic.subscribers.as_slice());
        subscribers.unwrap_or_default().iter().filter_map(|index| self.peer(*index))
    }
}

impl Peer {
    pub(crate) fn new(stream: OwnedWriteHalf) -> Arc<Self> {
        Arc::new(Self { stream, rest: Mutex::default() })
    }

    /// Writes at once what the socket takes; waits for it to take the rest.
    pub(crate) async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if self.write_now(bytes)? == Written::All {
            return Ok(());
        }
        loop {
            self.stream.writable().await?;
            if self.write_now(&[])? == Written::All {
                return Ok(());
            }
        }
    }

    fn write_now(&self, bytes: &[u8]) -> io::Result<Written> {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let Rest { octets, written } = &mut *rest;
        if octets.is_empty() {
            let taken = self.try_write(bytes)?;
            octets.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        } else {
            octets.extend_from_slice(bytes);
            *written += self.try_write(octets.get(*written..).unwrap_or_default())?;
            if *written == octets.len() {
                octets.clear();
                *written = 0;
            }
        }
        Ok(if octets.is_empty() { Written::All } else { Written::Part })
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }
}

#[derive(PartialEq, Eq)]
enum Written {
    All,
    Part,
}
