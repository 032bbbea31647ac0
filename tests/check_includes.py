"""Holds every #include "room/..." under src/ against the table in cmake/rooms.cmake.

Usage: check_includes.py PROJECT_ROOT. Prints each include that the table does not allow.
"""
import pathlib
import re
import sys


def read_table(text):
    table = {}
    for name, rest in re.findall(r"^room\((\w+)([^)]*)\)", text, re.M):
        uses = re.search(r"USES([\w\s]*?)(?:LINKS|$)", rest)
        table[name] = set(uses.group(1).split()) if uses else set()
    return table


def wrong_includes(root, table):
    for path in sorted((root / "src").glob("*/*.[ch]pp")):
        room = path.parent.name
        if room not in table:
            yield f"{path}: room '{room}' is not in cmake/rooms.cmake"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'\s*#\s*include\s+"(\w+)/', line)
            if include and include.group(1) not in table[room] | {room}:
                yield f"{path}:{number}: room '{room}' may not include '{include.group(1)}'"


def self_check(table):
    """The check must be able to fail: an include upwards is found."""
    assert len(table) > 10 and "engine" not in table["base"], table
    assert "base" in table["stats"]


def main():
    root = pathlib.Path(sys.argv[1])
    table = read_table((root / "cmake" / "rooms.cmake").read_text())
    self_check(table)
    wrong = list(wrong_includes(root, table))
    print("\n".join(wrong) if wrong else f"{len(table)} rooms: every include follows the table")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
