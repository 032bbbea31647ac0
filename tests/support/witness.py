"""What a process used, by a witness that knows nothing of loadline: the test itself looks while the load runs.

    with Witness(service.pid) as witness:
        done = self.run_load(...)
    witness.between(5, 8).used       # cores, in these seconds since the block began
"""
import collections
import pathlib
import threading
import time

from stall_meter import stolen_ms

EVERY = 0.05  # s

# Cores used, cores waited for by threads that were ready, the share of the quota's periods that were cut short, and
# the cores that the hypervisor gave to others: what was taken from a thread so, it neither used nor waited for.
Use = collections.namedtuple("Use", "used waited throttled stolen")


class Witness:
    """Of all threads of the process; of the quota of `group`, the cgroup it is in, if one is given."""

    def __init__(self, pid, group=None):
        self.pid, self.group = pid, group
        self.looks = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.begin = time.monotonic()
        self.looks.append(self.look())
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def watch(self):
        while not self.ended.wait(EVERY):
            self.looks.append(self.look())

    def look(self):
        """(seconds since the begin, s of CPU, s waited, s stolen, periods, periods cut short) until now."""
        cpu = time.clock_gettime((~self.pid << 3) | 2)  # the CPU clock of that process: see clock_getcpuclockid(3)
        waited = sum(int(file.read_text().split()[1]) for file in pathlib.Path(f"/proc/{self.pid}/task").glob("*/schedstat"))
        quota = dict(line.split() for line in (self.group / "cpu.stat").read_text().splitlines()) if self.group else {}
        return (time.monotonic() - self.begin, cpu, waited / 1e9, stolen_ms() / 1000,
                int(quota.get("nr_periods", 0)), int(quota.get("nr_throttled", 0)))

    def between(self, begin, end):
        """The use from the last look before `begin` to the first one after `end`, or the last of all."""
        first = [look for look in self.looks if look[0] <= begin][-1]
        last = next((look for look in self.looks if look[0] >= end), self.looks[-1])
        length, used, waited, stolen, periods, throttled = (b - a for a, b in zip(first, last))
        return Use(used / length, waited / length, throttled / max(1, periods), stolen / length)

    def seconds(self):
        """The use of each second, one beginning at each look."""
        return [self.between(begin, begin + 1) for begin, *_ in self.looks if begin + 1 <= self.looks[-1][0]]
