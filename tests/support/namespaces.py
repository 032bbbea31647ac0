"""Network namespaces of a test's own: nothing of the machine's own network is touched."""
import os
import pathlib
import subprocess
import unittest

from rig import need_program, wait_until


class Namespace:
    """A process that does nothing in a network namespace of its own, whose loopback is up. Skips the
    test where none can be made."""

    def __init__(self):
        for program in ("unshare", "nsenter", "ip"):
            need_program(program)
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "600"], stderr=subprocess.PIPE, text=True)
        try:
            wait_until(self._ready, "a network namespace")
            self.ip("link", "set", "lo", "up")
        except BaseException:
            self.stop()
            raise

    def _ready(self):
        if self.process.poll() is not None:
            why = self.process.stderr.read().strip()
            raise unittest.SkipTest(f"no network namespace can be made here: {why}")
        name = pathlib.Path(f"/proc/{self.pid}/comm").read_text().strip()
        return name == "sleep" and os.readlink(f"/proc/{self.pid}/ns/net") != os.readlink("/proc/self/ns/net")

    @property
    def pid(self):
        return self.process.pid

    def inside(self, *words):
        """The command that runs `words` in it, with the same process id."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *map(str, words)]

    def ip(self, *words):
        subprocess.run(self.inside("ip", *words), check=True)

    def connect(self, other, address, other_address):
        """Joins two namespaces by a cable of their own."""
        added = subprocess.run(["ip", "link", "add", "cable", "netns", str(self.pid), "type", "veth",
                                "peer", "name", "cable", "netns", str(other.pid)], capture_output=True, text=True)
        if any(why in added.stderr for why in ("not supported", "Unknown device type", "not permitted")):
            raise unittest.SkipTest(f"no cable between namespaces can be made here: {added.stderr.strip()}")
        if added.returncode != 0:
            raise AssertionError(added.stderr)
        for end, its_address in ((self, address), (other, other_address)):
            end.ip("address", "add", f"{its_address}/30", "dev", "cable")
            end.ip("link", "set", "cable", "up")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()
