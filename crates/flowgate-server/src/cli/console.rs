//! `flowgate run --console`: commands that are typed while the router runs.

use std::{io, thread};

use clap::{Parser, Subcommand};
use flowgate_metrics::Verbosity;
use flowgate_server::{RecordOptions, Stats, StatsError};

use super::stats::{Record, Show, StatsCommand};

/// What is typed at the console.
#[derive(Debug, Parser)]
#[command(
    name = "",
    no_binary_name = true,
    disable_help_flag = true,
    help_template = "{subcommands}"
)]
struct Line {
    #[command(subcommand)]
    command: LineCommand,
}

#[derive(Debug, Subcommand)]
enum LineCommand {
    /// Stats: show, record, save.
    #[command(subcommand)]
    Stats(StatsCommand),
    /// `show stats`, the same as `stats show`.
    #[command(subcommand)]
    Show(Shown),
}

#[derive(Debug, Subcommand)]
enum Shown {
    /// Stats, one a line.
    Stats(Show),
}

/// Reads commands from standard input until it ends, on a thread of its own.
///
/// The thread is not joined: it waits in a read that only the end of the process, or of standard
/// input, ends.
pub(super) fn start(stats: Stats) -> io::Result<()> {
    let read = move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            match answer(&stats, &line) {
                Ok(text) => print!("{text}"),
                Err(problem) => println!("{}", problem.trim_end()),
            }
        }
    };
    thread::Builder::new().name("console".to_owned()).spawn(read).map(drop)
}

/// What a line's answer is.
fn answer(stats: &Stats, line: &str) -> Result<String, String> {
    let words = words(line).ok_or("a quotation mark is missing")?;
    if words.is_empty() {
        return Ok(String::new());
    }
    let command = Line::try_parse_from(words).map_err(|error| error.to_string())?.command;
    let done = match command {
        LineCommand::Stats(command) => act(stats, command),
        LineCommand::Show(Shown::Stats(show)) => act(stats, StatsCommand::Show(show)),
    };
    done.map_err(|error| error.to_string())
}

fn act(stats: &Stats, command: StatsCommand) -> Result<String, StatsError> {
    match command {
        StatsCommand::Show(Show { names, verbose }) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            stats.show(&names, if verbose { Verbosity::Debug } else { Verbosity::Info })
        }
        StatsCommand::Record(Record::Start { every, format, rotate }) => {
            let path = RecordOptions::FILE.into();
            let options = RecordOptions { path, every, format, rotate_bytes: Some(rotate) };
            stats.start_recording(options).map(|place| format!("recording to {place}\n"))
        }
        StatsCommand::Record(Record::Stop) => {
            stats.stop_recording().map(|place| format!("recorded to {place}\n"))
        }
        StatsCommand::Save { path, format } => {
            stats.save(&path, format)?;
            Ok(format!("saved to {}\n", path.display()))
        }
    }
}

/// The words of a line; what stands in double quotes is one, for containers with spaces. `None` if
/// a quotation does not end.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            space if space.is_whitespace() && !is_quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    (!is_quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_split_at_spaces_outside_of_quotation_marks() {
        let split = |line| words(line).map(|words| words.join("|"));
        assert_eq!(split("show stats  all\t").as_deref(), Some("show|stats|all"));
        assert_eq!(split("show \"a b\".c \"\"").as_deref(), Some("show|a b.c|"));
        assert_eq!(split("  ").as_deref(), Some(""));
        assert_eq!(split("show \"a b"), None);
    }
}
