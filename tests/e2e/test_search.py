"""The search on the command line: what it refuses, what it leaves behind, and how it goes on."""
import json
import shutil
import signal
import subprocess
import threading

import machine
import rig
import visible_skip
from cli_case import LOADLINE, CliCase

# limit / allowed share is 1 s, so that a budget of 10 s is long enough to mean something.
QUICK_SLOS = ("--slo", "p90 <= 100ms", "--slo", "errors <= 1%")


class SearchCase(CliCase):
    def write(self, url, rate="100/s"):
        return self.scenario({"loadline": 1, "name": "one-step", "targets": {"service": url},
                              "load": {"rate": rate, "arrivals": "paced"},
                              "journeys": {"look": {"steps": [{"name": "look", "http": "GET service/missions"}]}}})

    def search_words(self, file, *more):
        return ["search", file, "--no-watch", "-t1", "--quiet", *more]


class BadInput(SearchCase):
    def refuse(self, *flags, texts, env=None):
        done = self.loadline(*self.search_words(self.write("http://127.0.0.1:1"), *flags), env=env)
        self.refused(done, *texts)

    def test_clauses_that_do_not_go_together(self):
        self.refuse("--slo", "p90 < 200ms", "--slo", "p99 < 100ms",
                    texts=["\"p90 < 200ms\" and \"p99 < 100ms\" do not go together: the higher percentile has the lower limit", "hint: leave"])

    def test_the_same_figure_twice(self):
        self.refuse("--slo", "p99 < 200ms", "--slo", "p99 < 100ms", texts=["limits the same figure twice"])

    def test_a_budget_too_short_for_the_slo_says_how_long_it_takes(self):
        self.refuse("--slo", "p99.9 < 1s", texts=["--budget: 3m is too short", "give the search 1h40m or more"])

    def test_windows_alone(self):
        self.refuse("--slo", "p99 < 100ms over every 10s", texts=["judged in the holds only"])

    def test_a_start_above_what_the_generator_can_send(self):
        machine = self.machine()
        kept = {"at": "2026-11-21T08:02:47Z", "version": "1", **machine, "threads": 1, "ceiling_per_s": 900,
                "send_lag_p99_ms": 0.5, "cpu_share": 0.5, "percentiles": [], "machine_p99_ms": 0.1}
        cache = self.folder / "loadline"
        cache.mkdir()
        (cache / "selftest.json").write_text(json.dumps(kept))
        self.refuse("--start-rate", "1000/s", env={"XDG_CACHE_HOME": str(self.folder)},
                    texts=["--start-rate: 1000/s is above what loadline can send from this machine, 900/s"])

    def machine(self):
        """Kernel, processor and cores as a summary names them."""
        with rig.Missiond() as service:
            self.run_into_folder(service.url + "/healthz/live", "-R", 10, "-d", "200ms", "--no-watch")
        return {key: self.summary()["metadata"][key] for key in ("kernel", "cpu_model", "cores")}

    def test_wrong_values(self):
        for flags, text in ((("--pods", "0"), "--pods: must be at least 1"),
                            (("--current", "0"), "--current: must be above zero"),
                            (("--budget", "soon"), "--budget:"),
                            (("--resume", self.folder), "is no summary of a search")):
            with self.subTest(flags):
                self.refuse(*flags, texts=[text])


class Searches(SearchCase):
    def search(self, *flags, fault="capacity=200/s", **options):
        """A service whose every request takes 5 ms does not bring the generator to its limit: a
        machine does that held it up for longer than it may be late, in three probes."""
        def run():
            with rig.Missiond("--fault", fault) as service:
                words = self.search_words(self.write(service.url), *QUICK_SLOS, "--start-rate", "40/s", *flags)
                done = self.run_into_folder(*words, **options)
            if self.summary()["results"]["capacity"]["word"] == "GENERATOR-LIMITED":
                shutil.rmtree(self.out)  # it is the next one's
                raise machine.Busy(str(done), late_ms=5, seconds=3)
            return done
        return machine.tried(run)

    def test_the_certificate_has_its_figures_and_another_search_goes_on_from_it(self):
        done = self.search("--budget", "12s", "--hold", "4s", "--current", "50/s", "--pods", 2)
        capacity = self.summary()["results"]["capacity"]
        self.assertIn(done.code, (0, 4), str(done))
        self.assertIn(capacity["word"], ("CONFIRMED", "UNSTABLE"), str(done))
        self.assertTrue(capacity["topology"]["same_machine"])
        self.assertEqual([probe["kind"] for probe in capacity["probes"]][0], "floor")
        for probe in capacity["probes"]:
            self.assertEqual(len(probe["clauses"]), 2)
        self.assertEqual(capacity["pods"], 2)
        self.assertAlmostEqual(capacity["headroom"], 1 - 50 / capacity["estimate_rate_per_s"])
        first = self.out
        self.out = self.folder / "more"
        done = self.search("--budget", "5s", "--hold", "none", "--resume", first)
        resumed = self.summary()["results"]["capacity"]
        self.assertTrue(any("under the earlier ones is not stored" in note for note in resumed["notes"]), str(done))
        known = [probe for probe in capacity["probes"] if probe["word"] != "INVALID"]
        self.assertEqual([probe["rate_per_s"] for probe in resumed["probes"]][:len(known)],
                         [probe["rate_per_s"] for probe in known], str(done))

    def test_an_interrupted_one_leaves_a_usable_estimate(self):
        with rig.Missiond("--fault", "capacity=200/s") as service:
            words = self.search_words(self.write(service.url), *QUICK_SLOS, "--start-rate", "40/s", "--budget", "30s",
                                      "--hold", "1m", "--out", self.out)
            process = subprocess.Popen([LOADLINE, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            timer = threading.Timer(12, lambda: process.send_signal(signal.SIGINT))
            timer.start()
            process.communicate(timeout=90)
        self.assertEqual(process.returncode, 130)
        capacity = self.summary()["results"]["capacity"]
        self.assertIn("interrupted", self.summary()["verdict"]["reasons"][-1]["code"])
        self.assertGreater(capacity["estimate_rate_per_s"], 40)

    def test_a_service_that_dies_is_a_failure_at_a_rate(self):
        service = rig.Missiond("--fault", "capacity=200/s")
        self.addCleanup(rig.Process.stop, service)  # which does not mind how it ended
        words = self.search_words(self.write(service.url), *QUICK_SLOS, "--start-rate", "40/s", "--budget", "30s",
                                  "--hold", "none")
        timer = threading.Timer(8, service.end, [signal.SIGKILL])
        timer.start()
        done = self.run_into_folder(*words, timeout=120)
        self.ended(done, 1)
        reasons = self.summary()["verdict"]["reasons"]
        self.assertEqual(reasons[0]["code"], "died")
        self.assertRegex(reasons[0]["text"], r"^the service died at [0-9.]+/s")
        self.assertGreater(self.summary()["results"]["capacity"]["estimate_rate_per_s"], 0)


if __name__ == "__main__":
    visible_skip.main()
