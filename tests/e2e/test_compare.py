"""loadline compare: two stored runs, and the gate of two start commands, two URLs."""
import json
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import xml.etree.ElementTree

import machine
import rig
import visible_skip
from cli_case import LOADLINE, CliCase, Ended

try:
    import jsonschema
except ImportError:
    jsonschema = None

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Nothing is served there, but missiond's queue (--fault capacity) is before the answer.
MISSING = {"name": "ask", "http": "GET service/nothing", "expect": {"status": 404}}


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class CompareCase(CliCase):
    def setUp(self):
        super().setUp()
        self.port = rig.free_port()

    def ask(self, rate="200/s", port=None, **more):
        return self.scenario({"loadline": 1, "name": "ask", "targets": {"service": f"http://127.0.0.1:{port or self.port}"},
                              "slo": ["p99 < 5s", "errors < 0.1%"],
                              "load": {"rate": rate, "arrivals": "paced", "duration": "2s"},
                              "journeys": {"ask": {"steps": [MISSING]}}, **more})

    def missiond(self, capacity, port=None):
        """A start command: each request takes 1/capacity s, in turn."""
        return f"{rig.BIN.resolve()}/missiond --listen 127.0.0.1:{port or self.port} --fault capacity={capacity}/s"

    def comparison(self):
        comparison = json.loads((self.out / "compare.json").read_text())
        if jsonschema:
            schema = json.loads((ROOT / "docs" / "compare.schema.json").read_text())
            jsonschema.Draft202012Validator.check_schema(schema)
            wrong = [f"/{'/'.join(map(str, e.absolute_path))}: {e.message}"
                     for e in jsonschema.Draft202012Validator(schema).iter_errors(comparison)]
            self.assertEqual(wrong, [])
        return comparison


SHORT = ("--pairs", 8, "--segment", "1s", "--warmup", "200ms", "-t1")


class Gate(CompareCase):
    def gate(self, base, candidate, *more, scenario=None, **options):
        def run():
            done = self.run_into_folder("compare", "--base", base, "--candidate", candidate, scenario or self.ask(),
                                        *SHORT, *more, timeout=240, **options)
            if done.code == 4 and "dropped with" in done.out:
                shutil.rmtree(self.out)  # it is the next one's
                raise machine.Busy(str(done), late_ms=10, seconds=1)  # a percent of a segment
            return done
        return machine.tried(run)

    def test_a_slower_build_fails_with_every_report(self):
        step_summary = self.folder / "step.md"
        # A shell that stays, so that the service is its child.
        slow = f"echo starting; {self.missiond(400)} & wait"
        done = self.gate(self.missiond(2000), slow, env={"GITHUB_STEP_SUMMARY": str(step_summary)})
        self.ended(done, 1)
        self.assertRegex(done.first_line, r"^FAIL  p50 is \d+ % slower than the base \(p = 0\.00\d; more than 3 % fails\)")
        self.assertFalse(listens(self.port), "the services have ended")
        self.assertEqual(self.files(), ["base.log", "candidate.log", "compare.json", "compare.junit.xml", "compare.md"])

        found = self.comparison()
        self.assertEqual(found["verdict"]["word"], "FAIL")
        self.assertTrue(found["config"]["restarts"])
        figures = {figure["metric"]: figure for figure in found["results"]["figures"]}
        # 0.5 ms against 2.5 ms, and what the machine adds to both.
        self.assertGreater(figures["p50"]["change_share"], 0.5)
        self.assertEqual(figures["p50"]["word"], "FAIL")
        self.assertEqual(figures["errors"]["word"], "PASS")
        order = [segment["side"][0] for segment in found["results"]["segments"]]
        self.assertEqual("".join(order), "bccb" * 4)

        cases = xml.etree.ElementTree.parse(self.out / "compare.junit.xml").getroot().find("testsuite")
        failed = [case.get("name") for case in cases if case.find("failure") is not None]
        self.assertIn("verdict", failed)
        self.assertIn("p50", failed)
        markdown = (self.out / "compare.md").read_text()
        self.assertTrue(markdown.startswith("### ❌ FAIL: p50 is "), markdown)
        self.assertEqual(step_summary.read_text(), markdown + "\n")

    def test_the_same_build_twice_does_not_fail(self):
        """The gate takes one of 40 equal builds for a slower one (tests/accuracy/gate_power.cpp), so a second FAIL
        in a row has a chance of 1 in 1600."""
        done = self.gate(self.missiond(400), self.missiond(400), "--json")
        if done.code == 1:
            print("FAIL by chance, once:", json.loads(done.out)["verdict"]["reasons"], file=sys.stderr)
            shutil.rmtree(self.out)
            done = self.gate(self.missiond(400), self.missiond(400), "--json")
        found = json.loads(done.out)
        self.ended(done, 0)
        self.assertIn(found["verdict"]["word"], ("PASS", "WARN"))
        self.assertEqual(found["results"]["kept_pairs"], 8)
        self.assertIn("a segment had only", " ".join(found["results"]["notes"]))

    def test_errors_above_the_slo_fail_however_quick(self):
        wrong = "python3 -c '" + "import http.server as h\n" \
            "class H(h.BaseHTTPRequestHandler):\n protocol_version = \"HTTP/1.1\"\n" \
            " def do_GET(s): s.send_response(200); s.send_header(\"Content-Length\", \"0\"); s.end_headers()\n" \
            " def log_message(*a): pass\n" \
            f"h.ThreadingHTTPServer((\"127.0.0.1\", {self.port}), H).serve_forever()'"
        done = self.gate(self.missiond(2000), wrong, "--rate", "120/s")
        self.ended(done, 1)
        self.assertIn("the candidate's error rate is 100 %, and the SLO allows 0.1 % (the base's: 0 %)", done.out)

    def test_a_candidate_that_does_not_come_up_is_named_and_the_base_ends(self):
        done = self.gate(self.missiond(2000), "echo no port >&2; exit 3")
        self.ended(done, 4)
        self.assertRegex(done.first_line, "^INCONCLUSIVE  --candidate: .* ended before the service was there: no port")
        self.assertFalse(listens(self.port))

    def test_a_base_that_does_not_come_up_leaves_nothing(self):
        done = self.gate("exit 3", self.missiond(2000))
        self.refused(done, '--base: "exit 3" ended before the service was there', "it printed nothing")
        self.assertFalse(self.out.exists())

    def test_a_base_that_never_listens_is_unreachable_and_ended(self):
        done = self.gate(f"echo $$ > {self.folder}/pid; sleep 50", self.missiond(2000), "--ready-timeout", "300ms")
        self.ended(done, 3)
        self.assertIn(f"does not answer at 127.0.0.1:{self.port} within 300 ms", done.err)
        pid = int((self.folder / "pid").read_text())
        self.assertFalse(pathlib.Path(f"/proc/{pid}").exists(), "the shell has ended")

    def test_what_answers_already_is_not_taken_for_the_base(self):
        with rig.Missiond() as service:
            done = self.gate(self.missiond(100), self.missiond(100), scenario=self.ask(port=service.port))
            self.refused(done, f"something answers at 127.0.0.1:{service.port} already")

    def test_ctrl_c_leaves_the_report_of_what_ran_and_no_service(self):
        process = subprocess.Popen(
            [LOADLINE, "compare", "--base", self.missiond(2000), "--candidate", self.missiond(2000),
             str(self.ask()), *map(str, SHORT), "--out", str(self.out)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        rig.wait_until(lambda: (self.out / "candidate.log").exists(), "the first candidate", 60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        done = Ended(process.returncode, out, err)
        self.ended(done, 130)
        self.assertIn("interrupted by a signal: a partial result", done.out)
        self.assertFalse(listens(self.port))
        found = self.comparison()
        self.assertEqual(found["verdict"]["word"], "INCONCLUSIVE")
        self.assertEqual(found["verdict"]["exit_code"], 130)
        self.assertGreaterEqual(len(found["results"]["segments"]), 1)

    def test_two_urls_are_compared_within_their_processes(self):
        flags = ("--fault", "capacity=2000/s")
        with rig.Missiond(*flags) as base, rig.Missiond("--fault", "capacity=400/s") as candidate:
            done = self.gate(base.url, "service=" + candidate.url)
        self.ended(done, 1)
        self.assertIn("within-process comparison only", done.out)
        self.assertFalse(self.comparison()["config"]["restarts"])


    def test_each_side_gets_the_addresses_that_the_other_does_not_need(self):
        seen = set()

        class Answer(socketserver.StreamRequestHandler):
            def handle(self):
                while self.rfile.readline().strip():
                    seen.add(self.client_address[0])
                self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                self.rfile.read()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size, allow_reuse_address = True, 128, True

        # An address is good for 80 % of the ports in a minute. Of 127.x it is two then; a name gets none.
        low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
        rate = f"{(high - low + 1) * 0.8 / 60 * 1.1:.0f}/s"
        scenario = self.ask(churn={"fin-idle": 1}, load={"rate": rate, "arrivals": "paced", "duration": "60s"})
        with Server(("127.0.0.1", 0), Answer) as base, rig.Missiond() as candidate:
            threading.Thread(target=base.serve_forever, daemon=True).start()
            named = candidate.url.replace("127.0.0.1", "localhost")
            done = self.run_into_folder("compare", "--base", f"http://127.0.0.1:{base.server_address[1]}",
                                        "--candidate", named, scenario, *SHORT, timeout=240)
            base.shutdown()
        self.assertIn(done.code, (0, 1, 4), done)  # what it found is another matter
        self.assertEqual(seen, {"127.0.0.1", "127.0.0.2"}, done)


class Stored(CompareCase):
    @classmethod
    def setUpClass(cls):
        cls.service = rig.Missiond("--fault", "capacity=1000/s")
        cls.addClassCleanup(cls.service.stop)

    def stored(self, name, *more, rate="200/s"):
        folder = self.folder / "runs" / name

        def run():
            shutil.rmtree(folder, ignore_errors=True)
            done = self.loadline("run", self.ask(rate, self.service.port), "-t1", "--quiet", "--out", folder, *more)
            machine.no_lag_of_our_own(json.loads((folder / "summary.json").read_text()))
            self.assertIn(done.code, (0, 1), done)
        machine.tried(run)
        return folder

    def test_two_runs_alike_exit_0_and_name_every_percentile(self):
        base, candidate = self.stored("base"), self.stored("candidate")
        done = self.loadline("compare", base, candidate)
        self.ended(done, 0)
        self.assertRegex(done.first_line, "^(PASS|WARN)  ")
        for name in ("p50", "p99", "errors", "All transactions", str(base), str(candidate)):
            self.assertIn(name, done.out)
        self.assertIn("how much two runs of one build differ is not known", done.out)

    def test_a_slower_run_is_a_warning_and_with_strict_a_failure(self):
        base = self.stored("base")
        with rig.Missiond("--fault", "capacity=250/s") as slow:
            candidate = self.stored("candidate", "--target", "service=" + slow.url)
        done = self.run_into_folder("compare", base, candidate)
        self.ended(done, 0)
        self.assertRegex(done.first_line, r"^WARN  p50 is \d+ % slower")
        self.assertEqual(self.files(), ["compare.json", "compare.junit.xml", "compare.md"])
        self.assertEqual(self.comparison()["metadata"]["kind"], "stored")
        self.ended(self.loadline("compare", base, candidate, "--strict"), 1)

    def test_further_runs_of_the_base_set_the_limits(self):
        base, candidate = self.stored("base"), self.stored("candidate")
        self.stored("again")
        self.stored("once-more")
        done = self.run_into_folder("compare", base, candidate, "--history", base.parent)
        self.ended(done, 0)
        self.assertIn("limits from 3 runs of the base", " ".join(self.comparison()["results"]["notes"]))

    def test_what_cannot_be_compared_is_refused_with_the_reason(self):
        base = self.stored("base")
        other_rate = self.stored("rate", rate="100/s")
        self.refused(self.loadline("compare", base, other_rate), "different scenarios")
        same_text = self.stored("flag", "--rate", "100/s")
        self.refused(self.loadline("compare", base, same_text), "their loads differ: 200 journeys/s", "100 journeys/s")
        self.refused(self.loadline("compare", base, self.folder / "nothing"), "nothing: there is no such folder")
        self.refused(self.loadline("compare", base, self.folder), "has no summary.json")
        self.refused(self.loadline("compare", "--max-tps", base, base), "--max-tps compares two searches")

    def test_another_machine_is_said_and_an_invalid_run_is_inconclusive(self):
        base = self.stored("base")
        summary = json.loads((base / "summary.json").read_text())
        summary["metadata"]["cpu_model"] = "Another CPU"
        other = self.folder / "other"
        other.mkdir()
        (other / "summary.json").write_text(json.dumps(summary))
        done = self.loadline("compare", base, other)
        self.ended(done, 0)
        self.assertRegex(" ".join(done.out.split()), "note: made on different machines: .* and .*Another CPU")
        summary["verdict"] = {"word": "INVALID", "reasons": [{"code": "send_lag", "text": "sent late"}], "exit_code": 4}
        (other / "summary.json").write_text(json.dumps(summary))
        done = self.loadline("compare", base, other)
        self.ended(done, 4)
        self.assertEqual(done.first_line, "INCONCLUSIVE  the candidate run is INVALID: sent late")


class Flags(CompareCase):
    def test_what_has_no_effect_or_cannot_be_read_is_refused(self):
        gate = ("compare", "--base", "sleep 1", "--candidate", "sleep 1")
        for words, texts in (
                (("compare",), ("what",)),
                (("compare", "a"), ("two report folders",)),
                (("compare", "a", "b", "--rate", "5/s"), ("--rate is for a gate",)),
                (("compare", "a", "b", "-t1"), ("--threads is for a gate",)),
                (("compare", "--base", "sleep 1", "s.json"), ("both --base and --candidate",)),
                ((*gate, "a", "b"), ("one scenario",)),
                ((*gate, "s.json", "--history", "x"), ("--history is for two report folders",)),
                ((*gate, "s.json", "--max-tps"), ("--max-tps is for two report folders",)),
                ((*gate, self.ask(), "--pairs", "7"), ("--pairs: between 8",)),
                ((*gate, self.ask(), "--segment", "5"), ("--segment: ",)),
                ((*gate, self.ask(), "--warmup", "x"), ("--warmup: ",)),
                ((*gate, self.ask(), "--rate", "fast"), ("--rate: ",)),
                ((*gate, self.ask(), "--max-rate", "10/s"), ("above --max-rate 10/s",)),
                (("compare", "--base", "sleep 1", "--candidate", "http://127.0.0.1:1", self.ask()), ("not one of each",)),
                ((*gate, self.scenario({**json.loads(self.ask().read_text()), "load": {"users": 3, "duration": "1s"}}, "closed.json")),
                 ("a gate holds one rate",)),
        ):
            with self.subTest(words=words):
                self.refused(self.loadline(*words, "--out", self.out), *texts)
                self.assertFalse(self.out.exists())

    def test_the_job_of_the_docs_uses_flags_that_exist(self):
        job = (ROOT / "docs" / "compare-gate.yml").read_text()
        command = job[job.index("bin/loadline compare"):job.index("candidate/perf/scenario.json")]
        used = set(re.findall(r"(?<=\s)--[a-z-]+", re.sub(r"'[^']*'", "", command)))
        self.assertLessEqual({"--base", "--candidate", "--rate", "--out"}, used)
        known = self.loadline("compare", "--help").out
        for flag in used:
            self.assertIn(flag, known)


if __name__ == "__main__":
    visible_skip.main()
