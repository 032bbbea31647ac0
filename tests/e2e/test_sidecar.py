"""A watcher beside the server and the load elsewhere: `loadline watch --redis` and `loadline run
--watch-from` must say what a local watcher says; and whatever happens to the stream between them,
never OK without having seen it."""
import json
import pathlib
import signal
import subprocess
import threading
import time
import unittest

import rig
import visible_skip
from cli_case import CliCase, PATIENT_SLOS, SeededCase

SCENARIO = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "close-wait.json"
RUN = "sidecar-test"
# 11 s at 100 closes a second; the trend takes tau + 8 s.
SHORT = ("--duration", "11s", "--socket-tau", "1s", *PATIENT_SLOS)


class Sidecar(SeededCase):
    def setUp(self):
        super().setUp()
        self.redis = rig.Redis()
        self.addCleanup(self.redis.stop)

    def start_watch(self, service):
        """A watcher beside the service. It ends with the test at the latest."""
        watch = subprocess.Popen([rig.BIN / "loadline", "watch", "--port", str(service.port), "--redis",
                                  self.redis.url, "--run", RUN], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True)
        self.addCleanup(self.end_watch, watch)
        rig.wait_until(lambda: self.redis.command("XLEN", f"watch:{RUN}") >= 1, "the first line of the watch")
        return watch

    def end_watch(self, watch, how=signal.SIGINT):
        """What it said on stderr."""
        if watch.poll() is None:
            watch.send_signal(how)
        try:
            return watch.communicate(timeout=20)[1]
        except ValueError:  # was read before
            return ""

    def load(self, service, *flags, out="out"):
        self.out = self.folder / out
        return self.run_into_folder("run", SCENARIO, "--target", f"service={service.url}", "--data-dir", self.data,
                                    *SHORT, *flags)

    def from_stream(self, service, *flags):
        return self.load(service, "--watch-from", self.redis.url, "--run", RUN, *flags)

    def sockets(self):
        return self.summary()["results"]["sockets"]

    def meanwhile(self, after, do):
        timer = threading.Timer(after, do)
        timer.start()
        self.addCleanup(timer.join)

    def test_a_leak_has_the_numbers_that_a_local_watcher_finds(self):
        first, second = (self.service("--fault", "leak-close-wait=2%") for _ in range(2))
        self.ended(self.load(first, out="local"), 1)
        local = self.sockets()
        self.start_watch(second)
        self.ended(self.from_stream(second), 1)
        stream = self.sockets()
        self.assertEqual((local["pid"], stream["pid"]), (first.pid, second.pid))
        self.assertEqual(stream["word"], "LEAK_CONFIRMED")
        same = ("word", "closes", "leaked", "before", "classes", "close_wait_max", "tau_s", "old_gone", "backlog")
        self.assertEqual({key: stream[key] for key in same}, {key: local[key] for key in same})
        self.assertEqual(stream["leaked"], 22, "2 of 100 of 1100")
        for key in ("leak_fraction", "leaked_per_1000_requests"):
            self.assertAlmostEqual(stream[key], local[key], delta=0.15 * local[key])
        self.assertEqual(len(stream["oldest"]), len(local["oldest"]))
        self.assertIn(f"as run {RUN} over Redis at", stream["source"])
        self.assertNotIn("source", local)

    def test_the_samples_are_in_the_timeline_and_the_recording_gives_the_verdict_again(self):
        service = self.service("--fault", "leak-close-wait=2%")
        self.start_watch(service)
        self.ended(self.from_stream(service), 1)
        report = self.sockets()
        timeline = [json.loads(line) for line in (self.out / "timeline.jsonl").read_text().splitlines()]
        measured = [second for second in timeline if second["phase"] == "measure"]
        self.assertGreaterEqual(sum("sockets" in second for second in measured), 9)
        self.assertGreater(measured[-1]["sockets"]["close_wait"], 10)
        process = measured[-1]["target"]["process"]
        self.assertEqual(process["pid"], service.pid)
        self.assertGreater(process["fds"], 10)
        self.assertIn("listen_overflows", measured[-1]["target"]["kernel"])
        self.assertIn("CLOSE_WAIT", (self.out / "report.html").read_text())
        code, out, err = rig.run_loadline("watch", "--replay", self.out / "sockets.jsonl", "--json")
        self.assertEqual(code, 1, err)
        again = json.loads(out)
        self.assertEqual(again.pop("type"), "verdict")
        self.assertEqual(again, report)

    def test_a_healthy_service_is_ok(self):
        service = self.service()
        self.start_watch(service)
        self.ended(self.from_stream(service), 0)
        self.assertEqual(self.sockets()["word"], "OK", self.sockets())
        self.assertEqual(self.sockets()["flags"], [])

    def test_a_search_reads_the_stream_too(self):
        service = self.service()
        self.start_watch(service)
        done = self.run_into_folder("search", SCENARIO, "--target", f"service={service.url}", "--data-dir", self.data,
                                    "--budget", "20s", "--hold", "none", "--start-rate", "40/s", "--max-rate", "60/s",
                                    "--socket-tau", "1s", "--watch-from", self.redis.url, "--run", RUN)
        self.assertIn(self.sockets()["word"], ("OK", "TRANSIENT"), str(done))
        self.assertIn(f"as run {RUN} over Redis at", self.sockets()["source"])
        self.assertGreater(self.sockets()["closes"], 200)

    def test_redis_may_die_and_come_back_in_mid_run(self):
        service = self.service("--fault", "leak-close-wait=2%")
        watch = self.start_watch(service)
        self.meanwhile(4, self.redis.kill)
        self.meanwhile(7, self.redis.start)
        done = self.from_stream(service)
        self.ended(done, 1)
        self.assertEqual(self.sockets()["word"], "LEAK_CONFIRMED", self.sockets())
        self.assertEqual(self.sockets()["leaked"], 22)
        self.assertRegex(self.end_watch(watch), r"takes the lines of the watch again, after [\d.]+ s; 0 lost")

    def test_redis_may_come_back_without_its_last_entries(self):
        service = self.service("--fault", "leak-close-wait=2%")
        self.end_watch(self.start_watch(service))  # its lines stay in the stream
        watch = self.start_watch(service)

        def roll_back():
            watch.send_signal(signal.SIGSTOP)  # so that the reader is back before there is a new line
            self.redis.kill()
            self.redis.start()
            time.sleep(2.5)
            watch.send_signal(signal.SIGCONT)
        self.meanwhile(3, lambda: self.redis.command("SAVE"))
        self.meanwhile(5, roll_back)
        done = self.from_stream(service)
        self.ended(done, 1)
        self.assertEqual(self.sockets()["word"], "LEAK_CONFIRMED", self.sockets())
        self.assertEqual(self.sockets()["leaked"], 22)

    def test_redis_that_stays_away_is_never_ok(self):
        service = self.service()
        self.start_watch(service)
        self.meanwhile(5, self.redis.kill)
        done = self.from_stream(service)
        self.ended(done, 0)
        self.assertEqual(self.sockets()["word"], "INCONCLUSIVE")
        self.assertRegex(self.sockets()["text"], r"^the watch ended [\d.]+ s before the settle time did: Redis at "
                                                 r"127\.0\.0\.1:\d+ does not answer$")

    def test_without_a_watcher_it_is_unknown_and_says_how_to_start_one(self):
        service = self.service()
        done = self.from_stream(service)
        self.ended(done, 0)
        self.assertEqual(self.sockets()["word"], "UNKNOWN")
        self.assertEqual(self.sockets()["text"],
                         f"the server's sockets were not seen: nobody watches as run {RUN} over Redis at "
                         f"127.0.0.1:{self.redis.port}: start loadline watch --port N --redis {self.redis.url} "
                         f"--run {RUN} beside the server")
        self.assertIn("warn the server's sockets cannot be watched: nobody watches", done.err)

    def test_without_redis_it_is_unknown(self):
        service = self.service()
        url = f"redis://127.0.0.1:{rig.free_port()}"
        done = self.load(service, "--watch-from", url, "--run", RUN)
        self.ended(done, 0)
        self.assertEqual(self.sockets()["word"], "UNKNOWN")
        self.assertRegex(self.sockets()["text"], r"not seen: Redis at 127\.0\.0\.1:\d+ does not answer$")

    def test_a_stream_of_an_earlier_run_is_not_taken_for_this_one(self):
        service = self.service()
        watch = self.start_watch(service)
        time.sleep(1)
        self.end_watch(watch)
        done = self.from_stream(service)
        self.ended(done, 0)
        self.assertEqual(self.sockets()["word"], "UNKNOWN")
        self.assertIn("no new line comes: has its watch ended?", self.sockets()["text"])

    def test_a_stream_that_was_deleted_is_joined_again(self):
        service = self.service("--fault", "leak-close-wait=2%")
        self.start_watch(service)
        time.sleep(1)
        self.redis.command("DEL", f"watch:{RUN}")  # the line that told all sockets, too
        done = self.from_stream(service)
        self.ended(done, 1)
        self.assertEqual(self.sockets()["word"], "LEAK_CONFIRMED", self.sockets())
        self.assertEqual(self.sockets()["leaked"], 22)

    def test_a_watcher_that_dies_early_is_never_ok(self):
        service = self.service()
        watch = self.start_watch(service)
        self.meanwhile(6, watch.kill)
        done = self.from_stream(service)
        self.ended(done, 0)
        self.assertEqual(self.sockets()["word"], "INCONCLUSIVE")
        self.assertRegex(self.sockets()["text"],
                         rf"^the watch ended [\d.]+ s before the settle time did: the watch of run {RUN} is silent$")

    def test_a_watcher_that_is_started_again_goes_on(self):
        service = self.service("--fault", "leak-close-wait=2%")
        first = self.start_watch(service)

        def start_again():
            self.end_watch(first)
            self.start_watch(service)
        self.meanwhile(5, start_again)
        self.ended(self.from_stream(service), 1)
        self.assertEqual((self.sockets()["word"], self.sockets()["leaked"]), ("LEAK_CONFIRMED", 22))

    def test_a_service_that_is_restarted_is_a_finding(self):
        service = self.service()
        self.start_watch(service)

        def restart():
            service.end(signal.SIGTERM)
            service.start()
        self.meanwhile(5, restart)
        self.from_stream(service, "--slo", "errors < 99%")
        self.assertEqual(self.sockets()["word"], "INCONCLUSIVE")
        self.assertIn("the server was restarted", self.sockets()["text"])
        self.assertIn("restart", [finding["code"] for finding in self.summary()["results"]["cause"]["findings"]])


class Refusals(CliCase):
    def test_unclear_words_are_refused(self):
        redis = "redis://127.0.0.1:1"
        for flags, texts in (
                (["--watch-from", redis], ["--watch-from needs --run ID"]),
                (["--run", "a"], ["--run names the stream of --watch-from, which is missing"]),
                (["--watch-from", redis, "--run", "a b"], ["--run: \"a b\" is no run ID"]),
                (["--watch-from", redis + "?run=a"], ["--watch-from: "]),
                (["--watch-from", redis + "/0?run=a"], ["not \"0?run=a\"", "hint: the run's ID is given as --run ID"]),
                (["--watch-from", "rediss://127.0.0.1", "--run", "a"], ["--watch-from: only redis://", "rediss"]),
                (["--watch-from", "127.0.0.1", "--run", "a"], ["--watch-from: "]),
                (["--watch-from", redis, "--run", "a", "--no-watch"], ["--watch-from and --no-watch"]),
                (["--watch-from", redis, "--run", "a", "--watch-port", "80"], ["--watch-from and --watch-port"]),
                (["--watch-from", redis, "--run", "a", "--watch-pid", "1"], ["--watch-from and --watch-pid"])):
            for command in ("run", "search"):
                with self.subTest(flags, command=command):
                    self.refused(self.loadline(command, SCENARIO, *flags), *texts)


if __name__ == "__main__":
    visible_skip.main()
