"""Statistics by time: an idle session reports too, and reporting does not feed itself.

The realm `timed` closes a window every second and has no other trigger.
"""

from monitor import ON_STATS, Monitor
from peer import check, equal, main

TIMED_REALM = "timed"
WINDOW_NS = 10**9
WINDOWS_COUNT = 3


async def scenario(framework, options):
    watcher = await framework.join(options.url, "json", realm=TIMED_REALM)
    monitor = Monitor()
    await monitor.watch(watcher)
    idle = await framework.join(options.url, "json", realm=TIMED_REALM)

    def windows(session):
        heard = monitor.about(session.details.session)
        return [args[1] for topic, args, _kwargs in heard if topic == ON_STATS]

    # The first window is that of joining.
    await monitor.until(lambda _: len(windows(idle)) > WINDOWS_COUNT)
    for stats in windows(idle)[1:]:
        equal(stats["messages"], 0, "messages of an idle session")
        check(stats["duration"] >= WINDOW_NS, f"a window of {stats['duration']} ns")
    print("ok an idle session reports")

    # The watcher receives events all the time, each of which is metered: still one window a second.
    # Its own windows began up to a second earlier, hence two more.
    count = len(windows(watcher))
    check(count <= WINDOWS_COUNT + 2, f"{count} windows of the watcher: a feedback loop")
    print("ok no feedback loop")

    await idle.leave()
    await monitor.until_left(idle.details.session)
    check(windows(idle)[-1]["last"], "no last window")
    await watcher.leave()


if __name__ == "__main__":
    main(__doc__, scenario)
