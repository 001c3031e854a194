"""Make docs/sample/own_data: a table of intensities and its pictures, of rendered people.

python docs/figures/own_data_sample.py
"""

import csv
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from fau_tf import facs
from fau_tf.synthetic.registry import RIGS
from fau_tf.synthetic.sample import render, sample_scene

FOLDER: Final = Path(__file__).parents[1] / "sample" / "own_data"
AUS: Final = (1, 4, 6, 12, 25, 26)
PEOPLE, PICTURES, SIDE = 12, 4, 192
NOT_CODED: Final = {"p03": 26, "p07": 26}
"""Person -> an AU that nobody coded, so that its cells are empty."""


def main() -> None:
    """Write the pictures and faces.csv."""
    (FOLDER / "photos").mkdir(parents=True, exist_ok=True)
    with (FOLDER / "faces.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image", "subject", *(f"{facs.AUS[au].label}_r" for au in AUS)])
        for person in range(PEOPLE):
            for number in range(PICTURES):
                table.writerow(_row(f"p{person + 1:02d}", person, number))


def _row(name: str, person: int, number: int) -> list[str]:
    """Write one picture; return its line: the first is neutral, the others show some of the AUs."""
    rng = np.random.default_rng((person, number))
    levels = rng.integers(1, 11, len(AUS)) / 2 * (rng.random(len(AUS)) < 0.5) * (number > 0)
    intensity = dict(zip(AUS, levels.tolist(), strict=True))
    seeds = {"person_seed": 900 + person, "face_seed": 100 * person + number}
    scene = sample_scene(RIGS["canonical"](None), intensity=intensity, **seeds)
    path = FOLDER / "photos" / f"{name}_{number + 1}.jpg"
    Image.fromarray(render(scene, size=SIDE)).save(path, quality=85)
    cells = ["" if NOT_CODED.get(name) == au else f"{intensity[au]:g}" for au in AUS]
    return [f"photos/{path.name}", name, *cells]


if __name__ == "__main__":
    main()
