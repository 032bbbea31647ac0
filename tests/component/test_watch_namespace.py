"""A leaking service in a network namespace of its own, as a container's: watched from outside."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import rig
import visible_skip
from cli_case import LOADLINE, PATIENT_SLOS, Ended
from namespaces import Namespace

CLIENT, SERVER, PORT = "10.231.7.1", "10.231.7.2", 8080
SCENARIO = {
    "loadline": 1, "name": "namespace", "targets": {"service": f"http://{SERVER}:{PORT}"},
    "load": {"rate": "60/s", "arrivals": "paced", "duration": "10s"}, "connections": "per-request",
    "journeys": {"look": {"steps": [{"name": "metrics", "http": "GET service/metrics"}]}},
}
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


class Service(rig.Missiond):
    def __init__(self, namespace, address, *flags):
        self.namespace = namespace
        super().__init__("--listen", f"{address}:{PORT}", *flags)

    def launch(self, command, **options):
        super().launch(self.namespace.inside(*command), **options)


class ServiceInAnotherNamespace(unittest.TestCase):
    """Loaded once from a third namespace; what it leaked stays to be watched."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="loadline-namespace-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.folder.chmod(0o755)
        cls.loadline = shutil.copy(LOADLINE, cls.folder / "loadline")  # where everybody may run it
        cls.client, cls.server = Namespace(), None
        cls.addClassCleanup(cls.client.stop)
        cls.server = Namespace()
        cls.addClassCleanup(cls.server.stop)
        cls.client.connect(cls.server, CLIENT, SERVER)
        # It forgets half of the connections that its clients close.
        cls.service = Service(cls.server, SERVER, "--fault", "leak-close-wait=50%")
        cls.addClassCleanup(cls.service.stop)
        scenario = cls.folder / "scenario.json"
        scenario.write_text(json.dumps(SCENARIO))
        # It is the service's port that is watched, and not that of what runs beside loadline.
        beside = cls.folder / "beside.json"
        targets = {"beside": f"http://127.0.0.1:{cls.listen_beside_loadline()}", **SCENARIO["targets"]}
        beside.write_text(json.dumps({**SCENARIO, "targets": targets}))
        run = ["--socket-tau", "1s", "--quiet", *PATIENT_SLOS]
        cls.ended = {}
        for name, path, flags in (("remote", scenario, ("--duration", "2s")),
                                  ("outside", scenario, ("--watch-port", PORT, "--duration", "1s")),
                                  ("entered", beside, ("--watch-container-pid", cls.server.pid))):
            done = subprocess.run(cls.client.inside(cls.loadline, "run", path, *run, *flags, "--out", cls.folder / name),
                                  capture_output=True, text=True, timeout=90)
            cls.ended[name] = Ended(done.returncode, done.stdout, done.stderr)

    @classmethod
    def listen_beside_loadline(cls):
        """Its port."""
        listen = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); time.sleep(600)"
        process = subprocess.Popen(cls.client.inside(sys.executable, "-c", listen), stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.kill)
        cls.addClassCleanup(process.stdout.close)
        return int(process.stdout.readline())

    def summary(self, name):
        return json.loads((self.folder / name / "summary.json").read_text())

    def watch(self, *words, before=()):
        done = subprocess.run([*before, self.loadline, "watch", "--port", str(PORT), "--for", "2500ms",
                               "--socket-tau", "500ms", *map(str, words)], capture_output=True, text=True, timeout=60)
        return Ended(done.returncode, done.stdout, done.stderr)

    def test_a_run_confirms_the_leak_and_names_the_service(self):
        self.assertEqual(self.ended["entered"].code, 1, str(self.ended["entered"]))
        sockets = self.summary("entered")["results"]["sockets"]
        self.assertEqual(sockets["word"], "LEAK_CONFIRMED", sockets["text"])
        low, high = sockets["leak_fraction_interval"]
        self.assertLess(low, 0.5)
        self.assertGreater(high, 0.5)
        self.assertEqual(sockets["pid"], self.service.pid)
        self.assertIn("missiond", sockets["command"])
        self.assertGreater(sockets["before"], 10)  # what the run before it leaked

    def test_what_is_closed_on_the_same_port_of_another_machine_is_not_counted(self):
        service = Service(self.client, "127.0.0.1")
        self.addCleanup(service.stop)
        path = self.folder / "both.json"
        targets = {"here": f"http://127.0.0.1:{PORT}", **SCENARIO["targets"]}
        steps = [*SCENARIO["journeys"]["look"]["steps"], {"name": "here", "http": "GET here/metrics"}]
        path.write_text(json.dumps({**SCENARIO, "targets": targets, "journeys": {"look": {"steps": steps}}}))
        done = subprocess.run(
            self.client.inside(self.loadline, "run", path, "--duration", "2s", "--socket-tau", "500ms", "--quiet",
                               *PATIENT_SLOS, "--out", self.folder / "both"), capture_output=True, text=True, timeout=60)
        results = self.summary("both")["results"]
        here, there = results["steps"]["here"]["requests"], results["steps"]["metrics"]["requests"]
        self.assertGreater(there, 80, done.stderr)
        self.assertEqual(results["sockets"]["pid"], service.pid)
        self.assertLess(abs(results["sockets"]["closes"] - here), 20, results["sockets"])

    def test_the_kernel_s_counters_and_the_descriptors_are_the_service_s(self):
        seconds = [json.loads(line) for line in (self.folder / "entered/timeline.jsonl").read_text().splitlines()]
        sent = sum(second.get("target", {}).get("kernel", {}).get("segments", 0) for second in seconds)
        self.assertGreater(sent, 2 * 500)  # 600 connections: an answer and more of each
        fds = [second["sockets"]["fds"] for second in seconds if "fds" in second.get("sockets", {})]
        self.assertGreater(fds[-1], fds[0] + 100)
        recorded = json.loads((self.folder / "entered/sockets.jsonl").read_text().splitlines()[0])
        self.assertEqual(recorded["netns"], os.stat(f"/proc/{self.server.pid}/ns/net").st_ino)

    def test_a_run_without_the_flag_sees_nothing_and_says_so(self):
        sockets = self.summary("outside")["results"]["sockets"]
        self.assertEqual(sockets["word"], "UNKNOWN", sockets["text"])
        self.assertIn("--watch-container-pid", sockets["text"])

    def test_a_run_that_cannot_watch_suspects_what_stays_half_closed_on_its_own_side(self):
        self.assertEqual(self.ended["remote"].code, 0, str(self.ended["remote"]))  # a warning
        results = self.summary("remote")["results"]
        self.assertEqual(results["sockets"]["word"], "SUSPECT", results["sockets"]["text"])
        self.assertEqual((results["sockets"]["closes"], results["sockets"]["leaked"]), (120, 60))
        self.assertIn("no --watch-port", results["sockets"]["text"])

    def test_watch_sees_the_leak_only_with_the_flag(self):
        seen = self.watch("--watch-container-pid", self.server.pid)
        self.assertEqual(seen.code, 1, str(seen))
        self.assertIn("\nLEAK_CONFIRMED  ", seen.out)
        self.assertIn(f"pid {self.service.pid}", seen.out)
        self.assertEqual(seen.err, "")
        with self.subTest("our own namespace"):
            self.assertEqual(self.watch().code, 3)

    def test_nobody_reads_the_sockets_from_proc_and_is_told_the_capability(self):
        rig.need_program("setpriv")
        seen = self.watch("--watch-container-pid", self.server.pid, before=NOBODY)
        self.assertEqual(seen.code, 1, str(seen))
        self.assertIn("\nLEAK_CONFIRMED  ", seen.out)
        self.assertIn("needs its user or CAP_SYS_PTRACE, and CAP_SYS_ADMIN to enter it", seen.err)

    def test_what_nobody_may_not_read_either_is_unknown_and_never_ok(self):
        rig.need_program("setpriv")
        hidden = ["unshare", "--mount", "sh", "-c", 'mount -t proc -o hidepid=1 proc /proc && exec "$@"', "sh", *NOBODY]
        seen = self.watch("--watch-container-pid", self.server.pid, before=hidden)
        self.assertEqual(seen.code, 4, str(seen))
        self.assertIn("\nUNKNOWN  ", seen.out)
        self.assertIn("CAP_SYS_ADMIN", seen.out)
        self.assertIn(f"/proc/{self.server.pid}/net/tcp cannot be read: needs its user or CAP_SYS_PTRACE", seen.out)


if __name__ == "__main__":
    visible_skip.main()
