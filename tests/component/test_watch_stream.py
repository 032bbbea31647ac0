"""The stream of `loadline watch --redis` against a real Redis: what it writes, and that it goes on
watching while Redis is away, slow or unwilling."""
import json
import os
import resource
import signal
import socket
import subprocess
import time
import unittest

import rig
import visible_skip

RUN = "stream-test"


class Server:
    """Listens on a free port of this process, and forgets sockets when told to."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.kept = []

    def forget(self, count):
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", self.port))
            self.kept.append(self.listening.accept()[0])
            client.close()

    def close(self):
        for one in [self.listening, *self.kept]:
            one.close()


class WatchStream(unittest.TestCase):
    def setUp(self):
        self.redis = rig.Redis()
        self.addCleanup(self.redis.stop)
        self.server = Server()
        self.addCleanup(self.server.close)
        self.watch = None

    def start(self, url=None, *flags):
        self.watch = subprocess.Popen(
            [rig.BIN / "loadline", "watch", "--port", str(self.server.port), "--redis", url or self.redis.url,
             "--run", RUN, "--socket-tau", "1s", *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)

    def end(self):
        """Ctrl-C; what it printed: (stdout, stderr)."""
        if self.watch.poll() is None:
            self.watch.send_signal(signal.SIGINT)
        try:
            return self.watch.communicate(timeout=20)
        except ValueError:  # was read before
            return "", ""

    def entries(self, redis=None):
        """The lines that each entry of the stream holds."""
        entries = (redis or self.redis).command("XRANGE", f"watch:{RUN}", "-", "+")
        for _, fields in entries:
            self.assertEqual(set(fields[::2]), {"line"})
        return [[json.loads(line) for line in fields[1::2]] for _, fields in entries]

    def lines(self):
        return [line for entry in self.entries() for line in entry]

    def until_lines(self, count, seconds=20):
        rig.wait_until(lambda: len(self.lines()) >= count, f"{count} lines in the stream", seconds)
        return self.lines()

    def test_every_sample_comes_in_order_and_the_end_too(self):
        self.server.forget(2)
        self.start()
        self.until_lines(3)
        self.server.forget(3)
        self.until_lines(12)
        out, err = self.end()
        lines = self.lines()
        self.assertEqual([line["n"] for line in lines], list(range(1, len(lines) + 1)))
        self.assertEqual(len({line["sid"] for line in lines}), 1)
        self.assertEqual({line["port"] for line in lines}, {self.server.port})
        self.assertTrue(lines[0]["full"])
        self.assertEqual(sum(len(line.get("born", [])) for line in lines), 5)
        self.assertEqual(lines[-2]["cw"]["n"], 5)
        self.assertEqual(lines[-2]["pid"], os.getpid())
        always = {"ListenOverflows", "OutSegs", "RetransSegs", "TCPSynRetrans"}
        self.assertLessEqual(always, set(lines[-2]["ns"]))
        self.assertEqual({name for name, count in lines[-2]["ns"].items() if count == 0} - always, set())
        self.assertEqual(lines[-1]["end"]["holder"]["pid"], os.getpid())
        self.assertIn("LEAK_CONFIRMED", out)
        self.assertEqual(err, "")

    def test_the_stream_is_what_replay_judges(self):
        self.server.forget(4)
        self.start(None, "--json")
        self.until_lines(12)
        out, _ = self.end()
        file = self.redis.folder / "recording.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in self.lines()))
        code, again, _ = rig.run_loadline("watch", "--replay", file, "--json")
        self.assertEqual((code, again), (1, out.splitlines()[-1] + "\n"))

    def test_the_password_and_the_database_are_those_of_the_url(self):
        self.redis.command("CONFIG", "SET", "requirepass", "s3cret")
        self.addCleanup(self.redis.process.kill)  # nobody else knows the password
        self.start(f"redis://:s3cret@127.0.0.1:{self.redis.port}/3")
        with socket.create_connection(("127.0.0.1", self.redis.port), 5) as connection:
            connection.sendall(b"AUTH s3cret\r\nSELECT 3\r\n")
            answers = connection.makefile("rb")
            self.assertEqual((answers.readline(), answers.readline()), (b"+OK\r\n", b"+OK\r\n"))

            def length():
                connection.sendall(f"XLEN watch:{RUN}\r\n".encode())
                return int(answers.readline()[1:]) >= 3
            rig.wait_until(length, "three entries in database 3")
        out, err = self.end()
        self.assertNotIn("s3cret", out + err)

    def test_what_comes_while_redis_is_away_waits_and_is_sent_then(self):
        self.start()
        self.until_lines(3)
        self.redis.kill()
        time.sleep(2)
        self.server.forget(2)
        time.sleep(1)
        self.redis.start()  # it has forgotten everything
        lines = self.until_lines(15)
        out, err = self.end()
        numbers = [line["n"] for line in lines]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "none is missing")
        self.assertLessEqual(numbers[0], 8, "those of the time without Redis are there")
        self.assertTrue(any(line.get("full") for line in lines), "one from which a reader can begin")
        self.assertRegex(err, r"warn Redis at 127\.0\.0\.1:\d+ does not take the lines of the watch \(no answer\)")
        self.assertRegex(err, r"takes the lines of the watch again, after [\d.]+ s; 0 lost")
        rows = [line for line in out.splitlines() if line.endswith("-") or " s " in line]
        self.assertGreaterEqual(len(rows), 4, "the watch went on meanwhile")

    def test_a_slow_redis_does_not_slow_the_watch(self):
        self.start()
        self.until_lines(3)
        self.redis.process.send_signal(signal.SIGSTOP)
        time.sleep(4.5)  # above the client's time-out
        self.redis.process.send_signal(signal.SIGCONT)
        lines = self.until_lines(25)
        self.end()
        once = {line["n"]: line for line in lines}
        numbers = sorted(once)
        self.assertEqual(numbers, list(range(1, numbers[-1] + 1)), "none is missing; twice is allowed")
        times = [once[number]["t_mono_ns"] for number in numbers]
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 2.5e9)

    def test_a_redis_that_refuses_is_quoted_once(self):
        self.redis.command("SET", f"watch:{RUN}", "something else")
        self.start(None, "--for", "3s")
        _, err = self.watch.communicate(timeout=20)
        self.assertEqual(err.count("WRONGTYPE"), 1, err)
        self.assertRegex(err, r"warn \d+ lines of the watch never reached Redis")

    def test_what_waits_tells_all_once_and_goes_out_in_small_entries(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.redis.command("SET", f"watch:{RUN}", "something else")
        self.start()
        for _ in range(8):  # about 400 KiB of lines, and more with each line that tells all
            self.server.forget(300)
            time.sleep(0.6)
        self.redis.command("DEL", f"watch:{RUN}")
        lines = self.until_lines(20)
        self.end()
        self.assertEqual([line["n"] for line in lines], list(range(1, len(lines) + 1)))
        # The first, one when the trouble began, and while they are small one each 16 lines; not one each retry.
        full = [line["n"] for line in lines if "full" in line]
        self.assertLessEqual(len(full), 2 + len(lines) // 16, full)
        sizes = [[len(json.dumps(line, separators=(",", ":"))) for line in entry] for entry in self.entries()]
        for entry in sizes:  # one line may be longer by itself
            self.assertTrue(len(entry) == 1 or sum(entry) <= 256 << 10, entry)
        self.assertGreater(sum(map(sum, sizes)), 256 << 10)

    def test_beside_a_server_that_does_not_listen_yet_it_waits(self):
        port = rig.free_port()
        watch = subprocess.Popen([rig.BIN / "loadline", "watch", "--port", str(port), "--redis", self.redis.url,
                                  "--run", RUN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.watch = watch
        self.addCleanup(self.end)
        self.assertEqual(self.until_lines(2)[-1]["listener"], "never_seen")
        with socket.create_server(("127.0.0.1", port)):
            rig.wait_until(lambda: self.lines()[-1].get("listener") == "kept", "the listener to be seen")
        _, err = self.end()
        self.assertIn(f"warn nothing listens on port {port} in this network namespace so far", err)


if __name__ == "__main__":
    visible_skip.main()
