"""The command line as a user meets it: verdict, exit code, report folder, signals, terminal."""
import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import time

import rig
import visible_skip
from cli_case import LOADLINE, PATIENT_SLOS, CliCase, Ended
from nginx import Nginx

REPORTS = ["latency.hgrm", "latency.hlog", "report.html", "sockets.jsonl", "summary.json", "timeline.jsonl"]


def one_request(url, **more):
    """The smallest scenario: one GET at 100/s for 2 s."""
    return {"loadline": 1, "name": "look", "targets": {"service": url},
            "load": {"rate": "100/s", "arrivals": "paced", "duration": "2s"},
            "journeys": {"look": {"steps": [{"name": "look", "http": "GET service/"}]}}, **more}


class AgainstNginx(CliCase):
    @classmethod
    def setUpClass(cls):
        cls.nginx = Nginx()
        cls.addClassCleanup(cls.nginx.stop)

    def start(self, *words, **options):
        """A loadline in the background; ended with the test."""
        process = subprocess.Popen([LOADLINE, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def end_of(self, process):
        out, err = process.communicate(timeout=30)
        return Ended(process.returncode, out, err)


class OneLiner(AgainstNginx):
    def assert_promised_keys(self, summary):
        for key in ("version", "metadata", "config", "results", "verdict"):
            self.assertIn(key, summary)
        self.assertIn(summary["verdict"]["word"], ("PASS", "FAIL", "INVALID"))
        self.assertIsInstance(summary["verdict"]["reasons"], list)
        results = summary["results"]
        for part in (results["total"], *results["steps"].values()):
            for key in ("requests", "errors", "rate_per_s", "outcomes"):
                self.assertIn(key, part)
            for times in ("response_time_ms", "service_time_ms"):
                self.assertLessEqual({"p50", "p90", "p99", "max", "mean"}, set(part[times]), times)
        generator = results["generator"]
        for key in ("scheduled", "sent", "dropped", "cpu_share_max", "limits"):
            self.assertIn(key, generator)
        for key in ("send_lag_ms", "pool_wait_ms"):
            self.assertLessEqual({"p50", "p99"}, set(generator[key]), key)
        self.assertLessEqual({"word", "flags"}, set(results["sockets"]))

    def test_a_closed_loop_passes_and_the_first_line_is_the_verdict(self):
        done = self.run_into_folder(f"{self.nginx.url}/", "-t1", "-c4", "-d1s", *PATIENT_SLOS)
        self.ended(done, 0)
        self.assertRegex(done.first_line, r"^PASS  ")
        summary = self.summary()
        self.assert_promised_keys(summary)
        self.assertEqual(summary["verdict"]["word"], "PASS")
        self.assertEqual(summary["config"]["load_model"], "closed")
        self.assertEqual(summary["results"]["total"]["outcomes"], {"ok": summary["results"]["total"]["requests"]})

    def test_a_rate_makes_it_an_open_paced_load_of_that_rate(self):
        done = self.run_into_folder(f"{self.nginx.url}/", "-t1", "-c8", "-d2s", "-R200", *PATIENT_SLOS)
        self.ended(done, 0)
        self.assertRegex(done.first_line, r"^PASS  ")
        summary = self.summary()
        self.assert_promised_keys(summary)
        self.assertEqual((summary["config"]["load_model"], summary["config"]["arrivals"]), ("open", "paced"))
        self.assertEqual(summary["results"]["total"]["requests"], 400)
        self.assertEqual(summary["results"]["generator"]["scheduled"], 400)

    def test_json_prints_the_summary_of_the_folder_and_nothing_else(self):
        done = self.run_into_folder(f"{self.nginx.url}/", "-c2", "-d1s", "-R100", "--json", *PATIENT_SLOS)
        self.ended(done, 0)
        self.assertEqual(json.loads(done.out), self.summary())

    def test_the_folder_holds_every_report_and_no_scenario(self):
        self.ended(self.run_into_folder(f"{self.nginx.url}/", "-c2", "-d1s", "-R100", *PATIENT_SLOS), 0)
        self.assertEqual(self.files(), REPORTS)
        for name in REPORTS:
            self.assertGreater((self.out / name).stat().st_size, 100, name)

    def test_the_folder_of_a_scenario_holds_the_scenario_as_run_too(self):
        done = self.run_into_folder("run", self.scenario(one_request(self.nginx.url)), "-d", "1s", *PATIENT_SLOS)
        self.ended(done, 0)
        self.assertEqual(self.files(), sorted(REPORTS + ["scenario.effective.json"]))
        effective = json.loads((self.out / "scenario.effective.json").read_text())
        self.assertEqual(effective["load"]["duration"], "1s")


class NamedProcess(AgainstNginx):
    def sockets_of(self, url, *flags):
        self.run_into_folder(url, "-d1s", "--socket-tau", "500ms", *flags)
        return self.summary()["results"]["sockets"]

    def test_a_worker_is_the_one_that_is_watched(self):
        nginx = Nginx(workers=2)
        self.addCleanup(nginx.stop)
        worker = nginx.workers()[-1]  # left to itself loadline takes the master
        self.assertNotEqual(self.sockets_of(nginx.url)["pid"], worker)
        self.assertEqual(self.sockets_of(nginx.url, "--watch-pid", worker)["pid"], worker)

    def test_it_makes_a_target_visible_that_is_not_on_loopback_by_its_address(self):
        url = f"http://[::ffff:127.0.0.1]:{self.nginx.port}"  # not known as loopback's
        named = self.sockets_of(url, "--allow-host", "::ffff:127.0.0.1", "--watch-pid", self.nginx.pid)
        self.assertEqual(named["pid"], self.nginx.pid)

    def test_what_is_closed_by_another_name_of_the_same_server_is_its_too(self):
        scenario = one_request(self.nginx.url, connections="per-request")
        scenario["targets"]["again"] = f"http://[::ffff:127.0.0.1]:{self.nginx.port}"  # not known as loopback's
        scenario["journeys"]["look"]["steps"].append({"name": "other", "http": "GET again/"})
        self.run_into_folder("run", self.scenario(scenario), "--socket-tau", "500ms", "--allow-host", "::ffff:127.0.0.1")
        results = self.summary()["results"]
        requests = sum(step["requests"] for step in results["steps"].values())
        self.assertGreater(requests, 300)
        self.assertLess(abs(results["sockets"]["closes"] - requests), 20, results["sockets"])


class Verdicts(AgainstNginx):
    def test_an_slo_that_cannot_hold_fails_and_is_named(self):
        scenario = one_request(self.nginx.url, slo=["p99 < 5s", "errors < 0.1%"])
        scenario["journeys"]["look"]["steps"][0]["expect"] = {"status": 201}
        self.assert_failed(self.run_into_folder("run", self.scenario(scenario)), "errors < 0.1%: 100 % of 200 failed")

    def test_a_latency_that_cannot_hold_fails_and_is_named(self):
        # In a closed loop nothing is due at a set time, so a busy machine cannot make it INVALID.
        self.assert_failed(self.run_into_folder(f"{self.nginx.url}/", "-t1", "-c2", "-d1s", "--slo", "p99 < 1us"), "p99 < 1us")

    def assert_failed(self, done, clause):
        self.ended(done, 1)
        self.assertRegex(done.first_line, "^FAIL  .*" + re.escape(clause))
        verdict = self.summary()["verdict"]
        self.assertEqual(verdict["word"], "FAIL")
        self.assertEqual([reason["code"] for reason in verdict["reasons"]], ["slo"])
        self.assertIn(clause, verdict["reasons"][0]["text"])

    def test_too_few_samples_never_pass(self):
        done = self.run_into_folder(f"{self.nginx.url}/", "-c2", "-d1s", "-R50", "--slo", "p99 < 5s")
        self.ended(done, 4)
        self.assertRegex(done.first_line, r"^INVALID  ")
        self.assertEqual([reason["code"] for reason in self.summary()["verdict"]["reasons"]], ["too_few_samples"])


class Refusals(AgainstNginx):
    def test_unknown_flags_are_named(self):
        self.refused(self.loadline(self.nginx.url, "--frobnicate"), "--frobnicate")
        self.refused(self.loadline("run", "x.json", "--frobnicate"), "--frobnicate")

    def test_flags_and_commands_of_later_versions_are_named(self):
        self.refused(self.loadline("replay", "a"), "replay", "not served")

    def test_a_redis_that_cannot_be_asked_is_refused(self):
        for flags, text in ((["rediss://127.0.0.1"], "only redis://"), (["redis://127.0.0.1", "--no-watch"], "--no-watch")):
            self.refused(self.loadline(self.nginx.url, "--watch-redis", *flags), "--watch-redis", text)

    def test_sockets_that_are_not_watched_cannot_be_judged_strictly(self):
        self.refused(self.loadline(self.nginx.url, "--strict-sockets", "--no-watch"), "--strict-sockets", "--no-watch")

    def test_a_container_s_process_must_be_there_and_be_watched(self):
        scenario = self.scenario(one_request(self.nginx.url))
        for command in (["run", scenario], ["search", scenario], ["watch", "--port", self.nginx.port]):
            self.refused(self.loadline(*command, "--watch-container-pid", "2147483646"),
                         "--watch-container-pid: no process 2147483646 is visible here")
        self.refused(self.loadline("run", scenario, "--watch-container-pid", self.nginx.pid, "--no-watch"),
                     "--watch-container-pid and --no-watch exclude each other")

    def test_a_process_that_does_not_hold_the_port_is_refused_and_the_one_that_does_is_named(self):
        scenario = self.scenario(one_request(self.nginx.url))
        beside = subprocess.Popen(["sleep", "60"])
        self.addCleanup(beside.wait)
        self.addCleanup(beside.kill)
        stranger = beside.pid
        for command in (["run", scenario, "--watch-pid"], ["search", scenario, "--watch-pid"],
                        ["watch", "--port", self.nginx.port, "--pid"]):
            with self.subTest(command=command):
                self.refused(self.loadline(*command, stranger), f"{command[-1]}: process {stranger} (",
                             f" holds no socket of port {self.nginx.port}",
                             f"hint: process {self.nginx.pid} listens there: ")

    def test_a_flag_that_cannot_be_read_is_named(self):
        scenario = self.scenario(one_request(self.nginx.url))
        for flag, value in (("--rate", "fast"), ("--rate", "-5"), ("--duration", "30"), ("--duration", "soon"),
                            ("--warmup", "x"), ("--target", "service"), ("--target", "=http://127.0.0.1"),
                            ("--target", "nobody=http://127.0.0.1"), ("--target", "service=ftp://127.0.0.1"),
                            ("--slo", "p99 < fast"), ("--slo", "p99"), ("--seed", "x"), ("--threads", "0"),
                            ("--connections", "many"), ("--max-rate", "x"), ("--arrivals", "often"),
                            ("--socket-tau", "0s"), ("--watch-pid", "x"), ("--watch-port", "0"),
                            ("--watch-container-pid", "auto")):
            with self.subTest(flag=flag, value=value):
                self.refused(self.loadline("run", scenario, f"{flag}={value}", "--out", self.out), flag)
                self.assertFalse(self.out.exists(), "nothing is made for a run that is refused")

    def test_a_flag_of_the_one_liner_that_cannot_be_read_is_named(self):
        for flag, value in (("--rate", "fast"), ("--duration", "30"), ("--header", "no colon"), ("--method", "G T"),
                            ("--slo", "p99 < fast"), ("--connections", "0"), ("--target", "service=http://127.0.0.1")):
            with self.subTest(flag=flag, value=value):
                self.refused(self.loadline(self.nginx.url, f"{flag}={value}", "--out", self.out), flag)

    def test_a_rate_above_max_rate_is_refused(self):
        self.refused(self.run_into_folder(self.nginx.url, "-R", "200/s", "--max-rate", "100/s"),
                     "--max-rate 100/s", "200/s", "nothing was sent")
        self.refused(self.run_into_folder("run", self.scenario(one_request(self.nginx.url)), "--max-rate", "99/s"),
                     "--max-rate 99/s", "nothing was sent")

    def test_a_target_outside_loopback_and_private_ranges_needs_allow_host(self):
        begin = time.monotonic()
        self.refused(self.run_into_folder("http://192.0.2.1/", "-d1s"), "192.0.2.1", "--allow-host", "nothing was sent")
        scenario = self.scenario(one_request("http://192.0.2.1"))
        self.refused(self.run_into_folder("run", scenario), "192.0.2.1", "--allow-host 192.0.2.1", "nothing was sent")
        self.assertLess(time.monotonic() - begin, 2, "no connection was waited for")

    def test_more_connections_than_descriptors_are_refused_with_the_numbers(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        done = subprocess.run([LOADLINE, self.nginx.url, "-c", "500", "--out", self.out], text=True, capture_output=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, min(200, hard))))
        self.refused(Ended(done.returncode, done.stdout, done.stderr), "500 connections", "200", "nothing was sent")

    def test_an_unwritable_out_is_refused_before_anything_is_sent(self):
        (self.folder / "file").write_text("")
        with rig.Missiond() as service:
            accepted = service.metric("missiond_connections_accepted_total")
            done = self.loadline(f"{service.url}/healthz/live", "-d1s", "--out", self.folder / "file" / "below")
            self.refused(done, str(self.folder / "file" / "below"), "cannot be used")
            self.assertEqual(service.metric("missiond_connections_accepted_total"), accepted + 1, "only this look")


class Arguments(AgainstNginx):
    def test_the_page_shows_the_command_line_without_its_secrets(self):
        self.loadline(f"{self.nginx.url}/", "-c2", "-d1s", "-R200", "-H", "Authorization: Bearer hush", *PATIENT_SLOS,
                      "--out", self.out)
        page = (self.out / "report.html").read_text()
        self.assertIn("-d1s -R200", page)
        self.assertNotIn("hush", page)


class FullDisk(AgainstNginx):
    def test_a_disk_that_fills_later_is_an_error_and_the_summary_still_appears(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

        done = self.end_of(self.start(f"{self.nginx.url}/", "-c2", "-d1s", "-R200", *PATIENT_SLOS, "--out", self.out,
                                      preexec_fn=small_files))
        self.ended(done, 70)
        self.assertRegex(done.first_line, r"^PASS  ")
        self.assertIn("Latency of transactions", done.out)
        self.assertRegex(done.err, r"error: .*summary\.json could not be written: File too large")
        self.assertEqual(self.files(), [], "no half files stay")


class Signals(AgainstNginx):
    def interrupt(self, number):
        process = self.start(f"{self.nginx.url}/", "-c2", "-d30s", "-R200", *PATIENT_SLOS, "--out", self.out)
        time.sleep(1.5)
        process.send_signal(number)
        return self.end_of(process)

    def assert_whole_report(self, done, code):
        self.ended(done, code)
        self.assertIn("interrupted", done.out)
        self.assertEqual(self.files(), REPORTS)
        summary = self.summary()
        self.assertIn("interrupted", [reason["code"] for reason in summary["verdict"]["reasons"]])
        self.assertGreater(summary["results"]["total"]["requests"], 100)
        self.assertLess(summary["metadata"]["elapsed_s"], 10)

    def test_sigint_ends_with_130_and_the_whole_report(self):
        self.assert_whole_report(self.interrupt(signal.SIGINT), 130)

    def test_sigterm_ends_with_143_and_the_whole_report(self):
        self.assert_whole_report(self.interrupt(signal.SIGTERM), 143)


class Terminal(AgainstNginx):
    def in_a_terminal(self, *words, **env):
        """Runs with stdout and stderr on a pseudo-terminal: (exit code, what it showed)."""
        pid, terminal = pty.fork()
        if pid == 0:
            environment = {**os.environ, "TERM": "xterm", **env}
            os.execve(LOADLINE, ["loadline", *map(str, words)], environment)
        shown = b""
        end = time.monotonic() + 30
        while time.monotonic() < end and select.select([terminal], [], [], 30)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
            shown += piece
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    words = ("-c2", "-d1s", "-R100", *PATIENT_SLOS)
    colour = re.compile(r"\x1b\[[0-9;]*m")

    def test_no_escape_code_leaves_when_stdout_is_not_a_terminal(self):
        done = self.run_into_folder(self.nginx.url, *self.words)
        self.ended(done, 0)
        self.assertNotIn("\x1b", done.out + done.err)

    def test_a_terminal_sees_colour(self):
        code, shown = self.in_a_terminal(self.nginx.url, *self.words, "--out", self.out)
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, self.colour)

    def test_no_color_is_honoured_in_a_terminal(self):
        code, shown = self.in_a_terminal(self.nginx.url, *self.words, "--out", self.out, NO_COLOR="1")
        self.assertEqual(code, 0, shown)
        self.assertIn("PASS", shown)
        self.assertNotRegex(shown, self.colour)


if __name__ == "__main__":
    visible_skip.main()
