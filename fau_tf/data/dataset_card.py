"""The data card of a synthetic set: counts and quantiles over its records."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.data.tfrecord import read_records

SPREAD: Final = (
    "melanin", "age", "yaw", "pitch", "roll", "light_side", "light_height", "ambient", "blur",
    "noise",
)  # fmt: skip
"""Factors whose quantiles the card gives."""
SHARES: Final = ("glasses", "strands", "hand", "stubble", "path_traced")
"""Factors for which the card gives the share of faces that have them."""
_QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def describe(files: Sequence[Path]) -> dict[str, Any]:
    """Return counts of AU intensities, people and rigs, and quantiles of the other factors.

    Args:
        files: Shards, read once from end to end.

    Raises:
        ValueError: If a record is damaged.
    """
    subjects: Counter[str] = Counter()
    datasets: Counter[str] = Counter()
    intensity, factors = [], []
    names: list[str] = []
    for row in read_records(files):
        subjects[row["subject"].decode()] += 1
        datasets[row["dataset"].decode()] += 1
        intensity.append(row["intensity"])
        names = [name.decode() for name in row["factor_names"]]
        factors.append(row["factors"])
    known = dict(zip(names, np.stack(factors).T, strict=True))
    return {
        "records": sum(subjects.values()),
        "subjects": len(subjects),
        "faces_of": dict(sorted(datasets.items())),
        "counts": level_counts(np.stack(intensity)),
        "spread": {
            name: [round(float(q), 3) for q in np.quantile(known[name], _QUANTILES)]
            for name in SPREAD
            if name in known
        },
        "shares": {
            name: round(float((known[name] > 0).mean()), 4) for name in SHARES if name in known
        },
    }


def level_counts(intensity: npt.NDArray[np.float32]) -> dict[str, list[int]]:
    """Return AU label -> number of faces at 0 and around each of 1 to 5.

    Args:
        intensity: (N, 17) in the order of `facs.ALL`; a value above 0 counts for the nearest whole
            intensity of 1 to 5.
    """
    level = np.where(intensity > 0, np.clip(np.rint(intensity), 1, facs.MAX_INTENSITY), 0)
    return {
        facs.AUS[au].label: [int((column == value).sum()) for value in range(facs.LEVELS)]
        for au, column in zip(facs.ALL, level.T, strict=True)
    }


def page(name: str, card: dict[str, Any]) -> str:
    """Return the card as Markdown."""
    lines = [
        f"# {name}", "",
        f"{card['records']} synthetic faces of {card['subjects']} synthetic subjects; generator "
        f"version {card['generator']}, seed {card['seed']}, {card['record_size']} px. No face is "
        "that of a real person, and no figure measured on them holds for real faces.", "",
        "| setting | |", "|---|---|",
        f"| rigs, people in turn | {', '.join(card['rigs'])} |",
        f"| renderers, faces in turn | {', '.join(card['renderers'])} |",
        *(f"| {key} | {value} |" for key, value in card["variety"].items()),
        f"| crop jitter | {card['jitter']} |",
        "", "Faces per AU and intensity (0 is absent):", "",
        "| AU | " + " | ".join(map(str, range(facs.LEVELS))) + " |",
        "|---" * (facs.LEVELS + 1) + "|",
        *(f"| {au} | " + " | ".join(map(str, row)) + " |" for au, row in card["counts"].items()),
        "", "Spread (minimum, 5 %, quartiles, 95 %, maximum):", "",
        "| factor | min | 5 % | 25 % | 50 % | 75 % | 95 % | max |", "|---" * 8 + "|",
        *(f"| {key} | " + " | ".join(f"{v:.2f}" for v in row) + " |"
          for key, row in card["spread"].items()),
        "", "| share of the faces with | |", "|---|---|",
        *(f"| {key} | {100 * value:.1f} % |" for key, value in card["shares"].items()), "",
    ]  # fmt: skip
    return "\n".join(lines)
