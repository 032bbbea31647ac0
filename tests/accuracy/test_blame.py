"""Whose fault was it? A generator that was starved says INVALID and names the limit; a server
that was starved or frozen says FAIL. Both are starved here, on purpose and apart."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import machine
import rig
import visible_skip

OUR_LIMITS = {"send_lag", "schedule", "client_limit"}


class Run:
    """A loadline that runs now; `prefix` is a command that starts it."""

    def __init__(self, *words, prefix=()):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [*prefix, rig.BIN / "loadline", *map(str, words), "--json", "--quiet", "--no-watch",
             "--out", self.folder.name],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        """(exit code, verdict word, the codes of its reasons, summary)."""
        out, err = self.process.communicate(timeout=60)
        self.folder.cleanup()
        if not out:
            raise AssertionError(f"exit {self.process.returncode}: {err}")
        summary = json.loads(out)
        verdict = summary["verdict"]
        return self.process.returncode, verdict["word"], {reason["code"] for reason in verdict["reasons"]}, summary


@contextlib.contextmanager
def starved(process, stopped, running, wait=0.0):
    """Stops the process for `stopped` seconds, lets it run for `running`, over and over."""
    ending = threading.Event()

    def bursts():
        ending.wait(wait)
        while not ending.is_set() and process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            time.sleep(stopped)
            process.send_signal(signal.SIGCONT)
            ending.wait(running)

    thread = threading.Thread(target=bursts)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


class CpuQuota:
    """A cgroup (v1 or v2) that grants this share of a core, in periods of 100 ms. Skips the
    test where none can be made: it takes root and a cgroup file system that can be written."""

    def __init__(self, share):
        self.microseconds = int(share * 100_000)

    def __enter__(self):
        name = f"loadline-test-{os.getpid()}"
        try:
            v1 = pathlib.Path("/sys/fs/cgroup/cpu")
            self.folder = (v1 if v1.is_dir() else pathlib.Path("/sys/fs/cgroup")) / name
            self.folder.mkdir()
            try:
                if v1.is_dir():
                    (self.folder / "cpu.cfs_period_us").write_text("100000")
                    (self.folder / "cpu.cfs_quota_us").write_text(str(self.microseconds))
                else:
                    (self.folder / "cpu.max").write_text(f"{self.microseconds} 100000")
            except OSError:
                self.folder.rmdir()
                raise
        except OSError as error:
            raise unittest.SkipTest(f"no cgroup with a CPU quota can be made here: {error}")
        return self

    def prefix(self):
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', self.folder / "cgroup.procs"]

    def throttled(self):
        """In how many periods the quota was used up."""
        for line in (self.folder / "cpu.stat").read_text().splitlines():
            if line.startswith("nr_throttled "):
                return int(line.split()[1])
        return 0

    def __exit__(self, *_):
        self.folder.rmdir()


class StarvedGenerator(unittest.TestCase):
    LOAD = ("-R", 1000, "-d", "4s", "-t", 1)

    def expect_invalid(self, run):
        code, word, reasons, summary = run.end()
        self.assertEqual((code, word), (4, "INVALID"), summary["verdict"])
        self.assertIn("send_lag", reasons, "it names the limit")
        self.assertGreater(summary["results"]["generator"]["lag_windows_over"], 1)

    def test_a_generator_that_is_stopped_again_and_again_says_invalid_and_names_the_lag(self):
        """60 ms of 100: no request is later than the SLO's 100 ms, the schedule is made up for,
        and still nothing that was measured is the server's."""
        with rig.Missiond() as service:
            run = Run(service.url + "/healthz/live", *self.LOAD)
            with starved(run.process, stopped=0.06, running=0.04, wait=0.5):
                self.expect_invalid(run)

    def test_a_generator_under_a_cpu_quota_says_invalid_and_names_the_lag(self):
        with CpuQuota(0.05) as quota, rig.Missiond() as service:
            run = Run(service.url + "/healthz/live", *self.LOAD, prefix=quota.prefix())
            self.expect_invalid(run)
            self.assertGreater(quota.throttled(), 3, "the quota was what held it up")


class StarvedServer(unittest.TestCase):
    def setUp(self):
        machine.go_before_others(self)

    def expect_fail(self, load, starve):
        """A machine that stalls makes a run rightly INVALID: it is repeated. A generator that
        takes the server's faults for its own says so on a quiet machine too, and that fails."""
        def one_run():
            with rig.Missiond() as service:
                run = Run(service.url + "/healthz/live", *load, "-t", 1)
                with starve(service.process):
                    ended = run.end()
            machine.no_lag_of_our_own(ended[-1])
            return ended
        code, word, reasons, summary = machine.tried(one_run)
        self.assertEqual((code, word), (1, "FAIL"), summary["verdict"])
        self.assertIn("slo", reasons)
        self.assertFalse(reasons & OUR_LIMITS, summary["verdict"])
        return summary["results"]

    def test_a_server_that_is_stopped_again_and_again_says_fail(self):
        results = self.expect_fail(("-R", 200, "-d", "5s", "-c", 50),
                                   lambda process: starved(process, stopped=0.3, running=0.05, wait=0.5))
        self.assertGreater(results["total"]["response_time_ms"]["p50"], 100)

    def test_a_server_that_freezes_while_all_connections_wait_on_it_says_fail_with_pool_wait(self):
        """Whatever runs out first, connections or users: what they wait for is the server."""
        for cap in ("-c", "--max-users"):
            with self.subTest(cap=cap):
                results = self.expect_fail(("-R", 200, "-d", "5s", cap, 5),
                                           lambda process: starved(process, stopped=1, running=60, wait=2))
                self.assertGreater(results["generator"]["pool_wait_ms"]["p99"], 500)
                self.assertLess(results["generator"]["send_lag_ms"]["p99"], 500)


if __name__ == "__main__":
    visible_skip.main()
