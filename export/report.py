"""Report of an export, written beside its files: report.md, parity.json, parity.png."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from export.latency import machine
from export.parity import Parity, icc_lost
from export.report_picture import draw_parity
from export.specs import EXPORT_SPECS
from fau_tf import contract
from fau_tf.utils.files import replacing
from fau_tf.utils.json_safe import plain

REPORT: Final = "report.md"
FIGURES: Final = "parity.json"
PICTURE: Final = "parity.png"

PARTS: Final = {
    "test": ("test subjects", "who were used neither for training nor for model selection"),
    "validation": ("validation subjects", "who also chose the checkpoint"),
    "train": (
        "training subjects",
        "on whom the network was trained: the figures compare variants and are no accuracies",
    ),
}
"""Part of a run that variants were tested on -> its name, and what its subjects were used for."""

Figures = Mapping[str, Any]
"""The contents of parity.json, see `report_figures`."""

_MEANING: Final = (
    "ICC is ICC(3,1) against the labels and MAE the error against them, in intensity units of 0 to "
    "5. `lost` is float32's ICC minus the variant's, and the same for the AU that loses most. "
    "`ICC to float`, `bias` and `worst` compare with the intensities of the float32 file; faces "
    "are counted from 0. Sizes are in MB of 1,000,000 bytes, zipped by deflate at level 9. Times "
    "were measured on the CPU below, with all variants in turn in one run: a phone has others."
)
_AU_TABLES: Final = (
    ("ICC(3,1) against labels", "icc", 3),
    ("MAE against labels, intensity units", "mae", 3),
    ("ICC(3,1) against float32", "icc_to_float", 4),
    ("Bias to float32, intensity units", "bias", 3),
    ("Largest difference to float32, intensity units", "worst", 2),
)
_NONE: Final = "-"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One variant of an export, written or refused.

    Attributes:
        variant: Name of a row of `specs.EXPORT_SPECS`.
        size: Bytes; None if it could not be made.
        compressed_size: Bytes in a zip archive, from `compressed_size`; None likewise.
        parity: From `parity.compare`; None likewise.
        latency: Threads -> `median_ms` and `p90_ms`, from `latency.cpu_latency`; may be empty.
        refused: Why it was not written, one line each; empty if it passes its gates.
        asked: Whether its file was asked for: float32 is tested in any case.
    """

    variant: str
    size: int | None = None
    compressed_size: int | None = None
    parity: Parity | None = None
    latency: Mapping[int, Mapping[str, float]]
    refused: Sequence[str] = ()
    asked: bool = True


def compressed_size(content: bytes) -> int:
    """Return the bytes that a file takes in a zip archive, deflated at level 9."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        package.writestr("model.tflite", content)
        return package.getinfo("model.tflite").compress_size


def write_report(folder: Path, facts: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """Write the three files, each whole or not at all.

    Args:
        folder: Where the exported files are.
        facts: `name` of the run and `kind` of its training data, e.g. `synthetic faces`; the test
            faces are of the same kind, without portraits. `test_subjects`, their number, `part`,
            by default `test`, and anything else are optional.
        entries: The variants in order, float32 first, with its parity: the others are compared
            with it.
    """
    figures = report_figures(facts, entries)
    with replacing(folder / FIGURES) as unfinished:
        text = json.dumps(figures, indent=1, allow_nan=False) + "\n"
        unfinished.write_text(text, encoding="utf-8")
    title = f"{facts['name']}: {faces(figures['facts'])}"
    draw_parity(folder / PICTURE, figures, title)
    with replacing(folder / REPORT) as unfinished:
        unfinished.write_text(report_text(figures), encoding="utf-8")


def report_figures(facts: Mapping[str, Any], entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the contents of parity.json; arguments as of `write_report`."""
    faces = entries[0].parity.faces if entries[0].parity else 0
    return {
        "facts": dict(facts) | {"faces": faces, "machine": machine()},
        "variants": {entry.variant: _plain(entry, entries[0]) for entry in entries},
    }


def _plain(entry: Entry, first: Entry) -> dict[str, Any]:
    """Return an entry, its loss against float32 and its limits, as plain values."""
    spec = EXPORT_SPECS[entry.variant]
    lost = None
    if entry.parity and first.parity:
        loss = icc_lost(entry.parity, first.parity)
        lost = {"mean": first.parity.icc - entry.parity.icc, "per_au": loss}
    return {
        "size": entry.size,
        "size_ratio": entry.size / first.size if entry.size and first.size else None,
        "compressed_size": entry.compressed_size,
        "parity": entry.parity.as_dict() if entry.parity else None,
        "icc_lost": plain(lost),
        "latency": {str(count): dict(row) for count, row in entry.latency.items()},
        "written": entry.asked and not entry.refused,
        "refused": list(entry.refused),
        "gates": {
            "size_ratio": spec.max_size,
            "icc_lost": spec.max_icc_loss,
            "au_icc_lost": spec.max_au_icc_loss,
        },
    }


def report_text(figures: Figures) -> str:
    """Return report.md."""
    facts, variants = figures["facts"], figures["variants"]
    part = facts.get("part", "test")
    caveat = f", {PARTS[part][1]}" if part != "test" else ""
    lines = [f"# Export of {facts['name']}", ""]
    lines += [f"Tested on {faces(facts)}{caveat}. {_MEANING}", ""]
    lines += [f"- {key}: {_fact(value)}" for key, value in facts.items()]
    lines += ["", *variant_table(figures), "", f"![Agreement, size and speed]({PICTURE})", ""]
    refused = [(name, reason) for name, row in variants.items() for reason in row["refused"]]
    if refused:
        lines += ["## Refused, and not written", ""]
        lines += [f"- {name}: {reason}" for name, reason in refused] + [""]
    for title, field, digits in _AU_TABLES:
        lines += [f"## {title}", "", *au_table(figures, field, digits), ""]
    return "\n".join(lines)


def faces(facts: Mapping[str, Any]) -> str:
    """Return the number and kind of the test faces, in words."""
    subjects = f"{facts['test_subjects']} " if "test_subjects" in facts else ""
    kind = facts["kind"].removesuffix(contract.WITH_PORTRAITS)
    part, _ = PARTS[facts.get("part", "test")]
    return f"{facts['faces']} {kind} of {subjects}{part}"


def variant_table(figures: Figures) -> list[str]:
    """Return the lines of a Markdown table with a row for each variant."""
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
    """Return the lines of a Markdown table of one figure: AUs in rows, variants in columns."""
    tested = {name: row["parity"] for name, row in figures["variants"].items() if row["parity"]}
    labels = list(next(iter(tested.values()))["per_au"])
    rows = [
        [label, *(_number(found["per_au"][label][field], digits) for found in tested.values())]
        for label in labels
    ]
    name = "all" if field == "worst" else "mean"
    rows.append([name, *(_number(found[field], digits) for found in tested.values())])
    return markdown(["AU", *tested], rows)


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
    """Return a rounded number, without the sign of -0.000."""
    return _NONE if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)
