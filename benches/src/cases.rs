//! What instructions are counted of.
//!
//! A case that a revision does not have is shown as missing, so names must not change lightly.

use std::hint::black_box;
use std::num::NonZeroU64;
use std::time::Duration;

use flowgate_event::Timestamp;
use flowgate_meter::{Due, SessionMeter, StatsConfig, Traffic};
use flowgate_router::SessionKey;
use flowgate_trace::Recorder;
use flowgate_wire::{Format, Limits, MatchPolicy, Message, Value};

use crate::messages::{self, PROCEDURE, TOPIC, call_frames, invocation, text};
use crate::realm::Bench;
use crate::{trace, uris};

/// A case runs at most so often: calls are encoded in advance, as many in every run, so that they
/// cancel out.
pub const RUNS_COUNT_MAX: u32 = 2048;

/// Messages of one run of a metering case, so that calling the case does not matter.
const METERED_COUNT: u32 = 64;

/// A threshold that the run never reaches, but that the meter has to compare with.
const OUT_OF_REACH: Option<NonZeroU64> = NonZeroU64::new(1 << 60);

/// Prepares what is then run again and again.
type Prepare = Box<dyn Fn() -> Box<dyn FnMut()>>;

/// Makes the arguments of a message.
type Arguments = fn() -> [Value<'static>; 1];

/// Something whose instructions are counted.
pub struct Case {
    /// What it is.
    pub name: String,
    /// By how much the instructions of one run are to be divided.
    pub units_count: u32,
    /// The case that costs what has to be subtracted.
    pub baseline: Option<&'static str>,
    prepare: Prepare,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Case {
    fn new<F: FnMut() + 'static>(
        name: impl Into<String>,
        prepare: impl Fn() -> F + 'static,
    ) -> Self {
        let prepare: Prepare = Box::new(move || Box::new(prepare()));
        Self { name: name.into(), units_count: 1, baseline: None, prepare }
    }

    /// Prepares the case and runs it `count` times, at most [`RUNS_COUNT_MAX`].
    pub fn run(&self, count: u32) {
        let mut run = (self.prepare)();
        for _ in 0..count.min(RUNS_COUNT_MAX) {
            run();
        }
    }
}

/// All cases.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    metering(&mut cases);
    tracing(&mut cases);
    codec(&mut cases);
    matching(&mut cases);
    calls(&mut cases);
    events(&mut cases);
    cases
}

fn metering(cases: &mut Vec<Case>) {
    const LOOP: &str = "meter, the loop alone";
    let measured = [
        metered("meter, received", SessionMeter::received),
        metered("meter, sent", |meter, bytes| meter.sent(bytes, Traffic::Ordinary)),
        metered("meter, sent statistics event", |meter, bytes| {
            meter.sent(bytes, Traffic::StatsEvent)
        }),
    ];
    cases.push(metered(LOOP, |_, _| Due::NotYet));
    cases.extend(measured.map(|case| Case { baseline: Some(LOOP), ..case }));
}

/// Generic, so that counting is inlined as it is in a connection.
fn metered(name: &str, count: impl Fn(&mut SessionMeter, usize) -> Due + Copy + 'static) -> Case {
    let case = Case::new(name, move || {
        let mut meter = meter();
        move || meter_messages(&mut meter, count)
    });
    Case { units_count: METERED_COUNT, ..case }
}

fn meter() -> SessionMeter {
    let now = Timestamp::EPOCH.after(Duration::from_secs(1));
    let config =
        StatsConfig { trigger_after_rated_messages: OUT_OF_REACH, ..StatsConfig::default() };
    let mut meter = SessionMeter::new(Some(config), now);
    black_box(meter.joined(now));
    meter
}

/// Counts messages the way a connection does: the meter is in memory, lengths are not known in
/// advance, and a due window is closed.
#[inline]
fn meter_messages(meter: &mut SessionMeter, count: impl Fn(&mut SessionMeter, usize) -> Due) {
    for message in 0..METERED_COUNT {
        let bytes = black_box((message as usize * 61) & 0xfff);
        if count(black_box(meter), bytes) == Due::Now {
            black_box(meter.close(Timestamp::EPOCH));
        }
    }
}

/// Recording at each level; what is recorded is thrown away, which costs the same at each but the
/// last, and is part of what is counted.
fn tracing(cases: &mut Vec<Case>) {
    for (name, options) in trace::levels() {
        let case = Case::new(format!("trace, {name}"), move || {
            let traffic = trace::Traffic::new();
            let (registry, switch) = trace::registry(options.clone());
            let (mut recorder, mut tap) = Recorder::new(switch, 1024, trace::NOW);
            move || {
                black_box(&registry);
                trace::fill(&traffic, &mut recorder);
                while tap.pop().is_some() {}
            }
        });
        // 1024, which a u32 holds.
        let units_count = u32::try_from(trace::MESSAGE_COUNT).unwrap_or(u32::MAX);
        cases.push(Case { units_count, ..case });
    }
}

fn codec(cases: &mut Vec<Case>) {
    let payloads: [(&str, Arguments); 4] = [
        ("16 B", || text(16)),
        ("256 B", || text(256)),
        ("4 KiB", || text(4096)),
        ("512 strings", messages::list),
    ];
    for (size, args) in payloads {
        for format in Format::ALL {
            let name = format!("decode {}, {size}", format.name());
            cases.push(Case::new(name, move || {
                let frame = messages::call(format, &args());
                let limits = Limits::default();
                move || {
                    black_box(&Message::decode(format, black_box(&frame), &limits).is_ok());
                }
            }));
        }
        for from in Format::ALL {
            for to in Format::ALL {
                let name = match from == to {
                    true => format!("splice {}, {size}", to.name()),
                    false => format!("transcode {} to {}, {size}", from.name(), to.name()),
                };
                cases.push(Case::new(name, move || encode(from, to, &args())));
            }
        }
    }
}

/// Writes the INVOCATION that follows from a CALL.
fn encode(from: Format, to: Format, args: &[Value<'_>]) -> impl FnMut() + use<> {
    // The message is borrowed from its frame for the rest of the program.
    let frame: &'static [u8] = messages::call(from, args).leak();
    let call = Message::decode(from, frame, &Limits::default()).expect("encoded here");
    let message = invocation(&call);
    let mut out = Vec::with_capacity(1 << 18);
    move || {
        out.clear();
        black_box(&message).encode(to, &mut out);
        black_box(out.len());
    }
}

fn matching(cases: &mut Vec<Case>) {
    const ENTRIES_COUNT: usize = 3_000;
    for (index, name) in
        [(1_500, "URI match, exact"), (1_501, "URI match, prefix"), (1_502, "URI match, wildcard")]
    {
        cases.push(Case::new(format!("{name} of 3,000 mixed"), move || {
            let table = uris::table(ENTRIES_COUNT, &MatchPolicy::ALL);
            let uri = uris::uri(index);
            move || {
                let mut found = 0;
                table.matches(black_box(&uri), |_| found += 1);
                assert_eq!(black_box(found), 1);
            }
        }));
    }
}

fn calls(cases: &mut Vec<Case>) {
    let [json, msgpack, cbor] = Format::ALL;
    for formats in [[json; 2], [msgpack; 2], [cbor; 2], [json, cbor]] {
        for bytes in [16, 256, 4096] {
            let [caller, callee] = formats.map(Format::name);
            let name = format!("call {caller} to {callee}, {bytes} B");
            cases.push(Case::new(name, move || call(formats, bytes)));
        }
    }
}

/// CALL to INVOCATION and YIELD to RESULT.
fn call(formats: [Format; 2], bytes: usize) -> impl FnMut() {
    const CALLER: SessionKey = SessionKey(0);
    const CALLEE: SessionKey = SessionKey(1);
    let [caller, callee] = formats;
    let mut bench = Bench::new(formats.to_vec());
    bench.register(CALLEE, MatchPolicy::Exact, PROCEDURE);
    let args = text(bytes);
    let numbers = 1..=u64::from(RUNS_COUNT_MAX);
    let frames: Vec<_> =
        numbers.map(|number| call_frames(number, PROCEDURE, formats, &args)).collect();
    let mut frames = frames.into_iter();
    move || {
        let Some([call, answer]) = frames.next() else { return };
        let before = bench.queued_bytes(CALLER);
        bench.receive(CALLER, caller, &call);
        bench.receive(CALLEE, callee, &answer);
        assert!(bench.queued_bytes(CALLER) > before + bytes, "the caller gets the result");
    }
}

fn events(cases: &mut Vec<Case>) {
    for (name, formats) in [("JSON", &[Format::Json][..]), ("all formats", &Format::ALL)] {
        for subscriber_count in [10, 1_000] {
            let name = format!("event to {subscriber_count} subscribers, {name}, 256 B");
            cases.push(Case::new(name, move || event(subscriber_count, formats)));
        }
    }
}

/// PUBLISH to EVENTs.
fn event(subscriber_count: u32, formats: &[Format]) -> impl FnMut() + use<> {
    const PUBLISHER: SessionKey = SessionKey(0);
    let publisher = Format::Json;
    let subscribers = formats.iter().copied().cycle().take(subscriber_count as usize);
    let mut bench = Bench::new([publisher].into_iter().chain(subscribers).collect());
    for session in (1..=subscriber_count).map(SessionKey) {
        bench.subscribe(session, MatchPolicy::Exact, TOPIC);
    }
    let frame = messages::publish(publisher, TOPIC, &text(256));
    let last = SessionKey(subscriber_count);
    move || {
        let before = bench.queued_bytes(last);
        bench.receive(PUBLISHER, publisher, black_box(&frame));
        assert!(bench.queued_bytes(last) > before, "the last subscriber gets the event");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_runs() {
        let cases = all();
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        for case in &cases {
            assert!(case.baseline.is_none_or(|baseline| names.contains(baseline)), "{case:?}");
            case.run(2);
        }
    }
}
