//! Each reply finds the records of its own call.

use flowgate_wire::RegistrationId;

use super::*;

const REALM: RealmIndex = RealmIndex(1);

fn call(began: u64) -> AnsweredCall {
    AnsweredCall { registration: RegistrationId::MIN, began: Timestamp::from_nanos(began) }
}

fn traced(bits: u128) -> Traced {
    let correlation = Correlation::new(bits).unwrap();
    Traced { correlation, trace: correlation.into() }
}

#[test]
fn a_reply_gets_what_was_said_of_its_call_and_only_once() {
    let replies = TracedReplies::default();
    assert_eq!(replies.take(REALM, call(1)), None);
    // Two calls of one batch are told apart by their order.
    for (began, bits) in [(1, 1), (2, 2), (2, 3)] {
        replies.expect(REALM, call(began), traced(bits));
    }
    assert_eq!(replies.take(RealmIndex(2), call(2)), None);
    assert_eq!(replies.take(REALM, call(2)), Some(traced(2)));
    assert_eq!(replies.take(REALM, call(2)), Some(traced(3)));
    assert_eq!(replies.take(REALM, call(2)), None);
    assert!(replies.is_any.load(Ordering::Relaxed));
    assert_eq!(replies.take(REALM, call(1)), Some(traced(1)));
    assert!(!replies.is_any.load(Ordering::Relaxed), "later replies cost nothing");
}

#[test]
fn replies_that_are_never_written_are_forgotten() {
    let replies = TracedReplies::default();
    let count = 2 * COUNT_MAX as u64;
    (0..count).for_each(|began| replies.expect(REALM, call(began), traced(u128::from(began) + 1)));
    assert_eq!(lock(&replies.waiting).len(), COUNT_MAX);
    assert_eq!(replies.take(REALM, call(count / 2 - 1)), None);
    assert_eq!(replies.take(REALM, call(count - 1)), Some(traced(u128::from(count))));
    let later = u64::try_from(AGE_MAX.as_nanos()).unwrap() + count;
    assert_eq!(replies.take(REALM, call(later)), None);
    assert!(!replies.is_any.load(Ordering::Relaxed));
}
