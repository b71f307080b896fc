//! The seam to the file system.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

/// The files of persistent traces, all in one place; names are plain, without folders.
///
/// A trait so that tests can take away space and tear files; [`Folder`] is the real one.
pub trait Files: Debug + Send {
    /// Makes an empty file, which must not exist, open for appending.
    ///
    /// # Errors
    /// What the system says.
    fn create(&mut self, name: &str) -> io::Result<Box<dyn SegmentFile>>;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// What the system says.
    fn names(&mut self) -> io::Result<Vec<String>>;

    /// The length of a file in octets.
    ///
    /// # Errors
    /// What the system says.
    fn length(&mut self, name: &str) -> io::Result<u64>;

    /// Exactly these octets of a file.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] if the file is shorter.
    fn read(&mut self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>>;

    /// Cuts a file to a length.
    ///
    /// # Errors
    /// What the system says.
    fn cut(&mut self, name: &str, length: u64) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A file that is being written.
pub trait SegmentFile: Write + Debug + Send {
    /// Waits until what was written is on the disk.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the file system, which must exist.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at a path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Files for Folder {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().append(true).create_new(true).open(self.0.join(name))?;
        Ok(Box::new(file))
    }

    fn names(&mut self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.0)?;
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn length(&mut self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.0.join(name))?.len())
    }

    fn read(&mut self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.0.join(name))?;
        file.seek(SeekFrom::Start(range.start))?;
        let length = range.end.saturating_sub(range.start);
        let mut octets = Vec::new();
        file.take(length).read_to_end(&mut octets)?;
        if octets.len() as u64 == length {
            Ok(octets)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.0.join(name))?.set_len(length)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }
}

impl SegmentFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
