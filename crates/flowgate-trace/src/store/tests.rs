use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowgate_event::Timestamp;
use flowgate_wire::{MessageType, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::Position;
use crate::facts::Direction;
use crate::record::Record;
use crate::record::tests::{at, message, record};

/// Files in memory, with so much room and no more.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    room_bytes: usize,
    /// Most octets that one write takes.
    write_bytes_max: usize,
}

#[derive(Debug)]
struct OpenFile(Disk, String);

impl Disk {
    pub(crate) fn new(room_bytes: usize) -> Self {
        let files = BTreeMap::new();
        Self(Arc::new(Mutex::new(State { files, room_bytes, write_bytes_max: usize::MAX })))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    fn put(&self, name: &str, octets: &[u8]) {
        self.with(|state| state.files.insert(name.to_owned(), octets.to_vec()));
    }

    fn octets(&self, name: &str) -> Vec<u8> {
        self.with(|state| state.files[name].clone())
    }

    pub(crate) fn list(&self) -> Vec<String> {
        self.with(|state| state.files.keys().cloned().collect())
    }
}

impl Files for Disk {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        self.put(name, &[]);
        Ok(Box::new(OpenFile(self.clone(), name.to_owned())))
    }

    fn names(&mut self) -> io::Result<Vec<String>> {
        Ok(self.list())
    }

    fn length(&mut self, name: &str) -> io::Result<u64> {
        Ok(self.octets(name).len() as u64)
    }

    fn read(&mut self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        self.octets(name).get(range).map(<[u8]>::to_vec).ok_or(io::ErrorKind::UnexpectedEof.into())
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).unwrap();
        self.with(|state| state.files.get_mut(name).unwrap().truncate(length));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.with(|state| state.files.remove(name));
        Ok(())
    }
}

impl Write for OpenFile {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.with(|state| {
            let used_bytes: usize = state.files.values().map(Vec::len).sum();
            let room_bytes = state.room_bytes.saturating_sub(used_bytes).min(state.write_bytes_max);
            let taken = &octets[..octets.len().min(room_bytes)];
            if taken.is_empty() && !octets.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.files.get_mut(&self.1).unwrap().extend(taken);
            Ok(taken.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SegmentFile for OpenFile {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn records(range: Range<u64>) -> Vec<Record> {
    let of = |seq| {
        let mut one = message(MessageType::Call, Direction::Rx, 1, 1, Position::Only, seq * 1000);
        one.seq = seq;
        Record::Message(one)
    };
    range.map(of).collect()
}

fn segments(disk: &Disk, limits: SegmentsLimits) -> Segments {
    Segments::new(Box::new(disk.clone()), "t".to_owned(), Value::from("about"), limits)
}

fn recover(disk: &Disk) -> Segments {
    Segments::recover(Box::new(disk.clone()), "t".to_owned(), SegmentsLimits::default()).unwrap()
}

const NAME: &str = "t-00000000000000000000.trace";

#[test]
fn a_finished_segment_is_opened_by_its_index() {
    let disk = Disk::new(usize::MAX);
    let mut segments = segments(&disk, SegmentsLimits::default());
    segments.append(&records(0..3)).unwrap();
    segments.append(&records(3..5)).unwrap();
    segments.finish().unwrap();
    let (segment, recovery) = Segment::open(&mut disk.clone(), NAME).unwrap();
    assert_eq!((recovery, segment.about.as_str()), (Recovery::Whole, Some("about")));
    let blocks: Vec<_> =
        segment.blocks.iter().map(|block| (block.first_seq, block.last_seq, block.count)).collect();
    assert_eq!(blocks, [(0, 2, 3), (3, 4, 2)]);
    assert_eq!(segment.last_at(), Some(at(4000)));
    assert_eq!(recover(&disk).read(1, 3, 100).unwrap(), records(1..4));
}

#[test]
fn a_segment_is_recovered_at_every_cut() {
    let disk = Disk::new(usize::MAX);
    let mut segments = segments(&disk, SegmentsLimits::default());
    let mut ends = Vec::new();
    for seq in 0..3 {
        segments.append(&records(seq * 2..seq * 2 + 2)).unwrap();
        ends.push((disk.octets(NAME).len(), seq * 2 + 2));
    }
    segments.finish().unwrap();
    let whole = disk.octets(NAME);
    for cut in 0..=whole.len() {
        let disk = Disk::new(usize::MAX);
        disk.put(NAME, &whole[..cut]);
        let kept = ends.iter().rev().find(|(end, _)| *end <= cut).map_or(0, |(_, count)| *count);
        assert_eq!(recover(&disk).read(0, u64::MAX, 100).unwrap(), records(0..kept), "{cut}");
        // What is left is whole: nothing is cut the second time.
        if kept > 0 && cut < whole.len() {
            let (_, recovery) = Segment::open(&mut disk.clone(), NAME).unwrap();
            assert_eq!(recovery, Recovery::Open, "{cut}");
        }
    }
}

#[test]
fn a_segment_is_cut_at_the_first_block_with_a_wrong_bit() {
    let disk = Disk::new(usize::MAX);
    let mut segments = segments(&disk, SegmentsLimits::default());
    segments.append(&records(0..2)).unwrap();
    let first_end = disk.octets(NAME).len();
    segments.append(&records(2..4)).unwrap();
    let whole = disk.octets(NAME);
    for index in first_end..whole.len() {
        let mut octets = whole.clone();
        octets[index] ^= 0x10;
        disk.put(NAME, &octets);
        let (segment, recovery) = Segment::open(&mut disk.clone(), NAME).unwrap();
        assert_eq!(segment.blocks.len(), 1, "{index}");
        assert!(matches!(recovery, Recovery::Cut { .. }), "{index}: {recovery:?}");
        assert_eq!(disk.octets(NAME).len(), first_end);
    }
}

#[test]
fn files_that_are_no_segments_are_left_alone() {
    let disk = Disk::new(usize::MAX);
    for name in ["t-1.trace", "t-x.trace", "other", "tt-1.trace"] {
        disk.put(name, b"something else");
    }
    assert_eq!(recover(&disk).read(0, u64::MAX, 9).unwrap(), []);
    assert_eq!(disk.list().len(), 4);
    assert!(disk.list().iter().all(|name| disk.octets(name) == b"something else"));
    let error = Segment::open(&mut disk.clone(), "other").unwrap_err();
    assert_eq!(error.to_string(), "trace file `other` is damaged: it is no segment of a trace");
}

#[test]
fn a_full_disk_is_told_and_keeps_what_was_written() {
    let disk = Disk::new(usize::MAX);
    let mut whole = segments(&disk, SegmentsLimits::default());
    whole.append(&records(0..2)).unwrap();
    let first_bytes = disk.octets(NAME).len();
    whole.append(&records(2..4)).unwrap();
    for room_bytes in 0..disk.octets(NAME).len() {
        let disk = Disk::new(room_bytes);
        let mut segments = segments(&disk, SegmentsLimits::default());
        let (first, second) = (segments.append(&records(0..2)), segments.append(&records(2..4)));
        let error = if room_bytes < first_bytes { first } else { second };
        assert!(matches!(error, Err(StoreError::Full)), "{room_bytes}: {error:?}");
        let kept = if room_bytes < first_bytes { 0 } else { 2 };
        assert_eq!(recover(&disk).read(0, u64::MAX, 9).unwrap(), records(0..kept), "{room_bytes}");
    }
}

#[test]
fn short_writes_are_continued() {
    let disk = Disk::new(usize::MAX);
    disk.with(|state| state.write_bytes_max = 7);
    let mut segments = segments(&disk, SegmentsLimits::default());
    segments.append(&records(0..5)).unwrap();
    segments.finish().unwrap();
    assert_eq!(recover(&disk).read(0, u64::MAX, 9).unwrap(), records(0..5));
}

#[test]
fn segments_follow_each_other_and_old_ones_go_away() {
    let disk = Disk::new(usize::MAX);
    let age = Duration::from_micros(100);
    let limits = SegmentsLimits { segment_bytes: 1, total_bytes: u64::MAX, age };
    let mut segments = segments(&disk, limits);
    for seq in 0..4 {
        segments.append(&records(seq..seq + 1)).unwrap();
    }
    assert_eq!(disk.list().len(), 4);
    assert_eq!(segments.read(1, 2, 9).unwrap(), records(1..3));
    assert_eq!(segments.read(0, 9, 3).unwrap(), records(0..3));
    assert_eq!(segments.retain(at(101_000)).unwrap(), 1);
    assert_eq!(segments.retain(at(101_000)).unwrap(), 0);
    assert_eq!(segments.read(0, 9, 9).unwrap(), records(1..4));
    let total_bytes = segments.bytes() / 3 + 1;
    let mut rest = Segments::recover(
        Box::new(disk.clone()),
        "t".to_owned(),
        SegmentsLimits { total_bytes, ..limits },
    )
    .unwrap();
    assert_eq!(rest.retain(at(0)).unwrap(), 2);
    assert_eq!(rest.read(0, 9, 9).unwrap(), records(3..4));
    assert_eq!(disk.list(), ["t-00000000000000000003.trace"]);
}

#[test]
fn any_records_come_back_as_they_were() {
    let mut runner = TestRunner::new(Config::with_cases(64));
    let strategy = prop::collection::vec(record(), 1..4);
    let outcome = runner.run(&strategy, |written| {
        let disk = Disk::new(usize::MAX);
        let mut segments = segments(&disk, SegmentsLimits::default());
        segments.append(&written).unwrap();
        let (segment, _) = Segment::open(&mut disk.clone(), &disk.list()[0]).unwrap();
        let read = segment.records(&mut disk.clone(), &segment.blocks[0]).unwrap();
        prop_assert_eq!(read, written);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn memory_is_bounded_by_octets_and_age() {
    let one_bytes = records(0..1)[0].memory_bytes();
    let mut memory = Memory::new(3 * one_bytes);
    let seqs = |memory: &Memory, from| memory.from(from).map(Record::seq).collect::<Vec<_>>();
    for record in records(0..5) {
        memory.push(record);
    }
    assert_eq!((seqs(&memory, 0), memory.bytes()), (vec![2, 3, 4], 3 * one_bytes));
    assert_eq!(seqs(&memory, 3), [3, 4]);
    assert_eq!(seqs(&memory, 9), [0; 0]);
    memory.forget_before(Timestamp::from_nanos(at(4000).as_nanos()));
    assert_eq!((seqs(&memory, 0), memory.bytes()), (vec![4], one_bytes));
}

#[test]
fn a_folder_is_a_place_for_segments() {
    let path = std::env::temp_dir().join(format!("flowgate-trace-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    let mut folder = Folder::new(&path);
    let mut file = folder.create("t-1.trace").unwrap();
    file.write_all(b"octets").unwrap();
    file.sync().unwrap();
    assert_eq!(folder.create("t-1.trace").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(
        (folder.names().unwrap(), folder.length("t-1.trace").unwrap()),
        (vec!["t-1.trace".to_owned()], 6)
    );
    assert_eq!(folder.read("t-1.trace", 2..4).unwrap(), b"te");
    assert_eq!(folder.read("t-1.trace", 2..7).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    folder.cut("t-1.trace", 3).unwrap();
    assert_eq!(folder.length("t-1.trace").unwrap(), 3);
    folder.remove("t-1.trace").unwrap();
    assert_eq!(folder.names().unwrap(), [""; 0]);
    std::fs::remove_dir(&path).unwrap();
}
