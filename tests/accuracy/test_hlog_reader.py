"""An .hlog of ours, read by HdrHistogram's own Java library: every percentile of every tag
lies in the same bucket. Debian packages: libhdrhistogram-java and default-jdk-headless."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import visible_skip

JAR = "/usr/share/java/hdrhistogram.jar"
READER = pathlib.Path(__file__).resolve().parent.parent / "support" / "ReadHlog.java"


class HlogReader(unittest.TestCase):
    def need(self, present, what):
        if not present and os.environ.get("CI") == "true":
            self.fail(f"{what} is missing, and CI must not skip this")
        if not present:
            self.skipTest(f"{what} is missing")

    def test_java_reads_the_same_percentiles(self):
        self.need(shutil.which("java"), "java (default-jdk-headless)")
        self.need(os.path.exists(JAR), f"{JAR} (libhdrhistogram-java)")
        writer = os.path.join(os.environ["LOADLINE_BIN"], "accuracy_hlog_percentiles")
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "latency.hlog")
            subprocess.run([writer], env={**os.environ, "LOADLINE_HLOG": log}, check=True,
                           stdout=subprocess.DEVNULL)
            read = subprocess.run(["java", "-cp", JAR, str(READER), log], check=True,
                                  capture_output=True, text=True)
            expected = pathlib.Path(log + ".expected").read_text()
        self.assertEqual(read.stdout, expected)
        self.assertEqual(len(expected.splitlines()), 3)


if __name__ == "__main__":
    visible_skip.main()
