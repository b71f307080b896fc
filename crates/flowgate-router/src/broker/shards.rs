//! Sharded subscribers: of those who share a subscription by node keys, one gets an event that has
//! a resource key.
//!
//! Source: advanced profile, "Sharded Subscription", which names the two keys and leaves their
//! meaning open; see docs/decisions/0022.

use std::collections::BTreeMap;

use crate::SessionKey;

/// The subscribers of a subscription that have a node key.
#[derive(Debug, Default)]
pub(super) struct Shards {
    nodes: BTreeMap<SessionKey, Box<str>>,
}

impl Shards {
    /// Gives a subscriber a node key, or takes it away.
    pub(super) fn set(&mut self, session: SessionKey, nkey: Option<&str>) {
        match nkey {
            Some(nkey) => self.nodes.insert(session, nkey.into()),
            None => self.nodes.remove(&session),
        };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The subscribers that have a node key, by ascending key.
    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionKey> {
        self.nodes.keys().copied()
    }

    /// Leaves the receivers without a node key, and of the others the one whose node the resource
    /// key belongs to. Cost: O(receivers).
    ///
    /// Each pair of keys has a weight that depends on nothing else, and the heaviest node wins
    /// (rendezvous hashing): when a node comes or goes, only its own keys move.
    pub(super) fn choose(&self, rkey: &str, receivers: &mut Vec<SessionKey>) {
        let weigh = |session: &SessionKey| {
            self.nodes.get(session).map(|nkey| (weight(nkey, rkey), nkey, *session))
        };
        let heaviest = receivers.iter().filter_map(weigh).max();
        let Some((_, _, chosen)) = heaviest else { return };
        receivers.retain(|session| *session == chosen || !self.nodes.contains_key(session));
    }
}

/// The weight of a node for a resource key: FNV-1a over both, mixed so that every octet counts in
/// the upper bits too. The same in every process, so that keys stay with their nodes over restarts.
fn weight(nkey: &str, rkey: &str) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    // No text has the octet 0xff, so that the border between the two counts.
    let octets = nkey.bytes().chain([0xff]).chain(rkey.bytes());
    let hash = octets.fold(BASIS, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(PRIME));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests;
