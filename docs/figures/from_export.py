"""Puts an export's figures and picture, and the speed benchmark's rows, into docs/guide/export.md.

python docs/figures/from_export.py runs/synthetic/export [--speed FILE] [--replace]

Figures of another model than the document has are refused unless --replace is given.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# `export` is a folder of the checkout, never installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from export.report import FIGURES, PICTURE, faces, markdown, variant_table
from fau_tf.utils.files import replacing
from fau_tf.utils.markdown_tables import filled

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "guide" / "export.md"
IMAGES = ROOT / "docs" / "images"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the given figures; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export", type=Path, help="folder that `python -m export` wrote")
    parser.add_argument("--speed", type=Path, help="JSON of `python -m benchmarks.on_device`")
    parser.add_argument("--replace", action="store_true", help="even if they are another model's")
    options = parser.parse_args(arguments)
    for path in (options.export / FIGURES, options.export / PICTURE, options.speed):
        if path and not path.is_file():
            print(f"error: There is no file {path}. Make it first.", file=sys.stderr)
            return 2
    before = DOCUMENT.read_text(encoding="utf-8")
    figures = json.loads((options.export / FIGURES).read_text(encoding="utf-8"))
    text = filled(before, "parity", "\n".join(parity_lines(figures)))
    if options.speed:
        speed = json.loads(options.speed.read_text(encoding="utf-8"))
        text = filled(text, "speed", "\n".join(speed_lines(speed)))
    old, new = models(before) - models(text), models(text) - models(before)
    if old and not options.replace:
        print(
            f"error: {DOCUMENT.name} has the figures of {', '.join(sorted(old))}, and these are of "
            f"{', '.join(sorted(new)) or 'none'}. Give --replace to replace them.",
            file=sys.stderr,
        )
        return 2
    with replacing(DOCUMENT) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    with replacing(IMAGES / PICTURE) as unfinished:
        unfinished.write_bytes((options.export / PICTURE).read_bytes())
    return 0


def models(text: str) -> set[str]:
    """Return the names of the trained models whose figures a document has."""
    found = re.findall(r"^`(\S+)` on \d+ ", text, re.M) + re.findall(
        r"^\| given \| (\S+)", text, re.M
    )
    return set(found)


def parity_lines(figures: Mapping[str, Any]) -> list[str]:
    """Return the lines of one export, from parity.json."""
    facts = figures["facts"]
    machine = facts["machine"]
    lines = [
        f"`{facts['name']}` on {faces(facts)}; times on {machine['cores']} cores of "
        f"{machine['cpu']} ({machine['architecture']}):",
        "",
        *variant_table(figures),
    ]
    refused = [
        f"- {name}: {reason}"
        for name, row in figures["variants"].items()
        for reason in row["refused"]
    ]
    if refused:
        lines += ["", "Refused:", "", *refused]
    return [*lines, "", f"![ICC per AU and variant, sizes, times](../images/{PICTURE})"]


def speed_lines(speed: Mapping[str, Any]) -> list[str]:
    """Return the lines of one run of the benchmark, from its JSON."""
    machine, rows = speed["machine"], speed["rows"]
    titles = ["network", "variant", "MB", "MFLOP"]
    for count in sorted({row["cores"] for row in rows}):
        where = f"{count} core{'s' * (count > 1)}"
        titles += [f"{where}: ms (p90)", "of MediaPipe's", "sum, ms", "GFLOP/s (of peak)"]
    table: dict[tuple[str, str], list[str]] = {}
    for row in sorted(rows, key=lambda row: row["cores"]):  # stable: presets stay in order
        start = [row["preset"], row["variant"], f"{row['mb']:.2f}", f"{row['mflop']:.0f}"]
        table.setdefault((row["preset"], row["variant"]), start).extend(
            (
                f"{row['median_ms']:.2f} ({row['p90_ms']:.2f})",
                f"{row['ratio']:.2f}",
                f"{row['sum_ms']:.1f}",
                f"{row['gflop_per_s']:.0f} ({row['of_peak']:.0%})",
            )
        )
    versions = speed["versions"]
    first = (
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']} at the start; LiteRT "
        f"{versions['ai-edge-litert']}, MediaPipe {versions['mediapipe']}."
    )
    return [first, "", *markdown(titles, list(table.values()))]


if __name__ == "__main__":
    sys.exit(main())
