"""How each client is started, and the figures of one run:

requests, rate_per_s     what the client says of itself
cpu_us_per_request       CPU of the whole process, start and report included, over its requests
cores                    the same CPU over the length of the run
max_rss_mb               the most memory it held, in 10^6 bytes

Every closed-loop client has one thread (as far as it can be told) and the job's connections.
"""
import dataclasses
import pathlib
import tempfile
from typing import Callable

from . import outputs, process
from .outputs import NoFigure
from .peers import ROOT

MIX = ROOT / "tests/bench"
SPARE_TIME_S = 60  # for connecting, draining, and a busy machine


@dataclasses.dataclass(frozen=True)
class Job:
    """What one run is to do; the server listens on 127.0.0.1."""
    port: int
    connections: int
    seconds: int

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    command: Callable  # (job, scratch folder) -> words
    figures: Callable  # (ended, job, scratch folder) -> dict, or raises NoFigure

    def run(self, job, wrap=()):
        """One run, started by the words of `wrap` where given. Raises NoFigure."""
        with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
            scratch = pathlib.Path(folder)
            ended = process.run([*wrap, *self.command(job, scratch)], 2 * job.seconds + SPARE_TIME_S)
            try:
                got = self.figures(ended, job, scratch)
            except (KeyError, TypeError, OSError) as error:
                raise NoFigure(f"{self.name}'s output is not as expected: {error!r}") from None
        return {**got, "cpu_us_per_request": 1e6 * ended.cpu_s / got["requests"],
                "cores": ended.cpu_s / got.get("seconds", job.seconds), "max_rss_mb": ended.max_rss_mb}


@dataclasses.dataclass(frozen=True)
class Absent:
    """Stands in a client's row and gives no figure."""
    name: str
    reason: NoFigure

    def run(self, job, wrap=()):
        raise self.reason


def printing(name, parse, command):
    """A client whose figures are on stdout, and whose exit code is 0 when all went well."""
    def figures(ended, *_):
        if ended.code:
            raise NoFigure(f"{name}: {ended.why()}")
        return parse(ended.out)
    return Client(name, lambda job, _: command(job), figures)


def floor(program):
    return printing("raw epoll", outputs.floor_client, lambda job: [program, job.port, job.connections, job.seconds])


def deferral(program, percent):
    """Our engine, reading late and at once in turn, at this part of its closed loop's rate."""
    return printing(f"{percent} %", outputs.deferral_client, lambda job: [
        program, job.port, job.connections, job.seconds, percent])


def wrk():
    return printing("wrk", outputs.wrk, _wrk_words)


def wrk_mix(token):
    """wrk logs in nowhere by itself, so it is handed the token."""
    return printing("wrk with Lua", outputs.wrk, lambda job: [
        "env", f"MIX_TOKEN={token}", *_wrk_words(job), "-s", MIX / "mix.lua"])


def _wrk_words(job):
    return ["wrk", "-t1", f"-c{job.connections}", f"-d{job.seconds}s", "--timeout", "30s", job.url]


def ab():
    # -t means at most 50 000 requests, unless -n comes after it. ab sets 32 bytes aside for each of the -n.
    return printing("ab -k", outputs.ab, lambda job: [
        "ab", "-k", "-q", "-r", "-c", job.connections, "-t", job.seconds, "-n", 500_000 * job.seconds, job.url])


def h2load():
    return printing("h2load --h1", outputs.h2load, lambda job: [
        "h2load", "--h1", "-t1", f"-c{job.connections}", f"-D{job.seconds}", job.url])


def hey():
    return printing("hey", outputs.hey, lambda job: [
        "hey", "-cpus", 1, "-c", job.connections, "-z", f"{job.seconds}s", job.url])


def k6_mix(program):
    return printing("k6", outputs.k6, lambda job: [
        program, "run", "--quiet", "--no-color", "--no-usage-report", "--vus", job.connections,
        "--duration", f"{job.seconds}s", "--env", f"MIX_URL={job.url.rstrip('/')}", MIX / "mix.js"])


def redis_benchmark(pipeline, requests):
    """It takes a number of requests, not a time."""
    return printing("redis-benchmark", lambda text: outputs.redis_benchmark(text, requests), lambda job: [
        "redis-benchmark", "-p", job.port, "-c", job.connections, "-P", pipeline, "-n", requests, "--csv",
        "GET", "key:1"])


def loadline(program, name="loadline"):
    """Closed loop: the one-liner."""
    return _loadline(name, program, lambda job: [job.url, *_closed(job)])


def loadline_mix(program):
    return _loadline("loadline", program, lambda job: [
        "run", MIX / "mix.json", "--target", f"service={job.url.rstrip('/')}", *_closed(job)])


def loadline_redis(program, pipeline):
    """Without -P where one command is in flight. A version may serve neither."""
    many = [f"-P{pipeline}"] if pipeline > 1 else []
    return _loadline("loadline", program, lambda job: [f"redis://127.0.0.1:{job.port}", *_closed(job), *many],
                     last=("--", "GET", "key:1"))


def loadline_open(program, rate):
    """Open loop, paced. Adds the send lag: p99 of every 10 ms in the median window, and the worst second."""
    client = _loadline(f"{rate}/s", program, lambda job: [job.url, *_closed(job), f"-R{rate}"])

    def figures(ended, job, scratch):
        got = client.figures(ended, job, scratch)
        seconds = outputs.loadline_seconds(_timeline(scratch), "send_lag_p99_ms")
        return {**got, "lag_p99_us": 1e3 * outputs.loadline_window_lag(ended.out),
                "lag_worst_us": 1e3 * max(seconds)}
    return dataclasses.replace(client, figures=figures)


def loadline_connected(program):
    """Closed loop; no figure unless every connection of the job was open at some second."""
    client = loadline(program)

    def figures(ended, job, scratch):
        got = client.figures(ended, job, scratch)
        most = max(outputs.loadline_seconds(_timeline(scratch), "connections"))
        if most < job.connections:
            raise NoFigure(f"loadline had only {most} of {job.connections} connections open")
        return got
    return dataclasses.replace(client, figures=figures)


def _closed(job):
    return ["-t1", f"-c{job.connections}", f"-d{job.seconds}s"]


def _timeline(scratch):
    return (scratch / "report/timeline.jsonl").read_text()


def _loadline(name, program, words, last=()):
    def command(job, scratch):
        return [program, *words(job), "--json", "--quiet", "--out", scratch / "report", *last]

    def figures(ended, _, scratch):
        if ended.code == 2:
            why = outputs.first_line(ended.err).removeprefix("error: ")
            raise NoFigure(f"not served by this version: {why}"[:200])
        if not ended.out:
            raise NoFigure(f"loadline: {ended.why()}")
        return outputs.loadline(ended.out, _timeline(scratch))
    return Client(name, command, figures)
