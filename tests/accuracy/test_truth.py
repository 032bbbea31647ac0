"""Does the tool tell the truth? Each answer here can be calculated beforehand."""
import concurrent.futures
import json
import pathlib
import signal
import tempfile
import threading
import time
import unittest

import machine
import rig
import visible_skip


def run(*arguments, timeout=120):
    """A run of loadline with --json: (exit code, summary, stderr)."""
    with tempfile.TemporaryDirectory() as folder:
        code, out, err = rig.run_loadline(*arguments, "--json", "--quiet", "--out", folder, timeout=timeout)
    return code, json.loads(out) if out else None, err


def served(service, route):
    """Requests that missiond counted on this route."""
    lines = service.get("/metrics").body.splitlines()
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines
               if line.startswith("missiond_requests_total{") and f'route="{route}"' in line)


class Freeze(unittest.TestCase):
    RATE, SECONDS, FREEZE = 250, 5, 1.0
    def setUp(self):
        machine.go_before_others(self)

    def freeze(self, *flags):
        """One run whose server is stopped for a second: (exit code, summary, stderr, how long
        that was in seconds, by how much we may be wrong there)."""
        with rig.Missiond() as service:
            stops = []

            def stop_and_continue():
                time.sleep(2)
                for number, pause in ((signal.SIGSTOP, self.FREEZE), (signal.SIGCONT, 0)):
                    before = time.monotonic()
                    service.process.send_signal(number)
                    stops.append((before, time.monotonic()))
                    time.sleep(pause)

            thread = threading.Thread(target=stop_and_continue)
            thread.start()
            code, summary, err = run(service.url + "/healthz/live", "-R", self.RATE, "-d", f"{self.SECONDS}s",
                                     "-t", 1, *flags)
            thread.join()
        (stop_before, stop_after), (go_before, go_after) = stops
        length = (go_before + go_after - stop_before - stop_after) / 2
        return code, summary, err, length, (stop_after - stop_before + go_after - go_before) / 2

    def measure(self, *flags):
        """(results, how long the freeze was). A machine that stalls makes a run rightly INVALID,
        delays even so few requests, or leaves us unsure of when the server was stopped: the run
        is repeated. A generator that took the freeze for its own fault would say INVALID on a
        quiet machine too, and that fails."""
        def one_run():
            code, summary, err, length, unsure = self.freeze(*flags)
            results = summary["results"]
            machine.no_lag_of_our_own(summary)
            if unsure >= 0.001:
                raise machine.Busy(f"it took {unsure * 1000:.2f} ms to stop the server and go on", seconds=0)
            with machine.within(late_ms=1):
                self.assertLess(results["generator"]["send_lag_ms"]["p99"], 1)
            self.assertEqual(results["total"]["requests"], self.RATE * self.SECONDS, err)
            self.assertEqual((code, summary["verdict"]["word"]), (1, "FAIL"), summary["verdict"])
            self.assertLess(results["total"]["service_time_ms"]["p50"], 20)
            return results, length
        return machine.tried(one_run)

    def expect_calculated(self, results, length, percentiles):
        """Of the arrivals in the freeze, each waits for what is left of it; so a percentile is
        the freeze less what is slower of the run's length, half an arrival more or less."""
        for name, share in percentiles:
            slower = (1 - share) * self.SECONDS + 0.5 / self.RATE
            wanted = (length - slower) * 1000
            self.assertAlmostEqual(results["total"]["response_time_ms"][name] / wanted, 1, delta=0.01, msg=name)

    def test_a_server_frozen_for_a_second_gives_the_calculated_percentiles(self):
        results, length = self.measure()
        self.expect_calculated(results, length, (("p90", 0.9), ("p99", 0.99), ("p999", 0.999)))
        self.assertLess(results["total"]["response_time_ms"]["p50"], 20)

    def test_ten_connections_give_the_same_percentiles_and_show_the_wait_for_one(self):
        """After the freeze the others leave ten at a time: those that waited longest go first,
        so p99 is the freeze's alone; p90 would be the server's speed too."""
        results, length = self.measure("-c", 10)
        self.expect_calculated(results, length, (("p99", 0.99), ("p999", 0.999)))
        self.assertGreater(results["generator"]["pool_wait_ms"]["p99"], 500,
                           "ten connections were held: the rest waited for one")


class Schedule(unittest.TestCase):
    def test_1000_per_second_paced_for_10_seconds_sends_10000(self):
        with rig.Missiond() as service:
            code, summary, err = run(service.url + "/healthz/live", "-R", "1000", "-d", "10s", "-c", 50)
            counted = served(service, "/healthz/live")
        sent = summary["results"]["generator"]["sent"]
        self.assertAlmostEqual(sent, 10_000, delta=10, msg=err)
        self.assertEqual(counted, sent, "the server counted what we counted")


class LoadLine(unittest.TestCase):
    CAPACITY = 400

    def search(self, file):
        with rig.Missiond("--fault", f"capacity={self.CAPACITY}/s") as service:
            code, summary, err = run("search", file, "--target", f"service={service.url}", "--budget", "40s",
                                     "--hold", "15s", "--no-watch", timeout=200)
        capacity = summary["results"]["capacity"]
        return code, capacity, (capacity["text"], err)

    def test_search_finds_the_capacity_of_a_paced_single_server_queue(self):
        """D/D/1: paced arrivals and equal service times keep the queue empty up to the capacity.
        A machine that stalls for half the limit makes the service slower than its capacity, and
        the load line is then rightly lower: such a search is repeated. A claim above the truth
        never is."""
        scenario = {"loadline": 1, "name": "one-step", "targets": {"service": "http://127.0.0.1:1"},
                    "load": {"rate": "400/s", "arrivals": "paced"},
                    "journeys": {"look": {"steps": [{"name": "look", "http": "GET service/missions"}]}}}
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "one-step.json"
            file.write_text(json.dumps(scenario))

            def one_search():
                code, capacity, texts = self.search(file)
                found = capacity.get("confirmed_tps", 0) / self.CAPACITY
                self.assertLessEqual(found, 1.05, texts)
                with machine.within(late_ms=50):
                    self.assertGreaterEqual(found, 0.95, texts)
                self.assertEqual((code, capacity["word"]), (0, "CONFIRMED"), texts)
            machine.tried(one_search)


class Leak(unittest.TestCase):
    RUNS, AT_ONCE = 20, 10  # at 100/s each: what waits most is the clock
    SCENARIO = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "close-wait.json"

    def look(self, *faults):
        """One run of the scenario: (its sockets, whether the leak was among the verdict's reasons)."""
        with tempfile.TemporaryDirectory() as seeds, \
                rig.Missiond("--kdf-rounds", "1", "--seed-demo", seeds, *faults) as service:
            code, summary, err = run("run", self.SCENARIO, "--target", f"service={service.url}",
                                     "--rate", "100/s", "--duration", "10s", "--warmup", "0",
                                     "--socket-tau", "1s", "-t", 1)
        if summary is None:
            raise AssertionError(f"exit {code}: {err}")
        machine.no_lag_of_our_own(summary)
        leaks = [reason for reason in summary["verdict"]["reasons"] if reason["code"] == "leak"]
        return code, summary["results"]["sockets"], leaks

    def many(self, *faults):
        def all_runs():
            with concurrent.futures.ThreadPoolExecutor(self.AT_ONCE) as pool:
                return list(pool.map(lambda _: self.look(*faults), range(self.RUNS)))
        return machine.tried(all_runs)

    def test_a_leak_of_5_percent_is_flagged_in_20_of_20_runs(self):
        for code, sockets, leaks in self.many("--fault", "leak-close-wait=5%"):
            self.assertEqual((code, sockets["word"]), (1, "LEAK_CONFIRMED"), sockets)
            self.assertEqual(len(leaks), 1)
            self.assertIn("missiond", sockets["command"])
            low, high = sockets["leak_fraction_interval"]
            self.assertGreater(sockets["leaked"], 20)
            self.assertTrue(low <= 0.05 <= high, sockets)

    def test_a_healthy_server_is_flagged_in_none_of_20_runs(self):
        for code, sockets, leaks in self.many():
            self.assertEqual((sockets["word"], leaks), ("OK", []), sockets)
            self.assertGreater(sockets["closes"], 900)


if __name__ == "__main__":
    visible_skip.main()
