//! A timer that is finer than the milliseconds of the system's readiness call.

use std::io;

use mio::{Registry, Token};

/// Wakes the driver at a point in time.
#[derive(Debug)]
pub(crate) struct Timer {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Timer {
    /// A timer that is not set.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;

        use mio::unix::SourceFd;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Self { timer })
    }

    /// Wakes once after so many nanoseconds, and no longer as set before.
    ///
    /// The timer is never read: readiness is edge-triggered, and setting it anew clears what has
    /// expired.
    pub(crate) fn set(&self, after_ns: u64) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        // Zero would disarm it.
        let after = std::time::Duration::from_nanos(after_ns.max(1));
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec {
            tv_sec: after.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: after.subsec_nanos().into(),
        };
        let time = Itimerspec { it_interval: once, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time)?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
impl Timer {
    /// There is none: the driver wakes with the precision of the system's readiness call.
    pub(crate) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Does nothing.
    pub(crate) fn set(&self, _after_ns: u64) -> io::Result<()> {
        Ok(())
    }
}
