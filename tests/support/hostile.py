"""Servers that misbehave on purpose: in-process, on a free port of 127.0.0.1."""
import socket
import struct
import threading

from threaded_server import ThreadedServer


class HostileServer(ThreadedServer):
    """Reads a request, then calls `misbehave(connection, number)`, where `number` counts the
    requests from 0; goes on reading while that returns True, else closes the connection."""

    def __init__(self, misbehave):
        self.misbehave = misbehave
        self.requests = 0
        self.lock = threading.Lock()
        super().__init__()

    def serve(self, connection):
        with connection:
            connection.settimeout(20)
            while connection.recv(65536):  # requests are small: one read is one request
                with self.lock:
                    number, self.requests = self.requests, self.requests + 1
                if not self.misbehave(connection, number):
                    return


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
