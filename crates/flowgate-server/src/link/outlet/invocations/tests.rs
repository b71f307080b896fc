use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn request(number: u64) -> RequestId {
    let mut request = RequestId::MIN;
    for _ in 1..number {
        request = request.next();
    }
    request
}

const NOON: Timestamp = Timestamp::from_nanos(12);

/// What a callee is told and says, in any order.
#[derive(Debug, Clone, Copy)]
enum Step {
    Written,
    Answered,
}

proptest! {
    /// A list of all notes says the same.
    #[test]
    fn it_is_as_if_all_were_listed(
        steps in prop::collection::vec(
            (1_u64..200, prop_oneof![2 => Just(Step::Written), 1 => Just(Step::Answered)]), 0..600,
        ),
    ) {
        let mut invocations = Invocations::default();
        let mut listed: BTreeMap<u64, Note> = BTreeMap::new();
        for (at, (number, step)) in (0..).zip(steps) {
            let at = Timestamp::from_nanos(at);
            let known = listed.remove(&number);
            match step {
                Step::Written => {
                    invocations.written(request(number), at);
                    match known {
                        None => drop(listed.insert(number, Note::Written(at))),
                        Some(Note::Written(first)) => {
                            listed.insert(number, Note::Written(first));
                        }
                        Some(Note::Answered) => {}
                    }
                }
                Step::Answered => {
                    let began = invocations.take(request(number));
                    let expected = match known {
                        None => Began::JustNow,
                        Some(Note::Written(at)) => Began::At(at),
                        Some(Note::Answered) => Began::Unknown,
                    };
                    prop_assert_eq!(began, expected);
                    if began == Began::JustNow {
                        invocations.overtake(request(number));
                        listed.insert(number, Note::Answered);
                    }
                }
            }
            prop_assert_eq!(invocations.len(), listed.len());
        }
    }
}

#[test]
fn an_answer_finds_when_the_first_part_was_written() {
    let mut invocations = Invocations::default();
    invocations.written(request(1), NOON);
    invocations.written(request(1), Timestamp::from_nanos(13));
    assert_eq!(invocations.take(request(1)), Began::At(NOON));
    assert_eq!(invocations.len(), 0);
}

#[test]
fn a_note_that_comes_after_the_answer_is_not_kept() {
    let mut invocations = Invocations::default();
    assert_eq!(invocations.take(request(1)), Began::JustNow);
    invocations.overtake(request(1));
    invocations.written(request(1), NOON);
    assert_eq!(invocations.len(), 0);
}

#[test]
fn unanswered_invocations_do_not_pile_up_and_forgotten_ones_have_no_time() {
    let mut invocations = Invocations::default();
    let mut latest = RequestId::MIN;
    for _ in 0..5 * OLDER_COUNT {
        invocations.written(latest, NOON);
        latest = latest.next();
        assert!(invocations.len() <= OLDER_COUNT + RECENT_COUNTS.1);
    }
    assert_eq!(invocations.take(RequestId::MIN), Began::Unknown);
    assert_eq!(invocations.take(latest), Began::JustNow);
}

#[test]
fn one_that_stays_unanswered_outlasts_all_that_are_answered() {
    let mut invocations = Invocations::default();
    invocations.written(RequestId::MIN, NOON);
    let mut latest = RequestId::MIN;
    for _ in 0..3 * OLDER_COUNT {
        latest = latest.next();
        invocations.written(latest, NOON);
        assert_eq!(invocations.take(latest), Began::At(NOON));
        assert_eq!(invocations.len(), 1);
    }
    let notes = invocations.notes.as_ref().map(|notes| notes.recent.len());
    assert_eq!(notes, Some(RECENT_COUNTS.0), "one alone needs no more room");
    assert_eq!(invocations.take(RequestId::MIN), Began::At(NOON));
    assert_eq!(invocations.len(), 0);
}
