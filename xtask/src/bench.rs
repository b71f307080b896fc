//! `cargo xtask bench`: instructions, counted exactly, of this revision and of another.

mod server;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::callgrind;
use crate::workspace;

/// Two numbers of runs, far enough apart; the program allows 2048.
const RUNS_COUNTS: [u32; 2] = [100, 600];

/// The program that runs a case, in the package of the benchmarks.
const PROGRAM: &str = "instructions";

const HELP: &str = "\
usage: cargo xtask bench [options]

Counts the instructions of the work tree's core by callgrind, and puts them beside those of another
revision; and those of calls through the whole server, as it is, without metrics and without
tracing, of the work tree alone. For times: cargo bench -p flowgate-benches.

  --compare REV   the other revision, anything that git understands
  --filter TEXT   only cases whose name contains TEXT; may be repeated, all must match";

/// What a part of a message's way may cost.
struct Share {
    name: &'static str,
    /// Cases, and how often each is passed on the way.
    part: &'static [(&'static str, f64)],
    whole: &'static str,
    /// Per cent of `whole`.
    most_percent: f64,
}

const SHARES: &[Share] = &[
    Share {
        name: "metering",
        // CALL and YIELD are received, INVOCATION and RESULT are sent.
        part: &[("meter, received", 2.0), ("meter, sent", 2.0)],
        whole: "call json to json, 16 B",
        most_percent: 1.0,
    },
    Share {
        name: "all metrics",
        part: &[(server::CALL, 1.0), (server::UNCOUNTED, -1.0)],
        whole: server::CALL,
        most_percent: 3.0,
    },
    Share {
        name: "tracing, switched off",
        part: &[(server::CALL, 1.0), (server::UNTRACED, -1.0)],
        whole: server::CALL,
        most_percent: 0.5,
    },
];

/// What the command line asks for.
#[derive(Debug, Default)]
struct Options {
    revision: Option<String>,
    filters: Vec<String>,
}

/// A case as the program lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Case {
    name: String,
    units_count: u32,
    baseline: Option<String>,
}

/// Instructions for each case, by name.
type Costs = BTreeMap<String, f64>;

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(arguments)?;
    callgrind::check()?;
    let before = match &options.revision {
        Some(revision) => Some(other(revision)?),
        None => None,
    };
    let program = build(&workspace::root())?;
    let cases = list(&program)?;
    let names = cases.into_iter().map(|case| case.name).chain(server::names());
    let selected = |name: &String| options.filters.iter().all(|text| name.contains(text));
    let names: Vec<String> = names.filter(selected).collect();
    ensure!(!names.is_empty(), "no case has such a name");
    let mut now = count(&program, &names)?;
    let before = match before {
        Some(Some(program)) => count(&program, &names)?,
        Some(None) | None => Costs::new(),
    };
    now.append(&mut server::count(&names)?);
    print!("{}", table(&names, options.revision.as_deref(), &before, &now));
    print!("{}", shares(&now));
    Ok(ExitCode::SUCCESS)
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--compare" => options.revision = Some(value()?.clone()),
            "--filter" => options.filters.push(value()?.clone()),
            unknown => bail!("unknown option {unknown}\n{HELP}"),
        }
    }
    Ok(options)
}

/// The program of another revision; none if that revision has none.
///
/// Built in a checkout of its own, which is gone afterwards; the program stays for the next time.
fn other(revision: &str) -> Result<Option<PathBuf>> {
    let commit = git(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")])?;
    let commit = commit.trim();
    let directory = workspace::target_directory()?.join("bench");
    let kept = directory.join(commit);
    if kept.exists() {
        return Ok(Some(kept));
    }
    fs::create_dir_all(&directory)?;
    let checkout = Checkout::new(directory.join(format!("{commit}.checkout")), commit)?;
    if !checkout.0.join(format!("benches/src/bin/{PROGRAM}.rs")).exists() {
        eprintln!("{revision} has no program to count the instructions of");
        return Ok(None);
    }
    fs::copy(build(&checkout.0)?, &kept)?;
    Ok(Some(kept))
}

/// A work tree that is removed when this is dropped.
struct Checkout(PathBuf);

impl Checkout {
    fn new(path: PathBuf, commit: &str) -> Result<Self> {
        // One that an interrupted run has left would be in the way.
        remove_checkout(&path);
        let text = path.to_str().context("the target folder's name is not UTF-8")?;
        git(&["worktree", "add", "--detach", text, commit])?;
        Ok(Self(path))
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        remove_checkout(&self.0);
    }
}

fn remove_checkout(path: &Path) {
    if path.exists() {
        let _ = git(&["worktree", "remove", "--force", &path.to_string_lossy()]);
    }
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command.current_dir(workspace::root()).args(arguments).stdin(Stdio::null());
    let output = command.output().context("cannot start git")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {}", arguments.join(" "), complaint.trim());
    Ok(String::from_utf8(output.stdout)?)
}

/// Builds the program of a checkout into the one target folder, so that dependencies are shared.
fn build(root: &Path) -> Result<PathBuf> {
    let target = workspace::target_directory()?;
    let mut cargo = workspace::cargo();
    cargo.current_dir(root).env("CARGO_TARGET_DIR", &target);
    cargo.args(["build", "--release", "--package", "flowgate-benches", "--bin", PROGRAM]);
    ensure!(cargo.status()?.success(), "the program does not compile in {}", root.display());
    Ok(target.join("release").join(PROGRAM))
}

fn list(program: &Path) -> Result<Vec<Case>> {
    let output = Command::new(program).stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{} lists no cases", program.display());
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| Case::parse(line).with_context(|| line.to_owned())).collect()
}

impl Case {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let name = fields.next()?.to_owned();
        let units_count = fields.next()?.parse().ok()?;
        let baseline = fields.next()?;
        let baseline = (!baseline.is_empty()).then(|| baseline.to_owned());
        Some(Self { name, units_count, baseline })
    }
}

/// Counts those of the named cases that the program has, and what they are measured against.
fn count(program: &Path, names: &[String]) -> Result<Costs> {
    let cases = list(program)?;
    let wanted = |case: &&Case| {
        let needed = cases.iter().any(|other| {
            names.contains(&other.name) && other.baseline.as_ref() == Some(&case.name)
        });
        needed || names.contains(&case.name)
    };
    let wanted: Vec<&Case> = cases.iter().filter(wanted).collect();
    let mut costs = Costs::new();
    for (index, case) in wanted.iter().enumerate() {
        eprint!("\r{} of {}", index + 1, wanted.len());
        costs.insert(case.name.clone(), instructions(program, case)?);
    }
    eprintln!();
    let gross = costs.clone();
    for case in wanted {
        let baseline = case.baseline.as_ref().and_then(|baseline| gross.get(baseline));
        if let (Some(cost), Some(baseline)) = (costs.get_mut(&case.name), baseline) {
            *cost -= baseline;
        }
    }
    Ok(costs)
}

fn instructions(program: &Path, case: &Case) -> Result<f64> {
    let [few, many] = RUNS_COUNTS;
    let of = |runs_count: u32| {
        let mut command = Command::new(program);
        command.args([&case.name, &runs_count.to_string()]);
        callgrind::count(&command).with_context(|| case.name.clone())
    };
    let difference = of(many)?.saturating_sub(of(few)?);
    Ok(difference as f64 / f64::from(many - few) / f64::from(case.units_count))
}

fn table(names: &[String], revision: Option<&str>, before: &Costs, now: &Costs) -> String {
    let mut text = String::new();
    match revision {
        Some(revision) => {
            let _ =
                writeln!(text, "| instructions | {revision} | now | ratio |\n|---|---|---|---|");
        }
        None => text.push_str("| instructions | now |\n|---|---|\n"),
    }
    for name in names {
        let [old, new] = [before, now].map(|costs| costs.get(name).copied());
        let _ = write!(text, "| {name} |");
        if revision.is_some() {
            let _ = write!(text, " {} |", number(old, 1));
        }
        let _ = write!(text, " {} |", number(new, 1));
        if revision.is_some() {
            let ratio = old.zip(new).map(|(old, new)| new / old);
            let _ = write!(text, " {} |", number(ratio, 3));
        }
        text.push('\n');
    }
    text
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

/// A line for each share whose cases were all counted.
fn shares(costs: &Costs) -> String {
    let mut text = String::new();
    for Share { name, part, whole, most_percent } in SHARES {
        let parts: Option<Vec<f64>> =
            part.iter().map(|(case, times)| Some(costs.get(*case)? * times)).collect();
        let Some((parts, total)) = parts.zip(costs.get(*whole)) else { continue };
        let sum: f64 = parts.iter().sum();
        let percent = sum / total * 100.0;
        let verdict = if percent <= *most_percent { "holds" } else { "missed" };
        let _ = writeln!(
            text,
            "\n{name}: {sum:.0} of the {total:.0} instructions of \"{whole}\" are {percent:.2} %; \
             at most {most_percent} %: {verdict}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(entries: &[(&str, f64)]) -> Costs {
        entries.iter().map(|(name, cost)| ((*name).to_owned(), *cost)).collect()
    }

    #[test]
    fn a_case_that_a_revision_lacks_has_a_dash() {
        let names = ["a".to_owned(), "b".to_owned()];
        let now = costs(&[("a", 12.0), ("b", 3.0)]);
        let text = table(&names, Some("main"), &costs(&[("a", 10.0)]), &now);
        assert!(text.contains("| a | 10.0 | 12.0 | 1.200 |\n| b | – | 3.0 | – |\n"), "{text}");
        let text = table(&names, None, &Costs::new(), &now);
        assert!(text.contains("| a | 12.0 |\n"), "{text}");
    }

    #[test]
    fn a_share_is_judged() {
        let of = |whole| {
            let entries = [
                ("meter, received", 10.0),
                ("meter, sent", 15.0),
                ("call json to json, 16 B", whole),
            ];
            shares(&costs(&entries))
        };
        assert!(of(5_000.0).contains("1.00 %; at most 1 %: holds"), "{}", of(5_000.0));
        assert!(of(4_000.0).contains("1.25 %; at most 1 %: missed"), "{}", of(4_000.0));
        assert_eq!(shares(&Costs::new()), "");
    }

    #[test]
    fn cases_are_read_as_the_program_lists_them() {
        let case = Case::parse("meter, sent\t64\tloop").unwrap();
        assert_eq!((case.units_count, case.baseline.as_deref()), (64, Some("loop")));
        assert_eq!(Case::parse("call\t1\t").unwrap().baseline, None);
        assert_eq!(Case::parse("call"), None);
    }
}
