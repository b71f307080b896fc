//! What is tallied with every message, on its way to the families.

use std::sync::{Arc, Mutex};

use flowgate_metrics::TallyReader;

use super::{
    Direction, ListenerIndex, RealmIndex,
    families::Families,
    lane::{Lane, LaneReader, LaneTally},
    lock,
};

/// All that is tallied somewhere.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    lanes: Mutex<Vec<LaneReader>>,
    wire: Mutex<Vec<WireReader>>,
    answered: Mutex<Vec<AnsweredReader>>,
}

#[derive(Debug)]
struct WireReader {
    listener: ListenerIndex,
    reader: TallyReader<2>,
}

#[derive(Debug)]
struct AnsweredReader {
    realm: RealmIndex,
    procedure: Arc<str>,
    reader: TallyReader<1>,
}

impl Tallies {
    pub(super) fn add_lane(&self, lane: Lane, tally: &LaneTally) {
        lock(&self.lanes).push(tally.reader(lane));
    }

    /// Octets of a listener's connections, by [`Direction::place`].
    pub(super) fn add_wire(&self, listener: ListenerIndex, reader: TallyReader<2>) {
        lock(&self.wire).push(WireReader { listener, reader });
    }

    /// Calls of a procedure that have ended well.
    pub(super) fn add_answered(
        &self,
        realm: RealmIndex,
        procedure: Arc<str>,
        reader: TallyReader<1>,
    ) {
        lock(&self.answered).push(AnsweredReader { realm, procedure, reader });
    }

    /// Brings to the families what has been tallied.
    pub(super) fn gather(&self, families: &Families) {
        lock(&self.lanes).retain_mut(|lane| lane.gather(families));
        lock(&self.wire).retain_mut(|wire| wire.gather(families));
        lock(&self.answered).retain_mut(|answered| answered.gather(families));
    }
}

impl WireReader {
    fn gather(&mut self, families: &Families) -> bool {
        let is_final = self.reader.is_final();
        let added = self.reader.take();
        let listener = families.listener_name(self.listener);
        for direction in [Direction::Received, Direction::Sent] {
            match added.get(direction.place()) {
                None | Some(0) => {}
                Some(bytes) => families.wire.with([listener, direction.name()]).add(*bytes),
            }
        }
        !is_final
    }
}

impl AnsweredReader {
    fn gather(&mut self, families: &Families) -> bool {
        let is_final = self.reader.is_final();
        let [count] = self.reader.take();
        if count != 0 {
            let realm = families.realm_name(self.realm);
            let values = [realm, &self.procedure, flowgate_event::CallOutcome::Ok.name()];
            families.rpc_calls.with(values).add(count);
        }
        !is_final
    }
}
