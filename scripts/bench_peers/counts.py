"""Counts that hardly vary, taken once beside the rounds: the counting itself slows the client."""
import dataclasses
import pathlib
import shutil
import tempfile

from . import outputs
from .outputs import NoFigure

PERF_EVENT = "raw_syscalls:sys_enter"
SHORT_S, LONG_S = 1, 4  # two runs under callgrind: their difference is free of start and report


def add_syscalls(measurement, turns):
    """System calls per request, start and report included."""
    strace_counted = False
    for turn in turns:
        try:
            value, by_strace = _syscalls(turn)
            strace_counted |= by_strace
        except NoFigure as reason:
            value = reason
        measurement.once.setdefault(turn.row, {})["syscalls_per_request"] = value
    if strace_counted:
        measurement.notes.append("System calls were counted by strace, which slows every one of them: "
                                 "compare the clients, not with the bar. Counting by perf needs linux-perf and root.")


def _syscalls(turn):
    """(calls per request, whether strace had to count them)."""
    try:
        return _counted(turn, ["perf", "stat", "-x,", "-e", PERF_EVENT, "-o"], ["--"],
                        lambda text: outputs.perf_stat(text, PERF_EVENT)), False
    except NoFigure as perf:
        if not shutil.which("strace"):
            raise perf
        return _counted(turn, ["strace", "-c", "-f", "-o"], [], outputs.strace_calls), True


def add_instructions(measurement, turns, rows):
    """Instructions in user space per request of these rows, by callgrind, which slows some 50 times."""
    for turn in turns:
        try:
            value = _instructions(turn) if turn.row in rows else NoFigure("callgrind is not run for this client")
        except NoFigure as reason:
            value = reason
        measurement.once.setdefault(turn.row, {})["instructions_per_request"] = value


def _instructions(turn):
    runs = []
    for seconds in (SHORT_S, LONG_S):
        with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
            file = pathlib.Path(folder, "callgrind.out")
            got = _run(turn, seconds, ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={file}"])
            runs.append((got["requests"], outputs.callgrind_instructions(_read(file))))
    (few, short), (many, long) = runs
    if many <= few:
        raise NoFigure("the longer run under callgrind completed no more requests: the machine is too busy")
    return (long - short) / (many - few)


def _counted(turn, before, after, read):
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        file = pathlib.Path(folder, "counts")
        got = _run(turn, turn.job.seconds, [*before, file, *after])
        return read(_read(file)) / got["requests"]


def _run(turn, seconds, wrap):
    return turn.client.run(dataclasses.replace(turn.job, seconds=seconds), wrap)


def _read(file):
    try:
        return file.read_text()
    except OSError:
        raise NoFigure(f"nothing was counted: {file.name} was not written") from None
