"""Would the kubelet have restarted the pod? The surge that ships, against a service that no longer takes
connections from its accept queue, where it would, and against one that only answers 503, where it would not."""
import contextlib
import json
import pathlib
import signal
import tempfile
import unittest

import machine
import rig
import visible_skip
from cause_case import Later

SURGE = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "surge.json"


@contextlib.contextmanager
def hung(service, begin, end):
    """The service does nothing from the second `begin` to the second `end`: it takes no connection either."""
    try:
        with Later(begin, 60, lambda: service.process.send_signal(signal.SIGSTOP)), \
                Later(end, 60, lambda: service.process.send_signal(signal.SIGCONT)):
            yield
    finally:
        service.process.send_signal(signal.SIGCONT)


class Surge(unittest.TestCase):
    def run_surge(self, *faults, meanwhile=lambda service: contextlib.nullcontext()):
        with tempfile.TemporaryDirectory() as folder:
            flags = [word for fault in faults for word in ("--fault", fault)]
            out = pathlib.Path(folder) / "out"
            with rig.Missiond("--seed-demo", folder, *flags) as service, meanwhile(service):
                _, text, err = rig.run_loadline("run", SURGE, "--target", f"service={service.url}", "--quiet",
                                                "--out", out, "--socket-tau", "1s")
            timeline = [json.loads(line) for line in (out / "timeline.jsonl").read_text().splitlines()]
            return json.loads((out / "summary.json").read_text())["results"]["probes"], timeline, text + err

    def assert_failed_in_a_row(self, timeline, count, said):
        """So many probes of each kind were sent one after the other, and none of them was answered."""
        for kind in ("liveness", "readiness"):
            longest = row = 0
            for second in timeline:
                probes = second.get("probes", {}).get(kind, {"succeeded": 0, "failed": 0})
                row = 0 if probes["succeeded"] else row + probes["failed"]
                longest = max(longest, row)
            self.assertGreaterEqual(longest, count, f"{kind}\n{said}")

    @machine.tried_again
    def test_in_an_accept_queue_that_overflows_the_probes_fail_too(self):
        # An overflow alone lets some through by chance. Where nothing is taken from the queue none is answered:
        # in 9 s each phase, a probe every 2 s, sees at least four fail.
        probes, timeline, said = self.run_surge("capacity=400/s", "backlog=5",
                                                meanwhile=lambda service: hung(service, 7.5, 16.5))
        overflowed = [second for second in timeline
                      if second.get("target", {}).get("kernel", {}).get("listen_overflows", 0) > 50]
        self.assertTrue(overflowed, said)
        self.assert_failed_in_a_row(timeline, 8, said)
        # The queue was full at once. The first probe of a phase that failed began at most 2 s later, the third 4 s
        # after the first, and 1 s later it had failed. The other phase is 1 s behind.
        hung_at = overflowed[0]["t_s"] - 1, overflowed[0]["t_s"]
        restart, out = probes["liveness"]["restart"], probes["readiness"]["out_of_service"][0]
        for event in (restart, out):
            self.assertEqual(event["phases"], 2, said)
            self.assertGreater(event["from_s"], hung_at[0] + 5 - 0.5, said)
            with machine.within(late_ms=150):  # a stall may make the queue overflow before
                self.assertLess(event["from_s"], hung_at[1] + 6 + 0.5, said)
        self.assertAlmostEqual(restart["to_s"] - restart["from_s"], 1, delta=0.5, msg=said)
        self.assertIn("the kubelet would have restarted this pod", said)

    def test_a_service_that_sheds_load_keeps_its_pod(self):
        probes, _, said = self.run_surge("capacity=400/s", "queue=64")
        self.assertNotIn("restart", probes["liveness"], said)
        self.assertEqual(probes["readiness"]["out_of_service"], [], said)
        self.assertGreaterEqual(probes["liveness"]["shadows"], 18)


if __name__ == "__main__":
    visible_skip.main()
