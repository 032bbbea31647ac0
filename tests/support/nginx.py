"""A private nginx that answers every request with 200 and a small body, hands it to another server,
or does what a test's `location` says."""
import pathlib
import shutil
import socket
import subprocess

from rig import Process, free_port, need_program, wait_until

CONFIG = """
daemon off; {processes} pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    {http}
    server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }}
}}
"""


class Nginx(Process):
    def __init__(self, proxy_to=None, location=None, http="", workers=0):
        """`proxy_to`: the port of the server behind it. Without `workers` it is one process."""
        need_program("nginx")
        super().__init__("nginx")
        self.port = free_port()
        answer = f"proxy_pass http://127.0.0.1:{proxy_to};" if proxy_to else 'return 200 "ok\\n";'
        # Else root's workers would be another user's, and what they hold not visible to everybody.
        processes = f"user root; worker_processes {workers};" if workers else "master_process off;"
        config = self.folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=self.folder, port=self.port, http=http, processes=processes,
                                        location=location or answer))
        self.launch([shutil.which("nginx"), "-e", "stderr", "-p", self.folder, "-c", config],
                    stdout=subprocess.DEVNULL)
        wait_until(self.listens, f"nginx on port {self.port}")
        if workers:  # they come after the socket listens
            wait_until(lambda: len(self.workers()) == workers, f"{workers} workers of nginx")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def workers(self):
        """Their pids, lowest first."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return sorted(int(pid) for pid in children.split())

    def listens(self):
        if not self.running:
            raise AssertionError("nginx ended: " + self.log.read_text())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
