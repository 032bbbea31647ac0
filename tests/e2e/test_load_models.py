"""Stages, own rates, pacing and the cap, from the scenario to the reports."""
import json

import visible_skip
from cli_case import PATIENT_SLOS, CliCase
from hostile import HostileServer

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answers(connection, _):
    connection.sendall(GOOD)
    return True


class LoadModels(CliCase):
    def setUp(self):
        super().setUp()
        self.server = HostileServer(answers)
        self.addCleanup(self.server.stop)

    def write(self, load, **journeys):
        steps = {"steps": [{"name": "s", "http": "GET web/"}]}
        return self.scenario({"loadline": 1, "name": "models",
                              "targets": {"web": f"http://127.0.0.1:{self.server.port}"},
                              "slo": ["p90 < 5s"], "load": load, "journeys": journeys or {"j": steps}})

    def run_models(self, load, *flags, **journeys):
        return self.run_into_folder("run", self.write(load, **journeys), "--no-watch", "-t1", *PATIENT_SLOS, *flags)

    STAGES = {"stages": [{"to": "100/s", "over": "1s"}, {"hold": "1s"}], "arrivals": "paced", "warmup": "500ms"}

    def test_a_staged_run_says_so_everywhere_and_the_timeline_follows_it(self):
        done = self.run_models(self.STAGES)
        said = "in stages of up to 100/s (paced), after 500 ms of warm-up"
        self.assertIn(said, " ".join(done.out.split()))
        self.assertIn(said, (self.out / "report.html").read_text())
        config = self.summary()["config"]
        self.assertEqual(config["stages"], [{"from_per_s": 0, "to_per_s": 100, "over_s": 1},
                                            {"from_per_s": 100, "to_per_s": 100, "over_s": 1}])
        self.assertEqual(config["duration_s"], 1.5)
        lines = [json.loads(line) for line in (self.out / "timeline.jsonl").read_text().splitlines()]
        intended = [line["intended_rate_per_s"] for line in lines if line["phase"] != "drain"]
        # 500 ms of warm-up at 25/s on average, a second across the bend, the last half.
        self.assertEqual([round(rate, 1) for rate in intended], [25, 87.5, 100])
        self.assertEqual(self.summary()["results"]["generator"]["scheduled"], 137)  # 150 without the first 13

    def test_flags_that_stages_rule_out_are_refused(self):
        done = self.run_models(self.STAGES, "--rate", "5/s", "--duration", "1s")
        self.refused(done, "--rate: the scenario's load has stages", "--duration: the scenario's load has stages")
        self.assertEqual(self.server.requests, 0)

    def test_the_highest_stage_is_held_against_max_rate(self):
        done = self.run_models(self.STAGES, "--max-rate", "99/s")
        self.refused(done, "the rate 100/s is above --max-rate 99/s")
        self.assertEqual(self.server.requests, 0)

    def test_a_search_holds_constant_rates_from_a_tenth_of_the_highest_stage(self):
        done = self.run_into_folder("search", self.write(self.STAGES), "--no-watch", "-t1", "--budget", "5s", "--hold",
                                    "none", "--max-rate", "40/s", "--slo", "p90 < 200ms")
        self.assertIn(done.code, (0, 4), str(done))
        probes = self.summary()["results"]["capacity"]["probes"]
        self.assertEqual(probes[0]["rate_per_s"], 10)
        self.assertNotIn("in stages", done.out)

    def test_an_own_rate_stands_beside_the_shared_one(self):
        bet = {"steps": [{"name": "b", "http": "GET web/"}]}
        settle = {"rate": "10/s", "steps": [{"name": "s", "http": "GET web/"}]}
        done = self.run_models({"rate": "40/s", "arrivals": "paced", "duration": "1s"}, "--rate", "100/s",
                               bet=bet, settle=settle)
        self.assertIn("at 100 journeys/s", done.out)
        summary = self.summary()
        self.assertEqual(summary["config"]["own_rates_per_s"], {"settle": 20})
        self.assertEqual({name: step["requests"] for name, step in summary["results"]["steps"].items()},
                         {"b": 80, "s": 20})
        as_run = json.loads((self.out / "scenario.effective.json").read_text())
        self.assertEqual(as_run["load"]["rate"], "80/s")
        self.assertEqual(as_run["journeys"]["settle"]["rate"], "20/s")

    def test_a_paced_closed_loop_says_so(self):
        done = self.run_models({"users": 4, "pacing": "250ms", "duration": "1s"})
        self.assertIn("with 4 users in a closed loop, a journey each 250 ms", done.out)
        self.assertEqual(self.summary()["config"]["pacing_s"], 0.25)
        self.assertLessEqual(self.summary()["results"]["generator"]["scheduled"], 16)

    def test_dropped_arrivals_are_printed_and_are_errors(self):
        think = {"steps": [{"name": "s", "http": "GET web/"}, {"think": "400ms"}, {"name": "t", "http": "GET web/"}]}
        done = self.run_models({"rate": "20/s", "arrivals": "paced", "duration": "1s", "at_cap": "drop"},
                               "--max-users", "1", j=think)
        self.assertIn("dropping what finds no free user", done.out)
        results = self.summary()["results"]
        dropped = results["generator"]["dropped"]
        self.assertGreaterEqual(dropped, 16)
        self.assertIn(f"{dropped} dropped", done.out)
        self.assertEqual(results["total"]["outcomes"]["dropped"], dropped)
        self.assertEqual(results["total"]["errors"], dropped)
        self.assertEqual(self.summary()["config"]["at_cap"], "drop")


if __name__ == "__main__":
    visible_skip.main()
