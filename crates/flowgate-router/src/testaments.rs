//! What a session wants published when it has ended ("Session Testament").

use flowgate_event::Disclosure;

use crate::{request_error::RequestError, stored_message::StoredMessage};

/// The most testaments that one session has: far above what clients use them for, which is to say
/// that they are gone.
const COUNT_MAX: usize = 64;

/// The most octets that the testaments of one session take together.
const BYTES_MAX: usize = 64 * 1024;

/// When a testament is published.
///
/// Sessions are not resumed here, so that a session is detached and destroyed in the same moment;
/// the scopes tell which testaments go first, and which are flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Detached,
    Destroyed,
}

/// The testaments of one session, in the order in which they were added.
///
/// Bounded in number and size, since nobody can see them but their session.
#[derive(Debug, Default)]
pub(crate) struct Testaments {
    all: Vec<Testament>,
}

/// One publication that waits for the end of its session.
#[derive(Debug)]
pub(crate) struct Testament {
    pub(crate) scope: Scope,
    /// A PUBLISH.
    pub(crate) message: StoredMessage,
    /// What the gate said when the testament was added.
    pub(crate) admitted: Disclosure,
}

impl Scope {
    /// The scope of a word; without one it is `destroyed`.
    pub(crate) fn from_name(name: Option<&str>) -> Result<Self, RequestError<'static>> {
        match name {
            None | Some("destroyed") => Ok(Self::Destroyed),
            Some("detached") => Ok(Self::Detached),
            Some(_) => Err(RequestError::InvalidScope),
        }
    }
}

impl Testaments {
    /// Adds a testament, if there is room for it. Cost: O(testaments of the session).
    pub(crate) fn add(&mut self, testament: Testament) -> Result<(), RequestError<'static>> {
        let bytes: usize = self.all.iter().map(|one| one.message.len_bytes()).sum();
        if self.all.len() >= COUNT_MAX || bytes + testament.message.len_bytes() > BYTES_MAX {
            let (count_max, bytes_max) = (COUNT_MAX, BYTES_MAX);
            return Err(RequestError::TooManyTestaments { count_max, bytes_max });
        }
        self.all.push(testament);
        Ok(())
    }

    /// Removes the testaments of a scope.
    pub(crate) fn flush(&mut self, scope: Scope) {
        self.all.retain(|testament| testament.scope != scope);
        if self.all.is_empty() {
            self.all = Vec::new();
        }
    }

    /// All testaments in the order in which they are published: those for the detached session,
    /// then those for the destroyed one.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Testament> {
        [Scope::Detached, Scope::Destroyed]
            .into_iter()
            .flat_map(|scope| self.all.iter().filter(move |one| one.scope == scope))
    }
}
