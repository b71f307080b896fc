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
