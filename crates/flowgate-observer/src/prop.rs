//! Properties: any lines, cut anywhere.

use std::time::Duration;

use flowgate_event::Timestamp;
use proptest::prelude::*;

use crate::{Batch, ConnectionId, Intake, Limits, Observer, Protocol, Snapshot, page};

const LIMITS: Limits = Limits {
    max_line_bytes: 64,
    max_pending_count: 6,
    max_pending_bytes: 50,
    max_family_count: 3,
    max_label_value_count: 2,
};

fn line() -> impl Strategy<Value = Vec<u8>> {
    let id = prop_oneof![Just("1"), Just("2"), Just("3")];
    let name = prop_oneof![Just("x"), Just("y"), Just("z")];
    let direction = prop_oneof![Just("in"), Just("out")];
    let message = prop_oneof![
        4 => (id.clone(), name).prop_map(|(id, name)| format!("[2,\\\"{id}\\\",\\\"{name}\\\"]")),
        3 => (2_u8..6, id).prop_map(|(kind, id)| format!("[{kind},\\\"{id}\\\"]")),
        1 => Just("x".repeat(80)),
    ];
    prop_oneof![
        8 => (direction, message)
            .prop_map(|(direction, message)| format!("[\"p\",\"{direction}\",\"{message}\"]").into_bytes()),
        1 => prop::collection::vec(prop_oneof![Just(b'['), Just(b'"'), Just(b'\r'), any::<u8>()], 0..70)
            .prop_map(|mut noise| { noise.retain(|octet| *octet != b'\n'); noise }),
    ]
}

proptest! {
    /// However the stream is cut, the same lines come of it.
    #[test]
    fn lines_do_not_depend_on_how_they_arrive(
        lines in prop::collection::vec(line(), 0..12),
        cuts in prop::collection::vec(1_usize..40, 1..30),
        is_closed in any::<bool>(),
    ) {
        let mut stream = lines.join(&b'\n');
        if !is_closed {
            stream.push(b'\n');
        }
        let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut observer = Observer::new(Timestamp::EPOCH, Duration::from_secs(1), LIMITS, 3);
            let mut intake = Intake::new(Protocol::Wamp, LIMITS);
            for piece in pieces {
                let mut batch = Batch::default();
                intake.feed(piece, &mut batch);
                observer.apply(Timestamp::EPOCH, ConnectionId(1), &mut batch);
                assert!(batch.is_empty());
            }
            let mut batch = Batch::default();
            intake.finish(&mut batch);
            observer.apply(Timestamp::EPOCH, ConnectionId(1), &mut batch);
            (observer.counts(), page(&observer.snapshot()))
        };
        let mut rest = stream.as_slice();
        let mut cuts = cuts.iter().cycle();
        let mut pieces = std::iter::from_fn(|| {
            let (piece, after) = rest.split_at_checked(*cuts.next()?).unwrap_or((rest, &[]));
            rest = after;
            Some(piece).filter(|piece| !piece.is_empty())
        });
        let cut = run(&mut pieces);
        let whole = run(&mut std::iter::once(stream.as_slice()));
        prop_assert_eq!(&cut, &whole);
        let unfinished = usize::from(is_closed && lines.last().is_none_or(Vec::is_empty));
        prop_assert_eq!(cut.0.lines(), (lines.len().max(1) - unfinished) as u64);
    }

    /// Every line and every request is accounted for, and so is every duration on the page.
    #[test]
    fn nothing_is_lost_or_counted_twice(
        steps in prop::collection::vec((0_u64..80, 0_u64..3, line()), 0..60),
    ) {
        let mut observer = Observer::new(Timestamp::EPOCH, Duration::from_nanos(100), LIMITS, 5);
        let mut now = 0;
        for (wait, connection, mut line) in steps {
            now += wait;
            line.push(b'\n');
            let mut batch = Batch::default();
            Intake::new(Protocol::Wamp, LIMITS).feed(&line, &mut batch);
            observer.apply(Timestamp::from_nanos(now), ConnectionId(connection), &mut batch);
            observer.check();
        }
        let snapshot: Snapshot = observer.snapshot();
        let shown = |kind: &str| -> u64 {
            let families = snapshot.families.iter().filter(|family| family.name.ends_with(kind));
            families.flat_map(|family| &family.durations).map(|(_, durations)| durations.count).sum()
        };
        let counts = observer.counts();
        prop_assert_eq!(shown("_timeouts"), counts.timed_out);
        prop_assert_eq!(shown("_responses") + shown("_errors"), counts.answered);
        for family in &snapshot.families {
            let durations: u64 = family.durations.iter().map(|(_, durations)| durations.count).sum();
            prop_assert_eq!(family.buckets.iter().sum::<u64>(), durations);
            prop_assert!(family.durations.len() <= LIMITS.max_label_value_count + 1);
        }
        prop_assert!(observer.pending_count() <= LIMITS.max_pending_count);
    }
}
