"""The figures of parity.json as Markdown, for report.md and docs/guide/export.md."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_MEANING: Final = (
    "ICC is ICC(3,1) against the labels and MAE the error against them, in grades of 0 to 5. "
    "`lost` is float32's ICC minus the variant's, and the same for the AU that loses most. "
    "`ICC to float`, `bias` and `worst` compare with the intensities of the float32 file; faces "
    "count from 0 in the order judged. Sizes are in MB of 1,000,000 bytes, zipped by deflate at "
    "level 9. Times are of the CPU below, all variants in turn in one run: a phone has others."
)
_AU_TABLES: Final = (
    ("ICC(3,1) against labels", "icc", 3),
    ("MAE against labels, grades", "mae", 3),
    ("ICC(3,1) against float32", "icc_to_float", 4),
    ("Bias to float32, grades", "bias", 3),
    ("Largest difference to float32, grades", "worst", 2),
)
_NONE: Final = "-"

Figures = Mapping[str, Any]
"""What parity.json holds, see `report.report_figures`."""


def report_text(figures: Figures, picture: str) -> str:
    """Return report.md; `picture` is the file to show."""
    facts, variants = figures["facts"], figures["variants"]
    lines = [f"# Export of {facts['name']}", "", f"Judged on {faces(facts)}. {_MEANING}", ""]
    lines += [f"- {key}: {_fact(value)}" for key, value in facts.items()]
    lines += ["", *variant_table(figures), "", f"![Agreement, size and speed]({picture})", ""]
    refused = [(name, reason) for name, row in variants.items() for reason in row["refused"]]
    if refused:
        lines += ["## Refused, and not written", ""]
        lines += [f"- {name}: {reason}" for name, reason in refused] + [""]
    for title, field, digits in _AU_TABLES:
        lines += [f"## {title}", "", *au_table(figures, field, digits), ""]
    return "\n".join(lines)


def faces(facts: Mapping[str, Any]) -> str:
    """Return how many faces of which kind were judged, as words."""
    people = f"{facts['people']} " if "people" in facts else ""
    return f"{facts['faces']} {facts['kind']} of {people}test people"


def variant_table(figures: Figures) -> list[str]:
    """Return lines of a Markdown table, a row a variant."""
    variants = figures["variants"]
    counts = sorted({count for row in variants.values() for count in row["latency"]}, key=int)
    titles = ["variant", "written", "MB", "of float32", "zip MB"]
    titles += ["ICC", "lost", "MAE", "ICC to float", "bias", "worst"]
    titles += [f"ms, {count} thread{'s' * (int(count) > 1)} (p90)" for count in counts]
    rows = [
        [
            name,
            "yes" if row["written"] else "no",
            *(_size_cells(row) if row["size"] else [_NONE] * 3),
            *(_parity_cells(row) if row["parity"] else [_NONE] * 6),
            *(_time_cell(row["latency"].get(count)) for count in counts),
        ]
        for name, row in variants.items()
    ]
    return markdown(titles, rows)


def au_table(figures: Figures, field: str, digits: int) -> list[str]:
    """Return lines of a Markdown table of one figure: a row an AU, a column a variant."""
    judged = {name: row["parity"] for name, row in figures["variants"].items() if row["parity"]}
    labels = list(next(iter(judged.values()))["per_au"])
    rows = [
        [label, *(_number(found["per_au"][label][field], digits) for found in judged.values())]
        for label in labels
    ]
    name = "all" if field == "worst" else "mean"
    rows.append([name, *(_number(found[field], digits) for found in judged.values())])
    return markdown(["AU", *judged], rows)


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows)]


def _size_cells(row: Mapping[str, Any]) -> list[str]:
    packed = row["compressed_size"]
    return [
        f"{row['size'] / 1e6:.2f}",
        f"{row['size_ratio']:.3f}",
        _NONE if packed is None else f"{packed / 1e6:.2f}",
    ]


def _parity_cells(row: Mapping[str, Any]) -> list[str]:
    found, lost = row["parity"], row["icc_lost"]
    known = {label: loss for label, loss in lost["per_au"].items() if loss is not None}
    most = max(known, key=lambda label: known[label]) if known else ""
    return [
        _number(found["icc"], 4),
        _number(lost["mean"], 4) + (f" ({most} {known[most]:.4f})" if most else ""),
        _number(found["mae"], 3),
        _number(found["icc_to_float"], 4),
        _number(found["bias"], 3),
        f"{found['worst']:.2f} ({found['worst_au']}, face {found['worst_face']})",
    ]


def _time_cell(row: Mapping[str, float] | None) -> str:
    return f"{row['median_ms']:.2f} ({row['p90_ms']:.2f})" if row else _NONE


def _number(value: float | None, digits: int) -> str:
    """Return a rounded number; -0.000 would look like a sign that matters."""
    return _NONE if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)
