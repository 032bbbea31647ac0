"""Runs a file of unittest cases, or one class of it, so that ctest sees every skip.

    python3 test_x.py [CLASS]

unittest counts a run that skipped something as a success. `main()` ends such a run with 77,
which tests/CMakeLists.txt names SKIP_RETURN_CODE, and prints each reason; a failure is 1
whatever was skipped, and so is a run of no test at all.
"""
import sys
import unittest

SOMETHING_SKIPPED = 77


def exit_code(result):
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}", flush=True)
    if not result.wasSuccessful():
        return 1
    if result.skipped:
        return SOMETHING_SKIPPED
    return 0 if result.testsRun else 1


def main(**options):
    sys.exit(exit_code(unittest.main(module="__main__", exit=False, verbosity=2, **options).result))
