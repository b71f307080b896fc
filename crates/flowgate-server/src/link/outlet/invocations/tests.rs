use super::*;

fn request(number: u64) -> RequestId {
    let mut request = RequestId::MIN;
    for _ in 1..number {
        request = request.next();
    }
    request
}

const NOON: Timestamp = Timestamp::from_nanos(12);

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
    for _ in 0..=REMEMBERED_COUNT {
        invocations.written(latest, NOON);
        latest = latest.next();
    }
    assert_eq!(invocations.len(), 1);
    assert_eq!(invocations.take(RequestId::MIN), Began::Unknown);
    assert_eq!(invocations.take(latest), Began::JustNow);
}

#[test]
fn answers_come_in_any_order_and_before_notes() {
    let mut invocations = Invocations::default();
    let at = |number| Timestamp::from_nanos(number);
    invocations.overtake(request(3));
    for number in [1, 2, 3, 4] {
        invocations.written(request(number), at(number));
    }
    for number in [2, 4, 1] {
        assert_eq!(invocations.take(request(number)), Began::At(at(number)), "{number}");
    }
    assert_eq!(invocations.len(), 0);
    assert_eq!(invocations.open_count(), 0);
}

#[test]
fn one_that_stays_unanswered_outlasts_all_that_are_answered() {
    let mut invocations = Invocations::default();
    invocations.written(RequestId::MIN, NOON);
    let mut latest = RequestId::MIN;
    for _ in 0..3 * NOTE_COUNT {
        latest = latest.next();
        invocations.written(latest, NOON);
        assert_eq!(invocations.take(latest), Began::At(NOON));
        assert!(invocations.len() <= NOTE_COUNT);
    }
    assert_eq!(invocations.take(RequestId::MIN), Began::At(NOON));
    assert_eq!(invocations.len(), 0);
}
