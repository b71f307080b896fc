//! Runs the meter's message path a given number of times, to count its instructions.
//!
//! `meter_instructions MODE MESSAGES`, where `MODE` is `loop` (no meter: what the loop itself
//! costs), `received`, `sent`, `stats-event` or `unreported` (received, in a realm without `stats`).
//! Run it under an instruction counter with two numbers of messages: the difference of the counts,
//! divided by the difference of the numbers, is the cost per message, and the cost of `loop` is to
//! be subtracted from it.
//! The method and the figures are in `docs/performance.md`, "Metering".

use std::hint::black_box;
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::time::Duration;

use flowgate_event::Timestamp;
use flowgate_meter::{Due, SessionMeter, StatsConfig, Traffic};

/// A threshold that the run never reaches, but that the meter has to compare with.
const OUT_OF_REACH: Option<NonZeroU64> = NonZeroU64::new(1 << 60);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next();
    let message_count = arguments.next().and_then(|count| count.parse().ok());
    let (Some(mode), Some(message_count)) = (mode, message_count) else {
        return ExitCode::from(2);
    };
    match mode.as_str() {
        "loop" => drive(message_count, OUT_OF_REACH, |_, _| Due::NotYet),
        "received" => drive(message_count, OUT_OF_REACH, SessionMeter::received),
        "sent" => drive(message_count, OUT_OF_REACH, sent_ordinary),
        "stats-event" => drive(message_count, OUT_OF_REACH, sent_stats_event),
        "unreported" => drive(message_count, None, SessionMeter::received),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// Counts `message_count` messages the way a connection does: the meter is in memory, lengths are
/// not known in advance, and a due window is closed.
fn drive(
    message_count: usize,
    trigger_after_rated_messages: Option<NonZeroU64>,
    count: impl Fn(&mut SessionMeter, usize) -> Due,
) {
    let config = StatsConfig { trigger_after_rated_messages, ..StatsConfig::default() };
    let now = Timestamp::EPOCH.after(Duration::from_secs(1));
    let mut meter = SessionMeter::new(trigger_after_rated_messages.map(|_| config), now);
    black_box(meter.joined(now));
    for message in 0..message_count {
        let bytes = black_box(message & 0xfff);
        if count(black_box(&mut meter), bytes) == Due::Now {
            black_box(meter.close(now));
        }
    }
    black_box(meter.totals());
}

fn sent_ordinary(meter: &mut SessionMeter, bytes: usize) -> Due {
    meter.sent(bytes, Traffic::Ordinary)
}

fn sent_stats_event(meter: &mut SessionMeter, bytes: usize) -> Due {
    meter.sent(bytes, Traffic::StatsEvent)
}
