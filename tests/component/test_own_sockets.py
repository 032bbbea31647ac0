"""loadline closes what its server closes: a watcher of CLOSE_WAIT must have none of its own."""
import pathlib
import subprocess
import time
import unittest

import visible_skip
from cli_case import LOADLINE, CliCase
from threaded_server import ThreadedServer

IDLE = 0.2  # seconds until the server closes a connection that says nothing
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
CLOSE_WAIT = "08"


class ClosesWhatIsIdle(ThreadedServer):
    """Keeps connections alive, and closes each that was idle for a moment."""

    def __init__(self):
        super().__init__()
        self.closed = 0

    def serve(self, connection):
        connection.settimeout(IDLE)
        with connection:
            try:
                while connection.recv(65536):
                    connection.sendall(ANSWER)
            except TimeoutError:
                self.closed += 1


def our_close_wait(port):
    """The local ports of the sockets toward the server that it has closed, and we have not."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = (line.split()[1:4] for line in lines)
    return {local for local, remote, state in rows if state == CLOSE_WAIT and int(remote.split(":")[1], 16) == port}


class OwnSockets(CliCase):
    def longest_close_wait(self, process, port):
        """How long the most patient of them was there, as far as 20 looks a second tell."""
        since, longest = {}, 0.0
        while process.poll() is None:
            now = time.monotonic()
            there = our_close_wait(port)
            since = {local: since.get(local, now) for local in there}
            longest = max([longest, *(now - begin for begin in since.values())])
            time.sleep(0.05)
        return longest

    def test_none_is_in_close_wait_for_a_second(self):
        steps = [{"name": "look", "http": "GET service/"}, {"think": "2s"}, {"name": "again", "http": "GET service/"}]
        for connections, users, closes in (("pool", 1, 3), ("per-session", 30, 60)):
            with self.subTest(connections):
                server = ClosesWhatIsIdle()
                self.addCleanup(server.stop)
                scenario = self.scenario({
                    "loadline": 1, "name": "idle", "targets": {"service": f"http://127.0.0.1:{server.port}"},
                    "load": {"users": users, "duration": "8s"}, "connections": connections,
                    "journeys": {"look": {"steps": steps}}})
                process = subprocess.Popen([LOADLINE, "run", scenario, "--quiet", "--no-watch", "--slo", "errors < 0.1%",
                                            "--out", self.folder / connections],
                                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.addCleanup(process.stdout.close)
                self.addCleanup(process.kill)
                longest = self.longest_close_wait(process, server.port)
                self.assertEqual(process.wait(30), 0, process.stdout.read())
                self.assertGreaterEqual(server.closed, closes)
                self.assertLess(longest, 1)


if __name__ == "__main__":
    visible_skip.main()
