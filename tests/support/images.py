"""The images of the Dockerfile: compiled in it from source, as a user gets them, or with the
programs that were compiled and tested here already."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import rig

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGETS = ("missiond", "loadline")
BUILD_STAGE = re.compile(r"^FROM \S+ AS build\n.*?(?=^FROM )", re.MULTILINE | re.DOTALL)
BUILT_STAGE = "FROM debian:bookworm-slim AS build\nCOPY bin /src/build/release/bin\n"


def answers(*command):
    """Does this command exist here and end well?"""
    return shutil.which(command[0]) and subprocess.run(command, capture_output=True).returncode == 0


def need_docker():
    if not answers("docker", "version"):
        raise unittest.SkipTest("no Docker daemon answers")


def run(*command, seconds=900):
    """Runs in the project's root; a failure shows the end of what it printed."""
    done = subprocess.run(command, cwd=ROOT, timeout=seconds, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout[-6000:]}")
    return done.stdout


def build(context, prefix):
    """Tags each of the two images as PREFIX/TARGET."""
    for target in TARGETS:
        run("docker", "build", "--target", target, "--tag", f"{prefix}/{target}", context)


def runs_in_the_image():
    """Whether programs that were linked here find their libraries there: Debian 12 on both sides."""
    release = pathlib.Path("/etc/os-release")
    return release.exists() and "VERSION_CODENAME=bookworm" in release.read_text().splitlines()


def build_of_what_is_built(prefix):
    """The same, with our own loadline and missiond in the place of the stage that compiles."""
    text, stages = BUILD_STAGE.subn(BUILT_STAGE, (ROOT / "Dockerfile").read_text())
    if stages != 1:
        raise AssertionError("the Dockerfile has no stage `build`")
    with tempfile.TemporaryDirectory() as folder:
        context = pathlib.Path(folder)
        (context / "Dockerfile").write_text(text)
        shutil.copytree(ROOT / "scenarios", context / "scenarios")
        for name in ("bin", "scripts"):
            (context / name).mkdir()
        for name in ("setup", "packages.txt"):
            shutil.copy(ROOT / "scripts" / name, context / "scripts")
        for target in TARGETS:
            run("strip", "-o", context / "bin" / target, rig.BIN / target)
        build(context, prefix)
