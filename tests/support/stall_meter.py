"""What the machine did: wakes up every millisecond on each processor and notes how late it was.

Run by machine.py as a process of its own, so that nothing a test does in its process is taken
for a stall, until its stdin ends. Then it prints one line of JSON:

    late_ms    the latest wake-up of each second since the start, of all processors
    stolen_ms  what the hypervisor gave to others meanwhile ("steal" of /proc/stat)

Where the test goes before ordinary processes, the meter goes before the test: the load of the
test itself must not be an excuse.
"""
import json
import os
import pathlib
import sys
import threading
import time

PERIOD = 0.001
NOTED = 0.0005  # s; what a timer costs is no stall


def stolen_ms():
    words = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(words[8]) * 1000 / os.sysconf("SC_CLK_TCK")


def watch(processor, ending, late):
    os.sched_setaffinity(0, {processor})  # of this thread
    due = time.monotonic() + PERIOD
    while not ending.is_set():
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        if now - due > NOTED:
            late.append((due, now))
        due = now + PERIOD


def by_second(late, begin, end):
    """The latest wake-up of each second in ms; a stall counts whole in each second it reaches."""
    worst = [0.0] * (int(end - begin) + 1)
    for due, woken in late:
        for second in range(int(max(0, due - begin)), min(len(worst), int(woken - begin) + 1)):
            worst[second] = max(worst[second], 1000 * (woken - due))
    return [round(ms, 2) for ms in worst]


def main():
    if os.sched_getscheduler(0) == os.SCHED_FIFO:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
    late, ending = [], threading.Event()
    watchers = [threading.Thread(target=watch, args=(processor, ending, late)) for processor in os.sched_getaffinity(0)]
    begin, stolen = time.monotonic(), stolen_ms()
    for watcher in watchers:
        watcher.start()
    print("ready", flush=True)
    sys.stdin.read()
    ending.set()
    for watcher in watchers:
        watcher.join()
    print(json.dumps({"late_ms": by_second(late, begin, time.monotonic()), "stolen_ms": stolen_ms() - stolen}))


if __name__ == "__main__":
    main()
