"""What the servers of the tests share: a listener on a free port of 127.0.0.1, and a thread for each
connection."""
import socket
import threading


class ThreadedServer:
    """Calls `serve(connection)` for each connection until `stop()`, or the end of its `with` block. What
    `serve` leaves open stays open; that the client has had enough (OSError) is no error."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # it was stopped
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.serve(connection)
        except OSError:
            connection.close()
