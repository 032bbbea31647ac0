"""A private nginx that answers every request with 200 and a small body, hands it to another server,
or does what a test's `location` says."""
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
    {http}
    server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }}
}}
"""


class Nginx(Process):
    def __init__(self, proxy_to=None, location=None, http=""):
        """`proxy_to`: the port of the server behind it."""
        need_program("nginx")
        super().__init__("nginx")
        self.port = free_port()
        answer = f"proxy_pass http://127.0.0.1:{proxy_to};" if proxy_to else 'return 200 "ok\\n";'
        config = self.folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=self.folder, port=self.port, http=http,
                                        location=location or answer))
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
