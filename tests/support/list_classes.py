"""Prints the test classes of a file of unittest cases, one per line: each becomes a test of ctest.

Reads the file and does not run it, since that happens when CMake configures. A class counts
when it has a test, its own or one from a class of the same file, and descends from something
that is called a ...Case. tests/unit/test_visible_skip.py holds this against unittest itself.
"""
import ast
import pathlib
import sys


def classes_of(path):
    tree = ast.parse(pathlib.Path(path).read_text(), str(path))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def any_of(name, holds):
        """Whether it holds of this class or of one that it descends from."""
        bases = [ast.unparse(base) for base in classes[name].bases] if name in classes else []
        return holds(name) or any(any_of(base, holds) for base in bases)

    def has_tests(name):
        return name in classes and any(isinstance(node, ast.FunctionDef) and node.name.startswith("test")
                                       for node in classes[name].body)

    return [name for name in classes
            if any_of(name, has_tests) and any_of(name, lambda base: base not in classes and base.endswith("Case"))]


if __name__ == "__main__":
    print("\n".join(classes_of(sys.argv[1])))
