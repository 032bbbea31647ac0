"""Churn as a user sees it: a real missiond, healthy and leaking; what the reports say of each mode;
the addresses that the connections come from; what is refused."""
import json
import pathlib
import socketserver
import threading
import unittest

import rig
import visible_skip
from cli_case import PATIENT_SLOS, CliCase

try:
    import jsonschema
except ImportError:
    jsonschema = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODES = ["fin-idle", "fin-inflight", "timeout", "half", "rst-idle", "rst-inflight", "open", "partial", "slow-read",
         "reuse-race", "burst-end"]
SETTINGS = {"timeout-after": "200ms", "slow-rate": "10k", "idle-timeout": "1s"}


class Churn(CliCase):
    def scenario_of(self, url, churn, load=None):
        return self.scenario({"loadline": 1, "targets": {"service": url}, "churn": churn,
                              "load": load or {"rate": "200/s", "arrivals": "paced", "duration": "3s"},
                              "journeys": {"look": {"steps": [{"name": "mission", "http": "GET service/healthz/live"}]}}})

    def run_churn(self, service, churn, *flags, code=0, load=None):
        done = self.run_into_folder("run", self.scenario_of(service.url, churn, load), *PATIENT_SLOS, *flags)
        self.ended(done, code)
        return done, self.summary()

    def timeline(self):
        return [json.loads(line) for line in (self.out / "timeline.jsonl").read_text().splitlines()]

    def test_all_modes_leave_a_healthy_service_healthy_and_are_counted_everywhere(self):
        with rig.Missiond() as service:
            done, summary = self.run_churn(service, {mode: 1 for mode in MODES} | SETTINGS,
                                           "--socket-tau", "1s", "--seed", "5")
        results = summary["results"]
        churn = results["churn"]
        self.assertEqual(list(churn["modes"]), MODES)
        measured = results["total"]["requests"]
        raced = churn["modes"]["reuse-race"]["unmeasured"]
        self.assertEqual(results["total"]["errors"], 0, done)
        self.assertEqual(measured + churn["unmeasured"] - raced, 600, "each journey once")
        self.assertEqual(churn["failed"], 0, churn)
        for mode, counts in churn["modes"].items():
            # A fast service may answer before `timeout` is over; the others end as they should.
            self.assertGreater(counts["answered_first" if mode == "timeout" else "closes"], 10, (mode, counts))
        self.assertEqual(churn["modes"]["half"]["closes"], churn["fin_to_eof_ms"]["count"])
        self.assertEqual(churn["fin_to_eof_ms"]["none"], 0)
        self.assertEqual(results["sockets"]["word"], "OK", results["sockets"])
        self.assertGreaterEqual(results["sockets"]["closes"], churn["closes"])
        for mode in MODES:
            self.assertEqual(sum(second.get("churn_closes", {}).get(mode, 0) for second in self.timeline()),
                             churn["modes"][mode]["closes"], mode)
        self.assertIn("Churn  how the journeys end their connections", done.out)
        self.assertIn(f"{churn['unmeasured']} exchanges were abandoned as planned", done.out)
        page = (self.out / "report.html").read_text()
        self.assertIn("<h2>Churn</h2>", page)
        self.assertIn("burst-end", page)
        if jsonschema:
            schema = json.loads((ROOT / "docs" / "summary.schema.json").read_text())
            wrong = [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(summary)]
            self.assertEqual(wrong, [])

    def test_a_leak_is_found_by_churn_and_not_by_resets(self):
        load = {"rate": "100/s", "arrivals": "paced", "duration": "10s"}
        with rig.Missiond("--fault", "leak-close-wait=10%") as service:
            done, summary = self.run_churn(service, {"rst-idle": 1}, "--socket-tau", "1s", load=load)
            # The engine's first look at the target closes with FIN, and may be the one that leaks.
            self.assertIn(summary["results"]["sockets"]["word"], ("OK", "TRANSIENT"), done)
            self.assertLessEqual(summary["results"]["sockets"]["leaked"], 1)
            self.assertEqual(summary["results"]["sockets"]["closes"], 1000)
            self.assertIn("hides CLOSE_WAIT", summary["results"]["churn"]["note"])
            self.assertIn("warn churn ends connections with RST alone", done.err)
            self.assertIn("note: churn ends connections with RST alone", done.out)
        with rig.Missiond("--fault", "leak-close-wait=10%") as service:
            done, summary = self.run_churn(service, {"share": "50%", "fin-idle": 60, "half": 40}, "--socket-tau", "1s",
                                           load=load, code=1)
        sockets, churn = summary["results"]["sockets"], summary["results"]["churn"]
        self.assertEqual(sockets["word"], "LEAK_CONFIRMED", done)
        low, high = sockets["leak_fraction_interval"]
        self.assertTrue(low <= 0.1 <= high, sockets)
        self.assertEqual(set(churn["modes"]), {"fin-idle", "half"})
        self.assertGreater(churn["closes"], 400)

    def test_the_same_seed_gives_the_same_modes(self):
        counts = []
        with rig.Missiond() as service:
            for seed in (3, 3, 4):
                _, summary = self.run_churn(service, {"share": "30%", "fin-idle": 3, "open": 1}, "--seed", seed,
                                            "-t", 1, "--no-watch", load={"rate": "300/s", "duration": "1s"})
                modes = summary["results"]["churn"]["modes"]
                counts.append((modes["fin-idle"]["closes"], modes["open"]["closes"]))
        self.assertEqual(counts[0], counts[1])
        self.assertNotEqual(counts[0], counts[2])

    def test_connections_to_127_come_from_several_addresses_unless_source_says_which(self):
        seen = set()

        class Answer(socketserver.StreamRequestHandler):
            def handle(self):
                seen.add(self.client_address[0])
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                self.rfile.read()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size, allow_reuse_address = True, 128, True

        with Server(("127.0.0.1", 0), Answer) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            load = {"users": 4, "pacing": "40ms", "duration": "2s"}  # closed: nobody knows its rate beforehand
            for flags, expected in ((["-t", 1], [f"127.0.0.{i}" for i in range(1, 33)]),
                                    (["--source", "127.0.0.77"], ["127.0.0.77"])):
                seen.clear()
                path = self.scenario_of(url, {"fin-idle": 1}, load)
                done = self.run_into_folder("run", path, "--no-watch", "--slo", "errors < 0.1%", *flags)
                self.ended(done, 0)
                self.assertEqual(self.summary()["config"]["sources"], expected)
                self.assertIn("Connected from", (self.out / "report.html").read_text())
                # The engine's first look at the target comes from where the system chooses.
                self.assertEqual(seen - {"127.0.0.1"}, set(expected) - {"127.0.0.1"})
            server.shutdown()

    def test_without_churn_the_summary_has_neither_churn_nor_sources(self):
        with rig.Missiond() as service:
            path = self.scenario({"loadline": 1, "targets": {"service": service.url}, "journeys": {"look": {
                "steps": [{"name": "mission", "http": "GET service/healthz/live"}]}},
                "load": {"rate": "200/s", "duration": "1s"}})
            self.ended(self.run_into_folder("run", path, "--no-watch", *PATIENT_SLOS), 0)
        self.assertNotIn("churn", self.summary()["results"])
        self.assertNotIn("sources", self.summary()["config"])

    def test_validate_notes_resets_alone_and_refuses_unknown_modes(self):
        done = self.loadline("validate", self.scenario_of("http://127.0.0.1:1", {"rst-idle": 1}))
        self.ended(done, 0)
        self.assertIn("note: churn ends connections with RST alone", done.out)
        self.refused(self.loadline("validate", self.scenario_of("http://127.0.0.1:1", {"half": 1, "slow-raed": 2})),
                     '"churn" has no key "slow-raed"', 'did you mean "slow-read"?')


if __name__ == "__main__":
    visible_skip.main()
