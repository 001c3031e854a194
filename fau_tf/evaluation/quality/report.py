"""The page docs/experiments/quality.md and its picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from fau_tf.evaluation.figures import save_figure
from fau_tf.inference.quality import FLAG_BELOW, LIMITS
from fau_tf.utils.markdown_tables import table

PICTURE: Final = "images/quality.png"
_COLORS: Final = ("#2a6f97", "#e07a2f", "#b8c0c8")
_COLUMNS: Final = 5

_HEAD: Final = (
    "# Quality score\n\n"
    "Written by `python -m fau_tf.cli.quality measure {options}` (model `{model}`). The same face "
    "is read clean and under one degradation after the other. *Error* is the mean absolute "
    "difference of the intensities from the clean reading, over faces and AUs; *worst AU* is the "
    "AU whose mean over the faces is largest. *Score* is the median. The clean reading is no "
    'truth: an error of 0 means "as good as before".\n\n'
    f"![Error of the AUs and quality score by degradation](../{PICTURE})\n\n"
)


def page(found: Mapping[str, Any], options: str) -> str:
    """Return the Markdown page of `cli.quality measure`.

    Args:
        found: `model`, and `sets`: name -> `score_table.score_table` with `data`, what it is from.
        options: Of the command, which the page names.
    """
    parts = [_HEAD.format(model=found["model"], options=options)]
    parts.append(_limits())
    for name, figures in found["sets"].items():
        parts.append(f"\n## {name}\n\n{figures['data']}\n\n{_clean(figures['clean'])}\n\n")
        parts.append(_crossings(figures["rows"]) + "\n\n")
        parts.append(f"{_rows(figures['rows'])}\n")
    if found.get("no_face"):
        parts.append(f"\n## Pictures without a human face\n\n{_no_face(found['no_face'])}\n")
    return "".join(parts)


def draw(path: Path, found: Mapping[str, Any]) -> None:
    """Draw a panel for each degradation: worst AU's error, and score, of every set."""
    names = list(
        dict.fromkeys(row["name"] for one in found["sets"].values() for row in one["rows"])
    )
    lines = -(-len(names) // _COLUMNS)
    figure = Figure(figsize=(3.1 * _COLUMNS, 2.5 * lines), layout="constrained")
    for axes, name in zip(figure.subplots(lines, _COLUMNS).flat, names, strict=False):
        for color, (label, figures) in zip(_COLORS, found["sets"].items(), strict=False):
            rows = [row for row in figures["rows"] if row["name"] == name and "error" in row]
            strength = [row["strength"] for row in rows]
            axes.plot(strength, [row["score"] for row in rows], "-", color=color, label=label)
            axes.plot(strength, [row["worst"] for row in rows], "--", color=color)
        axes.axhline(1.0, color="black", linewidth=0.5)
        axes.set_title(name, fontsize=10)
        axes.set_ylim(0, 2)
        axes.tick_params(labelsize=8)
    for axes in list(figure.axes)[len(names) :]:
        axes.remove()
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle("score (solid) and error of the worst AU (dashed)", fontsize=11)
    save_figure(figure, path)


def _limits() -> str:
    rows = [
        [f"`{name}`", f"{row.full:g}", f"{row.none:g}", row.flag, row.reason or "(is read)"]
        for name, row in LIMITS.items()
    ]
    heads = ("measure", "share 1 from", "share 0 from", "flag", "reason at 0")
    return (
        "The score is the smallest share of these measures, linear between the two limits; a share "
        f"below {FLAG_BELOW:g} raises the flag.\n\n{table(heads, rows)}\n"
    )


def _clean(clean: Mapping[str, Any]) -> str:
    quantiles = ", ".join(f"{float(q):.0%}: {v:.2f}" for q, v in clean["quantiles"].items())
    flags = ", ".join(f"{flag} {count}" for flag, count in clean["flags"].items()) or "none"
    return (
        f"{clean['faces']} clean faces: {clean['share_from_0.9']:.0%} have a score of 0.9 or more; "
        f"quantiles of the score {quantiles}; flags: {flags}."
    )


def crossings(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return where each degradation's score falls, and where its error passes 1.

    Returns:
        For each degradation `name`, and the first row (None if there is none) with a median score
        `below_0.9` and `below_0.5`, and with `worst` from 1 on: `error_from_1`.
    """
    found = []
    for name in dict.fromkeys(row["name"] for row in rows):
        own = [row for row in rows if row["name"] == name and "error" in row]
        first = {
            "below_0.9": next((row for row in own if row["score"] < 0.9), None),
            "below_0.5": next((row for row in own if row["score"] < 0.5), None),
            "error_from_1": next((row for row in own if row["worst"] >= 1), None),
        }
        found.append({"name": name, **first})
    return found


def _crossings(rows: Sequence[Mapping[str, Any]]) -> str:
    def cell(row: Mapping[str, Any] | None) -> str:
        if row is None:
            return "-"
        return f"{row['strength']:g} (worst AU {row['worst']:.2f}, mean {row['error']:.2f})"

    body = [
        [one["name"], *(cell(one[key]) for key in ("below_0.9", "below_0.5", "error_from_1"))]
        for one in crossings(rows)
    ]
    return table(
        ("degradation", "score < 0.9 from", "score < 0.5 from", "worst AU's error 1 from"), body
    )


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    heads = (
        "degradation", "strength", "found", "error", "worst AU", "score", "90 % of scores below",
        "below 0.9", "not read", "first flag",
    )  # fmt: skip
    body = []
    for row in rows:
        cells = [row["name"], f"{row['strength']:g} {row['unit']}"]
        cells.append(f"{row['found']} of {row['faces']}")
        if "error" in row:
            cells += [f"{row['error']:.2f}", f"{row['worst']:.2f} {row['worst_au']}"]
            cells += [f"{row['score']:.2f}", f"{row['score_p90']:.2f}"]
            cells += [f"{row['score_below_0.9']:.0%}", f"{row['not_read']:.0%}", row["flag"]]
        else:
            cells += ["-"] * 7
        body.append(cells)
    return table(heads, body)


def _no_face(rows: Sequence[Mapping[str, Any]]) -> str:
    body = [
        [row["name"], str(row["found"]), ", ".join(f"{x:.2f}" for x in row["scores"]) or "-",
         ", ".join(dict.fromkeys(row["flags"])) or "-"]
        for row in rows
    ]  # fmt: skip
    return table(("picture", "faces found", "scores", "flags"), body)
