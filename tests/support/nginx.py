"""A private nginx that answers every request with 200 and a small body."""
import shutil
import socket
import subprocess

from rig import Process, free_port, need_program, wait_until

CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok\\n"; }} }}
}}
"""


class Nginx(Process):
    def __init__(self):
        need_program("nginx")
        super().__init__("nginx")
        self.port = free_port()
        config = self.folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=self.folder, port=self.port))
        self.launch([shutil.which("nginx"), "-e", "stderr", "-p", self.folder, "-c", config],
                    stdout=subprocess.DEVNULL)
        wait_until(self.listens, f"nginx on port {self.port}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def listens(self):
        if not self.running:
            raise AssertionError("nginx ended: " + self.log.read_text())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
