"""The machine's noise, and the only excuse that a test which measures may have.

A machine that stalls can break what a test measures. Then the test is tried again, three times
at most, and skipped when none succeeded; but only where a meter of our own, which knows nothing
of loadline, saw stalls that explain each of them. On a quiet machine the first is a failure.

    @machine.tried_again
    def test_x(self):
        code, summary = ...
        machine.no_lag_of_our_own(summary)            # INVALID by send lag: Busy
        with machine.within(late_ms=45):              # an assertion about time: Busy when it fails
            self.assertAlmostEqual(...)
"""
import contextlib
import functools
import json
import os
import pathlib
import subprocess
import sys
import unittest

ATTEMPTS = 3
METER = pathlib.Path(__file__).with_name("stall_meter.py")
OWN_LAG = {"send_lag", "schedule"}


def go_before_others(case):
    """Lets this test, and what it starts, go before ordinary processes until it ends; does
    nothing where that is not allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        return
    case.addCleanup(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(0))


def go_among_others():
    """What is started from now on is ordinary again."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class Busy(AssertionError):
    """Something that a machine which stalls explains, when it was `late_ms` late in so many
    seconds. Zero seconds: the test saw the stall itself. Without `tried` it is a failure."""

    def __init__(self, text, late_ms=5.0, seconds=2):
        super().__init__(text)
        self.late_ms, self.seconds = late_ms, seconds


class StallMeter:
    """Runs from the start to the end of its `with` block; then `late_ms` (by second) and `stolen_ms`."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-I", "-S", METER], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()  # it is ready
        return self

    def __exit__(self, *_):
        out, _ = self.process.communicate(timeout=30)
        found = json.loads(out)
        self.late_ms, self.stolen_ms = found["late_ms"], found["stolen_ms"]

    def explains(self, busy):
        return sum(late >= busy.late_ms for late in self.late_ms) >= busy.seconds

    def __str__(self):
        over = sum(late >= 1 for late in self.late_ms)
        return (f"the machine woke up late by up to {max(self.late_ms):.1f} ms, by 1 ms or more in {over} of "
                f"{len(self.late_ms)} seconds, and gave {self.stolen_ms:.0f} ms to others")


def tried(work):
    """The value of `work()`, which is called again when it raised Busy and the machine explains
    it. A skip with both figures when it did so three times."""
    seen = []
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with StallMeter() as meter:
                return work()
        except Busy as busy:
            what = f"attempt {attempt}: {busy}; {meter}"
            if not meter.explains(busy):
                wanted = f"it would take {busy.late_ms:g} ms in {busy.seconds} seconds to explain it"
                raise AssertionError(f"{what}; {wanted}") from busy
            print(what, file=sys.stderr, flush=True)
            seen.append(what)
    raise unittest.SkipTest("; ".join(seen))


def tried_again(test):
    """A test method that is tried as a whole; what its setUp made stays."""
    @functools.wraps(test)
    def run(self):
        return tried(lambda: test(self))
    return run


def no_lag_of_our_own(summary):
    """Raises Busy when the run is INVALID because requests left late. Half of it must have been
    the machine's: wake-ups beyond the bound and half as late as p99 of the requests, in half as
    many seconds."""
    verdict, generator = summary["verdict"], summary.get("results", {}).get("generator", {})
    if verdict["word"] == "INVALID" and OWN_LAG & {reason["code"] for reason in verdict["reasons"]}:
        lag = generator.get("send_lag_ms", {}).get("p99") or 0
        raise Busy(f"INVALID, send lag p99 {lag} ms: {[reason['text'] for reason in verdict['reasons']]}",
                   max(generator.get("lag_bound_ms", 5), lag / 2), max(1, generator.get("lag_windows_over", 0) // 2))


@contextlib.contextmanager
def within(late_ms, seconds=1):
    """What fails in this block does so by chance where the machine was that late."""
    try:
        yield
    except Busy:
        raise
    except AssertionError as error:
        raise Busy(str(error), late_ms, seconds) from error
