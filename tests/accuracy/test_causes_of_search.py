"""Why does it break above its load line? A search over a service of known weakness names it first; one that
fails by nothing that is watched says that the cause is unknown."""
import json
import pathlib
import signal
import tempfile
import threading

import machine
import rig
import visible_skip
from cause_case import CauseCase, Later, process_seconds
from machine import Busy, tried_again

# limit / allowed share is 1 s, so that a budget of 12 s is long enough to mean something.
QUICK = ["p90 <= 100ms", "errors <= 1%"]


class Searches(CauseCase):
    def setUp(self):
        machine.go_before_others(self)  # and the meter before the test

    def search(self, url, step, *flags, breaks=True, **scenario):
        """(results, all that was printed) of a search that met good rates, and bad ones if it `breaks`."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "scenario.json"
            path.write_text(json.dumps({
                "loadline": 1, "name": "causes", "targets": {"service": url}, "slo": QUICK,
                "load": {"rate": "100/s", "arrivals": "paced", "drain": "2s"}, **scenario,
                "journeys": {"all": {"steps": [step]}}}))
            code, out, err, results, self.files = self.loadline(
                "search", path, "-t1", "--budget", "12s", "--hold", "none", *flags)
        self.assertIn(code, (0, 1, 4), out + err)
        words = [probe["word"] for probe in results["capacity"]["probes"]]
        if "PASS" not in words or ("FAIL" in words) != breaks:
            raise Busy(" ".join(out.split("\n")[:3]))
        for text in (out, self.files["report.html"], self.files["certificate.md"]):
            self.assertEqual("Why it breaks there" in text, breaks)
        return results, out

    def assert_rates(self, results, found, capacity, breaks_from=0.9):
        """The service is known to take `capacity`/s, and to keep its promise up to some rate from `breaks_from` of
        that on: the good probe lies below, the bad one above, but not far, and there the finding began. A queue lets
        a short probe pass a little above; the search doubles its rates at first: the bad one is at
        most twice a good one."""
        good, bad = results["cause"]["good"]["rate_per_s"], results["cause"]["bad"]["rate_per_s"]
        said = f"capacity {capacity}/s: good {good}, bad {bad}, began {found['rate_per_s']}"
        self.assertLessEqual(good, 1.1 * capacity, said)
        self.assertLessEqual(max(bad, found["rate_per_s"]), 2.2 * capacity, said)
        with machine.within(late_ms=80):  # what a stall keeps back comes at once, and may be too much
            self.assertGreaterEqual(good, breaks_from / 2 * capacity, said)
            self.assertGreaterEqual(min(bad, found["rate_per_s"]), breaks_from * capacity, said)

    @tried_again
    def test_a_queue_of_its_own_that_answers_503(self):
        with rig.Missiond("--fault", "capacity=200/s", "--fault", "queue=16") as service:
            results, out = self.search(service.url, {"name": "list", "http": "GET service/missions"},
                                       "--start-rate", "100/s")
        found = self.assert_named(results, out, "http_503", "HTTP 503", "in the good probe")
        self.assert_rates(results, found, 200)
        self.assertNotIn("not_seen", results)

    @tried_again
    def test_an_accept_queue_that_is_too_short(self):
        with rig.Missiond("--fault", "capacity=200/s", "--fault", "backlog=5") as service:
            results, out = self.search(service.url, {"name": "list", "http": "GET service/missions"},
                                       "--start-rate", "100/s", connections="per-request")
        found = self.assert_named(results, out, "accept_queue", "turned connections away", "in the good probe")
        self.assert_rates(results, found, 200)

    @tried_again
    def test_a_cpu_quota(self):
        with self.logins_under_a_quota(1000) as (url, login, witness):
            results, out = self.search(url, login, "--start-rate", "60/s")
        seconds = [json.loads(line) for line in self.files["timeline.jsonl"].splitlines()]
        self.assert_throttled(seconds, witness)
        found = self.assert_named(results, out, "cpu_quota", "the CPU quota of 0.1 cores was used up")
        cpu = sum(process.get("cores_used", 0) * second["length_s"]
                  for second in seconds for process in process_seconds([second]))
        # Above this rate all of the quota is used up; below it the 10 ms of a single period may be.
        capacity = 0.1 * sum(second["completed"] for second in seconds) / cpu
        self.assert_rates(results, found, capacity, breaks_from=0.5)
        self.assertNotIn("run_queue", [finding["code"] for finding in results["cause"]["findings"]])

    @tried_again
    def test_a_restart_while_it_is_searched(self):
        with rig.Missiond("--fault", "capacity=200/s") as service:
            nobody_listens = threading.Event()

            def crash():
                service.end(signal.SIGKILL)
                nobody_listens.wait(0.4)
                service.start()
            with Later(4, 60, crash):
                results, out = self.search(service.url, {"name": "list", "http": "GET service/missions"},
                                           "--start-rate", "100/s")
            found = self.assert_named(results, out, "restart", "restarted once", str(service.pid))
        self.assertTrue(3 <= found["since_s"] <= 7, found)

    @tried_again
    def test_where_nothing_was_provoked_the_cause_is_unknown(self):
        with rig.Missiond("--fault", "capacity=200/s") as service:  # its queue is its own secret
            results, out = self.search(service.url, {"name": "list", "http": "GET service/missions"},
                                       "--start-rate", "100/s")
        self.assertEqual(results["cause"]["findings"], [], out)
        self.assertIn("cause unknown", out)
        self.assertIn("cause unknown", self.files["certificate.md"])

    @tried_again
    def test_where_no_rate_failed_there_is_none(self):
        with rig.Missiond() as service:
            results, _ = self.search(service.url, {"name": "live", "http": "GET service/healthz/live"},
                                     "--start-rate", "40/s", "--max-rate", "80/s", breaks=False)
        self.assertNotIn("cause", results)


if __name__ == "__main__":
    visible_skip.main()
