"""What a fault may cost: the host is woken six times a minute at most, and by the same item never twice."""

import os
import time
from collections import Counter

from dispatch_hooks import files, hosts, inbox, watcher
from dispatch_hooks.host import delivery
from tests.test_watcher import Host, asked, inside


def test_a_watcher_that_dies_after_every_wake_in_a_host_that_never_reads_them_wakes_six_times_a_minute(lab):
    """The worst: each wake's process is gone, nothing of it ever stands in the transcript, and the next one begins."""
    host = Host(lab)
    try:
        told, wakes, began = Counter(), 0, time.time()
        for second in range(180):
            inbox.post(asked(lab, second))
            steps = inside(host)
            text, _ = steps.step(began + second)
            if text:
                wakes += 1
                told.update(line for line in text.splitlines() if line.startswith("- task-"))
                delivery.handed(steps.host, steps.token)
            files.remove(hosts.place(host.pid, "watching"))
            for fd in (steps.lock, steps.bell):
                os.close(fd)
        assert wakes <= 180 / watcher.GAP + 1
        assert told and set(told.values()) == {1}
    finally:
        host.end()
