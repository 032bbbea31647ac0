"""Why did it break there? Each cause is provoked once, and must be named first; where nothing
was provoked, none may be named."""
import contextlib
import json
import os
import pathlib
import signal
import tempfile
import threading
import time
import unittest

import machine
import rig
import visible_skip
from cause_case import SLO, CauseCase, Later
from costly_server import CostlyServer
from machine import Busy, tried_again
from provoke import Network, OneCore, memory_limit, ordinary
from witness import Witness

SURGE = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "surge.json"


def timed(action):
    """How many seconds it took."""
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


class SlowableRedis(rig.Redis):
    """A Redis that obeys DEBUG SLEEP."""

    def start(self):
        self.launch(["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                     "--appendonly", "no", "--enable-debug-command", "local"], stdout=rig.subprocess.DEVNULL)
        rig.wait_until(self.answers, f"redis-server on port {self.port}")


class Quota(CauseCase):
    def setUp(self):
        machine.go_before_others(self)  # the meter too; the service alone is ordinary

    @tried_again
    def test_a_cpu_quota(self):
        with self.logins_under_a_quota() as (url, login, witness):
            done = self.run_load(
                url, [login],
                {"rate": "4/s", "stages": [{"hold": "4s"}, {"to": "60/s", "over": "0"}, {"hold": "8s"}], "drain": "2s"})
        self.assert_throttled(done[2], witness)
        self.assert_first(done, "cpu_quota", "the CPU quota of 0.1 cores was used up")


class Causes(CauseCase):
    def setUp(self):
        machine.go_before_others(self)

    @tried_again
    def test_the_limit_of_descriptors(self):
        # Each of the 100 users waits for an answer on a connection of its own.
        with rig.Missiond("--fault", "capacity=50/s", "--fault", "nofile=64") as service:
            done = self.run_load(service.url, [{"name": "list", "http": "GET service/missions", "timeout": "1s"}],
                                 {"users": 100, "duration": "6s", "drain": "2s"})
            self.assert_first(done, "fd_limit", "64 of 64 file descriptors were open")

    def surge(self, *faults):
        with tempfile.TemporaryDirectory() as data:
            flags = [word for fault in faults for word in ("--fault", fault)]
            with rig.Missiond("--seed-demo", data, *flags) as service:
                return self.run_file(SURGE, "--target", f"service={service.url}", "--data-dir", data)

    @tried_again
    def test_a_surge_beyond_the_services_own_queue_is_503_and_dated(self):
        found = self.assert_first(self.surge("capacity=400/s", "queue=32"), "http_503",
                                  "refused by the service itself", "HTTP 503")
        # The ramp of 50/s each second passes 400/s in the 10th second; 32 requests later the queue is full.
        self.assertLessEqual(found["rate_per_s"], 520, found)
        with machine.within(late_ms=80):  # what a stall keeps back comes at once, and may fill the queue early
            self.assertGreaterEqual(found["rate_per_s"], 400, found)

    @tried_again
    def test_a_queue_of_1024_that_runs_over_is_503(self):
        capacity, room, quiet, surge = 400, 1024, 3.5, 1500  # per second, requests, seconds, per second
        with rig.Missiond("--fault", f"capacity={capacity}/s", "--fault", f"queue={room}") as service:
            done = self.run_load(service.url, [{"name": "list", "http": "GET service/missions", "timeout": "5s"}],
                                 {"rate": "200/s", "drain": "3s", "stages": [
                                     {"hold": f"{quiet}s"}, {"to": f"{surge}/s", "over": "0"}, {"hold": "3s"}]})
        found = next((finding for finding in done[1]["cause"]["findings"] if finding["code"] == "http_503"), None)
        self.assertIsNotNone(found, done[3])
        # It is dated by the end of the first second with the five refusals that it takes to name them.
        ran_over = [second["t_s"] for second in done[2] if second.get("http_5xx_status", {}).get("503", 0) >= 5]
        self.assertEqual(found["since_s"], ran_over[0], ran_over)
        # And that is the second in which the queue is full, a good half of it before its end.
        full = quiet + room / (surge - capacity)
        begin = done[2][0]["t_s"] - done[2][0]["length_s"]
        self.assertGreater(found["since_s"] - begin, quiet)  # fewer have come by then than it has room for
        with machine.within(late_ms=250):
            self.assertTrue(0 <= found["since_s"] - begin - full < 1, (begin, full, found))
        self.assertNotIn("accept_queue", [finding["code"] for finding in done[1]["cause"]["findings"]])

    @tried_again
    def test_a_surge_beyond_the_accept_queue_is_the_kernels_and_dated(self):
        found = self.assert_first(self.surge("capacity=400/s", "backlog=5"), "accept_queue", "turned connections away")
        self.assertLessEqual(found["rate_per_s"], 520, found)
        with machine.within(late_ms=80):
            self.assertGreaterEqual(found["rate_per_s"], 380, found)

    def run_on_redis(self, disturb):
        """A load on a service whose Redis is disturbed from the 4th second on."""
        with SlowableRedis() as redis, rig.Missiond("--store", redis.url) as service:
            user = service.new_user("ann", cash=1000)
            with Later(4, 1, lambda: disturb(redis)):
                return self.run_load(
                    service.url, [{"name": "balance", "http": f"GET service/users/{user['userId']}",
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
            nobody_listens = threading.Event()

            def crash():
                service.end(signal.SIGKILL)
                nobody_listens.wait(0.5)
                service.start()
            with Later(3, 60, crash):
                done = self.run_load(service.url, [{"name": "live", "http": "GET service/healthz/live"}],
                                     {"rate": "100/s", "duration": "7s", "drain": "2s"})
            self.assert_first(done, "restart", "restarted once", str(service.pid))

    @tried_again
    def test_a_restart_of_redis(self):
        with rig.Redis() as redis:
            ended = threading.Event()

            def crash():
                redis.end(signal.SIGKILL)
                ended.wait(2.5)
                redis.start()
            with Later(3, 60, crash):
                done = self.run_load(redis.url, [{"name": "ping", "redis": ["PING"], "on": "service"}],
                                     {"rate": "50/s", "duration": "9s", "drain": "1s"})
        found = self.assert_first(done, "redis_restart", "Redis was restarted once")
        self.assertTrue(5 <= found["since_s"] <= 8, found)
        self.assertIn("redis_silent", [finding["code"] for finding in done[1]["cause"]["findings"]])
        silent = [second["t_s"] for second in done[2]
                  if second.get("target", {}).get("redis", {}).get("pings_unanswered")]
        self.assertTrue(silent and 3 <= silent[0] <= 5.5, silent)

    def assert_seen(self, done, witness, figure, good, bad):
        """At most `good` of a figure of the process in the first three seconds, and at least `bad` from the fourth to
        the ninth, as a witness saw it and as the watch says."""
        looks = [(second["t_s"], second["target"]["process"]) for second in done[2]
                 if second.get("target", {}).get("process")]
        early = self.assert_agrees(looks, figure, witness, 0, 3.5)
        late = self.assert_agrees(looks, figure, witness, 4, 9.5)
        if figure == "run_queue_wait_s_per_s":
            if early.waited > good:
                raise Busy(f"others were on its core before: {early}", seconds=0)
            self.assertGreaterEqual(late.waited, bad, late)
            return
        self.assertLessEqual(early.used, good, early)
        if late.used < bad:
            self.assert_wanted(late, bad)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two cores")
    @tried_again
    def test_one_thread_that_does_all_the_work(self):
        with CostlyServer(ordinary) as service, Witness(service.pid) as witness:
            done = self.run_load(service.url, [{"name": "work", "http": "GET service/cpu/8"}],
                                 {"rate": "20/s", "stages": [{"hold": "4s"}, {"to": "200/s", "over": "0"}, {"hold": "5s"}],
                                  "drain": "2s"})
            self.assert_seen(done, witness, "busiest_thread_share", 0.5, 0.92)
            self.assert_first(done, "cpu_thread", "one thread of the target used 9", "it does all the work alone")

    @tried_again
    def test_all_the_cores_it_may_use(self):
        with CostlyServer(ordinary) as service, Witness(service.pid) as witness:
            os.sched_setaffinity(service.pid, {max(os.sched_getaffinity(0))})
            done = self.run_load(service.url, [{"name": "work", "http": "GET service/cpu/8"}],
                                 {"rate": "20/s", "stages": [{"hold": "4s"}, {"to": "200/s", "over": "0"}, {"hold": "5s"}],
                                  "drain": "2s"})
            self.assert_seen(done, witness, "cores_used", 0.5, 0.92)
            self.assert_first(done, "cpu", "of 1 cores")

    @tried_again
    def test_others_on_its_core(self):
        with OneCore(spinners=6) as core, CostlyServer(core.enter) as service, Witness(service.pid) as witness, \
                Later(4, 60, core.spin):
            done = self.run_load(service.url, [{"name": "work", "http": "GET service/cpu/10"}],
                                 {"rate": "20/s", "duration": "9s", "drain": "2s"})
            self.assert_seen(done, witness, "run_queue_wait_s_per_s", 0.25, 0.55)
            self.assert_first(done, "run_queue", "were ready but had no core")

    @tried_again
    def test_a_kill_for_lack_of_memory(self):
        with memory_limit(40) as enter, CostlyServer(enter) as service:
            done = self.run_load(service.url, [{"name": "keep", "http": "GET service/memory/100"}],
                                 {"rate": "50/s", "duration": "8s", "drain": "1s"})
            self.assertEqual(service.process.wait(10), -signal.SIGKILL)
            found = self.assert_first(done, "oom", "killed a process of the target's cgroup for lack of memory")
            self.assertLess(found["since_s"], 8)
            self.assertIn("gone", [finding["code"] for finding in done[1]["cause"]["findings"]])

    @tried_again
    def test_an_end_without_a_restart(self):
        with CostlyServer() as service:
            with Later(3, 60, lambda: service.end(signal.SIGKILL)):
                done = self.run_load(service.url, [{"name": "work", "http": "GET service/cpu/0"}],
                                     {"rate": "50/s", "duration": "6s", "drain": "1s"})
            found = self.assert_first(done, "gone", f"process {service.pid} has ended")
            self.assertTrue(3 <= found["since_s"] <= 5, found)

    def test_an_end_is_told_of_an_invalid_run_too(self):
        with CostlyServer() as service, tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "scenario.json"
            path.write_text(json.dumps({
                "loadline": 1, "name": "causes", "targets": {"service": service.url}, "slo": SLO,
                "load": {"rate": "20/s", "duration": "4s", "drain": "1s"},
                "journeys": {"all": {"steps": [{"name": "work", "http": "GET service/cpu/0"}]}}}))
            service.process.send_signal(signal.SIGSTOP)  # it never answers: nothing is known of its limits
            with Later(2, 60, lambda: service.end(signal.SIGKILL)):
                code, out, _, results, _ = self.loadline("run", path)
        self.assertEqual(code, 3, out)
        self.assertIn("INVALID", out)
        self.assertEqual([finding["code"] for finding in results["cause"]["findings"]], ["gone"], out)
        self.assertNotIn("bad", results["cause"], "nothing is compared")

    @tried_again
    def test_a_network_that_loses_packets(self):
        with Network() as network, rig.Missiond() as service, Later(4, 60, lambda: network.lose(10)):
            done = self.run_load(service.url, [{"name": "live", "http": "GET service/healthz/live"}],
                                 {"rate": "100/s", "duration": "9s", "drain": "2s"})
            self.assert_first(done, "retransmits", "of the TCP segments were sent again")

    @tried_again
    def test_connections_that_stay_half_open(self):
        # They fill the room for such, of 16: the users' SYNs are dropped, and sent again a second later.
        with Network() as network, contextlib.ExitStack() as clients:
            network.few_half_open(16)
            with rig.Missiond() as service:
                def fill():
                    for client in network.half_open(service.port, 40):
                        clients.enter_context(client)
                with Later(4, 60, fill):
                    done = self.run_load(service.url, [{"name": "live", "http": "GET service/healthz/live"}],
                                         {"rate": "50/s", "duration": "9s", "drain": "4s"},
                                         connections="per-request")
            self.assert_first(done, "syn_queue", "too many connections were half open")
            self.assertNotIn("accept_queue", [finding["code"] for finding in done[1]["cause"]["findings"]])

    @tried_again
    def test_a_redis_that_evicts_what_is_asked_for(self):
        with rig.Redis() as redis:
            for number in range(200):
                redis.command("SET", f"wanted:{number}", "x" * 1000)

            def fill():
                redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
                redis.command("CONFIG", "SET", "maxmemory", "2mb")
                for number in range(30):
                    redis.command("SET", f"unwanted:{number}", "x" * 100_000)
            with Later(4, 60, fill):
                done = self.run_load(
                    redis.url, [{"name": "look", "redis": ["STRLEN", "wanted:${random(0, 199)}"], "on": "service",
                                 "expect": {"equals": 1000}}],
                    {"rate": "100/s", "duration": "8s", "drain": "1s"})
            self.assertLess(int(redis.command("DBSIZE")), 100, "so much was evicted")
        self.assert_first(done, "redis_evictions", "Redis evicted")

    @tried_again
    def test_a_redis_whose_only_core_is_used_up(self):
        # 2 ms of CPU for each, on any machine; 100 users wait for one another, but no command takes long by itself.
        script = "local n = 0 for i = 1, tonumber(ARGV[1]) do n = n + i % 7 end return n"
        with rig.Redis() as redis:
            took = min(timed(lambda: redis.command("EVAL", script, 0, 20_000)) for _ in range(20))
            count = ["EVAL", script, "0", str(int(20_000 * 0.002 / took))]
            with Witness(redis.pid) as witness:
                done = self.run_load(redis.url, [{"name": "count", "redis": count, "on": "service"}],
                                     {"users": 100, "duration": "5s", "drain": "1s"})
        looks = [(second["t_s"], second["target"]["redis"]) for second in done[2]
                 if second.get("target", {}).get("redis")]
        use = self.assert_agrees(looks, "cores_used", witness, 0.5, 5.5)
        if use.used < 0.82:
            self.assert_wanted(use, 0.82)
        self.assert_first(done, "redis_cpu", "of its one core")

    @tried_again
    def test_clients_that_wait_in_a_blocking_command(self):
        with rig.Redis() as redis:
            for _ in range(200):  # jobs for four seconds, and none after them
                redis.command("RPUSH", "jobs", "x")
            done = self.run_load(
                redis.url, [{"name": "job", "redis": ["BLPOP", "jobs", "2"], "on": "service"}],
                {"rate": "50/s", "duration": "7s", "drain": "3s"})
        self.assert_first(done, "redis_blocked", "clients waited in blocking commands")

    def assert_unknown(self, done):
        """The run failed, and its report says that nobody knows why."""
        code, results, _, out = done
        self.assertEqual(code, 1, out)
        self.assertEqual(results["cause"]["findings"], [], out)
        self.assertIn("cause unknown", results["cause"]["text"])
        self.assertIn("cause unknown", out)

    @tried_again
    def test_a_healthy_run_has_none(self):
        with rig.Missiond() as service:
            code, results, seconds, out = self.run_load(
                service.url, [{"name": "live", "http": "GET service/healthz/live"}], {"rate": "50/s", "duration": "5s"},
                "--slo", "p99 < 5s", "--slo", "errors < 0.1%")
            self.assertEqual(code, 0, out)
            self.assertNotIn("cause", results)
            self.assertNotIn("not_seen", results)
            target = [second["target"] for second in seconds if "target" in second][-1]
            self.assertEqual(target["process"]["pid"], service.pid)
            self.assertGreater(target["process"]["fds"], 5)
            self.assertIn("kernel", target)

    @tried_again
    def test_a_healthy_service_that_misses_a_needless_slo_has_none(self):
        def run(slo):
            """Always the same arrivals: of six seconds the first three have the more crowded ones, by chance."""
            return self.run_load(service.url, [{"name": "list", "http": "GET service/missions"}],
                                 {"rate": "250/s", "arrivals": "poisson", "duration": "6s"},
                                 "--threads", "1", "--seed", "2", slo=[slo])
        with rig.Missiond("--fault", "capacity=300/s") as service:
            # Every second is bad; then half of them are, beside good ones: there is nothing to blame in either.
            every = run("p99 < 1us")
            self.assert_unknown(every)
            median = every[1]["total"]["response_time_ms"]["p50"]  # none of them is within 0.3 ms of it
            half = run(f"p50 < {median}ms over every 1s")
            self.assert_unknown(half)
            with machine.within(late_ms=5):
                self.assertLessEqual({"good", "bad"}, half[1]["cause"].keys())

    @tried_again
    def test_where_nothing_was_provoked_the_cause_is_unknown(self):
        with rig.Missiond("--fault", "capacity=100/s") as service:  # its queue is its own secret
            self.assert_unknown(self.run_load(
                service.url, [{"name": "list", "http": "GET service/missions"}],
                {"rate": "50/s", "stages": [{"hold": "4s"}, {"to": "150/s", "over": "0"}, {"hold": "4s"}], "drain": "1s"}))


if __name__ == "__main__":
    visible_skip.main()
