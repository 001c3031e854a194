"""Response of MediaPipe's blendshapes to the AUs of synthetic faces.

The blendshapes were trained on other faces. Each subject shows each AU alone at several
intensities, with all else equal. An AU passes if the mean score of its blendshapes rises from the
lowest to the highest intensity by more than twice its standard error, rises in two thirds of the
subjects, falls nowhere in between and reaches 0.001.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.evaluation.blendshapes import AU_BLENDSHAPES, COUNT, BlendshapeReader, au_score
from fau_tf.synthetic import sample
from fau_tf.synthetic.rigs.rig import FaceRig
from fau_tf.synthetic.scene.scene import Variety

Array = npt.NDArray[Any]
LEVELS: Final = (0, 1, 3, 5)
SEED: Final = 880_000
"""Of the first synthetic subject; no data set starts there."""
SIZE: Final = 288  # px of the picture of the whole head
_POSE: Final = (6.0, 4.0, 3.0)  # largest yaw, pitch and roll, degrees
_LEAST_SCORE: Final = 0.001  # MediaPipe's noseSneer stays at 0.000001
_TRACE: Final = 1  # intensity at which a fall is allowed
_LEAST_SHARE: Final = 2 / 3


@dataclass(frozen=True)
class Response:
    """How one AU's blendshapes respond to it.

    Attributes:
        au: Its number.
        mean: Mean score at each intensity.
        error: Standard error, over subjects, of the rise from the lowest to the highest intensity.
        risen: Share of subjects whose score rises.
        passed: Whether the AU passes.
        missed: Pictures of this AU without a face found.
    """

    au: int
    mean: tuple[float, ...]
    error: float
    risen: float
    passed: bool
    missed: int


def measure(
    reader: BlendshapeReader,
    rig: FaceRig,
    renderer: str,
    *,
    subjects: int,
    levels: Sequence[int] = LEVELS,
    size: int = SIZE,
    log: Callable[[str], None],
) -> list[Response]:
    """Return the response to each AU.

    Args:
        reader: Scores the pictures.
        rig: Of the faces.
        renderer: Its name.
        subjects: How many.
        levels: Intensities, from 0 to 5.
        size: Of the pictures, px.
        log: Prints a line of progress.
    """
    scores = {au: np.full((subjects, len(levels), COUNT), np.nan) for au in facs.AUS}
    for subject in range(subjects):
        neutral = reader.scores(_picture(rig, renderer, size, subject, {}))
        for au, found in scores.items():
            found[subject, 0] = neutral
            for column, level in enumerate(levels[1:], 1):
                found[subject, column] = reader.scores(
                    _picture(rig, renderer, size, subject, {au: level})
                )
        log(f"{rig.name}, {renderer}: subject {subject + 1} of {subjects}")
    return [response(au, reader.names, found, levels) for au, found in scores.items()]


def _picture(
    rig: FaceRig, renderer: str, size: int, subject: int, intensity: dict[int, float]
) -> Array:
    """Return the (size, size, 3) picture of a whole head that looks almost straight ahead."""
    rng = np.random.default_rng(SEED + subject)
    yaw, pitch, roll = (float(v) for v in rng.uniform(-1, 1, 3) * _POSE)
    scene = sample.sample_scene(
        rig,
        person_seed=SEED + subject,
        face_seed=SEED + subject,
        intensity=intensity,
        pose=(yaw, pitch, roll),
        variety=Variety(occluders=False),  # a hand over the mouth would hide the AU
    )
    return sample.render(scene, size=size, renderer=renderer)


def response(
    au: int, names: Sequence[str], scores: Array, levels: Sequence[int] = LEVELS
) -> Response:
    """Return how an AU's blendshapes respond.

    Args:
        au: Its number.
        names: Of the blendshapes.
        scores: (subjects, levels, 52), NaN where no face was found; a subject with NaN is left out.
        levels: Intensities that were shown, from 0 to 5.
    """
    known = scores[np.isfinite(scores).all(axis=(1, 2))]
    missed = int(np.isnan(scores[:, :, 0]).sum())
    needed = {name for group in AU_BLENDSHAPES[au] for name in group}
    if len(known) < 2 or needed - set(names):
        return Response(au, (float("nan"),) * len(levels), float("nan"), 0.0, False, missed)
    score = au_score(au, names, known)  # (subjects, levels)
    rise = score[:, -1] - score[:, 0]
    mean = tuple(score.mean(axis=0).tolist())
    error = float(rise.std(ddof=1) / np.sqrt(len(rise)))
    risen = float((rise > 0).mean())
    return Response(au, mean, error, risen, passes(mean, error, risen, levels), missed)


def passes(
    mean: Sequence[float], error: float, risen: float, levels: Sequence[int] = LEVELS
) -> bool:
    """Return whether an AU passes, by its means, the rise's standard error and the share risen."""
    means = [mean[column] for column, level in enumerate(levels) if level != _TRACE]
    clear = means[-1] - means[0] > 2 * error and means[-1] >= _LEAST_SCORE
    return bool(clear and risen >= _LEAST_SHARE and all(a <= b for a, b in pairwise(means)))


def table(rows: Sequence[Response], levels: Sequence[int] = LEVELS) -> str:
    """Return a Markdown table and the number of AUs that pass."""
    shown = " | ".join(str(level) for level in levels)
    lines = [f"| AU | {shown} | rise / error | subjects | not found | passes |"]
    lines.append("|---" * (5 + len(levels)) + "|")
    for row in rows:
        means = " | ".join(f"{value:.3f}" for value in row.mean)
        ratio = (row.mean[-1] - row.mean[0]) / row.error if row.error else float("nan")
        lines.append(
            f"| {row.au} | {means} | {ratio:.1f} | {100 * row.risen:.0f} % | {row.missed} | "
            f"{'yes' if row.passed else 'no'} |"
        )
    passed = sum(row.passed for row in rows)
    return "\n".join([*lines, "", f"{passed} of {len(rows)} AUs pass."])
