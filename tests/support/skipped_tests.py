"""Prints what was skipped and why, from the JUnit file of a ctest run.

    python3 skipped_tests.py tests.xml

ctest itself names the tests that were skipped, but shows no reason of theirs.
"""
import re
import sys
import xml.etree.ElementTree

# gtest's message stands below the line that says where the test skipped itself.
REASONS = re.compile(r"^skipped: (.*)|^\S+:\d+: Skipped\n((?:(?!\[ ).+\n)+)", re.MULTILINE)


def skipped(path):
    """(name, reasons) of each test that was skipped."""
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            reasons = REASONS.findall(case.findtext("system-out") or "")
            yield case.get("name"), [line or text for line, text in reasons]


def main(path):
    for name, reasons in skipped(path):
        print(f"skipped {name}")
        for reason in reasons or ["no reason was printed"]:
            print("    " + reason.strip().replace("\n", "\n    "))


if __name__ == "__main__":
    main(sys.argv[1])
