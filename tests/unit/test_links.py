"""The links of the documents lead to files and headings that are there."""
import pathlib
import re
import unittest

import visible_skip

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors(text):
    """What GitHub makes of the headings."""
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.M)}


def broken(text, folder):
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        if path and not (folder / path).exists():
            yield target
        elif anchor and anchor not in anchors((folder / path).read_text() if path else text):
            yield target


class Links(unittest.TestCase):
    def test_each_leads_somewhere(self):
        self.assertGreater(len(DOCUMENTS), 5)
        for document in DOCUMENTS:
            with self.subTest(document.name):
                self.assertEqual(list(broken(document.read_text(), document.parent)), [])

    def test_a_heading_and_a_file_that_are_not_there_are_found(self):
        text = "# How it works\n[a](#how-it-works) [b](#gone) [c](gone.md) [d](README.md#loadline)"
        self.assertEqual(list(broken(text, ROOT)), ["#gone", "gone.md"])


if __name__ == "__main__":
    visible_skip.main()
