"""loadline selftest: what it finds, keeps, and what later reports make of it."""
import json
import pathlib
import tempfile
import unittest

import machine
import rig
import visible_skip


class Selftest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cache = tempfile.TemporaryDirectory()
        cls.environment = {"XDG_CACHE_HOME": cls.cache.name}
        cls.kept = pathlib.Path(cls.cache.name) / "loadline" / "selftest.json"
        cls.addClassCleanup(cls.cache.cleanup)
        machine.tried(cls.measure)
        cls.first_kept = json.loads(cls.kept.read_text())

    @classmethod
    def measure(cls):
        """A machine that stalls in just this half minute may leave nothing on time, or disturb a
        percentile, of which the smallest bound is half a millisecond: 5 % of 10 ms."""
        cls.code, out, cls.err = rig.run_loadline("selftest", "--json", env=cls.environment)
        cls.found = json.loads(out)
        errors = [abs(row["reported_ms"] / row["served_ms"] - 1) for row in cls.found["percentiles"]]
        if cls.code != 0 or max(errors) >= 0.05 or cls.found["send_lag_p99_ms"] >= 1:
            raise machine.Busy(f"exit code {cls.code}, {cls.found}", late_ms=1, seconds=3)

    def run_at_200(self):
        with rig.Missiond() as service, tempfile.TemporaryDirectory() as folder:
            return rig.run_loadline(f"{service.url}/healthz/live", "-R200", "-d1s", "--no-watch", "--json", "--out",
                                    folder, env=self.environment)

    def test_it_measures_the_ceiling_and_the_percentiles_of_this_machine(self):
        self.assertEqual(self.code, 0, self.err)
        self.assertGreaterEqual(self.found["ceiling_per_s"], 1000)
        self.assertEqual([row["quantile"] for row in self.found["percentiles"]], [0.5, 0.9, 0.99])
        self.assertLess(5, self.found["percentiles"][0]["served_ms"])  # a lognormal delay of median 10 ms
        self.assertIn("send lag p99", self.err)

    def test_it_is_kept_and_later_reports_show_it(self):
        self.assertEqual(self.first_kept, self.found)
        code, out, err = self.run_at_200()
        self.assertEqual(json.loads(out)["metadata"]["selftest"]["at"], self.found["at"], err)

    def test_a_rate_above_the_ceiling_is_doubted_aloud(self):
        self.kept.write_text(json.dumps({**self.found, "ceiling_per_s": 100}))
        code, out, err = self.run_at_200()
        self.assertIn("200/s are 200 requests/s, and the selftest found that this machine makes 100/s on time", err)


if __name__ == "__main__":
    visible_skip.main()
