"""The bars that loadline must reach, and the stretch beyond them."""
import dataclasses

from .outputs import NoFigure


@dataclasses.dataclass(frozen=True)
class Bar:
    work: str
    value: object  # a number or a NoFigure
    form: str
    sign: str      # "≥" or "≤"
    limit: float   # None: there is none, the figure is only published
    stretch: float

    @property
    def limit_text(self):
        return "published" if self.limit is None else f"{self.sign} {self.limit:{self.form}}"

    @property
    def stretch_text(self):
        return f"{self.sign} {self.stretch:{self.form}}"

    @property
    def word(self):
        """met, stretch (both met), missed, or n/a."""
        if isinstance(self.value, NoFigure):
            return "n/a"
        if self._reaches(self.stretch):
            return "stretch"
        return "met" if self.limit is None or self._reaches(self.limit) else "missed"

    def _reaches(self, limit):
        return self.value >= limit if self.sign == "≥" else self.value <= limit


def judge(measurements):
    """Every bar, those of areas that were not run included."""
    find = _Finder(measurements)
    rate, cpu = "rate_per_s", "cpu_us_per_request"
    return [
        Bar("static GET, 64 connections: requests/s × wrk", find.ratio("static-64", "loadline", "wrk", rate),
            ".2f", "≥", 1.15, 1.28),
        Bar("static GET, 256 connections: requests/s × wrk", find.ratio("static-256", "loadline", "wrk", rate),
            ".2f", "≥", 1.15, 1.28),
        Bar("static GET, 64 connections: CPU per request × wrk", find.ratio("static-64", "loadline", "wrk", cpu),
            ".2f", "≤", 0.88, 0.78),
        Bar("static GET, 256 connections: CPU per request × wrk", find.ratio("static-256", "loadline", "wrk", cpu),
            ".2f", "≤", 0.88, 0.78),
        Bar("static GET, 64 connections: requests/s × raw epoll",
            find.ratio("static-64", "loadline", "raw epoll", rate), ".2f", "≥", 0.92, 0.97),
        Bar("static GET of nginx: requests/s × wrk", find.ratio("nginx", "loadline", "wrk", rate),
            ".2f", "≥", 0.99, 1.05),
        Bar("static GET of nginx: CPU per request × wrk", find.ratio("nginx", "loadline", "wrk", cpu),
            ".2f", "≤", 0.98, 0.92),
        Bar("system calls per request, saturated", find.median("static-64", "loadline", "syscalls_per_request"),
            ".2f", "≤", 2.5, 2.2),
        Bar("user instructions per request, static GET",
            find.median("static-64", "loadline", "instructions_per_request", "needs --instructions"),
            ",.0f", "≤", 7000, 4500),
        Bar("allocations per exchange, steady state", NoFigure("not measured here: component_no_allocation proves 0"),
            ".0f", "≤", 0, 0),
        Bar("mission mix: requests/s × own static GET",
            find.ratio("mix", "loadline", "loadline, static GET", rate), ".2f", "≥", 0.85, 0.92),
        Bar("mission mix: requests/s × k6", find.ratio("mix", "loadline", "k6", rate), ".1f", "≥", 16, 20),
        Bar("mission mix: requests/s × wrk with Lua", find.ratio("mix", "loadline", "wrk with Lua", rate),
            ".2f", "≥", 1.5, 1.8),
        Bar("what deferring the reads adds to done at p50, µs",
            find.worst("deferral", "added_us"), ".1f", "≤", None, 5),
        Bar("open loop at up to half the ceiling: send lag p99, median window, µs", find.lag(), ".1f", "≤", 50, 30),
        Bar("open loop at 2000/s: cores", find.median("lag", "2000/s", "cores"), ".2f", "≤", 0.30, 0.20),
        Bar("Redis GET, 1 in flight: requests/s × redis-benchmark",
            find.ratio("redis-1", "loadline", "redis-benchmark", rate), ".2f", "≥", 1.3, 1.6),
        Bar("Redis GET, 16 in flight: requests/s × redis-benchmark",
            find.ratio("redis-16", "loadline", "redis-benchmark", rate), ".2f", "≥", 1.0, 1.15),
        Bar("memory at 10 000 connections, MB", find.median("memory", "loadline", "max_rss_mb"),
            ".0f", "≤", 150, 80),
        Bar("watching 1000 sockets, 4 samples a second: % of a core",
            find.median("watch-1000", "loadline watch", "core_percent"), ".2f", "≤", 1, 0.5),
        Bar("watching 10 000 sockets, at the adaptive period: % of a core",
            find.median("watch-10000", "loadline watch", "core_percent"), ".2f", "≤", 2, 1.2),
        Bar("a sample of 1000 sockets: CPU × ss -tanp",
            find.ratio("watch-1000", "loadline watch", "ss -tanp", "cpu_ms_per_sample"), ".3f", "≤", None, 0.1),
        Bar("a sample of 10 000 sockets: CPU × ss -tanp",
            find.ratio("watch-10000", "loadline watch", "ss -tanp", "cpu_ms_per_sample"), ".3f", "≤", None, 0.1),
    ]


class _Finder:
    """Looks figures up; what was not measured becomes a NoFigure."""

    def __init__(self, measurements):
        self.measurements = measurements

    def ratio(self, name, row, other, key):
        found = self.measurements.get(name)
        return found.ratio(row, other, key) if found else self._not_run(name)

    def median(self, name, row, key, otherwise=None):
        found = self.measurements.get(name)
        if not found:
            return self._not_run(name)
        if otherwise and key not in found.once.get(row, {}):
            return NoFigure(otherwise)
        return found.median(row, key)

    def worst(self, name, key):
        """The largest of the rows' medians."""
        found = self.measurements.get(name)
        if not found:
            return self._not_run(name)
        values = [found.median(row, key) for row in found.rows]
        missing = [value for value in values if isinstance(value, NoFigure)]
        return missing[0] if missing else max(values)

    def lag(self):
        """The worst of the rates that are at most half of what the closed loop reached."""
        found = self.measurements.get("lag")
        if not found:
            return self._not_run("lag")
        ceiling = found.median("closed loop", "rate_per_s")
        if isinstance(ceiling, NoFigure):
            return ceiling
        rows = [row for row in found.rows if row != "closed loop" and int(row.removesuffix("/s")) <= ceiling / 2]
        lags = [found.median(row, "lag_p99_us") for row in rows]
        missing = [lag for lag in lags if isinstance(lag, NoFigure)]
        if missing or not lags:
            return missing[0] if missing else NoFigure(f"half the ceiling of {ceiling:.0f}/s is below every rate tried")
        return max(lags)

    @staticmethod
    def _not_run(name):
        return NoFigure(f"area {name.partition('-')[0]} was not run")
