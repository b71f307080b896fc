use std::collections::BTreeMap;

use flowgate_wire::{RequestId, SubscriptionId};
use proptest::prelude::*;

use super::*;
use crate::Position;
use crate::facts::Direction;
use crate::record::tests::{at, call, message};

fn run(assembler: &mut Assembler, messages: &[MessageRecord]) -> Vec<Finished> {
    let mut all = Vec::new();
    for message in messages {
        assembler.observe(message, Relevance::Relevant, |finished| all.push(finished));
    }
    all
}

fn assembler() -> Assembler {
    Assembler::new(8, Duration::from_secs(10))
}

#[test]
fn a_call_has_its_duration_and_the_shares_of_callee_and_router() {
    let finished = run(&mut assembler(), &call(5, 0));
    let [Finished { action, .. }] = &*finished else { panic!("{finished:?}") };
    assert_eq!((action.duration_ns(), action.callee_ns, action.router_ns()), (1000, 700, 300));
    assert_eq!((action.outcome, action.fanout, action.message_count), (Outcome::Ok, 1, 4));
    assert_eq!((action.at, action.end), (at(0), at(1000)));
    let [responder] = &*action.responders else { panic!("{action:?}") };
    assert_eq!((responder.start, responder.end), (at(100), Some(at(800))));
    assert_eq!(responder.who.session.unwrap().get(), 2);
}

#[test]
fn callees_that_work_at_the_same_time_are_not_counted_twice() {
    let [first, mut invocation, mut answer, last] = call(5, 0);
    let second = |mut record: MessageRecord, ns| {
        record.request = RequestId::new(2).ok();
        record.at = at(ns);
        record
    };
    let (other, other_answer) = (second(invocation.clone(), 300), second(answer.clone(), 900));
    invocation.at = at(200);
    answer.at = at(500);
    let finished = run(&mut assembler(), &[first, invocation, other, answer, other_answer, last]);
    assert_eq!(finished[0].action.callee_ns, 700);
    assert_eq!(finished[0].action.fanout, 2);
}

#[test]
fn a_progressive_answer_leaves_the_callee_at_work() {
    let [first, invocation, answer, last] = call(5, 0);
    let mut progress = answer.clone();
    progress.at = at(200);
    progress.is_progress = true;
    let finished = run(&mut assembler(), &[first, invocation, progress, answer, last]);
    assert_eq!(finished[0].action.callee_ns, 700);
}

#[test]
fn events_are_counted_and_listed_up_to_a_limit() {
    let mut messages =
        vec![message(MessageType::Publish, Direction::Rx, 1, 5, Position::Anchor, 0)];
    for subscriber in 0..40 {
        let position = if subscriber == 39 { Position::Last } else { Position::Inner };
        let mut event =
            message(MessageType::Event, Direction::Tx, subscriber + 2, 5, position, subscriber);
        event.object = SubscriptionId::new(3).ok().map(|id| Object::Subscription(id, None));
        messages.push(event);
    }
    let finished = run(&mut assembler(), &messages);
    let action = &finished[0].action;
    assert_eq!((action.fanout, action.responders.len()), (40, RESPONDERS_COUNT_MAX));
    assert_eq!((action.callee_ns, action.router_ns()), (0, 39));
    assert_eq!(action.responders[1].subscription.unwrap().get(), 3);
}

#[test]
fn errors_say_how_the_action_ended() {
    for (uri, cancels, outcome) in [
        (Some(error::CANCELED), true, Outcome::Canceled),
        (Some(error::CANCELED), false, Outcome::CalleeGone),
        (Some("wamp.error.timeout"), false, Outcome::Timeout),
        (Some(error::NO_SUCH_PROCEDURE), false, Outcome::NoCallee),
        (Some("wamp.error.no_available_callee"), false, Outcome::NoCallee),
        (Some(error::NOT_AUTHORIZED), false, Outcome::Denied),
        (Some("com.example.error"), true, Outcome::Error),
        (None, false, Outcome::Error),
    ] {
        let [first, ..] = call(5, 0);
        let cancel = message(MessageType::Cancel, Direction::Rx, 1, 5, Position::Inner, 10);
        let mut last = message(MessageType::Error, Direction::Tx, 1, 5, Position::Last, 20);
        last.error = uri.map(Into::into);
        let mut messages = vec![first, cancel, last];
        if !cancels {
            messages.remove(1);
        }
        let finished = run(&mut assembler(), &messages);
        assert_eq!(finished[0].action.outcome, outcome, "{uri:?}");
        assert_eq!(finished[0].action.error.as_deref(), uri);
    }
}

#[test]
fn what_the_router_knows_of_the_end_of_a_call_goes_before_its_error() {
    let canceled = Some(error::CANCELED);
    for (known, uri, cancels, outcome) in [
        (CallOutcome::Ok, None, false, Outcome::Ok),
        (CallOutcome::Ok, Some("wamp.error.payload_size_exceeded"), false, Outcome::Error),
        (CallOutcome::Error, canceled, false, Outcome::Error),
        (CallOutcome::Error, canceled, true, Outcome::Canceled),
        (CallOutcome::Error, Some(error::NOT_AUTHORIZED), false, Outcome::Error),
        (CallOutcome::Error, Some(TIMEOUT), true, Outcome::Error),
        (CallOutcome::Canceled, canceled, true, Outcome::Canceled),
        (CallOutcome::CalleeGone, canceled, false, Outcome::CalleeGone),
        (CallOutcome::CalleeGone, canceled, true, Outcome::CalleeGone),
        (CallOutcome::CallerGone, canceled, false, Outcome::CallerGone),
        (CallOutcome::Timeout, Some(TIMEOUT), false, Outcome::Timeout),
        (CallOutcome::NoCallee, Some(NO_AVAILABLE_CALLEE), false, Outcome::NoCallee),
        (CallOutcome::Denied, Some(error::NOT_AUTHORIZED), false, Outcome::Denied),
        (CallOutcome::Refused, canceled, false, Outcome::Shutdown),
        (CallOutcome::Refused, canceled, true, Outcome::Shutdown),
        (CallOutcome::Refused, Some("wamp.error.option_not_allowed"), false, Outcome::Error),
    ] {
        let [first, ..] = call(5, 0);
        let cancel = message(MessageType::Cancel, Direction::Rx, 1, 5, Position::Inner, 10);
        let of = if uri.is_some() { MessageType::Error } else { MessageType::Result };
        let mut last = message(of, Direction::Tx, 1, 5, Position::Last, 20);
        last.error = uri.map(Into::into);
        last.outcome = Some(known);
        let mut messages = vec![first, cancel, last];
        if !cancels {
            messages.remove(1);
        }
        let finished = run(&mut assembler(), &messages);
        assert_eq!(finished[0].action.outcome, outcome, "{known:?} {uri:?} {cancels}");
        // Whatever it would have been: nobody has heard of it.
        for gone in [Undelivered::ReceiverGone, Undelivered::SlowConsumer] {
            messages.last_mut().unwrap().undelivered = Some(gone);
            let finished = run(&mut assembler(), &messages);
            assert_eq!(finished[0].action.outcome, Outcome::CallerGone, "{known:?} {gone:?}");
        }
    }
}

#[test]
fn an_action_whose_originator_has_gone_ends_with_the_reply_that_was_not_sent() {
    let [first, invocation, ..] = call(5, 0);
    let mut last = message(MessageType::Error, Direction::Tx, 1, 5, Position::Last, 300);
    last.error = Some(error::CANCELED.into());
    last.undelivered = Some(Undelivered::ReceiverGone);
    let finished = run(&mut assembler(), &[first, invocation, last]);
    let action = &finished[0].action;
    assert_eq!((action.outcome, action.duration_ns()), (Outcome::CallerGone, 300));
}

#[test]
fn what_was_not_sent_is_no_part_of_the_fan_out() {
    let publish = message(MessageType::Publish, Direction::Rx, 1, 5, Position::Anchor, 0);
    let event = message(MessageType::Event, Direction::Tx, 2, 5, Position::Inner, 10);
    let mut last = message(MessageType::Event, Direction::Tx, 3, 5, Position::Last, 20);
    last.undelivered = Some(Undelivered::SlowConsumer);
    let finished = run(&mut assembler(), &[publish, event, last]);
    let action = &finished[0].action;
    assert_eq!((action.fanout, action.message_count, action.outcome), (1, 3, Outcome::Ok));
    assert_eq!(action.responders.len(), 1);
}

#[test]
fn what_the_router_begins_itself_has_nobody_in_particular_as_its_originator() {
    let event = |session, position, ns| {
        message(MessageType::Event, Direction::Tx, session, 5, position, ns)
    };
    let events = [event(2, Position::Anchor, 0), event(3, Position::Last, 10)];
    let [_, invocation, answer, _] = call(6, 0);
    let mut question = [invocation, answer];
    for (message, position) in question.iter_mut().zip([Position::Anchor, Position::Last]) {
        message.step.as_mut().unwrap().position = position;
    }
    for (messages, kind, fanout, callee_ns) in
        [(&events, MessageType::Publish, 2, 0), (&question, MessageType::Call, 1, 700)]
    {
        let finished = run(&mut assembler(), messages);
        let action = &finished[0].action;
        assert_eq!((action.action, action.fanout, action.callee_ns), (kind, fanout, callee_ns));
        assert_eq!((action.originator.session, &*action.originator.realm), (None, "realm1"));
        assert_eq!((action.request, action.outcome), (None, Outcome::Ok));
    }
}

#[test]
fn open_actions_are_bounded_expired_and_ended_with_the_trace() {
    let mut assembler = Assembler::new(2, Duration::from_nanos(100));
    let anchors = [1, 2, 3].map(|id: u64| call(id.into(), id * 10)[0].clone());
    let evicted = run(&mut assembler, &anchors);
    assert_eq!(evicted.len(), 1);
    assert_eq!(evicted[0].action.outcome, Outcome::Evicted);
    assert_eq!(evicted[0].action.correlation.get(), 1);
    assert_eq!(assembler.deadline(), Some(at(120)));
    let mut ended = Vec::new();
    assembler.expire(at(119), |finished| ended.push(finished.action));
    assert_eq!(ended, []);
    assembler.expire(at(120), |finished| ended.push(finished.action));
    assembler.stop(at(125), |finished| ended.push(finished.action));
    let ends: Vec<_> =
        ended.iter().map(|action| (action.correlation.get(), action.outcome, action.end)).collect();
    assert_eq!(ends, [(2, Outcome::Expired, at(120)), (3, Outcome::Unfinished, at(125))]);
    assert_eq!((assembler.open_count(), assembler.deadline()), (0, None));
}

#[test]
fn messages_without_their_anchor_are_counted() {
    let mut assembler = assembler();
    assert_eq!(run(&mut assembler, &call(5, 0)[1..]), []);
    assert_eq!(assembler.orphan_count(), 3);
}

#[test]
fn one_endless_action_does_not_pile_up_those_that_end() {
    let mut assembler = assembler();
    run(&mut assembler, &call(1, 0)[..1]);
    for id in 2..2000_u64 {
        run(&mut assembler, &call(id.into(), id));
        assert!(assembler.by_age.len() < 80);
    }
}

#[test]
fn held_messages_are_bounded() {
    let mut assembler = assembler();
    let [first, _, _, last] = call(5, 0);
    let mut inner = first.clone();
    inner.step.as_mut().unwrap().position = Position::Inner;
    let mut finished = Vec::new();
    let messages = std::iter::once(&first).chain(std::iter::repeat_n(&inner, 300)).chain([&last]);
    for message in messages {
        assembler.observe(message, Relevance::Held, |one| finished.push(one));
    }
    assert_eq!((finished[0].held.len(), finished[0].overflow_count), (HELD_COUNT_MAX, 46));
}

proptest! {
    /// However the messages of actions interleave, there is one record for each anchor: what a
    /// naive model makes of each action's messages alone.
    #[test]
    fn interleaved_actions_are_assembled_as_if_they_were_alone(
        shapes in prop::collection::vec((0_usize..4, 0_usize..5), 1..8),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let mut queues: Vec<VecDeque<MessageRecord>> = Vec::new();
        let mut model = BTreeMap::new();
        for (number, (events_count, kind)) in shapes.into_iter().enumerate() {
            let id = number as u128 + 1;
            let mut messages: Vec<_> = if kind == 0 {
                let mut all = vec![message(MessageType::Publish, Direction::Rx, 1, id, Position::Anchor, 0)];
                all.extend((0..=events_count as u64).map(|subscriber| {
                    message(MessageType::Event, Direction::Tx, subscriber + 2, id, Position::Inner, 0)
                }));
                all.last_mut().unwrap().step.as_mut().unwrap().position = Position::Last;
                all
            } else {
                call(id, 0).to_vec()
            };
            // Some never end.
            if kind == 4 {
                messages.pop();
            }
            let fanout = messages
                .iter()
                .filter(|one| matches!(one.message, MessageType::Event | MessageType::Invocation))
                .count() as u64;
            let outcome = if kind == 4 { Outcome::Unfinished } else { Outcome::Ok };
            model.insert(id, (messages.len() as u64, fanout, outcome));
            queues.push(messages.into());
        }
        let mut assembler = Assembler::new(64, Duration::from_secs(1));
        let mut found = BTreeMap::new();
        let (mut ns, mut firsts, mut lasts) = (0, BTreeMap::new(), BTreeMap::new());
        for index in order.iter().cycle() {
            queues.retain(|queue| !queue.is_empty());
            if queues.is_empty() {
                break;
            }
            let mut message = index.get_mut(&mut queues).pop_front().unwrap();
            ns += 7;
            message.at = at(ns);
            let id = message.correlation().unwrap().get();
            firsts.entry(id).or_insert(ns);
            lasts.insert(id, ns);
            assembler.observe(&message, Relevance::Relevant, |finished| {
                assert!(found.insert(finished.action.correlation.get(), finished.action).is_none());
            });
        }
        ns += 1;
        assembler.stop(at(ns), |finished| {
            assert!(found.insert(finished.action.correlation.get(), finished.action).is_none());
        });
        prop_assert_eq!(found.len(), model.len());
        for (id, (message_count, fanout, outcome)) in model {
            let action = &found[&id];
            prop_assert_eq!((action.message_count, action.fanout, action.outcome), (message_count, fanout, outcome));
            let end = if outcome == Outcome::Ok { lasts[&id] } else { ns };
            prop_assert_eq!((action.at, action.end), (at(firsts[&id]), at(end)));
            prop_assert!(action.callee_ns <= action.duration_ns());
        }
        prop_assert_eq!(assembler.orphan_count(), 0);
    }
}
