"""A service that leaks what its clients abandon in flight, with nginx in front of it: the leak is the
service's, and the proxy is healthy."""
import json
import os
import pathlib
import socket
import subprocess
import time
import unittest

import rig
import visible_skip
from cli_case import LOADLINE, CliCase
from nginx import Nginx
from threaded_server import ThreadedServer

WORK, PATIENCE = 0.8, "150ms"  # the service's time for /slow; the client's, which is shorter
CLOSE_WAIT, FIN_WAIT2 = 8, 5
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"


def sockets(state, local=None, remote=None):
    """How many sockets with this local or remote port are in this state now."""
    count = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, here, there, number = line.split()[:4]
        ports = {"local": int(here.split(":")[1], 16), "remote": int(there.split(":")[1], 16)}
        wanted = {"local": local, "remote": remote}
        count += int(number, 16) == state and all(ports[end] == port for end, port in wanted.items() if port)
    return count


class InFlightLeaker(ThreadedServer):
    """Answers /slow after WORK and the rest at once, and closes; but the connection of a client that left
    meanwhile it forgets, open."""

    def __init__(self):
        super().__init__()
        self.begun, self.forgotten = [], []

    def serve(self, connection):
        request = connection.recv(65536)
        if request.startswith(b"GET /slow"):
            self.begun.append(connection)
            time.sleep(WORK)
            connection.setblocking(False)
            try:
                if not connection.recv(1, socket.MSG_PEEK):
                    self.forgotten.append(connection)
                    return
            except BlockingIOError:
                connection.setblocking(True)
        with connection:
            if request:
                connection.sendall(ANSWER)

    def stop(self):
        super().stop()
        for connection in self.forgotten:
            connection.close()


class BehindNginx(CliCase):
    def setUp(self):
        super().setUp()
        self.app = InFlightLeaker()
        self.addCleanup(self.app.stop)
        self.nginx = Nginx(proxy_to=self.app.port)
        self.addCleanup(self.nginx.stop)

    def scenario_of(self, port):
        """40 connections a second, of which a fifth is abandoned in flight."""
        steps = {"quick": {"share": 80, "steps": [{"name": "quick", "http": "GET service/"}]},
                 "slow": {"share": 20, "steps": [{"name": "slow", "http": "GET service/slow", "timeout": PATIENCE}]}}
        return self.scenario({"loadline": 1, "name": "proxy", "targets": {"service": f"http://127.0.0.1:{port}"},
                              "load": {"rate": "40/s", "arrivals": "paced", "duration": "11s"},
                              "connections": "per-request", "journeys": steps})

    def test_the_leak_is_the_service_s_and_the_proxy_is_ok(self):
        watch = subprocess.Popen([LOADLINE, "watch", "--port", str(self.nginx.port), "--for", "12s", "--json",
                                  "--socket-tau", "1s"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.kill)
        ran = self.run_into_folder("run", self.scenario_of(self.nginx.port), "--watch-port", self.app.port,
                                   "--socket-tau", "1s", "--quiet")
        self.ended(ran, 1)
        leak = self.summary()["results"]["sockets"]
        self.assertEqual(leak["word"], "LEAK_CONFIRMED", leak["text"])
        self.assertEqual(leak["pid"], os.getpid())
        self.assertEqual(leak["leaked"], len(self.app.forgotten))
        abandoned = self.summary()["results"]["total"]["outcomes"]["timeout"]
        self.assertGreater(abandoned, 40)
        self.assertEqual(leak["leaked"], abandoned)  # each 499 of the proxy is one
        self.assertEqual(set(leak["classes"]), {"EOF never read"})
        low, high = leak["leak_fraction_interval"]
        self.assertTrue(low < 0.2 < high, leak)

        out, _ = watch.communicate(timeout=30)
        proxy = json.loads(out.splitlines()[-1])
        self.assertEqual((watch.returncode, proxy["word"]), (0, "OK"), proxy)
        self.assertEqual(proxy["pid"], self.nginx.pid)

    def abandon(self, port, count):
        """So many requests whose client leaves before the answer, but not before the service is at work."""
        for number in range(len(self.app.begun) + 1, len(self.app.begun) + 1 + count):
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.sendall(b"GET /slow HTTP/1.1\r\nHost: app\r\n\r\n")
                rig.wait_until(lambda: len(self.app.begun) >= number, f"request {number}")

    def test_our_own_half_closed_sockets_mirror_the_first_hop_only(self):
        self.abandon(self.app.port, 30)
        rig.wait_until(lambda: len(self.app.forgotten) == 30, "30 leaks")
        self.assertEqual(sockets(CLOSE_WAIT, local=self.app.port), 30)
        self.assertEqual(sockets(FIN_WAIT2, remote=self.app.port), 30)
        with self.subTest("through the proxy"):
            self.abandon(self.nginx.port, 30)
            rig.wait_until(lambda: len(self.app.forgotten) == 60, "30 leaks more")
            self.assertEqual(sockets(CLOSE_WAIT, local=self.app.port), 60)
            self.assertEqual(sockets(FIN_WAIT2, remote=self.nginx.port), 0)


if __name__ == "__main__":
    visible_skip.main()
