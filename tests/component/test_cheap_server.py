"""The server and the client that scripts/bench-peers measures against do what they claim."""
import json
import socket
import subprocess
import unittest

import rig
import visible_skip


class CheapServer(unittest.TestCase):
    def setUp(self):
        program = rig.BIN / "cheap_server"
        self.server = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.server.stdin.close)
        self.port = int(self.server.stdout.readline())

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), 10)
        self.addCleanup(connection.close)
        stream = connection.makefile("rb")
        self.addCleanup(stream.close)
        return connection, stream

    def answer(self, stream):
        """The next answer's body."""
        self.assertEqual(stream.readline(), b"HTTP/1.1 200 OK\r\n")
        length = None
        while (line := stream.readline().strip()):
            name, _, value = line.partition(b": ")
            if name == b"Content-Length":
                length = int(value)
        return stream.read(length)

    def test_pipelined_requests_are_answered_in_order(self):
        connection, stream = self.connect()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                           b"POST /missions/4/bet HTTP/1.1\r\ncontent-length: 14\r\n\r\n{\"amount\":100}"
                           b"GET /status HTTP/1.1\r\n\r\n"
                           b"POST /login HTTP/1.1\r\nContent-Length:2\r\n\r\n{}")
        self.assertEqual(self.answer(stream), b"ok")
        self.assertEqual(json.loads(self.answer(stream))["balance"], 9900)
        self.assertEqual(json.loads(self.answer(stream))["status"], "ok")
        self.assertIn("accessToken", json.loads(self.answer(stream)))

    def test_a_request_is_answered_only_when_its_body_is_whole(self):
        connection, stream = self.connect()
        connection.sendall(b"GET /status HTTP/1.1\r\n\r\nPOST /login HTTP/1.1\r\nContent-Length: 4\r\n\r\n{ ")
        self.answer(stream)
        connection.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)
        connection.sendall(b" }")
        with connection.makefile("rb") as rest:
            self.assertIn("accessToken", json.loads(self.answer(rest)))

    def test_a_request_beyond_its_buffer_closes_the_connection(self):
        connection, _ = self.connect()
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 4096)
        try:
            self.assertEqual(connection.recv(1), b"")
        except ConnectionResetError:
            pass  # closed as well: with bytes unread, the kernel resets

    def test_it_ends_with_its_stdin(self):
        self.server.stdin.close()
        self.assertEqual(self.server.wait(10), 0)

    def test_the_floor_client_counts_its_answers(self):
        done = subprocess.run([rig.BIN / "floor_client", str(self.port), "8", "1"], capture_output=True, text=True,
                              timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = json.loads(done.stdout)
        self.assertEqual(figures["errors"], 0)
        self.assertGreaterEqual(figures["requests"], 8)
        self.assertAlmostEqual(figures["rate_per_s"], figures["requests"] / figures["seconds"],
                               delta=1e-5 * figures["rate_per_s"])


class FloorClient(unittest.TestCase):
    def test_wrong_words_are_refused(self):
        for words, reason in ((["0", "1", "1"], 'PORT "0" is not a whole number from 1 to 65535'),
                              (["80", "1k", "1"], 'CONNECTIONS "1k" is not a whole number from 1 to 100000'),
                              ([], "usage: floor_client PORT CONNECTIONS SECONDS [PATH]")):
            with self.subTest(reason):
                done = subprocess.run([rig.BIN / "floor_client", *words], capture_output=True, text=True, timeout=30)
                self.assertEqual(done.returncode, 2)
                self.assertIn(reason, done.stderr)

    def test_nobody_listening_is_an_error(self):
        done = subprocess.run([rig.BIN / "floor_client", str(rig.free_port()), "1", "1"], capture_output=True,
                              text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "floor_client: connect: Connection refused\n")


if __name__ == "__main__":
    visible_skip.main()
