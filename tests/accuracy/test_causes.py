"""Why did it break there? Each cause is provoked once, and must be named first; where nothing
was provoked, none may be named."""
import contextlib
import functools
import json
import os
import pathlib
import signal
import tempfile
import threading
import unittest

import priority
import rig
import visible_skip

SURGE = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "surge.json"


class SlowableRedis(rig.Redis):
    """A Redis that obeys DEBUG SLEEP."""

    def start(self):
        self.launch(["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                     "--appendonly", "no", "--enable-debug-command", "local"], stdout=rig.subprocess.DEVNULL)
        rig.wait_until(self.answers, f"redis-server on port {self.port}")


@contextlib.contextmanager
def cpu_quota(pid, cores):
    """Puts the process into a cgroup of its own with a CPU quota. A skip where none can be made."""
    name = f"loadline-test-{os.getpid()}"
    v1, v2 = pathlib.Path("/sys/fs/cgroup/cpu"), pathlib.Path("/sys/fs/cgroup")
    group = (v1 if v1.is_dir() else v2) / name
    try:
        group.mkdir()
        if v1.is_dir():
            (group / "cpu.cfs_period_us").write_text("100000")
            (group / "cpu.cfs_quota_us").write_text(str(int(cores * 100000)))
        else:
            (group / "cpu.max").write_text(f"{int(cores * 100000)} 100000")
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        raise unittest.SkipTest(f"no cgroup with a CPU quota can be made here: {error}") from error
    try:
        yield
    finally:
        def leave_and_remove():
            with contextlib.suppress(OSError):
                (group.parent / "cgroup.procs").write_text(str(pid))
            with contextlib.suppress(OSError):
                group.rmdir()
            return not group.exists()
        rig.wait_until(leave_and_remove, "the cgroup to be removed")


class Later(threading.Thread):
    """Does something again and again from `after` seconds on, until it is stopped."""

    def __init__(self, after, every, action):
        super().__init__()
        self.after, self.every, self.action = after, every, action
        self.ended = threading.Event()

    def run(self):
        pause = self.after
        while not self.ended.wait(pause):
            self.action()
            pause = self.every

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


class Busy(Exception):
    """The machine was too busy for a run that says anything about its target."""


def tried_again(test):
    """Runs the test anew, at most three times, when the machine was too busy."""
    @functools.wraps(test)
    def run(self):
        for attempt in range(3):
            try:
                return test(self)
            except Busy:
                if attempt == 2:
                    raise
    return run


class CauseCase(unittest.TestCase):
    def run_load(self, service, steps, load, *flags):
        """A run of these steps: (exit code, results, seconds of the timeline, all that was printed)."""
        scenario = {"loadline": 1, "name": "causes", "targets": {"service": service.url},
                    "slo": ["p99 <= 100ms", "errors <= 0.1%"], "load": {"arrivals": "paced", **load},
                    "journeys": {"all": {"steps": steps}}}
        if "users" in load:
            del scenario["load"]["arrivals"]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "scenario.json"
            path.write_text(json.dumps(scenario))
            return self.run_file(path, *flags)

    def run_file(self, path, *flags):
        with tempfile.TemporaryDirectory() as folder:
            code, out, err = rig.run_loadline("run", path, "--quiet", "--out", folder, "--socket-tau", "1s", *flags)
            if code == 4:
                raise Busy(out + err)
            self.assertIn(code, (0, 1), out + err)
            results = json.loads((pathlib.Path(folder) / "summary.json").read_text())["results"]
            seconds = [json.loads(line) for line in (pathlib.Path(folder) / "timeline.jsonl").read_text().splitlines()]
            page = (pathlib.Path(folder) / "report.html").read_text()
        for finding in results.get("cause", {}).get("findings", []):
            self.assertIn(f">{finding['code']}<", page)
            self.assertIn(finding["code"], out)
        return code, results, seconds, out

    def assert_first(self, done, code, *texts):
        exit_code, results, _, out = done
        self.assertEqual(exit_code, 1, out)
        findings = results["cause"]["findings"]
        self.assertTrue(findings, out)
        self.assertEqual(findings[0]["code"], code, out)
        for text in texts:
            self.assertIn(text, findings[0]["text"])
        return findings[0]


class Quota(CauseCase):
    @tried_again
    def test_a_cpu_quota(self):
        with rig.Missiond("--kdf-rounds", "20000") as service:
            service.new_user("ann")
            with cpu_quota(service.pid, 0.1):
                done = self.run_load(
                    service, [{"name": "login", "http": "POST service/login", "json": {"name": "ann", "password": "pw-ann"}}],
                    {"rate": "4/s", "stages": [{"hold": "4s"}, {"to": "60/s", "over": "0"}, {"hold": "8s"}], "drain": "2s"})
                self.assert_first(done, "cpu_quota", "the CPU quota of 0.1 cores was used up")
                busy = [second["target"]["process"] for second in done[2] if second.get("target", {}).get("process")]
                self.assertTrue(all(process["quota_cores"] == 0.1 for process in busy))


class Causes(CauseCase):
    def setUp(self):
        priority.go_before_others(self)  # a quota would not hold what goes before others

    @tried_again
    def test_the_limit_of_descriptors(self):
        # Each of the 100 users waits for an answer on a connection of its own.
        with rig.Missiond("--fault", "capacity=50/s", "--fault", "nofile=64") as service:
            done = self.run_load(service, [{"name": "list", "http": "GET service/missions", "timeout": "1s"}],
                                 {"users": 100, "duration": "6s", "drain": "2s"})
            self.assert_first(done, "fd_limit", "64 of 64 file descriptors were open")

    def surge(self, *faults):
        with tempfile.TemporaryDirectory() as data:
            flags = [word for fault in faults for word in ("--fault", fault)]
            with rig.Missiond("--seed-demo", data, *flags) as service:
                return self.run_file(SURGE, "--target", f"service={service.url}", "--data-dir", data)

    @tried_again
    def test_a_surge_beyond_the_services_own_queue_is_503_and_dated(self):
        found = self.assert_first(self.surge("capacity=400/s", "queue=32"), "http_5xx", "HTTP 503")
        # The ramp of 50/s each second passes 400/s in the 10th second; 32 requests later the queue is full.
        self.assertTrue(400 <= found["rate_per_s"] <= 520, found)

    @tried_again
    def test_a_surge_beyond_the_accept_queue_is_the_kernels_and_dated(self):
        found = self.assert_first(self.surge("capacity=400/s", "backlog=5"), "accept_queue", "turned connections away")
        self.assertTrue(380 <= found["rate_per_s"] <= 520, found)

    def run_on_redis(self, disturb):
        """A load on a service whose Redis is disturbed from the 4th second on."""
        with SlowableRedis() as redis, rig.Missiond("--store", redis.url) as service:
            user = service.new_user("ann", cash=1000)
            with Later(4, 1, lambda: disturb(redis)):
                return self.run_load(
                    service, [{"name": "balance", "http": f"GET service/users/{user['userId']}",
                               "headers": {"Authorization": "Bearer " + user["accessToken"]}}],
                    {"rate": "50/s", "duration": "9s", "drain": "2s"}, "--watch-redis", redis.url)

    @tried_again
    def test_a_redis_that_sleeps(self):
        done = self.run_on_redis(lambda redis: redis.command("DEBUG", "SLEEP", "0.6"))
        self.assert_first(done, "redis_slow", "Redis was slow", "(DEBUG)")
        quiet = [second["target"]["redis"] for second in done[2] if "redis" in second.get("target", {})]
        self.assertTrue(any(redis.get("commands_per_s", 0) > 25 for redis in quiet), quiet)

    @tried_again
    def test_a_redis_that_runs_a_long_script(self):
        script = "local n = 0 for i = 1, tonumber(ARGV[1]) do n = n + i % 7 end return n"
        done = self.run_on_redis(lambda redis: redis.command("EVAL", script, 0, 60_000_000))
        self.assert_first(done, "redis_slow", "(EVAL)")

    @tried_again
    def test_a_restart(self):
        with rig.Missiond() as service:
            def crash():
                service.end(signal.SIGKILL)
                service.start()
            with Later(3, 60, crash):
                done = self.run_load(service, [{"name": "live", "http": "GET service/healthz/live"}],
                                     {"rate": "100/s", "duration": "7s", "drain": "2s"})
            self.assert_first(done, "restart", "restarted once", str(service.pid))

    @tried_again
    def test_a_healthy_run_has_none(self):
        with rig.Missiond() as service:
            code, results, seconds, out = self.run_load(
                service, [{"name": "live", "http": "GET service/healthz/live"}], {"rate": "50/s", "duration": "5s"},
                "--slo", "p99 < 5s", "--slo", "errors < 0.1%")
            self.assertEqual(code, 0, out)
            self.assertNotIn("cause", results)
            self.assertNotIn("not_seen", results)
            target = [second["target"] for second in seconds if "target" in second][-1]
            self.assertEqual(target["process"]["pid"], service.pid)
            self.assertGreater(target["process"]["fds"], 5)
            self.assertIn("kernel", target)

    @tried_again
    def test_where_nothing_was_provoked_the_cause_is_unknown(self):
        with rig.Missiond("--fault", "capacity=100/s") as service:  # its queue is its own secret
            code, results, _, out = self.run_load(
                service, [{"name": "list", "http": "GET service/missions"}],
                {"rate": "50/s", "stages": [{"hold": "4s"}, {"to": "150/s", "over": "0"}, {"hold": "4s"}], "drain": "1s"})
            self.assertEqual(code, 1, out)
            self.assertEqual(results["cause"]["findings"], [], out)
            self.assertIn("cause unknown", results["cause"]["text"])
            self.assertIn("cause unknown", out)


if __name__ == "__main__":
    visible_skip.main()
