"""An HTTP server of known cost, on one thread: what it does for a request is in its path.

    /cpu/MS      counts for so many milliseconds of CPU time
    /memory/KB   keeps so much memory for good
"""
import http.server
import subprocess
import sys
import time

from rig import Process, free_port

kept = []


def burn(ms):
    end = time.thread_time() + ms / 1000
    while time.thread_time() < end:
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        _, what, amount = self.path.split("/")
        if what == "cpu":
            burn(float(amount))
        else:
            kept.append(bytearray(b"x") * (int(amount) * 1024))  # written, so that it is there
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_):
        pass


class Server(http.server.HTTPServer):
    request_queue_size = 512  # so that the accept queue is not what fails


class CostlyServer(Process):
    """It on a free port; started with `preexec` in its process, if any."""

    def __init__(self, preexec=None):
        super().__init__("costly")
        self.port = free_port()
        self.preexec = preexec
        self.start_or_clean_up()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.launch([sys.executable, "-B", __file__, self.port], stdout=subprocess.PIPE, text=True,
                    preexec_fn=self.preexec)
        with self.process.stdout as stdout:
            if not stdout.readline():
                self.process.wait(10)
                raise AssertionError("the costly server ended: " + self.log.read_text())


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        print("listening", flush=True)
        server.serve_forever()
