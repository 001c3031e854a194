"""Agreement of predicted with true differences between the sides of the face.

Each AU is shown alone: even, and stronger on one side. Truth is the factor on the movement at the
two AU centers of the rule set `fau`: rigs and edits move a place x cm to the image's right of the
midline by 1 - lean * tanh(x / 1.5). AU45 differs: an edit opens the weaker eye by the lean and
leaves the other as shut as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.data.record import MARGIN
from fau_tf.face.align import crop_matrix, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.mesh import ibug68
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.inference.model_info import ModelInfo
from fau_tf.inference.sides import side_channels, side_intensities
from fau_tf.metrics.agreement import per_au
from fau_tf.metrics.bootstrap import confidence_intervals
from fau_tf.portraits.editing.edit import EditablePortrait, edit
from fau_tf.portraits.editing.movement import Edit, Manner
from fau_tf.portraits.fields import au_fields, face_shape
from fau_tf.portraits.portrait_set import PortraitSet
from fau_tf.synthetic.rigs.rig import LIDS_SHUT, FaceRig, Floats, side_difference
from fau_tf.synthetic.sample import landmarks, render, sample_scene
from fau_tf.synthetic.scene.scene import Variety

LEVEL: Final = 2.5
"""Intensity of the AU, the mean of both sides; of AU45 that of the stronger side."""
LEANS: Final = (-0.9, -0.45, 0.0, 0.45, 0.9)
"""How much stronger the image's left side moves; in AU45, how far the weaker eye is opened."""
FIRST_PERSON: Final = 990_000
"""Seed of the first synthetic subject, whom no data set has."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Example:
    """One AU on one face.

    Attributes:
        au: Its number.
        subject: Who shows it.
        truth: Intensity of the face's left less that of its right.
        image: (S, S, 3) uint8, a picture.
        points: (68, 2) iBUG landmarks, px.
    """

    au: int
    subject: str
    truth: float
    image: Array
    points: Array


@dataclass(frozen=True)
class Agreement:
    """How well the sides of one AU differ.

    Attributes:
        label: Of the AU.
        correlation: Pearson's r of predicted with true left less right.
        interval: 95 % CI of it, by a bootstrap over subjects.
        slope: Of the prediction on the truth, by least squares through 0: 1 is the full difference.
        stronger: Share of the most one-sided pictures whose stronger side is the stronger one by
            the model; a difference of 0 counts as wrong.
        even: Mean absolute difference in pictures with even sides.
        bias: Mean absolute part of it that a mirrored copy of the picture has, too, and which
            is therefore the model's own.
    """

    label: str
    correlation: float
    interval: tuple[float, float]
    slope: float
    stronger: float
    even: float
    bias: float


def comparable_aus(info: ModelInfo) -> list[int]:
    """Return the AUs with one center on each side, by the model's rule and by that of the truth.

    Raises:
        ValueError: If rigs can show none of them one-sided.
    """
    known = side_channels(info.aus, info.rule)
    aus = [au for au in info.aus if facs.AUS[au].label in known and facs.has_sides(au)]
    if not set(aus) - {LIDS_SHUT}:
        raise ValueError(
            f"{info.name}: none of its AUs {list(info.aus)} can be shown one-sided by rigs. "
            f"Its rule {info.rule!r} and 'fau' must both give an AU other than AU45 one center on "
            "each side. Choose a model with e.g. AU12."
        )
    return aus


def rendered(rig: FaceRig, aus: Sequence[int], subjects: int, size: int) -> Iterator[Example]:
    """Yield the examples of synthetic subjects; AU45 is left out, which rigs show even only.

    Args:
        rig: Of the faces.
        aus: From `comparable_aus`.
        subjects: Their number.
        size: From `data.record.least_record_size`, for crops of the model's resolution.
    """
    neutral = rig.neutral[rig.landmarks]
    for person in range(FIRST_PERSON, FIRST_PERSON + subjects):
        for au in (au for au in aus if au != LIDS_SHUT):
            scene = sample_scene(
                rig, person_seed=person, face_seed=au, intensity={au: LEVEL},
                variety=Variety(occluders=False),
            )  # fmt: skip
            for lean in LEANS:
                shown = replace(scene, asymmetry=dict.fromkeys(facs.AUS, 0.0) | {au: lean})
                points = landmarks(shown)
                view = crop_matrix(points, size, MARGIN)
                image = render(shown, size=size, view=view)
                truth = true_difference(neutral, au, lean)
                yield Example(au, str(person), truth, image, transform(view, points))


def neutral_validation(portraits: PortraitSet) -> Array:
    """Return the places of the neutral portraits of validation subjects.

    Raises:
        ValueError: If there are none.
    """
    kept = np.flatnonzero((portraits.part == "validation") & (portraits.expression == "neutral"))
    if not kept.size:
        raise ValueError(
            f"{portraits.folder}: no neutral portrait of a validation subject. Choose a set that "
            "states expressions, such as one of the London Set."
        )
    return kept


def edited(portraits: PortraitSet, aus: Sequence[int], size: int) -> Iterator[Example]:
    """Yield the examples of neutral portraits of validation subjects.

    Args:
        portraits: `data.record.MARGIN` times as wide as the crop.
        aus: From `comparable_aus`.
        size: From `data.record.least_record_size`, for crops of the model's resolution.

    Raises:
        ValueError: If the portraits are smaller, or none is a neutral one of a validation subject.
    """
    if portraits.size < size:
        raise ValueError(
            f"{portraits.folder}: portraits must have at least {size} px for this model. "
            f"Received: {portraits.size} px. Make the set again: python -m fau_tf.cli.data "
            f"portraits FOLDER --out SET --size {size}"
        )
    models = au_fields().models
    manner = Manner(dict.fromkeys(models, 1 / len(models)), depths=dict.fromkeys(facs.AUS, 1.0))
    neutral = face_shape().points[list(facs.IBUG_FROM_MEDIAPIPE)]
    for index in neutral_validation(portraits).tolist():
        portrait = EditablePortrait(portraits.image(index), portraits.mesh[index], {})
        for au in aus:
            for lean in LEANS:
                image, mesh = edit(portrait, Edit({au: LEVEL}, {au: lean}), manner)
                truth = true_difference(neutral, au, lean)
                yield Example(au, str(portraits.subject[index]), truth, image, ibug68(mesh))


def true_difference(neutral: Floats, au: int, lean: float) -> float:
    """Return the intensity of the face's left less that of its right.

    Args:
        neutral: (68, 3) landmarks of the neutral face, cm, x to the image's right.
        au: An AU with a center on each side.
        lean: As in LEANS, -1 to 1.
    """
    return -LEVEL * side_difference(neutral, au, lean)


def agreement(interpreter: AUInterpreter, examples: Iterator[Example]) -> tuple[Agreement, ...]:
    """Return the agreement of a model for each AU, in the order in which they come."""
    channels = side_channels(interpreter.info.aus, interpreter.info.rule)

    def difference(one: Example) -> float:
        size = interpreter.info.image_size
        crop = fast_crop(one.image, crop_matrix(one.points, size), size)
        left, right = side_intensities(interpreter(crop)[1], channels)[facs.AUS[one.au].label]
        return left - right

    found, differences, biases = [], [], []
    for one in examples:
        found.append((one.au, one.truth, one.subject))
        differences.append(difference(one))
        biases.append(np.nan if one.truth else (differences[-1] + difference(mirrored(one))) / 2)
    au, truth, subjects = (np.array(column) for column in zip(*found, strict=True))
    predicted, bias = np.array(differences), np.array(biases)
    aus = list(dict.fromkeys(au.tolist()))
    shown = au[:, None] == np.array(aus)  # (N, A)
    coded, read = (np.where(shown, values[:, None], np.nan) for values in (truth, predicted))
    labels = [facs.AUS[one].label for one in aus]
    drawn = confidence_intervals(coded, read, subjects.tolist(), labels)["per_au"]
    correlation = per_au(coded, read)["pcc"].tolist()
    return tuple(
        Agreement(
            label, r, tuple(drawn[label]["pcc"]), *_figures(truth[of], predicted[of], bias[of])
        )
        for label, r, of in zip(labels, correlation, shown.T, strict=True)
    )


def mirrored(one: Example) -> Example:
    """Return the example with its picture mirrored: left and right change places."""
    x = one.image.shape[1] - 1 - one.points[:, 0]
    points = np.stack((x, one.points[:, 1]), axis=1)[list(facs.MIRROR_68)]
    return replace(one, truth=-one.truth, image=one.image[:, ::-1].copy(), points=points)


def _figures(truth: Array, predicted: Array, bias: Array) -> tuple[float, float, float, float]:
    """Return `slope`, `stronger`, `even` and `bias` of `Agreement`."""
    most = np.abs(truth) > 0.9 * np.abs(truth).max()
    return (
        float((truth * predicted).sum() / (truth**2).sum()),
        float((truth[most] * predicted[most] > 0).mean()),
        float(np.abs(predicted[truth == 0]).mean()),
        float(np.nanmean(np.abs(bias))),
    )
