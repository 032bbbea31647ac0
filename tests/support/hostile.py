"""Servers that misbehave on purpose: in-process, on a free port of 127.0.0.1."""
import socket
import struct
import threading


class HostileServer:
    """Reads a request, then calls `misbehave(connection, number)`, where `number` counts the
    requests from 0; goes on reading while that returns True, else closes the connection."""

    def __init__(self, misbehave):
        self.misbehave = misbehave
        self.requests = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.ending = threading.Event()
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.ending.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _accept(self):
        while not self.ending.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            connection.settimeout(20)
            try:
                while connection.recv(65536):  # requests are small: one read is one request
                    with self.lock:
                        number, self.requests = self.requests, self.requests + 1
                    if not self.misbehave(connection, number):
                        return
            except OSError:
                pass  # the client has had enough


def says(answer):
    """Sends these bytes, then closes."""
    def misbehave(connection, _):
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):  # no unread byte may turn the close into a reset
            pass
        return False
    return misbehave


def resets_after(answer):
    """Sends these bytes, then an RST."""
    def misbehave(connection, _):
        connection.sendall(answer)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    return misbehave


def repeats(first, again, times):
    """Sends `first`, then `again` so many times or until the client leaves."""
    def misbehave(connection, _):
        connection.sendall(first)
        for _ in range(times // 1000):
            connection.sendall(again * 1000)
        return False
    return misbehave


def is_silent(connection, _):
    """Never answers; keeps the connection."""
    return True


def every_other(misbehave, good):
    """`good` for requests 0, 2, 4 ..., so that the server is not one that never answered."""
    def alternate(connection, number):
        if number % 2:
            return misbehave(connection, number)
        connection.sendall(good)
        return True
    return alternate
