//! Identifiers and names that a realm draws, and the seeds of its hash tables.

use flowgate_wire::{MAX_ID, PublicationId, SessionId};
use foldhash::{SharedSeed, fast::SeedableRandomState};

/// A hash table whose order and collisions depend on nothing but the realm's seed and its inputs.
pub(crate) type HashMap<K, V> = hashbrown::HashMap<K, V, SeedableRandomState>;

/// The letters of a random `authid`: 32, without `0`, `1`, `I` and `O`, which people mix up.
const AUTHID_LETTERS: [char; 32] = [
    '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L',
    'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z',
];
/// Groups of [`AUTHID_GROUP_LETTERS`] letters: 80 random bits, so that names do not meet.
const AUTHID_GROUPS: usize = 4;
const AUTHID_GROUP_LETTERS: usize = 4;

/// The realm's source of everything random, replayable from its seed.
#[derive(Debug)]
pub(crate) struct Ids {
    rng: fastrand::Rng,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed) }
    }

    /// A seed for a hash table.
    pub(crate) fn table_seed(&mut self) -> u64 {
        self.rng.u64(..)
    }

    /// A random number in the range of identifiers; uniqueness is for the caller to check.
    pub(crate) fn session(&mut self) -> SessionId {
        SessionId::new(self.rng.u64(1..=MAX_ID)).unwrap_or(SessionId::MIN)
    }

    /// A random publication; 2^53 of them make a collision among those in flight negligible, and
    /// nothing is looked up by it.
    pub(crate) fn publication(&mut self) -> PublicationId {
        PublicationId::new(self.rng.u64(1..=MAX_ID)).unwrap_or(PublicationId::MIN)
    }

    /// A random index into something of this length; `None` if it is empty.
    pub(crate) fn index(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.rng.usize(..len))
    }

    /// A random name such as `7GHT-KQ3A-XWPD-9MZE`.
    pub(crate) fn authid(&mut self) -> String {
        let mut name = String::with_capacity(AUTHID_GROUPS * (AUTHID_GROUP_LETTERS + 1));
        for group in 0..AUTHID_GROUPS {
            if group > 0 {
                name.push('-');
            }
            name.extend((0..AUTHID_GROUP_LETTERS).filter_map(|_| self.rng.choice(AUTHID_LETTERS)));
        }
        name
    }
}

/// The hasher of all tables made from one seed.
pub(crate) fn hasher(seed: u64) -> SeedableRandomState {
    SeedableRandomState::with_seed(seed, SharedSeed::global_fixed())
}
