"""The arguments, and what happens in which order."""
import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import shlex
import signal
import sys

from . import areas, bars, peers, process, tables


@dataclasses.dataclass(frozen=True)
class Bench:
    """What the areas need to know."""
    programs: dict  # name -> path: loadline, cheap_server, floor_client
    rounds: int
    few_rounds: int
    seconds: int
    instructions: bool


def arguments(words=None):
    parser = argparse.ArgumentParser(
        prog="bench-peers",
        description="Runs loadline and its peers in turn against the same private servers on 127.0.0.1, and prints "
                    "medians, paired ratios and the bars. Server and client are pinned to different cores.")
    parser.add_argument("areas", nargs="*", metavar="AREA",
                        help=f"what to measure, of {' '.join(areas.ALL)}; default: all")
    parser.add_argument("-n", "--rounds", type=int, default=9,
                        help="rounds, each client once (default 9); memory, scale and watch take a third of them")
    parser.add_argument("-d", "--seconds", type=int, default=5,
                        help="length of a run (default 5); twice that for memory, scale and watch")
    parser.add_argument("--instructions", action="store_true",
                        help="also count user instructions per request with callgrind (area static)")
    parser.add_argument("--loadline", type=pathlib.Path, default=peers.ROOT / "build/release/bin/loadline",
                        help="default: build/release/bin/loadline; cheap_server and floor_client lie beside it")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write every figure to FILE")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="also write the tables to FILE")
    args = parser.parse_args(words)
    unknown = [name for name in args.areas if name not in areas.ALL]
    if unknown:
        parser.error(f"no area {unknown[0]!r}; there are: {' '.join(areas.ALL)}")
    if args.rounds < 1 or args.seconds < 1:
        parser.error("rounds and seconds must be at least 1")
    if args.instructions and args.areas and "static" not in args.areas:
        parser.error("--instructions belongs to the area static, which is not asked for")
    for file in (args.json, args.markdown):
        if file and not file.absolute().parent.is_dir():
            parser.error(f"{file.parent} is not a folder, so {file} could not be written")
    return args


def machine():
    """In words: processor, cores, memory, kernel, distribution."""
    cpu = next((line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "an unknown distribution")
    return (f"{cpu}, {len(process.CORES)} core{'s' if len(process.CORES) > 1 else ''}, {memory_gb:.0f} GB, "
            f"Linux {platform.release()}, {system}")


BUSY = 0.5  # load average of the last minute; a quiet machine is far below


def setting(args):
    load = os.getloadavg()[0]
    quiet = ("" if load < BUSY else
             f" The machine was busy before the start (load average {load:.1f}): do not trust this.")
    pinning = ("server and client pinned to different cores" if process.PINNED
               else "server and client on one core, so the figures say little")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "command": shlex.join(["scripts/bench-peers", *sys.argv[1:]]),
        "method": f"Medians over {args.rounds} round(s) of {args.seconds} s, for memory, scale and watch "
                  f"over {_few(args.rounds)} of {2 * args.seconds} s; each round runs every client once, in rotated "
                  f"order; ratios are paired within a round; one client thread; {pinning}; loopback.{quiet}",
    }


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peers.install()
    bench = Bench(peers.own_programs(args.loadline), args.rounds, _few(args.rounds), args.seconds, args.instructions)
    described = setting(args)
    print(f"{described['machine']}\n{described['method']}")
    measurements = {}
    for name, area in areas.ALL.items():
        if not args.areas or name in args.areas:
            measurements |= area(bench)
            write(args, described, measurements)  # what is there survives a stop in a later area
    print("\n" + tables.text(measurements, bars.judge(measurements)))


def write(args, described, measurements):
    judged = bars.judge(measurements)
    if args.json:
        args.json.write_text(json.dumps(tables.as_json(described, measurements, judged), indent=2) + "\n")
    if args.markdown:
        args.markdown.write_text(tables.markdown(described, measurements, judged))


def _few(rounds):
    return max(1, rounds // 3)
