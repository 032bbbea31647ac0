"""The servers that are loaded: private, on free ports of 127.0.0.1, pinned to core 0. Each is a
context manager that gives its port, and stops what it started."""
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

from .process import SERVER_CORE, free_port, pinned, stop

NGINX_CONF = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{ default_type text/plain; return 200 "{answer}"; }}
    }}
}}
"""
ANSWER = "the same hundred and twenty-eight bytes for everybody ".ljust(128, ".")


@contextlib.contextmanager
def cheap(program):
    """tests/support/cheap_server: cheaper than any client."""
    child = subprocess.Popen(pinned(SERVER_CORE, [program]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = child.stdout.readline().strip()
        if not port:
            sys.exit("bench-peers: cheap_server did not start; its reason stands above")
        yield int(port)
    finally:
        stop(child)
        child.stdin.close()
        child.stdout.close()


@contextlib.contextmanager
def nginx():
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        os.chmod(folder, 0o755)
        port = free_port()
        conf = pathlib.Path(folder, "nginx.conf")
        conf.write_text(NGINX_CONF.format(folder=folder, port=port, answer=ANSWER))
        with _listening("nginx", ["nginx", "-p", folder, "-e", "stderr", "-c", conf], port):
            yield port


@contextlib.contextmanager
def redis():
    """A Redis that keeps nothing on disk and knows one key."""
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        port = free_port()
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                   "--appendonly", "no", "--loglevel", "warning"]
        with _listening("redis-server", command, port):
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                connection.sendall(b"SET key:1 0123456789\r\n")
                if connection.recv(64) != b"+OK\r\n":
                    sys.exit("bench-peers: redis-server does not keep a key")
            yield port


@contextlib.contextmanager
def _listening(name, command, port):
    child = subprocess.Popen(pinned(SERVER_CORE, command), stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if child.poll() is not None:
                sys.exit(f"bench-peers: {name} did not start; its reason stands above")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            sys.exit(f"bench-peers: {name} does not answer on port {port}")
        yield
    finally:
        stop(child)
