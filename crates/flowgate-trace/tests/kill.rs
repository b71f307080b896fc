//! What is left of a persistent trace whose process is killed.
//!
//! The test starts itself again as the victim, which records and writes for as long as it lives and
//! says how far it has come; then it is killed (SIGKILL on Unix) in the middle of that.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use flowgate_event::{Correlation, Timestamp};
use flowgate_trace::{
    Collector, DATA_COUNT_MAX, DataRange, Direction, Facts, Files, Folder, Identity, Node,
    OpenFiles, Position, Record, Recorded, Recorder, Registry, Step, Switch, TraceOptions,
    WithStopped,
};
use flowgate_wire::{MessageType, Value};

/// Where the victim writes; set for the victim alone.
const FOLDER: &str = "FLOWGATE_TRACE_KILL_FOLDER";

/// Records of one period, which are one block of the file.
const BLOCK_COUNT: u64 = 500;

const START: Timestamp = Timestamp::from_nanos(1_574_688_364_000_000_000);

/// A folder for one test, removed with it.
struct TestFolder(PathBuf);

impl TestFolder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("flowgate-trace-kill-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn registry(switch: &Arc<Switch>, folder: &Path) -> Registry {
    let node = Node { node_id: "n".into(), worker_id: "w".into(), origin: START, seed: 7 };
    let folder = folder.to_owned();
    let open_files: OpenFiles = Box::new(move || Box::new(Folder::new(&folder)));
    Registry::new(Arc::clone(switch), node, Some(open_files))
}

/// Records until it is killed; after each block that is written, says how many records there are.
fn be_the_victim(folder: &Path) {
    let switch = Arc::new(Switch::new());
    let mut registry = registry(&switch, folder);
    let options = Value::dict([
        ("persist", Value::from(true)),
        ("batching_period", Value::from(10_u64)),
        ("max_rate", Value::from(1_000_000_u64)),
        // Small segments, so that it may be killed while it finishes one.
        ("max_disk", Value::from(1_u64 << 20)),
    ]);
    let options = TraceOptions::from_value(&options).unwrap();
    let id = registry.create(Some("victim"), options).unwrap();
    registry.start(&id, START).unwrap();
    let (mut recorder, tap) = Recorder::new(switch, 4096, START);
    let mut collector = Collector::new(Duration::ZERO);
    collector.add(tap);
    let who = Arc::new(Identity { realm: "realm1".into(), ..Identity::default() });
    let mut now = START;
    let mut out = io::stderr();
    for block in 1_u64.. {
        for number in (block - 1) * BLOCK_COUNT..block * BLOCK_COUNT {
            now = now.after(Duration::from_micros(20));
            let mut facts = Facts::new(now, Direction::Rx, MessageType::Publish, &who);
            let correlation = Correlation::new(u128::from(number) + 1).unwrap();
            facts.step = Some(Step {
                correlation,
                uri: Some("com.example"),
                position: Position::Only,
                context: None,
            });
            assert_eq!(recorder.record(&facts), Recorded::Yes);
        }
        collector.collect(now, &mut registry);
        registry.tick(now);
        registry.take_notices();
        // Not captured by the test harness, which would keep it.
        writeln!(out, "written {}", block * BLOCK_COUNT).unwrap();
    }
}

#[test]
fn a_killed_process_loses_at_most_the_block_that_it_was_writing() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return be_the_victim(Path::new(&folder));
    }
    for blocks_count in [1, 7, 23] {
        let folder = TestFolder::new();
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "a_killed_process_loses_at_most_the_block_that_it_was_writing",
            ])
            .env(FOLDER, &folder.0)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut written =
            lines.filter_map(|line| line.strip_prefix("written ")?.parse::<u64>().ok());
        written.nth(blocks_count - 1).unwrap();
        victim.kill().unwrap();
        victim.wait().unwrap();
        // What it has said before it was killed.
        let written_count = written.last().unwrap_or(blocks_count as u64 * BLOCK_COUNT);
        tear(&folder.0);

        let mut registry = registry(&Arc::new(Switch::new()), &folder.0);
        assert_eq!(registry.recover(START).unwrap(), ["victim"]);
        let seqs = all(&mut registry, written_count);
        let last_seq = *seqs.last().unwrap();
        assert!(last_seq + 1 >= written_count, "{last_seq} of {written_count}");
        assert!(last_seq < written_count + BLOCK_COUNT, "more than was recorded");
        let first_seq = seqs[0];
        assert_eq!(seqs, (first_seq..=last_seq).collect::<Vec<_>>());
        // Only what the limit of the files has removed is missing at the front.
        let names = Folder::new(&folder.0).names().unwrap();
        assert!(names.iter().min().unwrap().ends_with(&format!("-{first_seq:020}.trace")));
        assert_eq!(registry.ids(WithStopped::No).count(), 0);
    }
}

/// Leaves the begin of a block at the end of the newest file, as if the victim had been killed while
/// it wrote one: it seldom is.
fn tear(folder: &Path) {
    let name = Folder::new(folder).names().unwrap().into_iter().max().unwrap();
    let mut file = OpenOptions::new().append(true).open(folder.join(name)).unwrap();
    let (length, checksum) = (1000_u32.to_le_bytes(), [0; 4]);
    file.write_all(&[&length[..], &checksum, &[2; 500]].concat()).unwrap();
}

/// The numbers of all records of the victim.
fn all(registry: &mut Registry, written_count: u64) -> Vec<u64> {
    let mut seqs: Vec<u64> = Vec::new();
    loop {
        let from_seq = seqs.last().map_or(0, |seq| seq + 1);
        let range = DataRange::new(from_seq, None, Some(DATA_COUNT_MAX)).unwrap();
        let records = registry.data("victim", range).unwrap();
        if records.is_empty() {
            return seqs;
        }
        assert!(from_seq <= written_count + BLOCK_COUNT);
        seqs.extend(records.iter().map(Record::seq));
    }
}
