"""Reads what clients and tools print. Pure functions of text.

A client's function gives {"requests", "rate_per_s", ...}, with more keys where the client knows
more. Whatever is not clean (errors, answers that are not 2xx, no figures) raises NoFigure: a rate
with errors in it compares nothing.
"""
import csv
import json
import re


class NoFigure(Exception):
    """A figure that could not be had. The text says why; it is printed beside "n/a"."""


def first_line(text):
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _number(pattern, text, client):
    found = re.search(pattern, text, re.M)
    if not found:
        raise NoFigure(f"{client} printed no figures: {first_line(text)[:100]!r}")
    return float(found[1])


def _figures(client, requests, rate_per_s, faults=0, what="errors", **more):
    if faults:
        raise NoFigure(f"{client} had {int(faults)} {what} in {int(requests)} requests")
    if requests <= 0 or rate_per_s <= 0:
        raise NoFigure(f"{client} completed no request")
    return {"requests": int(requests), "rate_per_s": rate_per_s, **more}


def _json(text, client):
    try:
        return json.loads(text)
    except ValueError:
        raise NoFigure(f"{client} printed no figures: {first_line(text)[:100]!r}") from None


def loadline(summary, timeline):
    """`--json` and timeline.jsonl. A verdict other than PASS does no harm: the default SLO is not the question.

    The summary counts what was *due* in the measured part, and what the drain still answered; other
    clients count what was answered while they ran. So the rate comes from the timeline.
    """
    results = _json(summary, "loadline")["results"]
    total = results["total"]
    named = ", ".join(f"{name} {count}" for name, count in total["outcomes"].items() if name != "ok")
    measured = [point for point in timeline_points(timeline) if point["phase"] == "measure"]
    length = sum(point["length_s"] for point in measured)
    if length <= 0:
        raise NoFigure("loadline's timeline has no measured part")
    return _figures("loadline", total["requests"], sum(point["completed"] for point in measured) / length,
                    total["errors"], f"errors ({named})", seconds=results["measured_s"])


def timeline_points(timeline):
    return [json.loads(line) for line in timeline.splitlines() if line]


def loadline_seconds(timeline, key):
    """One value for each full second of the measured part; a second without the key (nothing sent) is left out."""
    values = [point[key] for point in timeline_points(timeline)
              if point["phase"] == "measure" and point["length_s"] > 0.9 and point.get(key) is not None]
    if not values:
        raise NoFigure(f"loadline's timeline has no {key} for any full second")
    return values


def loadline_window_lag(text):
    """p99 of send lag within 10 ms, of the median window, in ms: from summary.json."""
    lag = _json(text, "loadline")["results"]["generator"].get("send_lag_ms", {})
    if "window_p99" not in lag:
        raise NoFigure("this version of loadline does not tell the send lag of 10 ms windows")
    return lag["window_p99"]


def floor_client(text):
    got = _json(text, "floor_client")
    return _figures("floor_client", got["requests"], got["rate_per_s"], got["errors"])


def deferral_client(text):
    got = _json(text, "deferral_client")
    return {**_figures("deferral_client", got["requests"], got["rate_per_s"], 0),
            **{key: got[key] for key in ("deferred_p50_us", "immediate_p50_us", "added_us")}}


def wrk(text):
    wrong = re.search(r"^\s*(Socket errors: .*|Non-2xx.*: \d+|Wrong answers: [1-9]\d*)", text, re.M)
    if wrong:
        raise NoFigure(f"wrk: {wrong[1]}")
    return _figures("wrk", _number(r"^\s*(\d+) requests in", text, "wrk"),
                    _number(r"^Requests/sec:\s+([\d.]+)", text, "wrk"))


def ab(text):
    faults = _number(r"^Failed requests:\s+(\d+)", text, "ab")
    other = re.search(r"^Non-2xx responses:\s+(\d+)", text, re.M)
    return _figures("ab", _number(r"^Complete requests:\s+(\d+)", text, "ab"),
                    _number(r"^Requests per second:\s+([\d.]+)", text, "ab"),
                    faults + (int(other[1]) if other else 0))


def h2load(text):
    """4xx and 5xx are among its failed requests."""
    def count(line, word):
        return _number(rf"^{line}:.* (\d+) {word}", text, "h2load")
    faults = sum(count("requests", word) for word in ("failed", "errored", "timeout")) + count("status codes", "3xx")
    return _figures("h2load", count("requests", "done"), _number(r"^finished in .*?, ([\d.]+) req/s", text, "h2load"),
                    faults)


def hey(text):
    rate = _number(r"^\s*Requests/sec:\s+([\d.]+)", text, "hey")
    counts = {int(code): int(n) for code, n in re.findall(r"^\s*\[(\d{3})\]\s+(\d+) responses", text, re.M)}
    # Below "Error distribution:" a line is "[count] text of the error".
    failed = sum(int(n) for n in re.findall(r"^\s*\[(\d+)\]\s", text.partition("Error distribution:")[2], re.M))
    other = sum(n for code, n in counts.items() if code // 100 != 2)
    return _figures("hey", sum(counts.values()) + failed, rate, other + failed)


def k6(text):
    """The line that tests/bench/mix.js prints at its end."""
    got = _json(text, "k6")
    return _figures("k6", got["requests"], got["rate_per_s"], got["failed_checks"], "failed checks")


def redis_benchmark(text, requests):
    """`--csv` of one test. It prints no number of requests: they are as many as were asked for."""
    rows = list(csv.DictReader(line for line in text.splitlines() if line.startswith('"')))
    try:
        rate = float(rows[0]["rps"])
    except (IndexError, KeyError, TypeError, ValueError):
        raise NoFigure(f"redis-benchmark printed no figures: {first_line(text)[:100]!r}") from None
    return _figures("redis-benchmark", requests, rate)


def perf_stat(text, event):
    """`perf stat -x,`: value, unit, event, ..."""
    for row in csv.reader(text.splitlines()):
        if len(row) > 2 and row[2].split(":u")[0] == event:
            try:
                return int(row[0])
            except ValueError:
                raise NoFigure(f"perf says {row[0]} for {event}") from None
    raise NoFigure(f"perf did not count {event}: {first_line(text)[:100]!r}")


def strace_calls(text):
    """`strace -c`: the sum of the column "calls". Column "errors" may be empty, so count from the left."""
    rows = [line.split() for line in text.splitlines()]
    calls = [int(row[3]) for row in rows
             if len(row) >= 5 and re.fullmatch(r"\d+\.\d+", row[0]) and row[-1] != "total"]
    if not calls:
        raise NoFigure(f"strace counted nothing: {first_line(text)[:100]!r}")
    return sum(calls)


def callgrind_instructions(text):
    """Instructions in user space, from callgrind's output file."""
    return int(_number(r"^(?:totals|summary): (\d+)", text, "callgrind"))
