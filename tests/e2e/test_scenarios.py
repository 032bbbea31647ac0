"""The scenarios that ship, against a private missiond on a private Redis; and scenarios that are
wrong, of which nothing may be sent."""
import json
import pathlib

import rig
import visible_skip
from cli_case import PATIENT_SLOS, CliCase

SCENARIOS = sorted(path for path in (pathlib.Path(__file__).resolve().parents[2] / "scenarios").glob("*.json")
                   if path.name != "scenario.schema.json")


class WithMissiond(CliCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = rig.Redis()
        cls.addClassCleanup(cls.redis.stop)
        cls.data = cls.redis.folder / "data"
        cls.service = rig.Missiond("--store", cls.redis.url, "--seed-demo", cls.data)
        cls.addClassCleanup(cls.service.stop)

    def requests(self):
        """Requests that missiond has answered, this look left out, and connections it accepted."""
        lines = self.service.get("/metrics").body.splitlines()
        answered = sum(float(line.rsplit(" ", 1)[1]) for line in lines
                       if line.startswith("missiond_requests_total{") and 'route="/metrics"' not in line)
        return answered, self.service.metric("missiond_connections_accepted_total")


class Shipped(WithMissiond):
    def test_every_scenario_is_valid(self):
        self.assertEqual([path.stem for path in SCENARIOS], ["bet-day", "bet", "close-wait", "login", "settlement", "surge"])
        done = self.loadline("validate", *SCENARIOS, "--data-dir", self.data)
        self.ended(done, 0)
        self.assertEqual([line.split(": ")[:2] for line in done.out.splitlines()],
                         [[str(path), "valid"] for path in SCENARIOS])

    def run_shipped(self, path):
        targets = ["--target", f"service={self.service.url}"]
        if '"cache"' in path.read_text():
            targets += ["--target", f"cache={self.redis.url}"]
        # The rate of a scenario with stages is what it is about.
        load = [] if '"stages"' in path.read_text() else ["--rate", "100/s", "--duration", "2s", "--warmup", "0s"]
        done = self.run_into_folder("run", path, *targets, "--data-dir", self.data, *load, *PATIENT_SLOS)
        self.ended(done, 0)
        self.assertRegex(done.first_line, r"^PASS  ")
        self.judged_again_alike()
        return self.summary()["results"]

    def judged_again_alike(self):
        """The recording of the sockets holds all that the verdict on them rests on."""
        sockets = self.summary()["results"]["sockets"]
        done = self.loadline("watch", "--replay", self.out / "sockets.jsonl", "--json")
        self.ended(done, 0)
        again = json.loads(done.out)
        self.assertEqual(again.pop("type"), "verdict")
        self.assertEqual(again, sockets)

    def test_every_scenario_passes_without_an_error_and_the_money_is_conserved(self):
        for path in SCENARIOS:
            with self.subTest(path.name):
                before = self.service.audit()
                results = self.run_shipped(path)
                after = self.service.audit()
                self.assertEqual(results["total"]["errors"], 0)
                self.assertGreater(results["total"]["requests"], 100)
                self.assertIn(results["sockets"]["word"], ("OK", "NOT_EXERCISED"))
                self.assertIn(str(self.service.pid), json.dumps(results["sockets"]), "the moved port is watched")
                self.assertEqual(after["cash"] + after["pots"], after["minted"])
                self.assertEqual(after["staked"], after["pots"] + after["paid"] + after["refunded"])
                settled = results["steps"].get("settle", {}).get("requests", 0)
                # Steps that are due after the window are not counted, but missiond settles them too.
                self.assertGreaterEqual(after["missions"]["succeeded"] - before["missions"]["succeeded"], settled)
                if path.stem == "close-wait":
                    self.assertEqual(results["sockets"]["word"], "OK")

    def test_the_scenario_as_run_runs_again(self):
        path = next(path for path in SCENARIOS if path.stem == "bet-day")
        self.run_shipped(path)
        effective = self.out / "scenario.effective.json"
        load = json.loads(effective.read_text())["load"]
        self.assertEqual((load["rate"], load["duration"]), ("100/s", "2s"))
        done = self.loadline("run", effective, "--data-dir", self.data, "--out", self.folder / "again")
        self.ended(done, 0)

    def test_a_second_run_with_the_same_seed_sends_other_idempotency_keys(self):
        path = next(path for path in SCENARIOS if path.stem == "bet")
        for _ in range(2):
            staked = self.service.audit()["staked"]
            bets = self.run_shipped(path)["total"]["requests"]
            self.assertGreaterEqual(self.service.audit()["staked"] - staked, bets, "every bet was a new one")


class Wrong(WithMissiond):
    def assert_nothing_sent(self, path, *texts):
        before, accepted = self.requests()
        done = self.run_into_folder("run", path, "--target", f"service={self.service.url}")
        self.refused(done, "nothing was sent", *texts)
        self.assertFalse(self.out.exists())
        after, accepted_now = self.requests()
        self.assertEqual(after, before)
        self.assertEqual(accepted_now - accepted, 2, "only this test's own looks")

    def test_a_scenario_that_cannot_be_read_is_refused(self):
        self.assert_nothing_sent(self.folder / "none.json", "none.json: No such file or directory")
        self.assert_nothing_sent(self.folder, "is a folder, not a scenario file")
        self.assert_nothing_sent(self.scenario("", "empty.json"), "empty.json")

    def test_a_truncated_scenario_is_refused_where_it_ends(self):
        for path in SCENARIOS:
            text = path.read_text()
            for share in (0.3, 0.6, 0.9):
                with self.subTest(path.name, share=share):
                    cut = self.scenario(text[:int(len(text) * share)], "cut.json")
                    done = self.loadline("validate", cut)
                    self.refused(done, "error; nothing was sent")
                    self.assertRegex(done.err, r"(?m)^\S*cut\.json:\d+:\d+: error: ")
                    self.assertRegex(done.err, r"(?m)^ +\| +\^")
        self.assert_nothing_sent(self.scenario(text[:len(text) // 2], "cut.json"), "cut.json:")

    def test_a_wrong_scenario_shows_every_error_with_line_and_column(self):
        path = self.scenario("""{
  "loadline": 1,
  "targets": { "service": "http://127.0.0.1:8080" },
  "lod": { "rate": "10/s" },
  "load": { "rate": "fast" },
  "journeys": { "look": { "steps": [
    { "name": "look", "http": "GET nobody/", "headers": { "A": "${token}" } } ] } }
}
""", "wrong.json")
        self.assert_nothing_sent(path, f"{path}:4:3: error: ", f"{path}:5:21: error: ", f"{path}:7:", "^", "hint: ",
                                 "4 errors; nothing was sent")


class CloseWaitFalse(CliCase):
    def setUp(self):
        super().setUp()
        self.service = rig.Missiond("--fault", "leak-close-wait=100%")
        self.addCleanup(self.service.stop)

    def run_unwatched(self, *words):
        path = self.scenario({
            "loadline": 1, "name": "unwatched", "targets": {"service": self.service.url}, "connections": "per-request",
            "load": {"rate": "300/s", "duration": "1s"}, "watch": {"port": self.service.port, "close_wait": False},
            "journeys": {"look": {"steps": [{"name": "look", "http": "GET service/healthz/live"}]}}})
        done = self.run_into_folder("run", path, "--strict-sockets", "--socket-tau", "300ms", *PATIENT_SLOS, *words)
        return done, self.summary()["results"]

    def test_the_sockets_of_a_server_that_leaks_are_neither_watched_nor_judged(self):
        done, results = self.run_unwatched()
        self.ended(done, 0)
        self.assertNotIn("sockets", results, "nor by our own ends of the connections")
        self.assertEqual(results["not_watched"], 'the scenario\'s "watch" says "close_wait": false')

    def test_a_port_on_the_command_line_is_stronger(self):
        done, results = self.run_unwatched("--watch-port", self.service.port)
        self.ended(done, 1)
        self.assertEqual(results["sockets"]["word"], "SUSPECT")


class Secrets(CliCase):
    def assert_unseen(self, secret, done):
        self.assertNotIn(secret, done.out)
        self.assertNotIn(secret, done.err)
        for path in self.out.iterdir():
            self.assertNotIn(secret.encode(), path.read_bytes(), path.name)

    def test_a_redis_password_from_the_environment_appears_nowhere(self):
        secret = "s3cr3t-of-redis"
        scenario = {"loadline": 1, "name": "secret", "targets": {"cache": "redis://:${env.RIG_SECRET}@127.0.0.1:%d"},
                    "load": {"rate": "100/s", "duration": "1s"}, "slo": ["errors < 100%"],
                    "journeys": {"look": {"steps": [{"name": "look", "redis": ["ECHO", "${env.RIG_SECRET}"], "on": "cache",
                                                     "expect": {"equals": "another"}}]}}}
        with rig.Redis() as redis:
            redis.command("CONFIG", "SET", "requirepass", secret)
            scenario["targets"]["cache"] %= redis.port
            path = self.scenario(scenario)
            done = self.run_into_folder("run", path, env={"RIG_SECRET": secret})
            self.assertIn(done.code, (0, 1), str(done))
            self.assertEqual(set(self.summary()["results"]["total"]["outcomes"]), {"check_failed"}, "let in, and quoted")
            self.assert_unseen(secret, done)
            wrong = self.loadline("run", path, "--out", self.folder / "wrong", env={"RIG_SECRET": "s3cr3t-but-wrong"})
            self.assertNotEqual(wrong.code, 0)
            self.assertNotIn("s3cr3t-but-wrong", wrong.out + wrong.err)

    def test_an_http_secret_from_the_environment_appears_nowhere(self):
        secret = "s3cr3t-of-http"
        with rig.Missiond() as service:
            scenario = {"loadline": 1, "name": "secret", "targets": {"service": service.url},
                        "load": {"rate": "100/s", "duration": "1s"},
                        "journeys": {"look": {"steps": [
                            {"name": "look", "http": "GET service/audit?key=${env.RIG_SECRET}",
                             "headers": {"Authorization": "Bearer ${env.RIG_SECRET}"}}]}}}
            done = self.run_into_folder("run", self.scenario(scenario), env={"RIG_SECRET": secret})
            self.ended(done, 1)
            self.assertEqual(set(self.summary()["results"]["total"]["outcomes"]), {"http_4xx"})
            self.assert_unseen(secret, done)

    def test_the_password_of_a_target_flag_appears_nowhere(self):
        secret = "s3cr3t-of-the-flag"
        with rig.Redis() as redis:
            redis.command("CONFIG", "SET", "requirepass", secret)
            scenario = {"loadline": 1, "name": "secret", "targets": {"cache": "redis://127.0.0.1:6379"},
                        "load": {"rate": "100/s", "duration": "1s"},
                        "journeys": {"look": {"steps": [{"name": "look", "redis": ["PING"], "on": "cache"}]}}}
            done = self.run_into_folder("run", self.scenario(scenario), *PATIENT_SLOS,
                                        "--target", f"cache=redis://:{secret}@127.0.0.1:{redis.port}")
            self.ended(done, 0)
            self.assert_unseen(secret, done)


class Watch(CliCase):
    def test_watching_a_healthy_service_for_longer_than_tau_is_ok(self):
        with rig.Missiond() as service:
            done = self.loadline("watch", "--port", service.port, "--for", "2s", "--socket-tau", "500ms")
        self.ended(done, 0)
        self.assertRegex(done.out, r"(?m)^OK  ")

    def test_watching_for_less_than_tau_is_inconclusive(self):
        with rig.Missiond() as service:
            done = self.loadline("watch", "--port", service.port, "--for", "1s")
        self.ended(done, 4)
        self.assertRegex(done.out, r"(?m)^INCONCLUSIVE  .*tau")

    def test_a_port_where_nothing_listens_is_exit_3(self):
        port = rig.free_port()
        done = self.loadline("watch", "--port", port, "--for", "1s")
        self.ended(done, 3)
        self.assertEqual(done.out, "")
        self.assertIn(f"nothing listens on port {port}", done.err)


if __name__ == "__main__":
    visible_skip.main()
