//! `cargo xtask compare`: what Flowgate costs beside a bare forwarding program and other routers.
//!
//! Every case runs against all of them in turn, several times, so that ratios stand even where
//! the machine is shared and noisy.
//! Start from [`cases`]: what is measured, and what has to hold.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use self::cases::{Case, Load, Metric, Others, Section};
use self::measure::{Duration, Sample, measure};
use self::peers::{Peer, Spec};
use self::router::{Programs, Router, Setup};
use self::table::{Row, Verdict};
use crate::{document, machine, workspace};

mod cases;
mod measure;
mod peers;
pub(crate) mod router;
mod table;

/// What a process under load has open beside its sessions.
const OTHER_FILES_COUNT: u64 = 64;

const HELP: &str = "\
usage: cargo xtask compare [options]

Loads Flowgate, a bare forwarding program (the floor) and other routers in turn, and writes the
tables of docs/performance.md. Installs crossbar and fox-wamp below the target folder, if there
is Python or Node.

  --growth            the cases of growing numbers of subscribers and sessions, instead of the others
  --filter TEXT       only cases whose name contains TEXT; may be repeated, all must match
  --list              list the cases and run none
  --repeats N         how often each case runs against each program (5)
  --seconds S         how long each run is measured (1)
  --quick             once, for a fifth of a second: to see that everything works
  --no-peers          nothing but Flowgate and the floor
  --peer NAME=ITEM[,ITEM…]
                      another router; may be repeated. Its addresses ws://… and rs://…, and either
                      pid=N of its process or, as the last item, run=COMMAND that starts it, where
                      {port} in the command and the addresses stands for a free port
  --stdout            print the tables and leave the document alone; so do --filter and --quick
  --binaries FOLDER   take floor, flowgate and flowgate-load from there, and build nothing";

/// What the command line asks for.
#[derive(Debug)]
struct Options {
    cases: Cases,
    filters: Vec<String>,
    list: bool,
    repeat_count: usize,
    duration: Duration,
    installed_peers: bool,
    peers: Vec<Spec>,
    to_document: bool,
    binaries: Option<PathBuf>,
}

/// Which of the two tables.
#[derive(Debug, Clone, Copy)]
enum Cases {
    Standard,
    Growth,
}

impl Cases {
    fn all(self) -> Vec<Case> {
        match self {
            Self::Standard => cases::standard(),
            Self::Growth => cases::growth(),
        }
    }

    const fn sections(self) -> &'static [Section] {
        match self {
            Self::Standard => Section::STANDARD,
            Self::Growth => Section::GROWTH,
        }
    }

    /// The name of the part of the document.
    const fn name(self) -> &'static str {
        match self {
            Self::Standard => "compare",
            Self::Growth => "growth",
        }
    }
}

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(arguments)?;
    let mut cases = options.cases.all();
    cases.retain(|case| options.filters.iter().all(|text| case.name.contains(text.as_str())));
    ensure!(!cases.is_empty(), "no case has such a name");
    if options.list {
        cases.iter().for_each(|case| println!("{}", case.name));
        return Ok(ExitCode::SUCCESS);
    }
    leave_out_too_many_sessions(&mut cases)?;
    let mut field = Field::prepare(&options)?;
    let mut rows = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        eprintln!("{} of {}: {}", index + 1, cases.len(), case.name);
        rows.push(field.row(case, &options)?);
    }
    let text = field.report(&rows, &options);
    if options.to_document {
        document::write(options.cases.name(), &text)?;
    } else {
        println!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Says which cases need more open files than this process and its children may have.
fn leave_out_too_many_sessions(cases: &mut Vec<Case>) -> Result<()> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    // An unlimited number is no number.
    let open_files_max = soft.and_then(|soft| soft.parse().ok()).unwrap_or(u64::MAX);
    cases.retain(|case| {
        let enough = case.load.sessions_count() + OTHER_FILES_COUNT <= open_files_max;
        if !enough {
            eprintln!("left out, as ulimit -n is {open_files_max}: {}", case.name);
        }
        enough
    });
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        cases: Cases::Standard,
        filters: Vec::new(),
        list: false,
        repeat_count: 5,
        duration: Duration { warmup_s: 0.3, measured_s: 1.0 },
        installed_peers: true,
        peers: Vec::new(),
        to_document: true,
        binaries: None,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--growth" => options.cases = Cases::Growth,
            "--filter" => options.filters.push(value()?.clone()),
            "--list" => options.list = true,
            "--repeats" => options.repeat_count = value()?.parse()?,
            "--seconds" => options.duration.measured_s = value()?.parse()?,
            "--quick" => {
                options.repeat_count = 1;
                options.duration = Duration { warmup_s: 0.1, measured_s: 0.2 };
                options.to_document = false;
            }
            "--no-peers" => options.installed_peers = false,
            "--peer" => options.peers.push(Spec::parse(value()?)?),
            "--stdout" => options.to_document = false,
            "--binaries" => {
                let path = value()?;
                options.binaries = Some(fs::canonicalize(path).with_context(|| path.clone())?);
            }
            unknown => bail!("unknown option {unknown}\n{HELP}"),
        }
    }
    ensure!(options.repeat_count > 0, "--repeats must be at least 1");
    // A part of the cases would replace all of them.
    options.to_document &= options.filters.is_empty();
    Ok(options)
}

/// Builds our programs in the release profile; the folder they are in.
pub(crate) fn build() -> Result<PathBuf> {
    let packages = ["flowgate-server", "flowgate-load", "flowgate-benches"];
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    let status =
        workspace::cargo().args(["build", "--release", "--bins"]).args(packages).status()?;
    ensure!(status.success(), "the programs do not compile");
    Ok(workspace::target_directory()?.join("release"))
}

/// Everybody who takes part.
struct Field {
    programs: Programs,
    floor: Router,
    /// Started when they are first needed.
    flowgates: Vec<(Setup, Router)>,
    peers: Vec<Peer>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Flowgate,
    Floor,
    Reference,
    Peer(usize),
}

impl Field {
    fn prepare(options: &Options) -> Result<Self> {
        let binaries = options.binaries.clone().map_or_else(build, Ok)?;
        let directory = workspace::target_directory()?.join("compare");
        let programs = Programs { binaries, logs: directory.join("logs") };
        let mut peers = Vec::new();
        if options.installed_peers {
            peers = peers::installed(&directory, &programs.logs)?;
        }
        for spec in options.peers.clone() {
            peers.push(spec.start(&programs.logs)?);
        }
        let floor = programs.floor()?;
        Ok(Self { programs, floor, flowgates: Vec::new(), peers })
    }

    /// All runs of a case; what fails with a peer is noted, what fails with ours ends the whole.
    fn row(&mut self, case: &Case, options: &Options) -> Result<Row> {
        let mut turns = self.turns(case);
        let mut row = Row::new(case.clone(), self.peers.len());
        for _ in 0..options.repeat_count {
            let mut failed = Vec::new();
            for turn in turns.clone() {
                let result = self.take(turn, case, options);
                let samples = match turn {
                    Turn::Flowgate => Some(&mut row.ours),
                    Turn::Floor => Some(&mut row.floor),
                    Turn::Reference => Some(&mut row.reference),
                    Turn::Peer(index) => row.peers.get_mut(index),
                };
                match (result, turn) {
                    (Ok(sample), _) => samples.into_iter().for_each(|all| all.push(sample)),
                    (Err(error), Turn::Peer(index)) => {
                        self.note(index, case, &error);
                        failed.push(index);
                    }
                    (Err(error), Turn::Flowgate | Turn::Floor | Turn::Reference) => {
                        return Err(error.context(format!("{}, {turn:?}", case.name)));
                    }
                }
            }
            // Figures of a peer that loses messages at times would be of no use.
            for index in failed {
                turns.retain(|turn| !matches!(turn, Turn::Peer(peer) if *peer == index));
                row.peers.get_mut(index).into_iter().for_each(Vec::clear);
            }
            // Who comes first changes, so that nobody always gets what the same other warmed up.
            turns.rotate_left(1);
        }
        Ok(row)
    }

    fn turns(&self, case: &Case) -> Vec<Turn> {
        let mut turns = vec![Turn::Flowgate];
        if matches!(case.others, Others::Floor | Others::FloorAndPeers) {
            turns.push(Turn::Floor);
        }
        if case.reference.is_some() {
            turns.push(Turn::Reference);
        }
        if matches!(case.others, Others::Peers | Others::FloorAndPeers) {
            let able = self.peers.iter().enumerate();
            let able = able.filter(|(_, peer)| peer.understands(&case.load));
            turns.extend(able.map(|(index, _)| Turn::Peer(index)));
        }
        turns
    }

    fn take(&mut self, turn: Turn, case: &Case, options: &Options) -> Result<Sample> {
        let (load, setup) = match (turn, &case.reference) {
            (Turn::Reference, Some(reference)) => (&reference.load, reference.setup),
            _ => (&case.load, case.setup),
        };
        let generator = self.programs.binaries.join("flowgate-load");
        let measure = |router: &Router, load: &Load| {
            measure(&generator, load, case.metric, router, options.duration)
        };
        match (turn, case.metric) {
            (Turn::Peer(index), _) => {
                let peer = self.peers.get(index).context("a turn is of a peer that is there")?;
                measure(&peer.router, load)
            }
            (Turn::Floor, Metric::Cpu) => measure(&self.floor, load),
            (Turn::Flowgate | Turn::Reference, Metric::Cpu) => measure(self.flowgate(setup)?, load),
            // Memory that was used before would be used again.
            (Turn::Floor, Metric::Memory) => measure(&self.programs.floor()?, load),
            (Turn::Flowgate | Turn::Reference, Metric::Memory) => {
                measure(&self.programs.flowgate(setup)?, load)
            }
        }
    }

    fn flowgate(&mut self, setup: Setup) -> Result<&Router> {
        let known = self.flowgates.iter().position(|(known, _)| *known == setup);
        let index = match known {
            Some(index) => index,
            None => {
                self.flowgates.push((setup, self.programs.flowgate(setup)?));
                self.flowgates.len() - 1
            }
        };
        let (_, router) = self.flowgates.get(index).context("it was found or added")?;
        Ok(router)
    }

    fn note(&mut self, index: usize, case: &Case, error: &anyhow::Error) {
        if let Some(peer) = self.peers.get_mut(index) {
            eprintln!("  {} fails: {error:#}", peer.name);
            peer.failures.push(format!("{}, {}: {error:#}", peer.name, case.name));
        }
    }

    /// Machine, versions, tables, and who failed at what.
    fn report(&self, rows: &[Row], options: &Options) -> String {
        let names: Vec<String> = self.peers.iter().map(|peer| peer.name.clone()).collect();
        let Duration { measured_s, .. } = options.duration;
        let mut lines = vec![
            format!("Machine: {}.", machine::machine()),
            format!("Flowgate and floor: {}.", machine::toolchain()),
        ];
        let others = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        lines.push(format!("Peers: {others}."));
        lines.push(format!(
            "Every figure is the median of {} interleaved runs of {measured_s} s; in brackets the \
             least and the greatest of the ratios of neighbouring runs.",
            options.repeat_count
        ));
        let verdicts: Vec<Verdict> =
            rows.iter().flat_map(Row::judge).map(|(verdict, _)| verdict).collect();
        let count = |verdict| verdicts.iter().filter(|of_one| **of_one == verdict).count();
        lines.push(format!(
            "Of {} targets {} hold, {} are missed, and {} could not be measured.",
            verdicts.len(),
            count(Verdict::Holds),
            count(Verdict::Missed),
            count(Verdict::NotMeasured)
        ));
        let mut text = lines.join("\n") + "\n";
        text += &table::render(options.cases.sections(), rows, &names);
        for failure in self.peers.iter().flat_map(|peer| &peer.failures) {
            text += &format!("\n- Fails: {failure}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Options> {
        parse(&words.iter().copied().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_have_the_values_that_the_help_names() {
        let options = parsed(&[]).unwrap();
        assert_eq!((options.repeat_count, options.duration.measured_s), (5, 1.0));
        assert!(options.installed_peers && options.to_document);
        assert!(parsed(&["--repeats"]).is_err());
        assert!(parsed(&["--repeats", "0"]).is_err());
        assert!(parsed(&["--unknown"]).is_err());
    }

    #[test]
    fn a_part_of_the_cases_does_not_replace_the_document() {
        for words in [&["--stdout"][..], &["--quick"], &["--filter", "idle"]] {
            assert!(!parsed(words).unwrap().to_document, "{words:?}");
        }
    }
}
