"""Finds the clients, and installs those that are missing."""
import os
import pathlib
import shutil
import subprocess
import sys

from .outputs import NoFigure, first_line

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build/bench-peers"
K6 = "go.k6.io/k6@v1.8.1"  # a fixed one, so that figures of two days compare
K6_BUILD_LIMIT_S = 1800


def install():
    """What Debian packages; silent when all is there."""
    subprocess.run([ROOT / "scripts/setup", "bench"], check=True)


def own_programs(loadline):
    """loadline and the programs that lie beside it; ends with the mend when one is missing."""
    programs = {name: loadline.parent / name for name in ("cheap_server", "floor_client", "deferral_client")} | {"loadline": loadline}
    missing = [name for name, path in programs.items() if not path.exists()]
    if missing:
        sys.exit(f"bench-peers: {', '.join(missing)} not found in {loadline.parent}\n"
                 "   hint: cmake --preset release && cmake --build --preset release "
                 "--target bin/loadline cheap_server floor_client deferral_client")
    return programs


def k6():
    """k6's path: an installed one, the one built before, or built now. NoFigure says why there is none."""
    built = CACHE / "k6"
    if built.exists():
        return built
    installed = shutil.which("k6")
    if installed:
        return pathlib.Path(installed)
    if not shutil.which("go"):
        raise NoFigure("neither k6 nor Go to build it is installed")
    return _build_k6(built)


def _build_k6(target):
    print(f"building {K6} into {CACHE.relative_to(ROOT)} (minutes, once)", flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["go", "install", K6], env={**os.environ, "GOBIN": str(CACHE)},
                              capture_output=True, text=True, timeout=K6_BUILD_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise NoFigure(f"k6 was not built within {K6_BUILD_LIMIT_S} s") from None
    if done.returncode or not target.exists():
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise NoFigure(f"k6 could not be built: {first_line(last[0])[:150]}")
    return target
