"""Where nobody can watch the server's sockets: the counts of a real node_exporter, judged with
`--watch-from http://...`."""
import contextlib
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

import rig
import visible_skip
from cli_case import PATIENT_SLOS, SeededCase
from provoke import Network

SCENARIO = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "close-wait.json"


class NodeExporter(rig.Process):
    """Of Debian; it counts the sockets of our own network namespace."""

    def __init__(self, *collectors):
        rig.need_program("prometheus-node-exporter")
        super().__init__("prometheus-node-exporter")
        self.port, self.collectors = rig.free_port(), collectors
        self.start_or_clean_up()

    def start(self):
        self.launch([shutil.which("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{self.port}",
                     "--collector.disable-defaults", *(f"--collector.{name}" for name in self.collectors)],
                    stdout=subprocess.DEVNULL)
        rig.wait_until(self.answers, f"node_exporter on port {self.port}")

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class CountedSockets(SeededCase):
    def setUp(self):
        super().setUp()
        # All sockets of the machine are counted: those of other tests must be on another one.
        network = Network()
        network.__enter__()
        self.addCleanup(network.__exit__)

    def exporter(self, *collectors):
        exporter = NodeExporter(*(collectors or ("tcpstat", "netstat")))
        self.addCleanup(exporter.stop)
        return exporter

    def load(self, service, url, *flags, duration="11s", **options):
        return self.run_into_folder("run", SCENARIO, "--target", f"service={service.url}", "--data-dir", self.data,
                                    "--duration", duration, "--socket-tau", "1s", *PATIENT_SLOS, "--watch-from", url,
                                    *flags, **options)

    def sockets(self):
        return self.summary()["results"]["sockets"]

    def test_a_leak_is_suspected_and_fails_only_strictly(self):
        service, exporter = self.service("--fault", "leak-close-wait=5%"), self.exporter()
        done = self.load(service, exporter.url)
        self.ended(done, 0)
        report = self.sockets()
        self.assertEqual(report["word"], "SUSPECT")
        self.assertTrue(report["counts_only"])
        self.assertEqual(report["closes"], 1100)
        self.assertEqual(report["leaked"], 55, "5 of 100 of 1100")
        self.assertEqual(report["source"], f"the node_exporter at 127.0.0.1:{exporter.port}")
        self.assertNotIn("pid", report)
        self.assertNotIn("accept_queue_max", report, "nothing that a count does not tell")
        self.assertIn("Sockets of the whole machine", done.out)
        self.assertIn("during the load it rose by", done.out)
        self.assertIn("Sockets of the whole machine", (self.out / "report.html").read_text())
        self.assertIn("a node_exporter counts sockets of its whole machine", " ".join(self.summary()["results"]["not_seen"]))
        timeline = [json.loads(line) for line in (self.out / "timeline.jsonl").read_text().splitlines()]
        measured = [second for second in timeline if second["phase"] == "measure"]
        self.assertGreater(measured[-1]["sockets"]["close_wait"], 30)
        self.assertNotIn("stale", measured[-1]["sockets"])
        self.assertGreater(sum(second.get("target", {}).get("kernel", {}).get("segments", 0) for second in measured),
                           1100, "the kernel's counters too")
        self.assertFalse((self.out / "sockets.jsonl").exists(), "a count cannot be judged again")

        self.ended(self.load(self.service("--fault", "leak-close-wait=5%"), exporter.url, "--strict-sockets"), 1)

    def test_a_healthy_service_is_ok(self):
        done = self.load(self.service(), self.exporter().url + "/metrics")
        self.ended(done, 0)
        self.assertIn(self.sockets()["word"], ("OK", "TRANSIENT"), done.out)
        self.assertLess(self.sockets()["leaked"], 3)

    def test_one_without_the_kernels_counters_counts_sockets_all_the_same(self):
        self.ended(self.load(self.service(), self.exporter("tcpstat").url), 0)
        self.assertIn(self.sockets()["word"], ("OK", "TRANSIENT"), self.sockets())
        self.assertNotIn("listen_overflows", self.sockets())

    def test_an_exporter_that_cannot_tell_makes_it_unknown(self):
        service = self.service()
        for url, why in ((self.exporter("netstat").url, "tells no states of connections at /metrics: it takes --collector.tcpstat"),
                         (service.url + "/nowhere", "answers 404 to GET /nowhere"),
                         (f"http://127.0.0.1:{rig.free_port()}", "no answer: Connection refused")):
            done = self.load(service, url, duration="2s")
            self.ended(done, 0)
            self.assertEqual(self.sockets()["word"], "UNKNOWN")
            self.assertIn(why, self.sockets()["text"])
            self.assertIn("warn the server's sockets cannot be counted: ", done.err)

    def test_one_that_hangs_at_the_end_is_unknown(self):
        service, exporter = self.service(), self.exporter()

        @contextlib.contextmanager
        def stopped():
            later = threading.Timer(6, exporter.process.send_signal, [signal.SIGSTOP])
            later.start()
            try:
                yield
            finally:
                later.join()
                exporter.process.send_signal(signal.SIGCONT)
        self.ended(self.load(service, exporter.url, meanwhile=stopped), 0)
        self.assertEqual(self.sockets()["word"], "UNKNOWN")
        self.assertIn("no answer: The socket was closed due to a timeout", self.sockets()["text"])
        timeline = [json.loads(line) for line in (self.out / "timeline.jsonl").read_text().splitlines()]
        told = [second["t_s"] for second in timeline if "kernel" in second.get("target", {})]
        self.assertGreater(len(told), 1)
        self.assertLess(max(told), 9, "nothing is told of the seconds in which it hung")
        self.assertNotIn("sockets", timeline[-1])

    def test_one_that_goes_away_is_unknown_and_one_that_comes_back_is_not(self):
        service = self.service()
        for comes_back, words in ((False, {"UNKNOWN"}), (True, {"OK", "TRANSIENT"})):
            exporter = self.exporter()

            def pause():
                exporter.end(signal.SIGTERM)
                if comes_back:
                    time.sleep(1)
                    exporter.start()

            @contextlib.contextmanager
            def away():
                if not exporter.running:
                    exporter.start()
                later = threading.Timer(3, pause)
                later.start()
                try:
                    yield
                finally:
                    later.join()
            self.ended(self.load(service, exporter.url, meanwhile=away), 0)
            self.assertIn(self.sockets()["word"], words, self.sockets())

    def test_what_does_not_go_together_is_refused(self):
        for flags, why in ((("--run", "x"), "--run names a stream in Redis; a node_exporter has none"),
                           (("--watch-port", "80"), "--watch-from and --watch-port exclude each other"),
                           (("--no-watch",), "--watch-from and --no-watch exclude each other")):
            self.refused(self.loadline("run", SCENARIO, "--watch-from", "http://127.0.0.1:9100", *flags), why)


if __name__ == "__main__":
    visible_skip.main()
