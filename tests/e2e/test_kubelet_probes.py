"""Kubelet probes during a load: of a service that hangs for a while, and of one that is well."""
import http.server
import json
import os
import signal
import ssl
import subprocess
import threading
import time

import rig
import visible_skip
from certificates import Authority
from cli_case import PATIENT_SLOS, CliCase


def scenario_of(url, probes, **watch):
    return {"loadline": 1, "name": "probes", "targets": {"service": url}, "load": {"rate": "80/s"},
            "journeys": {"look": {"steps": [{"name": "look", "http": "GET service/healthz/live", "timeout": "1s"}]}},
            "watch": {"probes": probes, **watch}}


LIVENESS = {"httpGet": "service/healthz/live", "periodSeconds": 2, "failureThreshold": 2}
READINESS = {"httpGet": "service/healthz/ready", "periodSeconds": 1, "failureThreshold": 2, "successThreshold": 2}


class Probes(CliCase):
    def run_probed(self, url, probes, *words, **watch):
        path = self.scenario(scenario_of(url, probes, **watch))
        return self.run_into_folder("run", path, "--socket-tau", "1s", *PATIENT_SLOS, *words)

    def timeline(self):
        return [json.loads(line) for line in (self.out / "timeline.jsonl").read_text().splitlines()]

    def test_of_a_healthy_service_nothing_would_have_happened(self):
        with rig.Missiond() as service:
            before = service.metric("missiond_connections_accepted_total")
            done = self.run_probed(service.url, {"liveness": LIVENESS, "readiness": READINESS, "startup": "service/healthz/startup"},
                                   "--duration", "7s", port=service.port)
            accepted = service.metric("missiond_connections_accepted_total") - before
        self.ended(done, 0)
        results = self.summary()["results"]
        probes = results["probes"]
        self.assertEqual(list(probes), ["startup", "liveness", "readiness"])
        for kind, probe in probes.items():
            with self.subTest(kind):
                self.assertEqual(probe["failed"], 0, done)
                self.assertEqual(probe["discarded"], 0)
                self.assertGreaterEqual(probe["shadows"], 5)
                self.assertNotIn("restart", probe)
                self.assertEqual(probe.get("out_of_service", []), [])
        self.assertEqual(probes["liveness"]["phases"], 2)
        self.assertIn("would not have restarted", probes["liveness"]["text"])
        self.assertIn("would have kept this pod in the Service", done.out)
        self.assertNotIn("probe=", done.err)
        asked = sum(probe["shadows"] for probe in probes.values())
        self.assertGreaterEqual(accepted, asked, "each on a connection of its own")
        self.assertIn(results["sockets"]["word"], ("OK", "NOT_EXERCISED"), done)
        self.assertLess(results["sockets"]["closes"], asked, "ours are none of the load's closes")
        self.assertTrue(all(second["probes"]["liveness"]["failed"] == 0
                            for second in self.timeline() if "liveness" in second.get("probes", {})))

    def test_none_is_sent_where_the_process_that_was_named_is_refused(self):
        stranger = subprocess.Popen(["sleep", "60"])
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        with rig.Missiond() as service:
            def accepted():
                return service.metric("missiond_connections_accepted_total")
            asking = -accepted() + accepted()
            before = accepted()
            path = self.scenario(scenario_of(service.url, {"liveness": LIVENESS}, port=service.port))
            self.refused(self.loadline("run", path, "--watch-pid", stranger.pid), f"process {stranger.pid} (")
            self.assertEqual(accepted() - before, asking)

    def test_a_service_that_hangs_for_a_while_would_have_been_restarted(self):
        with rig.Missiond() as service:
            stopped = {}

            def hang():
                stopped["from"] = time.monotonic()
                os.kill(service.pid, signal.SIGSTOP)
                time.sleep(6)
                os.kill(service.pid, signal.SIGCONT)
                stopped["to"] = time.monotonic()

            timer = threading.Timer(4, hang)
            timer.start()
            try:
                began = time.monotonic()
                done = self.run_probed(service.url, {"liveness": LIVENESS, "readiness": READINESS},
                                       "--duration", "14s", "--slo", "errors < 90%", port=service.port)
            finally:
                timer.join()
        probes = self.summary()["results"]["probes"]
        # The clock of the run begins some moments after ours; a probe hangs for its second.
        low, high = stopped["from"] - began - 1.5, stopped["to"] - began + 1.5
        restart = probes["liveness"]["restart"]
        self.assertEqual(restart["phases"], 2, done)
        self.assertGreater(restart["from_s"], low + 2)
        self.assertLess(restart["to_s"], high)
        (out,) = probes["readiness"]["out_of_service"]
        self.assertEqual(out["phases"], 1)
        self.assertGreater(out["from_s"], low + 1)
        self.assertGreater(out["to_s"], restart["from_s"], "it came back after the hang")
        self.assertLess(out["to_s"], high + 2)
        self.assertRegex(done.out, r"liveness +the kubelet would have restarted this pod between t=[0-9.]+ s and")
        self.assertRegex(done.err, r'warn probe=liveness text="the kubelet would have restarted this pod')
        self.assertNotIn("probe", json.dumps(self.summary()["verdict"]), "it is no reason of the verdict")
        self.assertIn("the kubelet would have restarted", (self.out / "report.html").read_text())

    def test_a_tcp_probe_does_not_see_that_the_service_hangs(self):
        with rig.Missiond() as service:
            timer = threading.Timer(2, lambda: os.kill(service.pid, signal.SIGSTOP))
            timer.start()
            try:
                self.run_probed(service.url, {"liveness": {"tcpSocket": "service", "periodSeconds": 1}},
                                "--duration", "6s", "--slo", "errors < 100%", port=service.port)
            finally:
                timer.join()
                os.kill(service.pid, signal.SIGCONT)
        liveness = self.summary()["results"]["probes"]["liveness"]
        self.assertEqual(liveness["failed"], 0)
        self.assertGreaterEqual(liveness["shadows"], 5)

    def test_no_watch_makes_no_probes(self):
        with rig.Missiond() as service:
            done = self.run_probed(service.url, {"readiness": READINESS}, "--duration", "2s", "--no-watch")
            answered = [line for line in service.get("/metrics").body.splitlines() if "/healthz/ready" in line]
        self.ended(done, 0)
        self.assertNotIn("probes", self.summary()["results"])
        self.assertEqual(answered, [])

    def test_a_search_replays_all_its_probes_together(self):
        with rig.Missiond("--fault", "capacity=200/s") as service:
            path = self.scenario({**scenario_of(service.url, {"liveness": LIVENESS}),
                                  "slo": ["p95 < 100ms", "errors < 5%"]})
            done = self.run_into_folder("search", path, "--budget", "8s", "--hold", "none", "--socket-tau", "1s",
                                        "--max-rate", "300/s", "--start-rate", "20/s")
        liveness = self.summary()["results"]["probes"]["liveness"]
        self.assertGreaterEqual(liveness["shadows"], 5, done)
        self.assertGreater(liveness["watched_s"], 5)

    def test_certificates_are_not_verified(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            asked = []

            def do_GET(self):
                Handler.asked.append((self.path, self.headers.get("User-Agent", "")))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        certificate, key = Authority(self.folder).sign("nobody", "DNS:elsewhere")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with rig.Missiond() as service:
            scenario = scenario_of(service.url, {"liveness": "secure/live"})
            scenario["targets"]["secure"] = f"https://127.0.0.1:{server.server_port}"
            done = self.run_into_folder("run", self.scenario(scenario), "--duration", "3s", *PATIENT_SLOS)
        self.ended(done, 0)
        liveness = self.summary()["results"]["probes"]["liveness"]
        self.assertEqual(liveness["failed"], 0, done)
        self.assertGreaterEqual(liveness["shadows"], 2)
        probes = [path for path, agent in Handler.asked if agent.startswith("kube-probe/")]
        self.assertGreaterEqual(len(probes), liveness["shadows"])
        self.assertEqual(set(probes), {"/live"})


if __name__ == "__main__":
    visible_skip.main()
