"""Every skip of a Python test reaches ctest, and every class of tests is one that ctest runs."""
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

import skipped_tests
import visible_skip
from list_classes import classes_of

TESTS = pathlib.Path(__file__).resolve().parents[1]
CASES = """
    import unittest
    import visible_skip
    class Passes(unittest.TestCase):
        def test_a(self): pass
    class SkipsOne(unittest.TestCase):
        def test_a(self): pass
        def test_b(self): self.skipTest("no b here")
    class SkipsPart(unittest.TestCase):
        def test_a(self):
            with self.subTest("part"): self.skipTest("no part here")
    class SkipsAll(unittest.TestCase):
        @classmethod
        def setUpClass(cls): raise unittest.SkipTest("nothing here")
        def test_a(self): pass
    class Fails(unittest.TestCase):
        def test_a(self): self.fail("wrong")
        def test_b(self): self.skipTest("no b here")
    class Empty(unittest.TestCase):
        pass
    if __name__ == "__main__":
        visible_skip.main()
"""


class ExitCodes(unittest.TestCase):
    def run_cases(self, *words):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "test_cases.py"
            path.write_text(textwrap.dedent(CASES))
            done = subprocess.run([sys.executable, "-B", path, *words], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(TESTS / "support")})
        return done.returncode, done.stdout

    def test_a_skip_of_any_size_is_77_with_its_reason_and_a_failure_is_1(self):
        for name, code, reason in (("Passes", 0, "OK"), ("SkipsOne", 77, "skipped: test_b .*SkipsOne.*: no b here"),
                                   ("SkipsPart", 77, "skipped: test_a .*part.*: no part here"),
                                   ("SkipsAll", 77, "skipped: setUpClass .*SkipsAll.*: nothing here"),
                                   ("Fails", 1, "no b here"), ("Empty", 1, "Ran 0 tests"), ("Unheard", 1, "Unheard")):
            with self.subTest(name):
                found, text = self.run_cases(name)
                self.assertEqual(found, code, text)
                self.assertRegex(text, reason)

    def test_without_a_class_all_of_them_run(self):
        self.assertEqual(self.run_cases()[0], 1)


class Classes(unittest.TestCase):
    LOOK = """
import importlib, sys, unittest
suite = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(sys.argv[1]))
print("\\n".join(sorted({type(test).__name__ for part in suite for test in part})))
"""

    def test_ctest_runs_every_class_that_unittest_finds(self):
        paths = sorted(TESTS.glob("*/test_*.py"))
        self.assertGreater(len(paths), 10)
        for path in paths:
            with self.subTest(path.name):
                support = os.pathsep.join([str(path.parent), str(TESTS / "support")])
                done = subprocess.run([sys.executable, "-B", "-c", self.LOOK, path.stem], text=True, capture_output=True,
                                      env={**os.environ, "PYTHONPATH": support})
                self.assertEqual(sorted(classes_of(path)), done.stdout.split(), done.stderr)
                self.assertIn("visible_skip.main(", path.read_text(), "its skips are seen")


class Reasons(unittest.TestCase):
    def test_both_kinds_of_tests_tell_their_reason(self):
        xml = """<testsuite>
            <testcase name="quick"><system-out>ok</system-out></testcase>
            <testcase name="py.Class"><skipped/><system-out>ok
skipped: test_b (__main__.Class.test_b): no b here
skipped: test_c (__main__.Class.test_c): no c here
</system-out></testcase>
            <testcase name="cpp"><skipped/><system-out>[ RUN      ] A.B
/src/a.cpp:12: Skipped
the machine stalled
attempt 1: late
[  SKIPPED ] A.B (3 ms)
</system-out></testcase>
        </testsuite>"""
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(xml)
            file.flush()
            self.assertEqual(list(skipped_tests.skipped(file.name)),
                             [("py.Class", ["test_b (__main__.Class.test_b): no b here",
                                            "test_c (__main__.Class.test_c): no c here"]),
                              ("cpp", ["the machine stalled\nattempt 1: late\n"])])


if __name__ == "__main__":
    visible_skip.main()
