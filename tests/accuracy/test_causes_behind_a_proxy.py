"""nginx in front of the application: which of them was it? The loads go to nginx, as do the watches unless they
are told of the application's port."""
import signal

import machine
import rig
import visible_skip
from cause_case import CauseCase, Later
from machine import tried_again
from nginx import Nginx

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

    @tried_again
    def test_its_own_process_is_named_first_where_the_watch_is_told_of_its_port(self):
        with rig.Missiond() as service, proxy_to(service) as proxy:
            with Later(3, 60, lambda: service.end(signal.SIGKILL)):
                done = self.run_load(proxy.url, LIST, {"rate": "50/s", "duration": "6s", "drain": "1s"},
                                     "--watch-port", service.port)
            service.start()
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
                {"hold": "4s"}, {"to": "150/s", "over": "0"}, {"hold": "3s"}], "drain": "2s"})
        found = self.assert_first(done, "upstream_slow", "the application behind the proxy had taken")
        self.assertEqual(found["rate_per_s"], 150)

    @tried_again
    def test_a_slow_proxy(self):
        with rig.Missiond() as service, proxy_to(service, more="limit_req zone=all burst=10000;",
                                                 http="limit_req_zone $server_port zone=all:1m rate=100r/s;") as proxy:
            done = self.run_load(proxy.url, LIST, {"rate": "50/s", "stages": [
                {"hold": "4s"}, {"to": "150/s", "over": "0"}, {"hold": "3s"}], "drain": "2s"})
        self.assert_first(done, "proxy_slow", "the rest passed in the proxy")


if __name__ == "__main__":
    visible_skip.main()
