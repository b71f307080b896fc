use flowgate_wire::SessionId;

use super::{Event, EventKind, Observer};
use crate::Timestamp;

#[derive(Default)]
struct Count(u32);

impl Observer for Count {
    fn observe(&mut self, _now: Timestamp, _event: &Event<'_>) {
        self.0 += 1;
    }
    fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::Violation
    }
}

#[test]
fn observers_compose_and_each_sees_every_event_once() {
    let mut borrowed = Count::default();
    let mut all = ((Count::default(), Some(Count::default())), (&mut borrowed, None::<Count>));
    let event = Event::Violation { session: SessionId::MIN, what: "test" };
    all.observe(Timestamp::EPOCH, &event);
    assert!(all.wants(EventKind::Violation));
    assert!(!all.wants(EventKind::Denied));
    let ((first, second), (third, _)) = all;
    assert_eq!((first.0, second.map(|count| count.0), third.0), (1, Some(1), 1));
    assert!(!().wants(EventKind::Violation));
}
