//! Meters one session in virtual time and prints its reports, as a router would publish them.
//!
//! `cargo run -p flowgate-meter --example metered_session`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::num::NonZeroU64;
use std::time::Duration;

use flowgate_event::Timestamp;
use flowgate_meter::{Due, RatedMessageSize, Report, SessionMeter, StatsConfig, Traffic};

fn main() -> Result<(), Box<dyn Error>> {
    let config = StatsConfig {
        rated_message_size: RatedMessageSize::try_from(256_u64)?,
        trigger_after_rated_messages: NonZeroU64::new(10),
        trigger_after_duration: Some(Duration::from_secs(5)),
        ..StatsConfig::default()
    };
    let mut now = Timestamp::from_nanos(1_574_688_364_518_998_111);

    // HELLO arrives, WELCOME goes out.
    let mut meter = SessionMeter::new(Some(config), now);
    assert_eq!(meter.received(112), Due::NotYet);
    assert_eq!(meter.sent(690, Traffic::Ordinary), Due::NotYet);
    now = now.after(Duration::from_millis(2));
    print(meter.joined(now));

    // Six calls of 300 bytes, answered with 40 bytes each: three rated messages per round trip.
    for _ in 0..6 {
        now = now.after(Duration::from_millis(100));
        if meter.received(300) == Due::Now {
            print(meter.close(now));
        }
        if meter.sent(40, Traffic::Ordinary) == Due::Now {
            print(meter.close(now));
        }
    }

    // Nothing happens for a while: the timer reports all the same, twice.
    for _ in 0..2 {
        if let Some(deadline) = meter.deadline() {
            now = deadline;
            print(meter.tick(now));
        }
    }

    // The connection breaks: the last report comes as well.
    now = now.after(Duration::from_millis(700));
    print(meter.leave(now));
    println!("in all: {:?}", meter.totals().total());
    Ok(())
}

fn print(report: Option<Report>) {
    let Some(report) = report else { return };
    let total = report.total();
    println!(
        "cycle {} from {} for {:?}: {} bytes, {} messages, {} rated, first {}, last {}",
        report.cycle,
        report.start.as_nanos(),
        report.duration,
        total.bytes,
        total.messages,
        total.rated_messages,
        report.first,
        report.last,
    );
}
