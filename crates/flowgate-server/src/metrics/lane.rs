//! Messages that have realm, direction and serializer in common: what is counted for each.

use flowgate_meter::RatedMessageSize;
use flowgate_metrics::{Buckets, Tally, TallyReader};
use flowgate_wire::{Batching, Format, MessageType, Serializer};

use super::{Direction, RealmIndex, families::Families};

/// Messages of one realm, direction and serializer, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane(u32);

/// One thread's counts for one lane.
#[derive(Debug)]
pub(crate) struct LaneTally {
    rated_message_size: RatedMessageSize,
    tally: Tally<PLACES>,
}

/// What brings one thread's counts for one lane to the families.
#[derive(Debug)]
pub(super) struct LaneReader {
    lane: Lane,
    reader: TallyReader<PLACES>,
}

/// How many serializers there are.
const SERIALIZERS: u32 = 6;

/// Lanes of one realm: by direction, then by serializer.
const LANES: u32 = 2 * SERIALIZERS;

/// Messages by type: at its code, of which YIELD's 70 is the highest.
const TYPES: usize = 72;

/// Messages by size: a place for all that the same power of two is the least to hold.
const SIZES: usize = TYPES;

const RATED: usize = SIZES + u64::BITS as usize;
const BYTES: usize = RATED + 1;
const PLACES: usize = BYTES + 1;

impl Lane {
    /// How many there are, for so many realms.
    pub(super) const fn count(realms: usize) -> usize {
        realms * LANES as usize
    }

    /// The lane of these messages.
    #[inline]
    pub(crate) fn new(realm: RealmIndex, direction: Direction, serializer: Serializer) -> Self {
        let way = match direction {
            Direction::Received => 0,
            Direction::Sent => SERIALIZERS,
        };
        Self(realm.0 * LANES + way + serializer_index(serializer))
    }

    /// The lane of what goes the other way, if this one is of received messages.
    #[inline]
    pub(crate) const fn back(self) -> Self {
        Self(self.0 + SERIALIZERS)
    }

    #[inline]
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The realm.
    #[inline]
    pub(crate) const fn realm(self) -> RealmIndex {
        RealmIndex(self.0 / LANES)
    }

    const fn direction(self) -> Direction {
        if self.0 % LANES < SERIALIZERS { Direction::Received } else { Direction::Sent }
    }

    fn serializer(self) -> &'static str {
        SERIALIZER_NAMES.get((self.0 % SERIALIZERS) as usize).copied().unwrap_or_default()
    }
}

impl LaneTally {
    pub(super) fn new(rated_message_size: RatedMessageSize) -> Self {
        Self { rated_message_size, tally: Tally::new() }
    }

    pub(super) fn reader(&self, lane: Lane) -> LaneReader {
        LaneReader { lane, reader: self.tally.reader() }
    }

    /// A message was metered.
    #[inline]
    pub(crate) fn count(&self, message: MessageType, bytes: usize) {
        let tally = &self.tally;
        // From the highest place down: sums are never behind what they are the sums of.
        tally.add(BYTES, bytes as u64);
        tally.add(RATED, self.rated_message_size.rate(bytes));
        tally.add(SIZES + size_place(bytes as u64), 1);
        tally.add(message.code() as usize, 1);
    }
}

impl LaneReader {
    /// Adds what is new; whether there may be more another time.
    pub(super) fn gather(&mut self, families: &Families) -> bool {
        let Self { lane, ref mut reader } = *self;
        let is_final = reader.is_final();
        let added = reader.take();
        let at = |place: usize| added.get(place).copied().unwrap_or_default();
        if added.iter().any(|count| *count != 0) {
            let (realm, way) = (families.realm_name(lane.realm()), lane.direction().name());
            let serializer = lane.serializer();
            families.rated_messages.with([realm, way]).add(at(RATED));
            families.message_bytes.with([realm, way, serializer]).add(at(BYTES));
            let mut sizes = [0; Buckets::SIZE_COUNT];
            for exponent in 0..u64::BITS {
                if let Some(count) = sizes.get_mut(Buckets::size_place(1 << exponent)) {
                    *count += at(SIZES + exponent as usize);
                }
            }
            let recorded =
                families.message_size.with([way, serializer]).record_counted(&sizes, at(BYTES));
            debug_assert!(recorded.is_ok(), "sizes have the buckets that they are counted in");
            for message in MessageType::ALL {
                let count = at(message.code() as usize);
                if count != 0 {
                    families.messages.with([realm, way, message.name()]).add(count);
                }
            }
        }
        !is_final
    }
}

/// The exponent of the least power of two that is not below a size. Bounds of sizes are powers of
/// two, so that this tells the bucket, and finding it takes less.
#[inline]
const fn size_place(bytes: u64) -> usize {
    ((2 * bytes).saturating_sub(1) | 1).ilog2() as usize
}

/// What a serializer is called: the names of Crossbar.io's statistics for single messages, the
/// subprotocol's for batches.
pub(super) fn serializer_name(serializer: Serializer) -> &'static str {
    SERIALIZER_NAMES.get(serializer_index(serializer) as usize).copied().unwrap_or_default()
}

const SERIALIZER_NAMES: [&str; SERIALIZERS as usize] =
    ["json", "msgpack", "cbor", "json.batched", "msgpack.batched", "cbor.batched"];

/// A number below [`SERIALIZERS`], different for each serializer.
#[inline]
fn serializer_index(serializer: Serializer) -> u32 {
    let format = match serializer.format {
        Format::Json => 0,
        Format::MessagePack => 1,
        Format::Cbor => 2,
    };
    match serializer.batching {
        Batching::Single => format,
        Batching::Batched => format + 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_up_to_a_power_of_two_have_its_place() {
        for exponent in 0..40 {
            let bound = 1 << exponent;
            assert_eq!(size_place(bound), exponent, "{bound}");
            assert_eq!(size_place(bound + 1), exponent + 1, "{bound} + 1");
        }
        assert_eq!(size_place(0), 0);
    }
}
