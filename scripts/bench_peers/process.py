"""Runs programs on a chosen core, and tells what they took."""
import contextlib
import dataclasses
import os
import pathlib
import resource
import socket
import subprocess
import tempfile
import time

from .outputs import NoFigure, first_line

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]
PINNED = len(CORES) > 1
POLL = 0.1  # seconds


def pinned(core, command):
    """On a machine of one core nothing is pinned: the figures then say less."""
    words = [str(word) for word in command]
    return ["taskset", "-c", str(core), *words] if PINNED else words


def raise_fd_limit():
    """Children inherit it: not every client raises its own."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop(child):
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@dataclasses.dataclass(frozen=True)
class Ended:
    """A program that has ended."""
    code: int
    out: str
    err: str
    cpu_s: float       # user and system, all threads
    max_rss_mb: float  # 10^6 bytes

    def why(self):
        return f"exit code {self.code}: {first_line(self.err) or first_line(self.out)}"[:200]


def run(command, timeout_s):
    """Runs a client on its core to the end. NoFigure when it is missing or does not end in time."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            child = subprocess.Popen(pinned(CLIENT_CORE, command), stdout=out, stderr=err)
        except FileNotFoundError as error:
            raise NoFigure(f"{error.filename} is not installed") from None
        try:
            usage, peak = _await(child, time.monotonic() + timeout_s)
        finally:
            stop(child)
        if usage is None:
            raise NoFigure(f"{command[0]} did not end within {timeout_s} s")
        return Ended(child.returncode, _text(out), _text(err), usage.ru_utime + usage.ru_stime, _peak_mb(usage, peak))


def _await(child, end):
    """Waits for `child`: (rusage, highest VmHWM seen in kB); (None, 0) when the time is over."""
    peak = 0
    while time.monotonic() < end:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage, peak
        peak = max(peak, _high_water_kb(child.pid))
        time.sleep(POLL)
    return None, 0


def _high_water_kb(pid):
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def _peak_mb(usage, seen_kb):
    """A child's ru_maxrss starts at that of the parent it was forked from; only above it is it the child's own."""
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max(seen_kb, usage.ru_maxrss if usage.ru_maxrss > ours else 0) * 1024 / 1e6


def _text(file):
    file.seek(0)
    return file.read().decode(errors="replace")
