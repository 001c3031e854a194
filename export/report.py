"""What an export is worth, written beside its files: report.md, parity.json, parity.png."""

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
from export.report_tables import report_text
from export.specs import EXPORT_SPECS
from fau_tf.utils.files import replacing
from fau_tf.utils.json_safe import plain

REPORT: Final = "report.md"
FIGURES: Final = "parity.json"
PICTURE: Final = "parity.png"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One variant of an export, written or refused.

    Attributes:
        variant: Name of a row of `specs.EXPORT_SPECS`.
        size: Bytes; None where it could not be made.
        compressed_size: Bytes in a zip archive, from `compressed_size`; None likewise.
        parity: From `parity.judge`; None where it was refused before it was judged.
        latency: Threads -> `median_ms` and `p90_ms`, from `latency.cpu_latency`; may be empty.
        refused: Why it was not written, one line each; empty where it keeps its gates.
        asked: Whether its file was asked for: float32 is judged in any case.
    """

    variant: str
    size: int | None = None
    compressed_size: int | None = None
    parity: Parity | None = None
    latency: Mapping[int, Mapping[str, float]]
    refused: Sequence[str] = ()
    asked: bool = True


def compressed_size(content: bytes) -> int:
    """Return the bytes that a file takes in a zip archive, deflated at level 9.

    As in an app's package or a download that doesn't store it as it is.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        package.writestr("model.tflite", content)
        return package.getinfo("model.tflite").compress_size


def write_report(folder: Path, facts: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """Write the three files, each whole or not at all.

    Args:
        folder: Where the exported files are.
        facts: What was judged on what: `name` of the run and `kind` of its faces, e.g.
            `synthetic faces`; `people`, how many they are of, and anything else are optional.
        entries: The variants in order, float32 first, judged: the others are compared with it.

    Raises:
        ValueError: If `facts` or the first entry isn't that.
    """
    figures = report_figures(facts, entries)
    with replacing(folder / FIGURES) as unfinished:
        text = json.dumps(figures, indent=1, allow_nan=False) + "\n"
        unfinished.write_text(text, encoding="utf-8")
    draw_parity(folder / PICTURE, figures)
    with replacing(folder / REPORT) as unfinished:
        unfinished.write_text(report_text(figures, PICTURE), encoding="utf-8")


def report_figures(facts: Mapping[str, Any], entries: Sequence[Entry]) -> dict[str, Any]:
    """Return what parity.json holds: `facts`, and `variants` by name; arguments as above."""
    missing = [key for key in ("name", "kind") if not facts.get(key)]
    if missing:
        raise ValueError(
            f"A report must say what it is about. Received: facts without {missing}. "
            "Give the run's name and the kind of its faces."
        )
    first = entries[0] if entries else None
    if first is None or first.variant != "float32" or not first.parity or not first.size:
        raise ValueError(
            "The first variant of a report must be float32, made and judged. Received: "
            f"{[entry.variant for entry in entries]}. Judge it even where it is refused."
        )
    return {
        "facts": dict(facts) | {"faces": first.parity.faces, "machine": machine()},
        "variants": {entry.variant: _plain(entry, first) for entry in entries},
    }


def _plain(entry: Entry, first: Entry) -> dict[str, Any]:
    """Return an entry, what it loses against float32 and its gates, as plain values."""
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
