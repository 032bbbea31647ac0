"""Turns, medians and paired ratios.

Absolute figures drift with the machine. So in each round every client runs once, the order is
rotated from round to round, and a ratio is the median of the rounds' own ratios.
"""
import dataclasses
from statistics import median

from .outputs import NoFigure


@dataclasses.dataclass(frozen=True)
class Turn:
    """One row of a measurement: a client and its job."""
    client: object
    job: object

    @property
    def row(self):
        return self.client.name


@dataclasses.dataclass
class Measurement:
    """Every figure of some rounds. A figure is a number, or a NoFigure that says why not."""
    title: str
    columns: list                 # of tables.Column
    rows: list
    rounds: list                  # of {row: {key: figure}}, or {row: NoFigure}
    against: dict                 # row -> the row that its ratios refer to
    notes: list = dataclasses.field(default_factory=list)
    once: dict = dataclasses.field(default_factory=dict)  # row -> {key: figure} taken once, outside the rounds

    def median(self, row, key):
        """Over the rounds that gave it; a NoFigure when none did."""
        if key in self.once.get(row, {}):
            return self.once[row][key]
        values = [done[row][key] for done in self.rounds if not self._missing(done, row) and key in done[row]]
        return median(values) if values else self._reason(row, key)

    def ratio(self, row, other, key):
        """The median of the rounds' ratios row/other; a NoFigure when no round gave both."""
        pairs = [(done[row][key], done[other][key]) for done in self.rounds
                 if not self._missing(done, row) and not self._missing(done, other)]
        pairs = [(mine, theirs) for mine, theirs in pairs if theirs]
        if pairs:
            return median([mine / theirs for mine, theirs in pairs])
        return self._reason(row, key, self._reason(other, key, NoFigure(f"{other} gave {key} 0")))

    def failures(self):
        """Which row gave no figures in how many rounds, and why the first time."""
        for row in self.rows:
            reasons = [done[row].args[0] for done in self.rounds if isinstance(done.get(row), NoFigure)]
            if reasons:
                yield row, len(reasons), reasons[0]

    @staticmethod
    def _missing(done, row):
        return isinstance(done.get(row, NoFigure("")), NoFigure)

    def _reason(self, row, key, otherwise=None):
        """Why `row` has no `key`; `otherwise` when it has."""
        for done in self.rounds:
            if isinstance(done.get(row), NoFigure):
                return done[row]
        if otherwise and any(row in done for done in self.rounds):
            return otherwise
        return NoFigure(f"{row} does not tell {key}")


def measure(title, turns, columns, rounds, against=None):
    """Runs the turns `rounds` times. A client that fails the first time is not tried again."""
    result = Measurement(title, columns, [turn.row for turn in turns], [], against or {})
    print(f"\n{title}", flush=True)
    hopeless = {}
    for number in range(rounds):
        first = number % len(turns)
        done = {turn.row: hopeless.get(turn.row) or _run(turn) for turn in turns[first:] + turns[:first]}
        if number == 0:
            hopeless = {row: got for row, got in done.items() if isinstance(got, NoFigure)}
        result.rounds.append(done)
        print(f"  {number + 1}/{rounds}: " + "   ".join(f"{row} {_rate(done[row])}" for row in result.rows), flush=True)
    return result


def _run(turn):
    try:
        return turn.client.run(turn.job)
    except NoFigure as reason:
        return reason


def _rate(figures):
    return "n/a" if isinstance(figures, NoFigure) else f"{figures['rate_per_s']:.0f}/s"
