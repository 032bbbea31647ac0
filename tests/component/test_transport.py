"""TLS, Unix sockets, IPv6, several addresses: loadline against a real nginx and a real Redis."""
import collections
import http.server
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

import machine
import rig
import visible_skip
from certificates import Authority
from cli_case import PATIENT_SLOS
from threaded_server import ThreadedServer

CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 512; }}
http {{
    log_format seen "$server_name $ssl_protocol $ssl_session_reused $ssl_server_name $remote_addr $connection";
    access_log {folder}/access.log seen;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    ssl_session_cache shared:tests:1m; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {folder}/localhost.pem; ssl_certificate_key {folder}/localhost.key;
    server {{ server_name plain; listen 127.0.0.1:{plain}; listen [::1]:{plain}; listen unix:{folder}/web.sock;
              location / {{ return 200 "ok\\n"; }} location /big {{ alias {folder}/big; }} }}
    server {{ server_name tls; listen 127.0.0.1:{tls} ssl; location / {{ return 200 "ok\\n"; }}
              location /big {{ alias {folder}/big; }} }}
    server {{ server_name old; listen 127.0.0.1:{old} ssl; ssl_protocols TLSv1.2; location / {{ return 200 "ok\\n"; }} }}
    server {{ server_name strict; listen 127.0.0.1:{strict} ssl; ssl_client_certificate {folder}/ca.pem;
              ssl_verify_client on; location / {{ return 200 "ok\\n"; }} }}
    server {{ server_name other; listen 127.0.0.1:{other} ssl;
              ssl_certificate {folder}/other.pem; ssl_certificate_key {folder}/other.key;
              location / {{ return 200 "ok\\n"; }} }}
}}
"""


class Nginx(rig.Process):
    """Ports: plain, tls, old (TLS 1.2), strict (wants a client certificate), other (wrong name)."""

    def __init__(self):
        rig.need_program("nginx")
        super().__init__("nginx")
        self.authority = Authority(self.folder)
        self.authority.sign("localhost", "DNS:localhost", "IP:127.0.0.1")
        self.authority.sign("other", "DNS:other.example")
        self.client = self.authority.sign("client")
        (self.folder / "big").write_bytes(b"x" * 300_000)
        self.ports = dict(zip(("plain", "tls", "old", "strict", "other"), rig.free_ports(5)))
        config = self.folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=self.folder, **self.ports))
        self.launch([shutil.which("nginx"), "-e", "stderr", "-p", self.folder, "-c", config],
                    stdout=subprocess.DEVNULL)
        rig.wait_until(self.listens, "nginx")

    def listens(self):
        if not self.running:
            raise AssertionError("nginx ended: " + self.log.read_text())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports["other"])) == 0

    def url(self, name, scheme="https", host="localhost"):
        return f"{scheme}://{host}:{self.ports[name]}/"

    def seen(self, server):
        """What the access log says of a server: tuples (protocol, reused, name, client, connection)."""
        lines = [line.split() for line in (self.folder / "access.log").read_text().splitlines()]
        return [tuple(line[1:]) for line in lines if line[0] == server]


def run(*arguments):
    """A short run with --json: (exit code, summary or None, stderr)."""
    with tempfile.TemporaryDirectory() as folder:
        ours = ("--json", "--quiet", "--no-watch", "--out", folder)
        end = arguments.index("--") if "--" in arguments else len(arguments)
        code, out, err = rig.run_loadline(*arguments[:end], *ours, *arguments[end:], timeout=60)
    return code, json.loads(out) if out else None, err


def run_patiently(*arguments):
    """The same under SLOs that a busy machine keeps too, and again when it made requests leave late."""
    def one_run():
        code, summary, err = run(arguments[0], *PATIENT_SLOS, *arguments[1:])
        if summary:
            machine.no_lag_of_our_own(summary)
        return code, summary, err
    return machine.tried(one_run)


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nginx = Nginx()
        cls.ca = ("--tls-ca", cls.nginx.authority.certificate)

    @classmethod
    def tearDownClass(cls):
        cls.nginx.stop()

    def assert_passes(self, *arguments):
        code, summary, err = run_patiently(*arguments)
        self.assertEqual(code, 0, err or summary["verdict"])
        self.assertEqual(list(summary["results"]["total"]["outcomes"]), ["ok"])
        return summary["results"]["steps"]["request"]

    def test_a_server_of_a_trusted_authority_is_believed_by_name_and_by_address(self):
        for host in ("localhost", "127.0.0.1"):
            step = self.assert_passes(self.nginx.url("tls", host=host), "-R200", "-d1s", *self.ca)
            self.assertEqual(step["requests"], 200)
        names = {(protocol, name) for protocol, _, name, *_ in self.nginx.seen("tls")}
        self.assertEqual(names, {("TLSv1.3", "localhost"), ("TLSv1.3", "-")})  # SNI has names only

    def test_tls_1_2_is_spoken_too(self):
        self.assert_passes(self.nginx.url("old"), "-R200", "-d1s", *self.ca)
        self.assertEqual({line[0] for line in self.nginx.seen("old")}, {"TLSv1.2"})

    def test_an_unknown_authority_is_a_tls_error_that_says_why(self):
        code, summary, err = run(self.nginx.url("tls"), "-R200", "-d1s")
        self.assertEqual(code, 3, err)
        self.assertEqual(list(summary["results"]["total"]["outcomes"]), ["tls_error"])
        self.assertIn("certificate verify failed: unable to get local issuer certificate",
                      summary["results"]["examples"][0]["text"])

    def test_a_certificate_of_another_name_is_a_tls_error(self):
        code, summary, err = run(self.nginx.url("other"), "-R200", "-d1s", *self.ca)
        self.assertEqual(code, 3, err)
        self.assertIn("hostname mismatch", summary["results"]["examples"][0]["text"])

    def test_insecure_believes_everybody(self):
        self.assert_passes(self.nginx.url("other"), "-R200", "-d1s", "--insecure")

    def test_a_client_certificate_is_shown_to_those_who_ask(self):
        certificate, key = self.nginx.client
        self.assert_passes(self.nginx.url("strict"), "-R200", "-d1s", *self.ca, "--tls-cert", certificate,
                           "--tls-key", key)
        code, summary, err = run(self.nginx.url("strict"), "-R200", "-d1s", *self.ca)
        self.assertEqual((code, list(summary["results"]["total"]["outcomes"])), (1, ["http_4xx"]), err)

    def test_sessions_are_resumed_unless_told_otherwise(self):
        scenario = {"loadline": 1, "targets": {"web": self.nginx.url("tls").rstrip("/")}, "connections": "per-request",
                    "tls": {"ca": "ca.pem"}, "load": {"rate": "200/s", "arrivals": "paced", "duration": "1s"},
                    "journeys": {"look": {"steps": [{"name": "request", "http": "GET web/"}]}}}
        file = self.nginx.folder / "resume.json"
        file.write_text(json.dumps(scenario))
        for flags, want in (((), "r"), (("--no-tls-resume",), ".")):
            before = len(self.nginx.seen("tls"))
            step = self.assert_passes("run", file, *flags)
            reused = collections.Counter(line[1] for line in self.nginx.seen("tls")[before:])
            # The very first connections have nothing to take up yet.
            self.assertGreaterEqual(reused[want], 180, reused)
            self.assertEqual(step["connect_ms"]["count"], 200)
            self.assertEqual(step["tls_ms"]["count"], 200)

    def test_connections_end_in_every_mode_over_tls_too(self):
        modes = ("fin-idle", "fin-inflight", "timeout", "half", "rst-idle", "rst-inflight", "open", "partial",
                 "slow-read", "reuse-race", "burst-end")
        for name in ("tls", "old"):
            with self.subTest(name):
                scenario = {"loadline": 1, "targets": {"web": self.nginx.url(name).rstrip("/")}, "tls": {"ca": "ca.pem"},
                            "load": {"rate": "200/s", "arrivals": "paced", "duration": "2s"},
                            "slo": ["p99 < 5s", "errors < 0.1%"],
                            "churn": {mode: 1 for mode in modes} | {"idle-timeout": "500ms", "timeout-after": "200ms"},
                            "journeys": {"look": {"steps": [{"name": "request", "http": "GET web/"}]}}}
                file = self.nginx.folder / "churn.json"
                file.write_text(json.dumps(scenario))
                code, summary, err = run("run", file)
                self.assertEqual(code, 0, err or summary["verdict"])
                churn, total = summary["results"]["churn"], summary["results"]["total"]
                again = churn["modes"]["reuse-race"]["unmeasured"]
                self.assertEqual(total["requests"] + churn["unmeasured"] - again, 400, churn)
                self.assertEqual(churn["failed"], 0, churn)
                for mode in modes:
                    counts = churn["modes"][mode]
                    # nginx answers before anybody's patience ends.
                    self.assertGreater(counts["answered_first" if mode == "timeout" else "closes"], 10, (mode, counts))
                    self.assertEqual(counts["server_first"], 0, (mode, counts))
                self.assertEqual(churn["fin_to_eof_ms"]["count"], churn["modes"]["half"]["closes"])
                self.assertEqual(churn["fin_to_eof_ms"]["none"], 0)

    def test_each_session_has_a_connection_of_its_own_when_asked(self):
        """20 users who think most of the time: a pool needs a few connections, browsers 20."""
        connections = {}
        for mode in ("pool", "per-session", "per-request"):
            scenario = {"loadline": 1, "targets": {"web": self.nginx.url("plain", "http", "127.0.0.1").rstrip("/")},
                        "connections": mode, "load": {"users": 20, "duration": "2s"}, "slo": ["errors < 1%"],
                        "journeys": {"look": {"steps": [{"name": "request", "http": "GET web/"},
                                                        {"think": "100ms..200ms"}]}}}
            file = self.nginx.folder / f"{mode}.json"
            file.write_text(json.dumps(scenario))
            before = len(self.nginx.seen("plain"))
            step = self.assert_passes("run", file, "-t", "2")
            seen = self.nginx.seen("plain")[before:]
            connections[mode] = len({line[4] for line in seen})
            self.assertGreaterEqual(len(seen), step["requests"])
        self.assertEqual(connections["per-session"], 20)
        self.assertLessEqual(connections["pool"], 20)
        self.assertGreater(connections["per-request"], 150)

    def test_a_large_body_arrives_whole_with_and_without_tls(self):
        for name, scheme in (("tls", "https"), ("plain", "http")):
            step = self.assert_passes(self.nginx.url(name, scheme) + "big", "-R100", "-d1s", *self.ca)
            self.assertGreater(step["bytes_in"], 100 * 300_000)
            self.assertLess(step["bytes_in"], 100 * 301_000)

    def test_a_unix_socket_is_a_target(self):
        self.assert_passes(f"unix:{self.nginx.folder}/web.sock:/", "-c4", "-d1s")
        self.assertIn(("-", "-", "-", "unix:"), {line[:4] for line in self.nginx.seen("plain")})

    def test_ipv6_is_spoken(self):
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError as error:
                self.skipTest(f"no IPv6 here: {error}")
        self.assert_passes(self.nginx.url("plain", "http", "[::1]"), "-R200", "-d1s")
        self.assertIn("::1", {line[3] for line in self.nginx.seen("plain")})

    def test_source_addresses_are_used_in_turn(self):
        self.assert_passes(self.nginx.url("plain", "http", "127.0.0.1"), "-c6", "-t1", "-d1s",
                           "--source", "127.0.0.2", "--source", "127.0.0.3")
        clients = collections.Counter(line[3] for line in self.nginx.seen("plain"))
        self.assertGreater(min(clients["127.0.0.2"], clients["127.0.0.3"]), 0, clients)

    def test_a_source_that_is_not_ours_is_refused_before_anything_is_sent(self):
        code, summary, err = run(self.nginx.url("plain", "http"), "-d1s", "--source", "192.0.2.1")
        self.assertEqual((code, summary), (2, None))
        self.assertIn("192.0.2.1 is not an address of this machine", err)

    def test_a_key_that_is_not_there_is_refused_before_anything_is_sent(self):
        for flags, words in ((("--tls-ca", "/nowhere.pem"), "the trusted certificates /nowhere.pem"),
                             (("--tls-cert", "/nowhere.pem"), "--tls-cert and --tls-key belong together")):
            code, summary, err = run(self.nginx.url("tls"), "-d1s", *flags)
            self.assertEqual((code, summary), (2, None))
            self.assertIn(words, err)


class OneShotServer(ThreadedServer):
    """Answers the first request of each connection, and closes it when a second one comes:
    what a client sees when the server closes an idle connection just as a request leaves."""

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def serve(self, connection):
        with connection:
            for answer in (self.ANSWER, b""):
                asked = b""
                while b"\r\n\r\n" not in asked:
                    more = connection.recv(4096)
                    if not more:
                        return
                    asked += more
                connection.sendall(answer)


class Reuse(unittest.TestCase):
    def test_a_get_on_a_connection_that_turns_out_dead_is_sent_once_more_and_counted(self):
        with OneShotServer() as server:
            code, summary, err = run(server.url, "-R100", "-d1s", "-t1", "-c1")
        step = summary["results"]["steps"]["request"]
        self.assertEqual(step["outcomes"], {"ok": 100}, err)
        self.assertGreaterEqual(step["resends"], 95)

    def test_a_post_is_not_sent_again_because_it_may_have_been_done(self):
        with OneShotServer() as server:
            code, summary, err = run(server.url, "-R100", "-d1s", "-t1", "-c1", "-X", "POST", "--body", "x")
        step = summary["results"]["steps"]["request"]
        self.assertEqual(step["resends"], 0)
        self.assertGreater(step["outcomes"].get("closed_early", 0) + step["outcomes"].get("reset", 0), 40, err)


class Timeouts(unittest.TestCase):
    """A server that accepts and never says a word: each phase ends by its own limit."""

    @classmethod
    def setUpClass(cls):
        cls.silent = socket.create_server(("127.0.0.1", 0), backlog=256)
        cls.port = cls.silent.getsockname()[1]

    @classmethod
    def tearDownClass(cls):
        cls.silent.close()

    def outcomes(self, scheme, timeouts):
        scenario = {"loadline": 1, "targets": {"web": f"{scheme}://127.0.0.1:{self.port}"}, "timeouts": timeouts,
                    "load": {"rate": "20/s", "arrivals": "paced", "duration": "1s", "drain": "3s"},
                    "journeys": {"look": {"steps": [{"name": "request", "http": "GET web/"}]}}}
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "silent.json"
            file.write_text(json.dumps(scenario))
            code, summary, err = run("run", file)
        self.assertEqual(code, 3, err)  # it never answered
        return summary["results"]["total"]["outcomes"], summary["results"]["examples"][0]["text"]

    def test_a_handshake_that_takes_too_long_is_a_tls_error(self):
        self.assertEqual(self.outcomes("https", {"tls": "200ms"}),
                         ({"tls_error": 20}, "tls_error: the handshake took too long"))

    def test_a_first_byte_that_takes_too_long_is_a_timeout(self):
        self.assertEqual(self.outcomes("http", {"firstByte": "200ms"}), ({"timeout": 20}, "timeout"))

    def test_an_answer_that_takes_too_long_is_a_timeout(self):
        self.assertEqual(self.outcomes("http", {"whole": "300ms"}), ({"timeout": 20}, "timeout"))


class CountingServer:
    """Answers every GET with 200, counts them and keeps the addresses that they came from."""

    def __init__(self, address, port):
        counter = self
        counter.answered = 0
        counter.clients = set()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                counter.answered += 1
                counter.clients.add(self.client_address[0])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.server = Server((address, port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class OwnNames(unittest.TestCase):
    """loadline sees a hosts file of its own, over /etc/hosts."""

    @classmethod
    def setUpClass(cls):
        private = ["unshare", "--mount", "true"]
        if subprocess.run(private, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            raise unittest.SkipTest("no mount namespace can be made here (needs CAP_SYS_ADMIN)")

    def summary(self, url, load, names, *flags, change=None):
        """Runs with a new connection per request; `change` gets the hosts file after one second."""
        scenario = {"loadline": 1, "targets": {"web": url}, "connections": "per-request", "load": load,
                    "journeys": {"look": {"steps": [{"name": "request", "http": "GET web/"}]}}}
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            hosts = folder / "hosts"
            hosts.write_text(names)
            (folder / "names.json").write_text(json.dumps(scenario))
            later = threading.Timer(1, change or (lambda _: None), [hosts])
            later.start()
            try:
                words = [(rig.BIN / "loadline").resolve(), "run", folder / "names.json", *flags, "--json", "--quiet", "--out",
                         folder / "report"]
                ended = subprocess.run(["unshare", "--mount", "sh", "-c",
                                        'mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh", hosts, *words],
                                       capture_output=True, text=True, timeout=60)
            finally:
                later.cancel()
        self.assertIn(ended.returncode, (0, 1, 4), ended.stderr)
        return json.loads(ended.stdout)


class Names(OwnNames):
    """Names whose addresses change under way."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = rig.free_port()
        cls.servers = [CountingServer(address, cls.port) for address in ("127.0.0.1", "127.0.0.2")]

    @classmethod
    def tearDownClass(cls):
        for server in cls.servers:
            server.close()

    def journey(self, *flags, seconds, change):
        load = {"rate": "50/s", "arrivals": "paced", "duration": f"{seconds}s"}
        return self.summary(f"http://web.test:{self.port}", load, "127.0.0.1 localhost web.test\n", *flags,
                            change=change)["results"]

    def test_an_address_that_changes_is_followed_after_the_ttl(self):
        before = [server.answered for server in self.servers]
        results = self.journey("--dns-ttl", "200ms", seconds=3,
                               change=lambda hosts: hosts.write_text("127.0.0.2 web.test\n"))
        self.assertEqual(results["total"]["outcomes"], {"ok": 150})
        first, second = (server.answered - was for server, was in zip(self.servers, before))
        self.assertGreater(first, 20)
        self.assertGreater(second, 50)
        # Every 200 ms one connection or more waits for the resolver; the others do not.
        self.assertLess(results["steps"]["request"]["resolve_ms"]["count"], 100)
        self.assertGreater(results["steps"]["request"]["resolve_ms"]["count"], 5)

    def test_without_a_ttl_the_first_address_stays(self):
        before = self.servers[1].answered
        results = self.journey(seconds=2, change=lambda hosts: hosts.write_text("127.0.0.2 web.test\n"))
        self.assertEqual(results["total"]["outcomes"], {"ok": 100})
        self.assertEqual(self.servers[1].answered, before)
        self.assertNotIn("resolve_ms", results["steps"]["request"])

    def test_a_name_that_is_gone_is_a_resolve_error(self):
        results = self.journey("--dns-ttl", "0s", seconds=3, change=lambda hosts: hosts.write_text("# empty\n"))
        outcomes = results["total"]["outcomes"]
        self.assertEqual(set(outcomes), {"ok", "resolve_error"})
        self.assertGreater(outcomes["ok"], 20)
        self.assertGreater(outcomes["resolve_error"], 20)
        self.assertRegex(results["examples"][0]["text"], "^resolve_error: .*[Hh]ost")


class Localhost(OwnNames):
    """`localhost` is 127.0.0.1, or ::1, or both: where we close first, several addresses are used for the first."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            raise unittest.SkipTest(f"there is no ::1 here: {error}") from error

    load = {"users": 4, "pacing": "20ms", "duration": "2s"}  # closed: nobody knows its rate beforehand

    def served(self, *addresses):
        """What the servers at these addresses saw, and the report."""
        port = rig.free_port()
        servers = []
        try:
            for address in addresses:
                servers.append(CountingServer(address, port))
            summary = self.summary(f"http://localhost:{port}", self.load, "::1 localhost\n127.0.0.1 localhost\n",
                                   "--no-watch", "-t1")
        finally:
            for server in servers:
                server.close()
        self.assertEqual(set(summary["results"]["total"]["outcomes"]), {"ok"})
        return servers, summary, port

    def test_several_addresses_are_used_and_the_other_family_is_left_out(self):
        (v6, v4), summary, port = self.served("::1", "127.0.0.1")
        self.assertEqual(summary["config"]["sources"], [f"127.0.0.{i}" for i in range(1, 33)])
        self.assertEqual(v4.clients, set(summary["config"]["sources"]))
        self.assertEqual(v6.answered, 0)
        self.assertEqual(summary["results"]["targets"]["web"]["addresses"], [f"127.0.0.1:{port}"])

    def test_at_one_address_of_its_family_alone_there_is_one_source(self):
        (v6,), summary, port = self.served("::1")
        self.assertNotIn("sources", summary["config"])
        self.assertEqual(v6.clients, {"::1"})
        self.assertEqual(summary["results"]["targets"]["web"]["addresses"], [f"[::1]:{port}"])


class Redis(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rig.need_program("redis-server")
        cls.process = rig.Process("redis-tls")
        folder = cls.process.folder
        authority = Authority(folder)
        certificate, key = authority.sign("localhost", "DNS:localhost", "IP:127.0.0.1")
        cls.ca = ("--tls-ca", authority.certificate)
        (cls.port, cls.plain), cls.socket = rig.free_ports(2), folder / "redis.sock"
        cls.process.launch([shutil.which("redis-server"), "--port", str(cls.plain), "--tls-port", str(cls.port),
                            "--bind", "127.0.0.1", "--unixsocket", str(cls.socket), "--save", "", "--dir", str(folder),
                            "--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file",
                            str(authority.certificate), "--tls-auth-clients", "no", "--requirepass", "secret"],
                           stdout=subprocess.DEVNULL)
        rig.wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", cls.port)) == 0, "redis-server with TLS")

    @classmethod
    def tearDownClass(cls):
        cls.process.stop()

    def keys(self, database):
        out = subprocess.run(["redis-cli", "-p", str(self.plain), "-a", "secret", "-n", str(database), "dbsize"],
                             capture_output=True, text=True, check=True)
        return int(out.stdout)

    def test_every_command_in_flight_gets_its_own_answer(self):
        """Each command sets a key of its own; as many keys as ok answers, at any depth."""
        for database, depth, url in ((1, 1, f"redis://:secret@127.0.0.1:{self.plain}/1"),
                                     (2, 16, f"redis://:secret@127.0.0.1:{self.plain}/2"),
                                     (3, 16, f"rediss://:secret@localhost:{self.port}/3")):
            with self.subTest(url=url, depth=depth):
                code, summary, err = run(url, "-c4", f"-P{depth}", "-d1s", *self.ca, "--", "SET",
                                         "key:${counter}", "x")
                self.assertEqual(code, 0, err or summary["verdict"])
                total = summary["results"]["total"]
                self.assertEqual(list(total["outcomes"]), ["ok"])
                # Those that ran into the end of the window are not counted, but were executed.
                self.assertLessEqual(0, self.keys(database) - total["requests"])
                self.assertLessEqual(self.keys(database) - total["requests"], 4 * depth)

    def test_open_load_goes_deep_when_the_connections_are_few(self):
        code, summary, err = run_patiently(f"redis://:secret@127.0.0.1:{self.plain}", "-c1", "-P32", "-R2000", "-d1s",
                                           "--", "PING")
        self.assertEqual(code, 0, err or summary["verdict"])
        self.assertEqual(summary["results"]["total"]["requests"], 2000)

    def test_a_unix_socket_of_redis_is_a_target(self):
        code, summary, err = run(f"redis+unix:{self.socket}", "-c2", "-d1s", "--", "PING")
        self.assertEqual(list(summary["results"]["total"]["outcomes"]), ["redis_error"], err)  # it wants the password
        self.assertIn("NOAUTH", summary["results"]["examples"][0]["text"])

    def test_a_wrong_password_names_redis_own_words(self):
        code, summary, err = run(f"redis://:wrong@127.0.0.1:{self.plain}", "-c2", "-d1s", "--", "PING")
        self.assertEqual(list(summary["results"]["total"]["outcomes"]), ["redis_error"], err)
        self.assertIn("WRONGPASS", summary["results"]["examples"][0]["text"])

    def test_what_belongs_to_the_other_protocol_is_refused(self):
        for arguments, words in (((f"redis://127.0.0.1:{self.plain}",), "wants a command"),
                                 (("http://127.0.0.1:1/", "--", "GET", "x"), "commands belong to redis:// URLs"),
                                 (("http://127.0.0.1:1/", "-P4"), "HTTP clients do not pipeline")):
            code, summary, err = run(*arguments)
            self.assertEqual((code, summary), (2, None))
            self.assertIn(words, err)


if __name__ == "__main__":
    visible_skip.main()
