"""What the tests of causes share: runs and searches whose report names why the SLO broke."""
import contextlib
import json
import pathlib
import tempfile
import threading
import unittest

import machine
import rig
from machine import Busy
from provoke import cpu_quota
from witness import Witness

SLO = ["p99 <= 100ms", "errors <= 0.1%"]


class Later(threading.Thread):
    """Does something again and again from `after` seconds on, until it is stopped."""

    def __init__(self, after, every, action):
        super().__init__()
        self.after, self.every, self.action = after, every, action
        self.ended = threading.Event()

    def run(self):
        pause = self.after
        while not self.ended.wait(pause):
            self.action()
            pause = self.every

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def process_seconds(seconds):
    """What the watch saw of the target's process, second by second."""
    return [second["target"]["process"] for second in seconds if second.get("target", {}).get("process")]


class CauseCase(unittest.TestCase):
    def run_load(self, url, steps, load, *flags, slo=SLO, connections="pool"):
        """A run of these steps against `service`: (exit code, results, seconds of the timeline, all that was
        printed)."""
        with tempfile.TemporaryDirectory() as folder:
            arrivals = {} if "users" in load else {"arrivals": "paced"}
            path = pathlib.Path(folder) / "scenario.json"
            path.write_text(json.dumps({
                "loadline": 1, "name": "causes", "targets": {"service": url}, "slo": slo, "load": {**arrivals, **load},
                "connections": connections, "journeys": {"all": {"steps": steps}}}))
            return self.run_file(path, *flags)

    def run_file(self, path, *flags):
        code, out, err, results, folder = self.loadline("run", path, *flags)
        machine.no_lag_of_our_own(json.loads(folder["summary.json"]))
        self.assertIn(code, (0, 1), out + err)
        seconds = [json.loads(line) for line in folder["timeline.jsonl"].splitlines()]
        return code, results, seconds, out

    def loadline(self, command, path, *flags):
        """(exit code, stdout, stderr, results, texts of the report by name). Every report names the same causes."""
        with tempfile.TemporaryDirectory() as folder:
            code, out, err = rig.run_loadline(command, path, "--quiet", "--out", folder, "--socket-tau", "1s", *flags)
            files = {file.name: file.read_text() for file in pathlib.Path(folder).iterdir()
                     if file.suffix in (".json", ".jsonl", ".html", ".md")}
        self.assertIn("summary.json", files, out + err)
        results = json.loads(files["summary.json"])["results"]
        for finding in results.get("cause", {}).get("findings", []):
            self.assertIn(f">{finding['code']}<", files["report.html"])
            self.assertIn(finding["code"], out)
            if command == "search":
                self.assertIn(f"- `{finding['code']}` ", files["certificate.md"])
        return code, out, err, results, files

    @contextlib.contextmanager
    def logins_under_a_quota(self, rounds=20000):
        """(URL, step, Witness) of a service that may use 0.1 cores, and whose logins take about 0.25 ms of CPU for each
        1000 rounds."""
        machine.go_among_others()
        with rig.Missiond("--kdf-rounds", str(rounds)) as service:
            service.new_user("ann")
            machine.go_before_others(self)  # loadline alone: a quota would not hold what goes before others
            with cpu_quota(service.pid, 0.1) as group, Witness(service.pid, group) as witness:
                yield service.url, {"name": "login", "http": "POST service/login",
                                    "json": {"name": "ann", "password": "pw-ann"}}, witness

    def assert_throttled(self, seconds, witness):
        """In some second the quota cut short half of its periods or more, and the watch says how many."""
        looks = process_seconds(seconds)
        self.assertTrue(all(process["quota_cores"] == 0.1 for process in looks))
        most = max(witness.seconds(), key=lambda use: use.throttled)
        if most.throttled < 0.5:
            self.assert_wanted(most, 0.1)
        said = max(process.get("throttled_share", 0) for process in looks)
        self.assertAlmostEqual(said, most.throttled, delta=0.15)  # a period or two of a second's ten

    def assert_wanted(self, use, cores):
        """For a process that used less: others had the cores, of this machine or of the one below it. Else the load
        was not there. What was stolen is known of all cores together: no more than half is believed."""
        self.assertGreaterEqual(use.used + use.waited, cores / 2, use)
        self.assertGreaterEqual(use.used + use.waited + min(1, cores) * use.stolen, cores, use)
        raise Busy(f"others left it less than {cores} cores: {use}", seconds=0)

    def assert_agrees(self, looks, figure, witness, begin, end):
        """The watch says of these seconds what the witness says, which is given back. `looks`: the end of a second
        and what was seen in it. Figures are in cores."""
        inside = [(t, look[figure]) for t, look in looks if figure in look and begin <= t - 1 and t <= end]
        self.assertGreater(len(inside), 1, f"{figure} is watched")
        first, last = inside[0][0] - 1, inside[-1][0]
        use = witness.between(first, last)
        truth = use.waited if figure == "run_queue_wait_s_per_s" else use.used
        said = sum(value for _, value in inside) / len(inside)
        # The witness and the watch begin some 0.1 s apart. A machine that stalls moves what was used in that time.
        with machine.within(late_ms=1000 * abs(said - truth) * (last - first)):
            self.assertAlmostEqual(said, truth, delta=max(0.03, 0.05 * truth), msg=f"{figure}: {inside}, {use}")
        return use

    def assert_first(self, done, code, *texts):
        exit_code, results, _, out = done
        self.assertEqual(exit_code, 1, out)
        return self.assert_named(results, out, code, *texts)

    def assert_named(self, results, out, code, *texts):
        """The first finding, which must be of this code and have these texts."""
        findings = results.get("cause", {}).get("findings")
        self.assertTrue(findings, out)
        self.assertEqual(findings[0]["code"], code, out)
        for text in texts:
            self.assertIn(text, findings[0]["text"])
        return findings[0]
