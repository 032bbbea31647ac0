"""Watching a server's sockets: what loadline's sampler takes, beside one run of ss over the same sockets.

rate_per_s          samples per second: 4, fewer where a sample is dear; for ss, runs one after another
cpu_ms_per_sample   CPU of the whole process over its samples, its start and its report left out; for ss,
                    of one run
core_percent        the same CPU, of one core
"""
import contextlib
import dataclasses
import pathlib
import socket
import subprocess
import tempfile
import time

from .outputs import NoFigure, first_line
from .process import CLIENT_CORE, pinned, run, stop

SETTLE_S = 2  # the search for the owner, and the first samples
SS_RUNS = 3
TIMEOUT_S = 60


@contextlib.contextmanager
def watched(count):
    """A server with so many connections, every other one closed by its client and kept in CLOSE_WAIT."""
    with contextlib.ExitStack() as kept:
        listener = kept.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        port = listener.getsockname()[1]
        for number in range(count):
            client = socket.create_connection(("127.0.0.1", port), 10)
            kept.enter_context(listener.accept()[0])
            if number % 2:
                client.close()
            else:
                kept.enter_context(client)
        yield port


@dataclasses.dataclass(frozen=True)
class Watch:
    """`loadline watch`, which writes every sample as a run does."""
    program: pathlib.Path
    name: str = "loadline watch"

    def run(self, job):
        with tempfile.NamedTemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(pinned(CLIENT_CORE, [self.program, "watch", "--port", job.port, "--jsonl"]),
                                     stdout=out, stderr=err)
            try:
                time.sleep(SETTLE_S)
                begin = _look(child, out.name, err)
                time.sleep(job.seconds)
                end = _look(child, out.name, err)
            finally:
                stop(child)
        elapsed, cpu_s, samples = (after - before for after, before in zip(end, begin))
        if samples == 0:
            raise NoFigure(f"loadline watch took no sample in {job.seconds} s")
        return {"rate_per_s": samples / elapsed, "cpu_ms_per_sample": 1e3 * cpu_s / samples,
                "core_percent": 100 * cpu_s / elapsed}


def _look(child, out, err):
    """(now, CPU seconds so far, samples so far)"""
    if child.poll() is not None:
        err.seek(0)
        raise NoFigure(f"loadline watch ended with {child.returncode}: {first_line(err.read().decode())}")
    cpu_ns = sum(int(path.read_text().split()[0])
                 for path in pathlib.Path(f"/proc/{child.pid}/task").glob("*/schedstat"))
    return time.monotonic(), cpu_ns / 1e9, pathlib.Path(out).read_bytes().count(b'"states"')


@dataclasses.dataclass(frozen=True)
class Ss:
    """The way by hand: every TCP socket of the machine with its process."""
    name: str = "ss -tanp"

    def run(self, job):
        begin, cpu_s = time.monotonic(), 0
        for _ in range(SS_RUNS):
            ended = run(["ss", "-tanp"], TIMEOUT_S)
            if ended.code:
                raise NoFigure(f"ss: {ended.why()}")
            if ended.out.count(f":{job.port} ") < job.connections:
                raise NoFigure(f"ss did not show the {job.connections} sockets")
            cpu_s += ended.cpu_s
        return {"rate_per_s": SS_RUNS / (time.monotonic() - begin), "cpu_ms_per_sample": 1e3 * cpu_s / SS_RUNS}
