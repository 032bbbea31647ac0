"""nginx in front of the application: which of them was it? The loads go to nginx, as do the watches unless they
are told of the application's port."""
import signal

import machine
import rig
import visible_skip
from cause_case import CauseCase, Later
from machine import tried_again
from nginx import Nginx
from provoke import cpu_quota

BOTH = r"; the proxy used 0\.[0-9]+ cores then, the application 0\.[0-9]+$"
LIST = [{"name": "list", "http": "GET service/missions"}]


def proxy_to(service, more="", **options):
    """An nginx that tells how long the application took, as the README shows it."""
    return Nginx(location=f"proxy_pass {service.url}; proxy_read_timeout 1s; {more} "
                 "add_header X-Upstream-Response-Time $upstream_header_time always;", **options)


class Proxy(CauseCase):
    def setUp(self):
        machine.go_before_others(self)

    def codes(self, done):
        return [finding["code"] for finding in done[1]["cause"]["findings"]]

    @tried_again
    def test_an_application_that_has_died_is_502(self):
        with rig.Missiond() as service, proxy_to(service) as proxy:
            with Later(3, 60, lambda: service.end(signal.SIGKILL)):
                done = self.run_load(proxy.url, LIST, {"rate": "50/s", "duration": "6s", "drain": "1s"})
            service.start()  # so that it ends well
        found = self.assert_first(done, "http_502", "by a proxy, as the application behind it refused",
                                  "HTTP 502 from nginx/")
        self.assertTrue(3 <= found["since_s"] <= 5, found)
        self.assertNotIn("http_5xx", self.codes(done))
        self.assertNotIn("connect_refused", self.codes(done), "nginx listens all the time")
        statuses = [second.get("http_5xx_status", {}) for second in done[2]]
        self.assertEqual(sum(status.get("502", 0) for status in statuses),
                         sum(second["outcomes"].get("http_5xx", 0) for second in done[2]))

    def run_until_killed(self, victim_of):
        """A run in which one of the two, as `victim_of(service, proxy)` says, is killed, with both watched."""
        with rig.Missiond() as service, proxy_to(service) as proxy:
            with Later(3, 60, lambda: victim_of(service, proxy).end(signal.SIGKILL)):
                done = self.run_load(proxy.url, LIST, {"rate": "50/s", "duration": "6s", "drain": "1s"},
                                     "--watch-port", service.port)
            if not service.running:
                service.start()  # so that it ends well
        return done

    @tried_again
    def test_its_own_process_is_named_first_where_the_watch_is_told_of_its_port(self):
        done = self.run_until_killed(lambda service, proxy: service)
        self.assert_first(done, "gone", "has ended under the load")
        self.assertIn("http_502", self.codes(done))

    @tried_again
    def test_an_application_that_hangs_is_504(self):
        with rig.Missiond() as service, proxy_to(service) as proxy:
            try:
                with Later(3, 60, lambda: service.process.send_signal(signal.SIGSTOP)):
                    done = self.run_load(proxy.url, LIST, {"rate": "50/s", "duration": "6s", "drain": "2s"})
            finally:
                service.process.send_signal(signal.SIGCONT)
        self.assert_first(done, "http_504", "by a proxy, as the application behind it did not answer in time",
                          "HTTP 504 from nginx/")

    @tried_again
    def test_an_applications_own_503_passes_the_proxy(self):
        with rig.Missiond("--fault", "capacity=100/s", "--fault", "queue=5") as service, proxy_to(service) as proxy:
            done = self.run_load(proxy.url, LIST, {"rate": "50/s", "stages": [
                {"hold": "4s"}, {"to": "200/s", "over": "0"}, {"hold": "3s"}], "drain": "1s"})
        self.assert_first(done, "http_503", "HTTP 503")

    @tried_again
    def test_a_slow_application(self):
        with rig.Missiond("--fault", "capacity=100/s") as service, proxy_to(service) as proxy:
            done = self.run_load(proxy.url, LIST, {"rate": "50/s", "stages": [
                {"hold": "4s"}, {"to": "150/s", "over": "0"}, {"hold": "3s"}], "drain": "2s"},
                                 "--watch-port", service.port)
        found = self.assert_first(done, "upstream_slow", "the application behind the proxy had taken")
        self.assertRegex(found["text"], BOTH)
        self.assertIn(found["rate_per_s"], (50, 150))
        with machine.within(late_ms=150):  # at 50/s a stall makes answers slow, too
            self.assertEqual(found["rate_per_s"], 150)

    @tried_again
    def test_a_slow_proxy(self):
        with rig.Missiond() as service, proxy_to(service, more="limit_req zone=all burst=10000;",
                                                 http="limit_req_zone $server_port zone=all:1m rate=100r/s;") as proxy:
            done = self.run_load(proxy.url, LIST, {"rate": "50/s", "stages": [
                {"hold": "4s"}, {"to": "150/s", "over": "0"}, {"hold": "3s"}], "drain": "2s"},
                                 "--watch-port", service.port)
        found = self.assert_first(done, "proxy_slow", "the rest passed in the proxy")
        self.assertRegex(found["text"], BOTH)

    @tried_again
    def test_a_proxy_that_has_used_up_its_quota(self):
        machine.go_among_others()
        with rig.Missiond() as service, proxy_to(service) as proxy:
            machine.go_before_others(self)  # loadline alone: a quota would not hold what goes before others
            with cpu_quota(proxy.pid, 0.02):  # some 0.1 ms for each request
                done = self.run_load(proxy.url, LIST, {"rate": "20/s", "stages": [
                    {"hold": "4s"}, {"to": "400/s", "over": "0"}, {"hold": "5s"}], "drain": "3s"},
                                     "--watch-port", service.port)
        self.assert_first(done, "proxy_cpu_quota", "the CPU quota of 0.02 cores was used up: the proxy got")
        self.assertNotIn("cpu_quota", self.codes(done), "the application has none")
        uses = [second["target"]["proxy"] for second in done[2] if "proxy" in second.get("target", {})]
        self.assertEqual({use["pid"] for use in uses}, {proxy.pid})

    @tried_again
    def test_a_proxy_that_has_died(self):
        done = self.run_until_killed(lambda service, proxy: proxy)
        self.assert_first(done, "proxy_gone", "the proxy's process", "has ended under the load")
        self.assertIn("connect_refused", self.codes(done))
        self.assertNotIn("gone", self.codes(done))

    @tried_again
    def test_a_service_that_listens_on_two_ports_is_no_proxy_of_itself(self):
        port = rig.free_port()
        other = f"server {{ listen 127.0.0.1:{port}; location / {{ return 200; }} }}"
        for workers in (0, 1):
            with Nginx(http=other, workers=workers) as service:
                done = self.run_load(service.url, LIST, {"rate": "50/s", "duration": "2s", "drain": "1s"},
                                     "--watch-port", port)
                watched = {second["target"]["process"]["pid"] for second in done[2] if "target" in second}
                self.assertEqual(watched, {service.pid})
            self.assertFalse([second for second in done[2] if "proxy" in second.get("target", {})])
            self.assertNotIn("proxy", " ".join(done[1].get("not_seen", [])))

    @tried_again
    def test_no_proxy_is_seen_where_the_load_goes_to_the_service_itself(self):
        with rig.Missiond("--fault", "capacity=100/s") as service:
            done = self.run_load(service.url, LIST, {"rate": "150/s", "duration": "3s", "drain": "2s"})
        self.assertFalse([second for second in done[2] if "proxy" in second.get("target", {})])


if __name__ == "__main__":
    visible_skip.main()
