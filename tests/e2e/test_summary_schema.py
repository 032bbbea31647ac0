"""summary.json of a real run against docs/summary.schema.json, by an independent validator
(Debian: python3-jsonschema), and timeline.jsonl line by line."""
import functools
import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import unittest

import visible_skip

try:
    import jsonschema
except ImportError:
    jsonschema = None

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOADLINE = os.path.join(os.environ["LOADLINE_BIN"], "loadline")


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass


class SummarySchema(unittest.TestCase):
    def setUp(self):
        if jsonschema is None and os.environ.get("CI") == "true":
            self.fail("python3-jsonschema is missing, and CI must not skip this")
        if jsonschema is None:
            self.skipTest("python3-jsonschema is missing")
        schema = json.loads((ROOT / "docs" / "summary.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        self.validator = jsonschema.Draft202012Validator(schema)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        served = os.path.join(self.folder.name, "www")
        os.mkdir(served)
        pathlib.Path(served, "index.html").write_text("hello")
        handler = functools.partial(Quiet, directory=served)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def run_loadline(self, *arguments):
        out = os.path.join(self.folder.name, "out")
        url = f"http://127.0.0.1:{self.server.server_address[1]}/index.html"
        subprocess.run([LOADLINE, url, *arguments, "--quiet", "--out", out], stdout=subprocess.DEVNULL,
                       timeout=60, check=False)
        return pathlib.Path(out)

    def check(self, out):
        summary = json.loads((out / "summary.json").read_text())
        wrong = [f"/{'/'.join(map(str, e.absolute_path))}: {e.message}"
                 for e in self.validator.iter_errors(summary)]
        self.assertEqual(wrong, [])
        return summary

    def test_a_run_keeps_the_schema(self):
        out = self.run_loadline("-t1", "-c2", "-d2s", "-R50")
        summary = self.check(out)
        self.assertEqual(summary["results"]["generator"]["scheduled"], 100)
        seconds = [json.loads(line) for line in (out / "timeline.jsonl").read_text().splitlines()]
        self.assertGreaterEqual(len(seconds), 2)
        self.assertEqual(sum(second["scheduled"] for second in seconds), 100)

    def test_a_run_that_breaks_its_promise_keeps_the_schema(self):
        # In a closed loop nothing is due at a set time, so a busy machine cannot make it INVALID.
        summary = self.check(self.run_loadline("-t1", "-c2", "-d2s", "--slo", "p50 < 1us"))
        self.assertEqual(summary["verdict"]["word"], "FAIL")
        self.assertEqual(summary["results"]["slo"][0]["word"], "FAIL")


if __name__ == "__main__":
    visible_skip.main()
