//! The format of a segment file.
//!
//! ```text
//! segment = magic (16 octets), block of the trace, blocks of records …, [index, trailer]
//! block   = length (4), CRC32C (4), kind (1), content (length - 1)
//! trailer = offset of the index block (8), end magic (8)
//! ```
//!
//! Numbers are little-endian; the checksum covers kind and content, and so does the length.
//! The content of every block is CBOR: a dictionary about the trace, a list of records, or the
//! index, which is a list of where each block of records is and what it holds.
//! A segment without a trailer was being written when its writer ended; all blocks before the first
//! bad one are whole.

use std::borrow::Cow;
use std::io::{self, Write};

use flowgate_event::Timestamp;
use flowgate_wire::Value;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Files, StoreError};
use crate::record::{ActionRecord, MessageRecord, Record};

const MAGIC: &[u8; 16] = b"flowgate-trace 1";
const END_MAGIC: &[u8; 8] = b"fg-trend";

/// Length and checksum in front of a block.
const HEAD_BYTES: usize = 8;
const TRAILER_BYTES: u64 = 16;

/// No block is longer, so that a damaged length is not taken for one.
const BLOCK_BYTES_MAX: usize = 64 << 20;

/// Why octets are not a segment, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// It does not begin like a segment.
    #[error("it is no segment of a trace")]
    Magic,
    /// A block is cut off.
    #[error("a block is cut off")]
    Cut,
    /// A block is longer than any can be.
    #[error("a block is too long")]
    Length,
    /// A block is not what was written.
    #[error("a checksum is wrong")]
    Checksum,
    /// A block is what was written, but not what is expected there.
    #[error("a block has an unexpected content")]
    Content,
}

/// What a block of a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    About,
    Records,
    Index,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::About => 1,
            Self::Records => 2,
            Self::Index => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::About, Self::Records, Self::Index].into_iter().find(|kind| kind.code() == code)
    }
}

/// Where a block of records is, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Where its head begins in the file.
    pub offset: u64,
    /// Octets of the block, with its head.
    pub bytes: u64,
    /// How many records it holds; at least one.
    pub count: u64,
    /// The number of its first record.
    pub first_seq: u64,
    /// The number of its last record.
    pub last_seq: u64,
    /// The earliest moment of its records, in nanoseconds.
    pub first_ts: u64,
    /// The latest moment of its records, in nanoseconds.
    pub last_ts: u64,
}

/// A segment that can be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The file.
    pub name: String,
    /// What the trace was when the segment was begun: its description as a dictionary.
    pub about: Value<'static>,
    /// Its blocks of records, by ascending numbers.
    pub blocks: Vec<Block>,
    /// Octets of the file.
    pub bytes: u64,
}

/// How a segment was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// It was finished.
    Whole,
    /// It was being written, and every block of it is whole.
    Open,
    /// It ended within a block, and so many octets were cut off.
    Cut {
        /// How many.
        bytes: u64,
        /// What was wrong with them.
        problem: SegmentError,
    },
}

impl Segment {
    /// Opens a segment: by its index, or by reading it to the end and cutting it at the first bad
    /// block.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if not even its beginning is there: no record was in it.
    pub fn open(files: &mut dyn Files, name: &str) -> Result<(Self, Recovery), StoreError> {
        let length = files.length(name)?;
        if let Some(segment) = Self::by_index(files, name, length)? {
            return Ok((segment, Recovery::Whole));
        }
        let octets = files.read(name, 0..length)?;
        let damaged = |problem| StoreError::Damaged { name: name.to_owned(), problem };
        let rest = octets.strip_prefix(MAGIC).ok_or(damaged(SegmentError::Magic))?;
        let (about, mut rest) = expect_block(rest, Kind::About).map_err(damaged)?;
        let about = decode::<Value<'static>>(about).map_err(damaged)?;
        let mut segment = Self { name: name.to_owned(), about, blocks: Vec::new(), bytes: 0 };
        let problem = loop {
            let offset = octets.len() - rest.len();
            segment.bytes = offset as u64;
            if rest.is_empty() {
                break None;
            }
            // An index without its trailer is no more than a block that was not finished.
            match expect_block(rest, Kind::Records).and_then(|(content, after)| {
                Ok((Block::of(offset, rest.len() - after.len(), &decode_records(content)?)?, after))
            }) {
                Ok((block, after)) => {
                    segment.blocks.push(block);
                    rest = after;
                }
                Err(problem) => break Some(problem),
            }
        };
        let Some(problem) = problem else { return Ok((segment, Recovery::Open)) };
        files.cut(name, segment.bytes)?;
        Ok((segment, Recovery::Cut { bytes: rest.len() as u64, problem }))
    }

    /// Reads the records of one of its blocks.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file was changed since it was opened.
    pub fn records(&self, files: &mut dyn Files, block: &Block) -> Result<Vec<Record>, StoreError> {
        let octets =
            files.read(&self.name, block.offset..block.offset.saturating_add(block.bytes))?;
        expect_block(&octets, Kind::Records)
            .and_then(|(content, _)| decode_records(content))
            .map_err(|problem| StoreError::Damaged { name: self.name.clone(), problem })
    }

    /// The number of its last record.
    #[must_use]
    pub fn last_seq(&self) -> Option<u64> {
        self.blocks.last().map(|block| block.last_seq)
    }

    /// The latest moment of its records.
    #[must_use]
    pub fn last_at(&self) -> Option<Timestamp> {
        self.blocks.iter().map(|block| Timestamp::from_nanos(block.last_ts)).max()
    }

    /// Reads a finished segment's index and beginning; `None` if there is no whole index.
    fn by_index(
        files: &mut dyn Files,
        name: &str,
        length: u64,
    ) -> Result<Option<Self>, StoreError> {
        let Some(trailer_at) = length.checked_sub(TRAILER_BYTES) else { return Ok(None) };
        let trailer = files.read(name, trailer_at..length)?;
        let Some((offset, END_MAGIC)) = trailer
            .split_first_chunk::<8>()
            .and_then(|(offset, end)| Some((u64::from_le_bytes(*offset), end.first_chunk::<8>()?)))
        else {
            return Ok(None);
        };
        if offset >= trailer_at {
            return Ok(None);
        }
        let index = files.read(name, offset..trailer_at)?;
        let Ok(blocks) = expect_block(&index, Kind::Index)
            .and_then(|(content, _)| decode::<Vec<Block>>(content))
        else {
            return Ok(None);
        };
        let head_end = blocks.first().map_or(offset, |block| block.offset);
        let head = files.read(name, 0..head_end)?;
        let about = head.strip_prefix(MAGIC).ok_or(SegmentError::Magic);
        let about = about
            .and_then(|rest| expect_block(rest, Kind::About))
            .and_then(|(content, _)| decode(content));
        let name = name.to_owned();
        Ok(about.ok().map(|about| Self { name, about, blocks, bytes: length }))
    }
}

impl Block {
    /// The block of these records; an error if there are none.
    fn of(offset: usize, bytes: usize, records: &[Record]) -> Result<Self, SegmentError> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Err(SegmentError::Content);
        };
        let moments = || records.iter().map(|record| record.at().as_nanos());
        Ok(Self {
            offset: offset as u64,
            bytes: bytes as u64,
            count: records.len() as u64,
            first_seq: first.seq(),
            last_seq: last.seq(),
            first_ts: moments().min().unwrap_or(0),
            last_ts: moments().max().unwrap_or(0),
        })
    }
}

/// Appends blocks to a new segment.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    file: Box<dyn super::SegmentFile>,
    pub(super) segment: Segment,
}

impl SegmentWriter {
    pub(super) fn begin(
        files: &mut dyn Files,
        name: String,
        about: &Value<'static>,
    ) -> Result<Self, StoreError> {
        let mut file = files.create(&name)?;
        let mut octets = MAGIC.to_vec();
        octets.extend(encode(Kind::About, about)?);
        file.write_all(&octets)?;
        let bytes = octets.len() as u64;
        let segment = Segment { name, about: about.clone(), blocks: Vec::new(), bytes };
        Ok(Self { file, segment })
    }

    /// Writes one block of at least one record.
    pub(super) fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let octets = encode(Kind::Records, &records.iter().map(Stored::from).collect::<Vec<_>>())?;
        self.file.write_all(&octets)?;
        let offset = usize::try_from(self.segment.bytes).unwrap_or(usize::MAX);
        if let Ok(block) = Block::of(offset, octets.len(), records) {
            self.segment.blocks.push(block);
        }
        self.segment.bytes += octets.len() as u64;
        Ok(())
    }

    /// Writes the index and waits for the disk.
    pub(super) fn finish(mut self) -> Result<Segment, StoreError> {
        let mut octets = encode(Kind::Index, &self.segment.blocks)?;
        octets.extend(self.segment.bytes.to_le_bytes());
        octets.extend(END_MAGIC);
        self.file.write_all(&octets)?;
        self.file.sync()?;
        self.segment.bytes += octets.len() as u64;
        Ok(self.segment)
    }
}

/// A record with its kind in front, so that it can be read without looking at its keys first.
#[derive(Serialize, Deserialize)]
enum Stored<'a> {
    #[serde(rename = "message")]
    Message(Cow<'a, MessageRecord>),
    #[serde(rename = "action")]
    Action(Cow<'a, ActionRecord>),
}

impl<'a> From<&'a Record> for Stored<'a> {
    fn from(record: &'a Record) -> Self {
        match record {
            Record::Message(message) => Self::Message(Cow::Borrowed(message)),
            Record::Action(action) => Self::Action(Cow::Borrowed(action)),
        }
    }
}

impl From<Stored<'_>> for Record {
    fn from(stored: Stored<'_>) -> Self {
        match stored {
            Stored::Message(message) => Self::Message(message.into_owned()),
            Stored::Action(action) => Self::Action(action.into_owned()),
        }
    }
}

fn decode_records(content: &[u8]) -> Result<Vec<Record>, SegmentError> {
    Ok(decode::<Vec<Stored<'_>>>(content)?.into_iter().map(Record::from).collect())
}

fn encode<T: Serialize + ?Sized>(kind: Kind, content: &T) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; HEAD_BYTES];
    octets.push(kind.code());
    ciborium::into_writer(content, &mut octets).map_err(io::Error::other)?;
    let (head, body) = octets.split_at_mut(HEAD_BYTES);
    if body.len() > BLOCK_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let length = u32::try_from(body.len()).map_err(io::Error::other)?.to_le_bytes();
    let checksum = crc32c::crc32c(body).to_le_bytes();
    head.iter_mut().zip(length.into_iter().chain(checksum)).for_each(|(to, from)| *to = from);
    Ok(octets)
}

/// The content of the block in front, which must be of this kind, and what follows it.
fn expect_block(octets: &[u8], wanted: Kind) -> Result<(&[u8], &[u8]), SegmentError> {
    let (length, rest) = octets.split_first_chunk::<4>().ok_or(SegmentError::Cut)?;
    let (checksum, rest) = rest.split_first_chunk::<4>().ok_or(SegmentError::Cut)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > BLOCK_BYTES_MAX {
        return Err(SegmentError::Length);
    }
    let (body, rest) = rest.split_at_checked(length).ok_or(SegmentError::Cut)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
        return Err(SegmentError::Checksum);
    }
    match body.split_first() {
        Some((code, content)) if Kind::from_code(*code) == Some(wanted) => Ok((content, rest)),
        Some(_) | None => Err(SegmentError::Content),
    }
}

fn decode<T: DeserializeOwned>(content: &[u8]) -> Result<T, SegmentError> {
    ciborium::from_reader(content).map_err(|_| SegmentError::Content)
}
