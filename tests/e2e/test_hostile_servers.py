"""A malformed HTTP or Redis reply is an outcome, never a crash; a service that is down is exit 3."""
import signal
import socket
import subprocess
import time

import rig
import visible_skip
from cli_case import LOADLINE, CliCase
from hostile import HostileServer, every_other, is_silent, repeats, resets_after, says

GOOD_HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GOOD_REDIS = b"+OK\r\n"
OK = b"HTTP/1.1 200 OK\r\n"

HTTP = {
    "garbage": (says(b"\x00\xff\xfe certainly not HTTP\r\n\r\n"), "protocol_error"),
    "a status line without a number": (says(b"HTTP/1.1 abc OK\r\n\r\n"), "protocol_error"),
    "a bad chunk length": (says(OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n"), "protocol_error"),
    "a chunk that is longer than it said": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n"), "protocol_error"),
    "a Content-Length beyond 64 bits": (says(OK + b"Content-Length: 99999999999999999999999\r\n\r\n"), "protocol_error"),
    "a negative Content-Length": (says(OK + b"Content-Length: -1\r\n\r\n"), "protocol_error"),
    "two Content-Lengths": (says(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "protocol_error"),
    "a header that never ends": (repeats(OK + b"X: ", b"a" * 64, 1_000_000), "protocol_error"),
    "headers that never end": (repeats(OK, b"X: a\r\n", 1_000_000), "protocol_error"),
    "a million 100 Continue": (repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 1_000_000), "protocol_error"),
    "a close in the body": (says(OK + b"Content-Length: 100\r\n\r\nonly this"), "closed_early"),
    "a close in a chunk": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n20\r\nabc"), "closed_early"),
    "a close in the header": (says(b"HTTP/1.1 200 OK\r\nContent-"), "closed_early"),
    "a reset in the body": (resets_after(OK + b"Content-Length: 100\r\n\r\nonly this"), "reset"),
}
REDIS = {
    "garbage": (says(b"\x00\xff\xfe certainly not RESP\r\n"), "protocol_error"),
    "a length that is no number": (says(b"$abc\r\nabc\r\n"), "protocol_error"),
    "a length below -1": (says(b"$-7\r\n"), "protocol_error"),
    "a length beyond 64 bits": (says(b"$99999999999999999999999\r\n"), "protocol_error"),
    "an array that is shorter than it said": (says(b"*20\r\n:1\r\n"), "closed_early"),
    "an array of two thousand million": (says(b"*2000000000\r\n:1\r\n"), "protocol_error"),
    "a bulk string of a gigabyte": (repeats(b"$1073741824\r\n", b"a" * 64, 1_000_000), "protocol_error"),
    "a bulk string without its end": (says(b"$3\r\nabcdefgh\r\n"), "protocol_error"),
    "arrays a thousand deep": (says(b"*1\r\n" * 1000 + b":1\r\n"), "protocol_error"),
    "a line that never ends": (repeats(b"+", b"a" * 64, 1_000_000), "protocol_error"),
    "a close in a bulk string": (says(b"$100\r\nonly this"), "closed_early"),
    "a reset in a bulk string": (resets_after(b"$100\r\nonly this"), "reset"),
}


def scenario_of(server, redis=False, **step):
    """One step at 50/s for 400 ms against this port."""
    target = ("redis" if redis else "http") + f"://127.0.0.1:{server.port}"
    work = {"redis": ["GET", "key"], "on": "target"} if redis else {"http": "GET target/"}
    return {"loadline": 1, "name": "hostile", "targets": {"target": target},
            "load": {"rate": "50/s", "arrivals": "paced", "duration": "400ms", "drain": "2s"},
            "slo": ["errors < 0.1%"],
            "journeys": {"look": {"steps": [{"name": "look", **work, "timeout": "3s", **step}]}}}


class Hostile(CliCase):
    def run_against(self, misbehave, redis=False, flood=False, **step):
        """Its end and the outcomes it counted. A flood, which is ours, may keep this machine too
        busy to send in time: then INVALID is right, and needs no excuse."""
        with HostileServer(misbehave) as server:
            words = ("run", self.scenario(scenario_of(server, redis, **step)), "--no-watch")
            done = (self.loadline(*words, "--out", self.out, timeout=30) if flood else
                    self.run_into_folder(*words, timeout=30))
        self.assertIn(done.code, (0, 1, 3, 4), str(done))
        return done, self.summary()["results"]["total"]

    def assert_counted(self, rows, good, redis):
        for name, (misbehave, outcome) in rows.items():
            with self.subTest(name):
                flood = "that never ends" in name or "gigabyte" in name
                done, total = self.run_against(every_other(misbehave, good), redis, flood)
                self.assertIn(done.code, (1, 4) if flood else (1,), str(done))
                self.assertRegex(done.first_line, "^(FAIL|INVALID)  ")
                self.assertEqual(set(total["outcomes"]), {"ok", outcome}, str(done))
                self.assertEqual(total["requests"], 20)
                self.assertEqual(total["errors"], total["outcomes"][outcome])

    def test_malformed_http_is_counted_as_what_it_is(self):
        self.assert_counted(HTTP, GOOD_HTTP, redis=False)

    def test_malformed_resp_is_counted_as_what_it_is(self):
        self.assert_counted(REDIS, GOOD_REDIS, redis=True)

    def test_a_port_that_accepts_and_never_answers_times_out_and_is_exit_3(self):
        for redis in (False, True):
            with self.subTest(redis=redis):
                done, total = self.run_against(is_silent, redis, timeout="500ms")
                self.ended(done, 3)
                self.assertRegex(done.first_line, r"^INVALID  .*127\.0\.0\.1:\d+ never answered")
                self.assertEqual(total["outcomes"], {"timeout": 20})
                self.assertEqual(total["response_time_ms"].get("p99", "absent"), "absent", "20 samples have no p99")
                self.assertIsNone(total["response_time_ms"]["p50"])
                self.assertEqual(total["response_time_ms"]["p50_over_ms"], 500)

    def test_a_second_sigint_ends_the_drain_at_once(self):
        with HostileServer(is_silent) as server:
            scenario = scenario_of(server, timeout="40s")
            scenario["load"].update(duration="30s", drain="30s")
            process = subprocess.Popen([LOADLINE, "run", self.scenario(scenario), "--no-watch", "--out", self.out],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(process.kill)
            rig.wait_until(lambda: server.requests >= 10, "ten requests")
            process.send_signal(signal.SIGINT)
            time.sleep(1)
            self.assertIsNone(process.poll(), "it drains: nothing was answered yet")
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
            self.assertLess(time.monotonic() - begin, 3)
        self.assertEqual(process.returncode, 130, out + err)
        summary = self.summary()
        self.assertIn("interrupted", [reason["code"] for reason in summary["verdict"]["reasons"]])
        self.assertEqual(set(summary["results"]["total"]["outcomes"]), {"aborted"})


class Down(CliCase):
    def assert_unreachable(self, *words, address):
        begin = time.monotonic()
        done = self.loadline(*words)
        self.assertLess(time.monotonic() - begin, 6)
        self.ended(done, 3)
        self.assertIn(address, done.err)

    def test_a_target_that_is_down_is_exit_3_and_named(self):
        port = rig.free_port()
        self.assert_unreachable(f"http://127.0.0.1:{port}/", "-d1s", "--out", self.out, address=f"127.0.0.1:{port}")

    def test_a_redis_that_is_down_is_exit_3_and_named(self):
        class Nobody:
            port = rig.free_port()
        self.assert_unreachable("run", self.scenario(scenario_of(Nobody, redis=True)), "--out", self.out,
                                address=f"127.0.0.1:{Nobody.port}")

    def test_a_target_whose_backlog_is_full_is_exit_3_within_the_connect_time_out(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            address = listener.getsockname()
            waiting = []
            for _ in range(4):  # nobody accepts: the queue fills, and then SYNs are dropped
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(address)
                waiting.append(one)
            time.sleep(0.2)
            self.assert_unreachable(f"http://127.0.0.1:{address[1]}/", "-d1s", "--out", self.out,
                                    address=f"127.0.0.1:{address[1]}")
            for one in waiting:
                one.close()


if __name__ == "__main__":
    visible_skip.main()
