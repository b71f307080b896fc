use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;

/// A folder that nobody else has, gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("flowgate-recording-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn options(folder: &Folder, rotate_bytes: Option<u64>) -> RecordOptions {
    RecordOptions {
        path: folder.0.join("stats.log"),
        every: RecordOptions::DEFAULT_EVERY,
        format: RecordFormat::Text,
        rotate_bytes,
    }
}

#[test]
fn reports_are_appended() {
    let folder = Folder::new();
    let options = options(&folder, None);
    for report in ["one\n", "two\n"] {
        record(&options, report.as_bytes()).unwrap();
    }
    assert_eq!(fs::read_to_string(&options.path).unwrap(), "one\ntwo\n");
    assert_eq!(folder.names(), ["stats.log"]);
}

#[test]
fn a_full_file_is_renamed_and_the_oldest_goes() {
    let folder = Folder::new();
    let options = options(&folder, Some(8));
    for number in 0..20 {
        record(&options, format!("r{number:02}\n").as_bytes()).unwrap();
    }
    // Two reports a file: the current one and five more.
    let numbered = [1, 2, 3, 4, 5].map(|number| format!("stats.log.{number}"));
    assert_eq!(folder.names()[0], "stats.log");
    assert_eq!(folder.names()[1..], numbered);
    let read = |name: &str| fs::read_to_string(folder.0.join(name)).unwrap();
    assert_eq!(read("stats.log"), "r18\nr19\n");
    assert_eq!(read("stats.log.1"), "r16\nr17\n");
    assert_eq!(read("stats.log.5"), "r08\nr09\n");
}

#[test]
fn a_report_longer_than_a_file_may_be_gets_one_of_its_own() {
    let folder = Folder::new();
    let options = options(&folder, Some(4));
    record(&options, b"longer than four").unwrap();
    record(&options, b"also").unwrap();
    assert_eq!(folder.names(), ["stats.log", "stats.log.1"]);
}

#[test]
fn recording_does_not_start_where_nothing_can_be_written() {
    let folder = Folder::new();
    let path = folder.0.join("missing").join("stats.log");
    let options = RecordOptions { path, ..options(&folder, None) };
    let error = Recorder::start(options, Timestamp::EPOCH).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    assert!(error.to_string().contains("missing"), "{error}");
}
