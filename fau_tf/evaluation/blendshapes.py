"""Do MediaPipe's blendshapes, which know nothing of us, move the right way when made faces act?

python -m fau_tf.evaluation.blendshapes [--quick] [--rigs canonical ict] [--ict FILE]
                                 [--renderers fast path] [--levels 0 5] [--people N] [--json FILE]

Each person shows each AU alone at intensity 0, 1, 3 and 5, all else the same; the photo of the
whole head goes to the Face Landmarker. An AU moves the right way if the mean of its blendshape
rises from 0 to 5 by more than twice its standard error, in at least two thirds of the people, falls
nowhere between 0, 3 and 5 and reaches 0.001 at all.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from fau_tf import facs
from fau_tf.face.mediapipe_landmarks import (
    DETECTION_CONFIDENCE,
    PRESENCE_CONFIDENCE,
    default_bundle,
    read_bundle,
)
from fau_tf.synthetic import sample
from fau_tf.synthetic.registry import RENDERERS, RIGS
from fau_tf.synthetic.rigs.rig import FaceRig
from fau_tf.synthetic.scene.scene import Variety
from fau_tf.utils import optional_imports

LEVELS: Final = (0, 1, 3, 5)
SEED: Final = 880_000  # of the first person; no set begins there
SIZE: Final = 288  # px of the photo, of the whole head
POSE: Final = (6.0, 4.0, 3.0)  # yaw, pitch, roll: the furthest, degrees
ALIVE: Final = 0.001
"""A mean that never gets here says nothing: MediaPipe's noseSneer stays at 0.000001."""
WIDTH: Final = 52
"""Blendshapes that MediaPipe reads."""

# AU -> blendshapes whose rise is its sign: (name, of two sides), added up
SIGNS: Final[dict[int, tuple[tuple[str, bool], ...]]] = {
    1: (("browInnerUp", False),),
    2: (("browOuterUp", True),),
    4: (("browDown", True),),
    5: (("eyeWide", True),),
    6: (("cheekSquint", True), ("eyeSquint", True)),  # the first hardly ever leaves 0
    9: (("noseSneer", True),),
    10: (("mouthUpperUp", True),),
    12: (("mouthSmile", True),),
    14: (("mouthDimple", True),),
    15: (("mouthFrown", True),),
    17: (("mouthShrugLower", False),),
    20: (("mouthStretch", True),),
    25: (("mouthLowerDown", True),),
    26: (("jawOpen", False),),
}


@dataclass(frozen=True)
class Reaction:
    """How one AU's blendshapes react to it.

    Attributes:
        au: Number.
        mean: Of the score at each of LEVELS.
        rise: Of the mean from 0 to 5.
        error: Standard error of the rise over the people.
        risen: Share of people whose score at 5 exceeds that at 0.
        spearman: Rank correlation of score and intensity in one person, mean over the people.
        right: The verdict.
        most: The blendshape that changed most on average, and by how much.
        missed: Photos without a face found, of those with this AU.
    """

    au: int
    mean: tuple[float, ...]
    rise: float
    error: float
    risen: float
    spearman: float
    right: bool
    most: tuple[str, float]
    missed: int


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each rig with each renderer; print tables."""
    options = _options(argv)
    people = options.people or (4 if options.quick else 30)
    found: list[dict[str, Any]] = []
    with Reader() as reader:
        for rig_name, renderer in product(options.rigs, options.renderers):
            rig = RIGS[rig_name](options.ict)
            levels = options.levels
            read = measured(reader, rig, renderer, options.size, people, levels)
            rows = [reaction(au, reader.names, read[au], levels) for au in facs.AUS]
            print(f"\n{rig_name}, {renderer}, {people} people\n\n{table(rows, levels)}", flush=True)
            found.append(
                {
                    "rig": rig_name,
                    "renderer": renderer,
                    "people": people,
                    "size": options.size,
                    "right": sum(row.right for row in rows),
                    "rows": [asdict(row) for row in rows],
                }
            )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


class Reader(AbstractContextManager["Reader"]):
    """MediaPipe's Face Landmarker with blendshapes; use it in a `with` block."""

    def __init__(self, num_faces: int = 1) -> None:
        """Load it.

        Args:
            num_faces: That it looks for at most.
        """
        self._mp = optional_imports.mediapipe()
        vision = self._mp.tasks.vision
        with optional_imports.explain_import_errors("MediaPipe"):
            self._landmarker = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=self._mp.tasks.BaseOptions(
                        model_asset_buffer=read_bundle(default_bundle())
                    ),
                    min_face_detection_confidence=DETECTION_CONFIDENCE,
                    min_face_presence_confidence=PRESENCE_CONFIDENCE,
                    output_face_blendshapes=True,
                    num_faces=num_faces,
                )
            )
        self.names: tuple[str, ...] = ()

    def scores(self, photo: np.ndarray, near: np.ndarray | None = None) -> np.ndarray:
        """Return (52,) scores 0..1 of the face, NaN where none is found.

        Args:
            photo: (H, W, 3).
            near: (x, y) px: of several faces, the one whose points have their middle next to it.
        """
        sheet = self._mp.Image(
            image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(photo)
        )
        found = self._landmarker.detect(sheet)
        if not found.face_blendshapes:
            return np.full(WIDTH, np.nan)
        which = 0
        if near is not None:
            middles = [np.mean([(p.x, p.y) for p in mesh], axis=0) for mesh in found.face_landmarks]
            away = (np.stack(middles) * photo.shape[1::-1] - near) ** 2
            which = int(away.sum(axis=1).argmin())
        shapes = found.face_blendshapes[which]
        self.names = tuple(shape.category_name for shape in shapes)
        return np.array([shape.score for shape in shapes])

    def __exit__(self, *_: object) -> None:
        self._landmarker.close()


def measured(
    reader: Reader, rig: FaceRig, renderer: str, size: int, people: int, levels: Sequence[int]
) -> dict[int, np.ndarray]:
    """Return AU -> (people, levels, 52) scores."""
    out = {au: np.full((people, len(levels), WIDTH), np.nan) for au in facs.AUS}
    for person in range(people):
        rest = reader.scores(photo(rig, renderer, size, person, {}))
        for au, read in out.items():
            read[person, 0] = rest
            for column, level in enumerate(levels[1:], 1):
                acting = photo(rig, renderer, size, person, {au: level})
                read[person, column] = reader.scores(acting)
        print(f"{rig.name} {renderer}: person {person + 1} of {people}", file=sys.stderr)
    return out


def photo(
    rig: FaceRig, renderer: str, size: int, person: int, intensity: dict[int, float]
) -> np.ndarray:
    """Return the (size, size, 3) photo of a whole head that looks almost straight ahead."""
    rng = np.random.default_rng(SEED + person)
    yaw, pitch, roll = (float(v) for v in rng.uniform(-1, 1, 3) * POSE)
    scene = sample.sample_scene(
        rig,
        person_seed=SEED + person,
        face_seed=SEED + person,
        intensity=intensity,
        pose=(yaw, pitch, roll),
        variety=Variety(occluders=False),  # a hand over the mouth says nothing about an AU
    )
    return sample.render(scene, size=size, renderer=renderer)


def reaction(
    au: int, names: Sequence[str], read: np.ndarray, levels: Sequence[int] = LEVELS
) -> Reaction:
    """Return how an AU's blendshapes react.

    Args:
        au: Number.
        names: Of the blendshapes.
        read: (people, levels, blendshapes) scores, NaN where no face was found.
        levels: Intensities that were shown, from 0 to 5.
    """
    seen = read[np.isfinite(read).all(axis=(1, 2))]
    missed = int(np.isnan(read[:, :, 0]).sum())
    if len(seen) < 2 or set(columns(au)) - set(names):
        nothing = (float("nan"),) * len(levels)
        return Reaction(au, nothing, nothing[0], nothing[0], 0.0, 0.0, False, ("", 0.0), missed)
    score = sign(au, names, seen)  # (people, levels)
    rise = score[:, -1] - score[:, 0]
    error = float(rise.std(ddof=1) / np.sqrt(len(rise)))
    change = (seen[:, -1] - seen[:, 0]).mean(axis=0)
    most = int(np.abs(change).argmax())
    mean = score.mean(axis=0)
    risen = float((rise > 0).mean())
    return Reaction(
        au=au,
        mean=tuple(mean.tolist()),
        rise=float(rise.mean()),
        error=error,
        risen=risen,
        spearman=spearman(score),
        right=right_way(mean, error, risen, levels),
        most=(names[most], float(change[most])),
        missed=missed,
    )


def right_way(
    mean: Sequence[float] | np.ndarray,
    error: float,
    risen: float,
    levels: Sequence[int] = LEVELS,
) -> bool:
    """Return the verdict on the means at some levels, the rise's standard error and who rises."""
    means = [mean[column] for column, level in enumerate(levels) if level != 1]  # 1 is a trace
    clear = means[-1] - means[0] > 2 * error and means[-1] >= ALIVE
    return bool(clear and risen >= 2 / 3 and all(a <= b for a, b in pairwise(means)))


def sign(au: int, names: Sequence[str], read: np.ndarray) -> np.ndarray:
    """Return (...) the AU's score: the mean of left and right, added up over its blendshapes."""
    total = np.zeros(read.shape[:-1])
    for name, sided in SIGNS[au]:
        both = _sides(name, sided)
        total += np.mean([read[..., names.index(one)] for one in both], axis=0)
    return total


def columns(au: int) -> list[str]:
    """Return the names of the blendshapes that an AU's score needs."""
    return [one for name, sided in SIGNS[au] for one in _sides(name, sided)]


def spearman(score: np.ndarray) -> float:
    """Return the mean over people of the rank correlation with intensity; (people, levels)."""
    # a rank is how many are smaller, plus half of those that are equal
    rank = (score[:, :, None] > score[:, None]).sum(-1) + 0.5 * (
        score[:, :, None] == score[:, None]
    ).sum(-1)
    rank = rank - rank.mean(axis=1, keepdims=True)
    count = score.shape[1]
    order = np.arange(count) - (count - 1) / 2
    size = np.sqrt((rank**2).sum(axis=1) * (order**2).sum())
    return float(np.mean(rank @ order / np.maximum(size, 1e-12)))  # nothing moves: 0


def table(rows: Sequence[Reaction], levels: Sequence[int] = LEVELS) -> str:
    """Return a Markdown table and the count."""
    shown = " | ".join(str(level) for level in levels)
    lines = [f"| AU | {shown} | rise / error | risen | rank | most moved | missed | right way |"]
    lines.append("|---" * (7 + len(levels)) + "|")
    for row in rows:
        means = " | ".join(f"{value:.3f}" for value in row.mean)
        ratio = row.rise / row.error if row.error else float("nan")
        lines.append(
            f"| {row.au} | {means} | {ratio:.1f} | {100 * row.risen:.0f} % | {row.spearman:.2f} | "
            f"{row.most[0]} {row.most[1]:+.2f} | {row.missed} | {'yes' if row.right else 'NO'} |"
        )
    right = sum(row.right for row in rows)
    return "\n".join([*lines, "", f"{right} of {len(rows)} AUs move the right way."])


def _sides(name: str, sided: bool) -> tuple[str, ...]:
    return (name + "Left", name + "Right") if sided else (name,)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="4 people instead of 30")
    parser.add_argument("--people", type=int, help="that many people")
    parser.add_argument("--size", type=int, default=SIZE, help=f"px of the photo ({SIZE})")
    parser.add_argument(
        "--levels", nargs="+", type=int, default=LEVELS, help="intensities, from 0 to 5 (0 1 3 5)"
    )
    parser.add_argument("--rigs", nargs="+", choices=RIGS, default=["canonical"])
    parser.add_argument("--renderers", nargs="+", choices=RENDERERS, default=["fast"])
    parser.add_argument("--ict", type=Path, help="a converted ICT-FaceKit")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(argv)
    levels = list(options.levels)
    if levels != sorted({0, 5, *levels}) or levels[-1] != 5:
        parser.error(f"--levels must rise from 0 to 5. Received: {options.levels}")
    return options


if __name__ == "__main__":
    sys.exit(main())
