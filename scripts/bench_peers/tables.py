"""The result for its readers: text, Markdown, JSON. A figure that could not be had is "n/a" with a
number, and its reason stands below; in JSON it is null with a "reason"."""
import dataclasses

from .outputs import NoFigure


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: the median of a key, or with `ratio` its paired ratio to the row's counterpart."""
    title: str
    key: str
    form: str
    ratio: bool = False

    def value(self, measurement, row):
        if not self.ratio:
            return measurement.median(row, self.key)
        other = measurement.against.get(row)
        return None if other in (None, row) else measurement.ratio(row, other, self.key)


RATE = Column("requests/s", "rate_per_s", ",.0f")
CPU = Column("CPU µs/request", "cpu_us_per_request", ".2f")
MEMORY = Column("MB at most", "max_rss_mb", ".0f")
SYSCALLS = Column("syscalls/request", "syscalls_per_request", ".2f")
INSTRUCTIONS = Column("user instructions/request", "instructions_per_request", ",.0f")


def ratio(column, title):
    return dataclasses.replace(column, title=title, form=".3f", ratio=True)


class Notes:
    """Reasons, numbered from 1 in the order they are first met."""

    def __init__(self):
        self.texts = []

    def number(self, text):
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1

    def cell(self, value, form):
        if value is None:
            return ""
        if isinstance(value, NoFigure):
            return f"n/a [{self.number(value.args[0])}]"
        return format(value, form)


def _grid(measurement, notes):
    rows = [["", *(column.title for column in measurement.columns)]]
    for row in measurement.rows:
        rows.append([row, *(notes.cell(column.value(measurement, row), column.form) for column in measurement.columns)])
    return rows


def _remarks(measurement, notes):
    """What stands below a table: the reasons for "n/a", then the notes, then runs that failed along the way."""
    yield from (f"[{number}] {text}" for number, text in enumerate(notes.texts, 1))
    yield from measurement.notes
    for row, count, reason in measurement.failures():
        if count < len(measurement.rounds):
            yield f"{row} gave no figures in {count} of {len(measurement.rounds)} rounds: {reason}"


def _bar_grid(bars, notes):
    rows = [["work", "value", "bar", "stretch", ""]]
    for bar in bars:
        rows.append([bar.work, notes.cell(bar.value, bar.form), bar.limit_text, bar.stretch_text, bar.word])
    return rows


def _text_grid(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        (f"{row[0]:{widths[0]}}" + "".join(f"   {cell:>{width}}" for cell, width in zip(row[1:], widths[1:]))).rstrip()
        for row in rows)


def text(measurements, bars):
    parts = []
    for measurement in measurements.values():
        notes = Notes()
        parts.append("\n".join([measurement.title, _text_grid(_grid(measurement, notes)),
                                *_remarks(measurement, notes)]))
    notes = Notes()
    grid = _text_grid(_bar_grid(bars, notes))
    parts.append("\n".join([grid, *(f"[{number}] {reason}" for number, reason in enumerate(notes.texts, 1))]))
    return "\n\n".join(parts)


def _markdown_grid(rows):
    head, *body = [["", *row[1:]] if row[0] == "" else row for row in rows]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in body])


def markdown(setting, measurements, bars):
    """For docs/performance.md: the setting, the bars, then every table."""
    notes = Notes()
    parts = [f"Measured on {setting['date']} on {setting['machine']} with\n\n```sh\n{setting['command']}\n```",
             setting["method"], "## Bars", _markdown_grid(_bar_grid(bars, notes)), _list(
                 f"[{number}] {reason}" for number, reason in enumerate(notes.texts, 1))]
    for measurement in measurements.values():
        notes = Notes()
        grid = _markdown_grid(_grid(measurement, notes))
        parts += [f"## {measurement.title}", grid, _list(_remarks(measurement, notes))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _list(lines):
    return "\n".join(f"- {line}" for line in lines)


def _plain(value):
    """A figure for JSON: the number, or why there is none."""
    return {"value": None, "reason": value.args[0]} if isinstance(value, NoFigure) else {"value": value}


def _json_round(done):
    return {row: {"reason": got.args[0]} if isinstance(got, NoFigure) else got for row, got in done.items()}


def as_json(setting, measurements, bars):
    return {
        "version": 1, **setting,
        "bars": [{"work": bar.work, **_plain(bar.value), "bar": bar.limit_text, "stretch": bar.stretch_text,
                  "word": bar.word} for bar in bars],
        "measurements": {name: {
            "title": m.title,
            "rows": {row: {(f"{column.key}_ratio" if column.ratio else column.key): _plain(value)
                           for column in m.columns if (value := column.value(m, row)) is not None}
                     for row in m.rows},
            "ratios_against": m.against,
            "notes": m.notes,
            "rounds": [_json_round(done) for done in m.rounds],
        } for name, m in measurements.items()},
    }
