"""The Compose rig: bet-day against missiond behind nginx, as a user starts it.

Needs a Docker daemon and Compose; without them it is a visible skip. The images
are built once: in CI with the programs that it has compiled already, elsewhere from
source, as tests/slow/test_image.py does everywhere. The load stays between the rig's
own containers.
"""
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import images
import machine
import rig
import visible_skip
from images import ROOT

# What the rig must keep on a busy machine too: here the plumbing is tested, not the speed.
EASY = "--slo 'p99 < 5s' --slo 'errors < 0.1%'"
# Sessions are looked for in another database than missiond's: every look fails its check.
BROKEN = "--slo 'p99 < 5s' --slo 'errors(session-check) < 1%' --target cache=redis://redis:6379/5"

PROJECT = f"loadline-test-{os.getpid()}"
RUN_SECONDS = 120


def compose_command():
    if images.answers("docker", "compose", "version"):
        return ["docker", "compose"]
    return ["docker-compose"] if images.answers("docker-compose", "version") else None


def output_of(*command, seconds=RUN_SECONDS, env=None):
    """Runs in the project's root; gives (exit code, everything printed)."""
    done = subprocess.run(command, cwd=ROOT, timeout=seconds, text=True, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


class Rig(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        images.need_docker()
        cls.compose = compose_command()
        if cls.compose is None:
            raise unittest.SkipTest("neither `docker compose` nor `docker-compose` is there")
        images.run("scripts/rig-images")
        if rig.IN_CI and images.runs_in_the_image():
            images.build_of_what_is_built("loadline-rig")
        else:
            images.run(*cls.compose, "-p", PROJECT, "build")

    def setUp(self):
        self.reports = pathlib.Path(tempfile.mkdtemp(prefix="loadline-rig-"))
        self.addCleanup(shutil.rmtree, self.reports, ignore_errors=True)

    def up(self, *profiles, **environment):
        """One run of the rig; gives (exit code, output) and leaves its containers to look at."""
        compose = [*self.compose, "-p", PROJECT, *(word for name in profiles for word in ("--profile", name))]
        env = dict(os.environ, RIG_REPORTS=str(self.reports), RIG_DURATION="8s", **environment)
        # docker-compose asks for the same variables when it takes the rig down.
        down = functools.partial(output_of, *compose, "down", "-v", "--remove-orphans", env=env)
        self.addCleanup(down)

        def run():
            code, output = output_of(*compose, "up", "--no-build", "--abort-on-container-exit",
                                     "--exit-code-from", "loadline", env=env)
            if code == 4:
                try:
                    machine.no_lag_of_our_own(self.summary(output))
                except machine.Busy:
                    down()
                    shutil.rmtree(self.reports / "rig")  # it is the next one's
                    raise
            return code, output
        return machine.tried(run)

    def summary(self, output):
        found = sorted(self.reports.glob("rig/bet-day/*/summary.json"))
        self.assertEqual(len(found), 1, output)
        return json.loads(found[0].read_text())

    def nginx_log(self):
        """The lines of rig/nginx.conf's access log, read from the stopped container."""
        _, ids = output_of("docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}",
                           "--filter", "label=com.docker.compose.service=nginx")
        code, text = output_of("docker", "cp", f"{ids.strip()}:/var/log/nginx/rig.log", str(self.reports / "rig.log"))
        self.assertEqual(code, 0, text)
        return (self.reports / "rig.log").read_text().splitlines()

    def test_bet_day_passes_through_nginx_and_the_watcher_sees_missiond(self):
        code, output = self.up(RIG_ARGS=EASY)
        self.assertEqual(code, 0, output)

        summary = self.summary(output)
        self.assertEqual(summary["verdict"]["word"], "PASS", output)
        self.assertIn(summary["results"]["sockets"]["word"], ("OK", "NOT_EXERCISED"), summary["results"]["sockets"])
        self.assertIn("missiond", json.dumps(summary["results"]["sockets"]), "the watcher names the process")

        bets = [line for line in self.nginx_log() if re.search(r'"POST /missions/\d+/bet ', line)]
        self.assertGreaterEqual(len(bets), summary["results"]["steps"]["bet"]["requests"])
        upstreams = {line.rsplit(" to ", 1)[1] for line in bets}
        self.assertEqual(len(upstreams), 1, upstreams)
        self.assertRegex(upstreams.pop(), r"^[\d.]+:8080$")

    def test_a_watcher_beside_missiond_sends_what_it_sees(self):
        code, output = self.up("sidecar", RIG_WATCH="--watch-from redis://redis:6379/2 --run rig", RIG_ARGS=EASY)
        self.assertEqual(code, 0, output)
        sockets = self.summary(output)["results"]["sockets"]
        self.assertIn(sockets["word"], ("OK", "NOT_EXERCISED"), sockets)
        self.assertEqual(sockets["source"], "loadline watch, as run rig over Redis at redis:6379")
        self.assertIn("missiond", sockets["command"])

    def test_the_reports_belong_to_the_owner_of_the_folder(self):
        code, output = self.up(RIG_RATE="20/s", RIG_ARGS=EASY)
        self.assertEqual(code, 0, output)
        owner = self.reports.stat().st_uid
        for path in (self.reports / "rig").rglob("*"):
            self.assertEqual(path.stat().st_uid, owner, path)

    def test_a_broken_promise_is_the_exit_code_of_up(self):
        code, output = self.up(RIG_ARGS=BROKEN)
        self.assertEqual(code, 1, output)
        self.assertEqual(self.summary(output)["verdict"]["word"], "FAIL")


if __name__ == "__main__":
    visible_skip.main()
