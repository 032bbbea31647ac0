"""What brings a target down, one cause at a time: limits of cgroups, others on its core, a network that
loses packets. Where something cannot be provoked, the test is a skip that says why."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import unittest

import rig

CGROUPS = pathlib.Path("/sys/fs/cgroup")
CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def cgroup(controller, limits_v1, limits_v2):
    """A group of this test's with these limits (file: value); a skip where none can be made."""
    v1 = CGROUPS / controller
    group = (v1 if v1.is_dir() else CGROUPS) / f"loadline-test-{os.getpid()}"
    try:
        group.mkdir()
        for file, value in (limits_v1 if v1.is_dir() else limits_v2).items():
            (group / file).write_text(str(value))
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        raise unittest.SkipTest(f"no cgroup with the controller {controller} can be made here: {error}") from error
    try:
        yield group
    finally:
        def leave_and_remove():
            with contextlib.suppress(OSError):
                for pid in (group / "cgroup.procs").read_text().split():
                    (group.parent / "cgroup.procs").write_text(pid)
            with contextlib.suppress(OSError):
                group.rmdir()
            return not group.exists()
        rig.wait_until(leave_and_remove, "the cgroup to be removed")


@contextlib.contextmanager
def cpu_quota(pid, cores):
    """Puts the process into a cgroup of its own with a CPU quota: the group."""
    quota = int(cores * 100000)
    with cgroup("cpu", {"cpu.cfs_period_us": 100000, "cpu.cfs_quota_us": quota},
                {"cpu.max": f"{quota} 100000"}) as group:
        (group / "cgroup.procs").write_text(str(pid))
        yield group


@contextlib.contextmanager
def memory_limit(megabytes):
    """A cgroup with a limit of memory, in which the kernel kills what needs more: what a process calls first
    to enter it."""
    limit = megabytes * 1024 * 1024
    with cgroup("memory", {"memory.limit_in_bytes": limit}, {"memory.max": limit, "memory.swap.max": 0}) as group:
        counter = "memory.oom_control" if (group / "memory.oom_control").exists() else "memory.events"
        if "oom_kill " not in (group / counter).read_text():
            raise unittest.SkipTest(f"this kernel does not count OOM kills in {counter}")
        yield lambda: (group / "cgroup.procs").write_text(str(os.getpid()))


def ordinary():
    """Lets the process that calls it run as an ordinary one: of a core, the kernel leaves those that go before
    others no more than 95 %."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def ordinary_on_one_core():
    """Lets the process that calls it run as an ordinary one, on one core alone."""
    ordinary()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


class OneCore:
    """A cgroup that goes before ordinary processes on one core: what calls enter() in it, and spinners beside it
    that do nothing but use the core, from spin() on, for 15 s at most."""
    SPIN = "import time\nend = time.monotonic() + 15\nwhile time.monotonic() < end: pass\n"

    def __init__(self, spinners):
        self.count, self.processes = spinners, []
        self.open = cgroup("cpu", {"cpu.shares": 200000}, {"cpu.weight": 10000})

    def enter(self):
        ordinary_on_one_core()
        (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def spin(self):
        # enter() before the program begins: else it might go before all others, and leave them nothing.
        self.processes = [subprocess.Popen([sys.executable, "-c", self.SPIN], preexec_fn=self.enter)
                          for _ in range(self.count)]

    def __enter__(self):
        self.group = self.open.__enter__()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.open.__exit__(None, None, None)


class Network:
    """A network namespace of this thread, with a loopback of its own, for as long as the block lasts; what the
    thread starts in it stays in it. `lose()` makes it lose this share of all TCP packets with data from then on,
    so that every connection can be made; `half_open()` leaves connections to a port half open."""

    def __enter__(self):
        for program in ("ip", "nft"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        libc = ctypes.CDLL(None, use_errno=True)
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if libc.unshare(CLONE_NEWNET) != 0:
            os.close(self.home)
            raise unittest.SkipTest("no network namespace can be made here: " + os.strerror(ctypes.get_errno()))
        self.libc = libc
        try:
            self.run("ip", "link", "set", "lo", "up")
            self.run("nft", "add table ip loadline; add chain ip loadline input "
                            "{ type filter hook input priority 0; }")
        except unittest.SkipTest:
            self.__exit__()
            raise
        return self

    def lose(self, percent):
        self.run("nft", "add rule ip loadline input tcp flags & (psh) == psh "
                        f"numgen random mod 100 < {percent} drop")

    def few_half_open(self, most):
        """What listens from now on has room for so few connections, half open ones too, and sends no SYN cookies;
        and the clients of half_open() never see the answer to their SYN."""
        self.run("nft", "add rule ip loadline input ip daddr 127.0.0.99 tcp flags & (syn|ack) == (syn|ack) drop")
        for name, value in (("core/somaxconn", most), ("ipv4/tcp_syncookies", 0)):
            self.run("sh", "-c", f"echo {value} > /proc/sys/net/{name}")

    @staticmethod
    def half_open(port, count):
        """So many clients that wait: what to close when they shall give up."""
        clients = []
        for _ in range(count):
            client = socket.socket()
            client.setblocking(False)
            client.bind(("127.0.0.99", 0))
            client.connect_ex(("127.0.0.1", port))
            clients.append(client)
        return clients

    @staticmethod
    def run(*words):
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise unittest.SkipTest(f"{words[0]} cannot make a network that loses packets here: {done.stderr}")

    def __exit__(self, *_):
        self.libc.setns(self.home, CLONE_NEWNET)
        os.close(self.home)
