//! The cases: what is loaded, what it is compared with, and the target of each.
//!
//! One row of the table each; add data here, not code elsewhere.

use super::router::{Format, Setup, Transport};

/// A load, and what it costs Flowgate to compare with what it costs others.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) section: Section,
    pub(super) name: String,
    pub(super) load: Load,
    /// Which Flowgate is loaded.
    pub(super) setup: Setup,
    pub(super) metric: Metric,
    /// Whether the floor and the peers are loaded as well.
    pub(super) others: Others,
    /// What else of Flowgate this case is held against.
    pub(super) reference: Option<Reference>,
    pub(super) targets: Vec<Target>,
}

/// What the load generator is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) transport: Transport,
    /// Of all clients, or of those that call or publish.
    pub(super) format: Format,
    /// Scenario and options, without the URL and the serializer.
    pub(super) arguments: Vec<String>,
}

/// Another load of Flowgate, or another Flowgate, in the same run.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// What it is, as in "at most 2 × without transcoding".
    pub(super) name: &'static str,
    pub(super) load: Load,
    pub(super) setup: Setup,
}

/// Rows that stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Calls,
    Events,
    Large,
    Transcoding,
    Sessions,
    Statistics,
    /// Of a run with `--growth`.
    FanOut,
    /// Of a run with `--growth`.
    Held,
}

impl Section {
    pub(super) const STANDARD: &[Self] = &[
        Self::Calls,
        Self::Events,
        Self::Large,
        Self::Transcoding,
        Self::Sessions,
        Self::Statistics,
    ];
    pub(super) const GROWTH: &[Self] = &[Self::FanOut, Self::Held];

    /// The heading, with what a cell is per.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Calls => "Calls, per call",
            Self::Events => "Events, per delivered event",
            Self::Large => "Large messages, per call or delivered event",
            Self::Transcoding => "Transcoding, per call",
            Self::Sessions => "Sessions, per session",
            Self::Statistics => "Statistics events, per call",
            Self::FanOut => "More and more subscribers, per delivered event",
            Self::Held => "More and more idle sessions, per session",
        }
    }
}

/// What the number of a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    /// CPU time of the router for each operation, in microseconds.
    Cpu,
    /// Resident memory for each session, in KiB, of a router that has just been started.
    Memory,
}

/// Who is loaded beside Flowgate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    FloorAndPeers,
    Floor,
    Peers,
    Nobody,
}

/// What has to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    /// At most so many times what the floor needs.
    Floor(f64),
    /// At least so many times less than the peer that needs the least.
    BestPeer(f64),
    /// Half of the calls take at most so many times as long as with the fastest peer.
    LatencyOfBestPeer(f64),
    /// At most so many times the reference.
    Reference(f64),
    /// At most so many KiB.
    Kibibytes(f64),
}

const TRANSPORTS: [Transport; 2] = [Transport::RawSocket, Transport::WebSocket];

/// The rows of the standard table, in its order.
pub(super) fn standard() -> Vec<Case> {
    let mut cases = Vec::new();
    small_calls(&mut cases);
    events(&mut cases);
    large_messages(&mut cases);
    transcoding(&mut cases);
    sessions(&mut cases);
    statistics(&mut cases);
    cases
}

/// The rows of `--growth`.
pub(super) fn growth() -> Vec<Case> {
    let mut cases = Vec::new();
    fan_out(&mut cases);
    held_sessions(&mut cases);
    cases
}

fn small_calls(cases: &mut Vec<Case>) {
    for transport in TRANSPORTS {
        for format in Format::ALL {
            for bytes in ["16", "256"] {
                let load = Load::new(transport, format, &calls("4", "8", bytes));
                let name = format!("4 × 8 in flight, {bytes} B, {load}");
                let targets = [Target::Floor(1.4), Target::BestPeer(8.0)];
                cases.push(Case::new(Section::Calls, name, load, &targets));
            }
        }
    }
    for transport in TRANSPORTS {
        let load = Load::new(transport, Format::Json, &calls("32", "1", "16"));
        let name = format!("32 × 1 in flight, 16 B, {load}");
        cases.push(Case::new(Section::Calls, name, load, &[Target::Floor(1.15)]));
        let load = Load::new(transport, Format::Json, &calls("1", "1", "16"));
        let name = format!("one alone, 16 B, {load}");
        let targets = [Target::Floor(1.15), Target::LatencyOfBestPeer(0.5)];
        cases.push(Case::new(Section::Calls, name, load, &targets));
    }
}

fn events(cases: &mut Vec<Case>) {
    for transport in TRANSPORTS {
        for subscribers in ["10", "100", "1000"] {
            let load = Load::new(transport, Format::Json, &event(subscribers, "16"));
            let name = format!("{subscribers} subscribers, 16 B, {load}");
            let targets = [Target::Floor(1.2), Target::BestPeer(3.5)];
            cases.push(Case::new(Section::Events, name, load, &targets));
        }
    }
}

fn large_messages(cases: &mut Vec<Case>) {
    for transport in TRANSPORTS {
        for (what, strings, targets) in [
            ("one string", "1", vec![Target::Floor(1.5)]),
            ("512 strings", "512", vec![Target::Floor(1.5), Target::BestPeer(20.0)]),
        ] {
            let mut arguments = calls("4", "8", "4096").to_vec();
            arguments.extend(["--strings", strings]);
            let load = Load::new(transport, Format::Json, &arguments);
            let name = format!("call, 4 KiB as {what}, {load}");
            cases.push(Case::new(Section::Large, name, load, &targets));
        }
        let load = Load::new(transport, Format::Json, &calls("4", "8", "65536"));
        let name = format!("call, 64 KiB, {load}");
        cases.push(Case::new(Section::Large, name, load, &[Target::Floor(1.2)]));
        let load = Load::new(transport, Format::Json, &event("10", "65536"));
        let name = format!("event, 64 KiB, 10 subscribers, {load}");
        cases.push(Case::new(Section::Large, name, load, &[Target::Floor(1.2)]));
    }
}

/// The floor does not transcode.
fn transcoding(cases: &mut Vec<Case>) {
    for transport in TRANSPORTS {
        let plain = calls("4", "8", "256");
        let mut arguments = plain.to_vec();
        arguments.extend(["--callee-serializer", "cbor"]);
        let load = Load::new(transport, Format::Json, &arguments);
        let name = format!("256 B, JSON caller, CBOR callee, {}", transport.name());
        let reference = Reference {
            name: "JSON to JSON",
            load: Load::new(transport, Format::Json, &plain),
            setup: Setup::BuiltIn,
        };
        let case = Case::new(Section::Transcoding, name, load, &[Target::Reference(2.0)]);
        cases.push(Case { others: Others::Peers, reference: Some(reference), ..case });
    }
}

fn sessions(cases: &mut Vec<Case>) {
    for transport in TRANSPORTS {
        let load = Load::new(transport, Format::Json, &["connect", "--clients", "4"]);
        let name = format!("set-up to close, {load}");
        cases.push(Case::new(Section::Sessions, name, load, &[Target::Floor(1.3)]));
    }
    for transport in TRANSPORTS {
        for count in ["1000", "5000"] {
            cases.push(idle(Section::Sessions, transport, count, Setup::BuiltIn));
        }
    }
}

fn idle(section: Section, transport: Transport, count: &str, setup: Setup) -> Case {
    let load = Load::new(transport, Format::Json, &["idle", "--clients", count]);
    let name = format!("memory of one of {count} idle, {load}");
    let kibibytes = match transport {
        Transport::RawSocket => 3.0,
        Transport::WebSocket => 4.0,
    };
    let case = Case::new(section, name, load, &[Target::Kibibytes(kibibytes)]);
    Case { metric: Metric::Memory, setup, ..case }
}

/// Flowgate with the documented `stats` block beside the same Flowgate without it, as Crossbar.io
/// was measured; and once more with somebody who listens, which is what the events are for.
fn statistics(cases: &mut Vec<Case>) {
    for (size, bytes) in [("16 B", "16"), ("4 KiB", "4096")] {
        for (setup, who) in
            [(Setup::Rated, "nobody listens"), (Setup::Monitored, "a monitor listens")]
        {
            let load = Load::new(Transport::WebSocket, Format::Json, &calls("4", "8", bytes));
            let name = format!("on every 10 rated messages, {who}, {size}, {load}");
            let reference = Reference {
                name: "without statistics",
                load: load.clone(),
                setup: Setup::WithoutStatistics,
            };
            let case = Case::new(Section::Statistics, name, load, &[Target::Reference(1.05)]);
            let reference = Some(reference);
            cases.push(Case { setup, reference, others: Others::Nobody, ..case });
        }
    }
}

/// The reference is always a tenth as many subscribers: the cost must not rise.
fn fan_out(cases: &mut Vec<Case>) {
    for transport in TRANSPORTS {
        let mut fewer: Option<Load> = None;
        for subscribers in ["1", "10", "100", "1000", "10000"] {
            let load = Load::new(transport, Format::Json, &event(subscribers, "16"));
            let name = format!("{subscribers} subscribers, 16 B, {load}");
            let reference = fewer.replace(load.clone()).map(|load| Reference {
                name: "a tenth as many",
                load,
                setup: Setup::BuiltIn,
            });
            let target = reference.is_some().then_some(Target::Reference(1.0));
            let case = Case::new(Section::FanOut, name, load, target.as_slice());
            cases.push(Case { others: Others::Floor, reference, ..case });
        }
    }
}

/// Every session is a descriptor of the load generator and one of the router.
fn held_sessions(cases: &mut Vec<Case>) {
    for transport in TRANSPORTS {
        for count in ["1000", "10000", "100000"] {
            let case = idle(Section::Held, transport, count, Setup::ManyConnections);
            cases.push(Case { others: Others::Floor, ..case });
        }
    }
}

fn calls<'a>(callers: &'a str, in_flight: &'a str, bytes: &'a str) -> [&'a str; 7] {
    ["rpc", "--clients", callers, "--in-flight", in_flight, "--payload", bytes]
}

/// Few publications in flight, so that many subscribers have time to read theirs.
fn event<'a>(subscribers: &'a str, bytes: &'a str) -> [&'a str; 7] {
    ["pubsub", "--subscribers", subscribers, "--in-flight", "4", "--payload", bytes]
}

impl Load {
    fn new(transport: Transport, format: Format, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().copied().map(str::to_owned).collect();
        Self { transport, format, arguments }
    }

    /// How many sessions it opens at a time, but for the few that call or publish.
    pub(super) fn sessions_count(&self) -> u64 {
        let pairs = self.arguments.iter().zip(self.arguments.iter().skip(1));
        let counts =
            pairs.filter(|(option, _)| ["--clients", "--subscribers"].contains(&option.as_str()));
        counts.filter_map(|(_, count)| count.parse::<u64>().ok()).sum()
    }

    /// All formats that take part.
    pub(super) fn formats(&self) -> impl Iterator<Item = Format> + '_ {
        let callee = |format: &Format| self.arguments.iter().any(|word| word == format.option());
        [self.format].into_iter().chain(Format::ALL.into_iter().filter(callee))
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.transport.name(), self.format.name())
    }
}

impl Case {
    /// A case that everybody is loaded with.
    fn new(section: Section, name: String, load: Load, targets: &[Target]) -> Self {
        Self {
            section,
            name,
            load,
            setup: Setup::BuiltIn,
            metric: Metric::Cpu,
            others: Others::FloorAndPeers,
            reference: None,
            targets: targets.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_and_section_of_its_own() {
        for (cases, sections) in [(standard(), Section::STANDARD), (growth(), Section::GROWTH)] {
            let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
            assert_eq!(names.len(), cases.len());
            for section in sections {
                assert!(cases.iter().any(|case| case.section == *section), "{section:?}");
            }
            assert!(cases.iter().all(|case| sections.contains(&case.section)));
        }
    }

    #[test]
    fn who_a_target_names_is_loaded() {
        for case in standard().into_iter().chain(growth()) {
            let floor = matches!(case.others, Others::Floor | Others::FloorAndPeers);
            let peers = matches!(case.others, Others::Peers | Others::FloorAndPeers);
            for target in &case.targets {
                let loaded = match target {
                    Target::Floor(_) => floor,
                    Target::BestPeer(_) | Target::LatencyOfBestPeer(_) => peers,
                    Target::Reference(_) => case.reference.is_some(),
                    Target::Kibibytes(_) => case.metric == Metric::Memory,
                };
                assert!(loaded, "{}: {target:?}", case.name);
            }
        }
    }

    #[test]
    fn sessions_are_counted() {
        let count = |arguments: &[&str]| {
            Load::new(Transport::RawSocket, Format::Json, arguments).sessions_count()
        };
        assert_eq!(count(&["idle", "--clients", "100000"]), 100_000);
        assert_eq!(count(&event("1000", "16")), 1_000);
        assert_eq!(count(&["connect"]), 0);
    }

    #[test]
    fn both_formats_of_a_transcoded_call_take_part() {
        let cases = standard();
        let case = cases.iter().find(|case| case.section == Section::Transcoding).unwrap();
        assert_eq!(case.load.formats().collect::<Vec<_>>(), [Format::Json, Format::Cbor]);
    }
}
