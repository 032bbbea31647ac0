"""What the tests of the command line share: a folder per test, one call that runs
loadline into it, and assertions that show all that was printed when they fail."""
import contextlib
import json
import pathlib
import shutil
import tempfile
import unittest

import machine
import rig

LOADLINE = (rig.BIN / "loadline").resolve()
# Wide enough for a busy machine: these tests ask whether loadline tells what happened,
# not how fast this machine is.
PATIENT_SLOS = ("--slo", "p99 < 5s", "--slo", "errors < 0.1%")


class Ended:
    """A loadline that has ended: its exit code and what it printed."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def first_line(self):
        return self.out.split("\n", 1)[0]

    def __str__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class CliCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="loadline-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.out = self.folder / "out"

    def loadline(self, *words, env=None, timeout=60):
        return Ended(*rig.run_loadline(*words, env=env, timeout=timeout))

    def run_into_folder(self, *words, meanwhile=contextlib.nullcontext, **options):
        """Runs with `--out`, so that `summary()` finds the report. Run again when requests left
        late because the machine stalled: see machine.tried. Each time in a `with meanwhile()`."""
        def run():
            with meanwhile():
                done = self.loadline(*words, "--out", self.out, **options)
            if done.code == 4 and (self.out / "summary.json").exists():
                try:
                    machine.no_lag_of_our_own(self.summary())
                except machine.Busy:
                    shutil.rmtree(self.out)  # it is the next one's
                    raise
            return done
        return machine.tried(run)

    def summary(self):
        return json.loads((self.out / "summary.json").read_text())

    def scenario(self, text, name="scenario.json"):
        """Writes a scenario file: `text` as it is, or a value as JSON. Its path."""
        path = self.folder / name
        path.write_text(text if isinstance(text, str) else json.dumps(text, indent=2))
        return path

    def files(self):
        return sorted(path.name for path in self.out.iterdir())

    def ended(self, done, code):
        self.assertEqual(done.code, code, str(done))

    def refused(self, done, *texts):
        """Exit 2, nothing on stdout, and every text on stderr."""
        self.ended(done, 2)
        self.assertEqual(done.out, "", str(done))
        for text in texts:
            self.assertIn(text, done.err)


class SeededCase(CliCase):
    """Runs of the scenarios that are loaded with the demo's users and missions."""

    def setUp(self):
        super().setUp()
        self.data = tempfile.mkdtemp(prefix="loadline-seed-")
        self.addCleanup(shutil.rmtree, self.data, ignore_errors=True)

    def service(self, *flags):
        service = rig.Missiond("--seed-demo", self.data, *flags)
        self.addCleanup(service.stop)
        return service
