"""What component, e2e and accuracy tests share: a private Redis, a private missiond,
the loadline command line. Everything listens on 127.0.0.1 on free ports, keeps its
files in a temporary folder and ends with its `stop()` (or its `with` block).

    with Redis() as redis, Missiond("--store", redis.url) as service:
        exit_code, stdout, stderr = run_loadline("run", "bet.json", "--target", f"service={service.url}")
"""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ.get("LOADLINE_BIN", "build/release/bin"))
IN_CI = os.environ.get("CI") == "true"


def free_ports(count):
    """Different TCP ports of 127.0.0.1 that are free now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def free_port():
    """A TCP port of 127.0.0.1 that is free now."""
    return free_ports(1)[0]


def need_program(name):
    """Skips the test when `name` is not installed; in CI that is a failure."""
    if shutil.which(name):
        return
    if IN_CI:
        raise AssertionError(f"{name} is not installed, and CI=true")
    raise unittest.SkipTest(f"{name} is not installed")


def wait_until(condition, what, seconds=10.0):
    """Polls until `condition()` is true; the value. Fails naming `what`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)


def run_loadline(*args, timeout=120, env=None, cwd=None):
    """Runs the command line to its end: (exit code, stdout, stderr)."""
    done = subprocess.run([BIN / "loadline", *map(str, args)], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})}, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


def run_missiond(*args, timeout=20, env=None):
    """Runs missiond when it is expected to end by itself: (exit code, stdout, stderr)."""
    done = subprocess.run([BIN / "missiond", *map(str, args)], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


class Process:
    """A program of the rig, with a folder of its own. Its stderr goes to `log`."""

    def __init__(self, name):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"loadline-{name}-"))
        self.log = self.folder / "stderr.log"
        self.process = None

    def start_or_clean_up(self):
        """The first start(): when it fails nobody will call stop(), so this does."""
        try:
            self.start()
        except BaseException:
            if self.running:
                self.end(signal.SIGKILL)
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def launch(self, command, **options):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stderr=log, **options)

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def end(self, number, seconds=10):
        """Sends the signal and waits: the exit code. Kills what does not obey."""
        if self.running:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"{self.name} did not end within {seconds} s of signal {number}")
            finally:
                if self.process.stdout:
                    self.process.stdout.close()
        return self.process.returncode if self.process else None

    def stop(self):
        try:
            return self.end(signal.SIGTERM)
        finally:
            self.last_words = self.log.read_text()
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Redis(Process):
    """A private redis-server. With `durable`, it keeps an append-only file, so that
    `restart()` after `kill()` finds everything that was acknowledged."""

    def __init__(self, durable=False):
        need_program("redis-server")
        super().__init__("redis")
        self.durable = durable
        self.port = free_port()
        self.start_or_clean_up()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        self.launch(["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                     "--appendonly", "yes" if self.durable else "no"], stdout=subprocess.DEVNULL)
        wait_until(self.answers, f"redis-server on port {self.port}")

    def kill(self):
        """Ends it at once, as a crash would."""
        self.end(signal.SIGKILL)

    def restart(self):
        self.end(signal.SIGTERM)
        self.start()

    def answers(self):
        if not self.running:
            raise AssertionError("redis-server ended: " + self.log.read_text())
        try:
            return self.command("PING") == "PONG"
        except OSError:
            return False

    def command(self, *words):
        """One command, for looking into the store: text, number, None or a list."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            parts = [str(word).encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            return self._read(connection.makefile("rb"))

    def _read(self, stream):
        line = stream.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("redis-server closed the connection")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise OSError(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == b"*":
            return [self._read(stream) for _ in range(int(rest))]
        return stream.read(int(rest) + 2)[:-2].decode()


class Reply:
    """One answer of missiond."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The code of an error reply, such as "no_user"."""
        return self.json["error"]


class Missiond(Process):
    """A private missiond on a free port, with the admin's token and cheap passwords.
    Further arguments are its flags."""

    ADMIN = "rig-admin"

    def __init__(self, *flags):
        super().__init__("missiond")
        self.flags = flags
        self.port = 0
        self.start_or_clean_up()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Starts it; after a stop on the same port again."""
        flags = list(self.flags)
        for flag, value in (("--admin-token", self.ADMIN), ("--kdf-rounds", "1000"),
                            ("--listen", f"127.0.0.1:{self.port}")):
            if flag not in flags:
                flags += [flag, value]
        self.launch([BIN / "missiond", *flags], stdout=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline()
        if not self.first_line.startswith("missiond listening on "):
            self.process.wait(10)
            raise AssertionError(f"missiond ended with {self.process.returncode}: {self.log.read_text()}")
        self.port = int(self.first_line.rsplit(":", 1)[1])

    def stop(self):
        """Ends it, and fails when it did not end well (a sanitizer's complaint included)."""
        code = super().stop()
        if code:
            raise AssertionError(f"missiond ended with {code}: {self.last_words}")
        return code

    def connect(self, timeout=20):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, token=None, key=None, headers=None, connection=None):
        """One request: `body` is sent as JSON unless it is text or bytes already. A
        connection of its own unless one is given."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + token
        if key:
            headers["Idempotency-Key"] = key
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        wire = connection or self.connect()
        try:
            wire.request(method, path, body, headers)
            answer = wire.getresponse()
            return Reply(answer.status, answer.headers, answer.read().decode())
        finally:
            if connection is None:
                wire.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def audit(self):
        return self.get("/audit", token=self.ADMIN).json

    def metric(self, name):
        """The value of a metric without labels."""
        for line in self.get("/metrics").body.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(f"there is no metric {name}")

    def new_user(self, name, role="viewer", cash=0):
        """Makes a user, logs in, tops up: the login's answer with the name added."""
        made = self.post("/users", {"name": name, "password": "pw-" + name, "role": role})
        if made.status != 201:
            raise AssertionError(f"POST /users: {made.status} {made.body}")
        user = {**self.login(name), "name": name}
        if cash:
            self.post(f"/users/{user['userId']}/cash", {"amount": cash}, token=user["accessToken"])
        return user

    def login(self, name, password=None):
        answer = self.post("/login", {"name": name, "password": password or "pw-" + name})
        if answer.status != 200:
            raise AssertionError(f"POST /login: {answer.status} {answer.body}")
        return answer.json


def close_wait_sockets(port):
    """How many sockets of this local port are in CLOSE_WAIT now."""
    count = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state = line.split()[:4]
        count += state == "08" and int(local.split(":")[1], 16) == port
    return count
