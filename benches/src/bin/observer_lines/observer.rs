//! The observer under test.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Failure, lines::Sent};

/// Longer than any reply waits to be read, so that it counts how requests end and nothing else.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often the observer is asked how far it is; what a measurement may be too long.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// By then an observer has read what is left, or lost it.
const LIMIT: Duration = Duration::from_secs(60);

/// `flowgate observe`, ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Observer {
    child: Child,
    lines: SocketAddr,
    page: SocketAddr,
}

impl Observer {
    /// Starts it on free ports, which it announces.
    pub(crate) fn start(binary: &str) -> Result<Self, Failure> {
        let timeout = format!("{}s", TIMEOUT.as_secs());
        let mut child = Command::new(binary)
            .args(["observe", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
            .args(["--timeout", &timeout])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("the output is piped")?;
        let (mut lines, mut page) = (None, None);
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(rest) = line.strip_prefix("listening on ") {
                lines = rest.split(' ').next().and_then(|address| address.parse().ok());
            } else if let Some(rest) = line.strip_prefix("try: curl http://") {
                page = rest.trim_end_matches("/metrics").parse().ok();
                break;
            }
        }
        let lines = lines.ok_or("the observer does not say where it listens")?;
        let page = page.ok_or("the observer does not say where its page is")?;
        Ok(Self { child, lines, page })
    }

    /// Where it takes lines.
    pub(crate) const fn lines(&self) -> SocketAddr {
        self.lines
    }

    /// Waits until so many lines have been read.
    pub(crate) fn wait_until_read(&self, line_count: u64) -> Result<(), Failure> {
        self.wait(|observer| {
            let own = observer.get("/self/metrics")?;
            let read = ["requests", "replies", "malformed_lines", "ignored_lines"]
                .map(|name| value(&own, &format!("flowgate_observer_{name}_total")));
            Ok(read.iter().sum::<u64>() == line_count)
        })
    }

    /// Waits until what stays unanswered has timed out, and compares the page with what was sent.
    pub(crate) fn check(&self, sent: &Sent) -> Result<(), Failure> {
        let shown = |page: &str| Sent {
            responses: value(page, "wamp_in_responses_total_seconds_count"),
            errors: value(page, "wamp_in_errors_total_seconds_count"),
            unanswered: value(page, "wamp_in_timeouts_total_seconds_count"),
        };
        self.wait(|observer| {
            Ok(value(&observer.get("/self/metrics")?, "flowgate_observer_pending_requests") == 0)
        })?;
        let shown = shown(&self.get("/metrics")?);
        if shown == *sent { Ok(()) } else { Err(format!("sent {sent:?}, shown {shown:?}").into()) }
    }

    /// User and system time of its threads.
    pub(crate) fn cpu_ns(&self) -> Result<u64, Failure> {
        let mut total_ns = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let schedule = fs::read_to_string(task?.path().join("schedstat"))?;
            let first = schedule.split(' ').next().ok_or("schedstat is empty")?;
            total_ns += first.parse::<u64>()?;
        }
        Ok(total_ns)
    }

    /// The most memory that it ever had.
    pub(crate) fn largest_resident_kib(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(number.ok_or("no VmHWM")?.parse()?)
    }

    fn wait(&self, done: impl Fn(&Self) -> Result<bool, Failure>) -> Result<(), Failure> {
        let start = Instant::now();
        while !done(self)? {
            if start.elapsed() > LIMIT {
                return Err(format!("not done after {} s", LIMIT.as_secs()).into());
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Result<String, Failure> {
        let mut stream = TcpStream::connect(self.page)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: observer\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        // Harmless for a child that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of a series without labels; 0 if the page does not have it.
fn value(page: &str, series: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok()).unwrap_or_default()
}
