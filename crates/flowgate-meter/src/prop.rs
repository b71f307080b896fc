//! Any sequence of calls, sensible or not, against a model that keeps every message.

use std::num::NonZeroU64;
use std::time::Duration;

use flowgate_event::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{Account, Due, RatedMessageSize, Report, SessionMeter, StatsConfig, Totals, Traffic};

#[derive(Debug, Clone, Copy)]
enum Step {
    Received(usize),
    Sent(usize, Traffic),
    /// Lets time pass, in nanoseconds.
    Wait(u64),
    Joined,
    /// Closes the window, due or not.
    Close,
    Tick,
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ModelPhase {
    Handshake,
    Joined,
    Left,
}

/// The slow, obvious meter: the messages of the current window and of the whole session, in lists.
struct Model {
    config: Option<StatsConfig>,
    phase: ModelPhase,
    now: Timestamp,
    window_start: Timestamp,
    window_received: Vec<usize>,
    window_sent: Vec<usize>,
    all_received: Vec<usize>,
    all_sent: Vec<usize>,
    reports: Vec<Report>,
}

impl Model {
    fn new(config: Option<StatsConfig>, hello_at: Timestamp) -> Self {
        Self {
            config,
            phase: ModelPhase::Handshake,
            now: hello_at,
            window_start: hello_at,
            window_received: Vec::new(),
            window_sent: Vec::new(),
            all_received: Vec::new(),
            all_sent: Vec::new(),
            reports: Vec::new(),
        }
    }

    fn size_bytes(&self) -> u64 {
        self.config.map_or(512, |config| config.rated_message_size.bytes())
    }

    fn account(&self, messages: &[usize]) -> Account {
        let mut account = Account::default();
        for &bytes in messages {
            account.bytes += bytes as u64;
            account.messages += 1;
            account.rated_messages += (bytes as u64).div_ceil(self.size_bytes());
        }
        account
    }

    fn threshold_met(&self) -> bool {
        let rated = self.account(&self.window_received).rated_messages
            + self.account(&self.window_sent).rated_messages;
        let trigger = self.config.and_then(|config| config.trigger_after_rated_messages);
        self.phase == ModelPhase::Joined && trigger.is_some_and(|trigger| rated >= trigger.get())
    }

    fn deadline(&self) -> Option<Timestamp> {
        let duration = self.config.and_then(|config| config.trigger_after_duration)?;
        (self.phase == ModelPhase::Joined).then(|| self.window_start.after(duration))
    }

    /// The report of the current window, if the session is reported at all.
    fn close_window(&mut self, last: bool) -> Option<Report> {
        self.config?;
        let report = Report {
            cycle: self.reports.len() as u64 + 1,
            start: self.window_start,
            duration: self.now.since(self.window_start),
            first: self.reports.is_empty(),
            last,
            received: self.account(&self.window_received),
            sent: self.account(&self.window_sent),
        };
        self.window_received.clear();
        self.window_sent.clear();
        self.window_start = self.now;
        self.reports.push(report);
        Some(report)
    }

    /// What the step should report.
    fn expected(&mut self, step: Step) -> Option<Report> {
        let config = self.config?;
        match (step, self.phase) {
            (Step::Joined, ModelPhase::Handshake) => {
                self.phase = ModelPhase::Joined;
                (config.trigger_on_join || self.threshold_met())
                    .then(|| self.close_window(false))
                    .flatten()
            }
            (Step::Leave, phase) => {
                self.phase = ModelPhase::Left;
                (phase == ModelPhase::Joined && config.trigger_on_leave)
                    .then(|| self.close_window(true))
                    .flatten()
            }
            (Step::Close, _) if self.threshold_met() => self.close_window(false),
            (Step::Tick, ModelPhase::Joined)
                if self.deadline().is_some_and(|deadline| deadline <= self.now) =>
            {
                self.close_window(false)
            }
            _ => None,
        }
    }
}

/// Takes meter and model through `steps` and compares them after each.
fn run(
    config: Option<StatsConfig>,
    steps: &[Step],
) -> Result<(SessionMeter, Model), TestCaseError> {
    let hello_at = Timestamp::from_nanos(1_574_688_364_518_998_111);
    let mut meter = SessionMeter::new(config, hello_at);
    let mut model = Model::new(config, hello_at);
    for &step in steps {
        match step {
            Step::Received(bytes) => {
                model.window_received.push(bytes);
                model.all_received.push(bytes);
                let due = meter.received(bytes) == Due::Now;
                prop_assert_eq!(due, model.threshold_met());
            }
            Step::Sent(bytes, traffic) => {
                model.window_sent.push(bytes);
                model.all_sent.push(bytes);
                let due = meter.sent(bytes, traffic) == Due::Now;
                prop_assert_eq!(due, traffic == Traffic::Ordinary && model.threshold_met());
            }
            Step::Wait(nanos) => model.now = model.now.after(Duration::from_nanos(nanos)),
            Step::Joined => prop_assert_eq!(meter.joined(model.now), model.expected(step)),
            Step::Close => prop_assert_eq!(meter.close(model.now), model.expected(step)),
            Step::Tick => prop_assert_eq!(meter.tick(model.now), model.expected(step)),
            Step::Leave => prop_assert_eq!(meter.leave(model.now), model.expected(step)),
        }
        prop_assert_eq!(meter.deadline(), model.deadline());
    }
    Ok((meter, model))
}

fn any_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![0_usize..2048, Just(512_usize), Just(256_usize), 0_usize..(64 << 20)]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any_bytes().prop_map(Step::Received),
        4 => any_bytes().prop_map(|bytes| Step::Sent(bytes, Traffic::Ordinary)),
        3 => any_bytes().prop_map(|bytes| Step::Sent(bytes, Traffic::StatsEvent)),
        3 => (0_u64..3_000).prop_map(Step::Wait),
        1 => Just(Step::Joined),
        3 => Just(Step::Close),
        3 => Just(Step::Tick),
    ]
}

/// A session's life: most join after a few messages and leave before the end, some do neither.
fn any_life() -> impl Strategy<Value = Vec<Step>> {
    let edge = |step| prop_oneof![4 => Just(Some(step)), 1 => Just(None)];
    (
        vec(any_step(), 0..4),
        edge(Step::Joined),
        vec(any_step(), 0..60),
        edge(Step::Leave),
        vec(any_step(), 0..6),
    )
        .prop_map(|(handshake, joined, life, leave, after)| {
            handshake.into_iter().chain(joined).chain(life).chain(leave).chain(after).collect()
        })
}

fn any_config() -> impl Strategy<Value = StatsConfig> {
    (
        0_u32..24,
        proptest::option::of(1_u64..40),
        proptest::option::of(1_u64..5_000),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(shift, rated, nanos, trigger_on_join, trigger_on_leave)| StatsConfig {
            rated_message_size: RatedMessageSize::try_from(1_u64 << shift).unwrap(),
            trigger_after_rated_messages: rated.and_then(NonZeroU64::new),
            trigger_after_duration: nanos.map(Duration::from_nanos),
            trigger_on_join,
            trigger_on_leave,
        })
}

fn mostly_configured() -> impl Strategy<Value = Option<StatsConfig>> {
    prop_oneof![9 => any_config().prop_map(Some), 1 => Just(None)]
}

proptest! {
    /// Also compares every report, every due window and every deadline with the model's.
    #[test]
    fn the_meter_counts_every_message_exactly(config in mostly_configured(), life in any_life()) {
        let (meter, model) = run(config, &life)?;
        prop_assert_eq!(meter.totals().received, model.account(&model.all_received));
        prop_assert_eq!(meter.totals().sent, model.account(&model.all_sent));
    }

    #[test]
    fn the_reports_add_up_to_the_totals(config in any_config(), life in any_life()) {
        let config = StatsConfig { trigger_on_leave: true, ..config };
        let (meter, model) = run(Some(config), &life)?;
        let mut sum = Totals::default();
        for report in &model.reports {
            sum += report.totals();
        }
        // What no report covers yet, or ever: messages of the open window, and those after leaving.
        sum += Totals {
            received: model.account(&model.window_received),
            sent: model.account(&model.window_sent),
        };
        prop_assert_eq!(sum, meter.totals());
    }

    #[test]
    fn a_whole_session_is_reported_whole(config in any_config(), messages in vec(any_step(), 0..80)) {
        let config = StatsConfig { trigger_on_leave: true, ..config };
        let life: Vec<Step> =
            std::iter::once(Step::Joined).chain(messages).chain([Step::Leave]).collect();
        let (meter, model) = run(Some(config), &life)?;
        let mut sum = Totals::default();
        for report in &model.reports {
            sum += report.totals();
        }
        prop_assert_eq!(sum, meter.totals());
        prop_assert_eq!(model.reports.iter().filter(|report| report.first).count(), 1);
        prop_assert_eq!(model.reports.iter().filter(|report| report.last).count(), 1);
        prop_assert!(model.reports.first().is_some_and(|report| report.first));
        prop_assert!(model.reports.last().is_some_and(|report| report.last));
    }

    #[test]
    fn reports_are_numbered_and_contiguous(config in any_config(), life in any_life()) {
        let (_, model) = run(Some(config), &life)?;
        for (before, after) in model.reports.iter().zip(model.reports.iter().skip(1)) {
            prop_assert_eq!(after.cycle, before.cycle + 1);
            prop_assert_eq!(after.start, before.end());
        }
    }

    #[test]
    fn rating_is_division_rounded_up(shift in 0_u32..64, bytes in prop_oneof![0_usize..5000, 0..=1_usize << 63]) {
        let size_bytes = 1_u64 << shift;
        let size = RatedMessageSize::try_from(size_bytes).unwrap();
        prop_assert_eq!(size.rate(bytes), (bytes as u64).div_ceil(size_bytes));
    }

    #[test]
    fn only_powers_of_two_are_sizes(size_bytes in any::<u64>()) {
        prop_assert_eq!(RatedMessageSize::try_from(size_bytes).is_ok(), size_bytes.is_power_of_two());
    }
}
