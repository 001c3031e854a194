"""Agreement that a variant loses against float32, and the limits of that loss.

Pure NumPy. N faces of test subjects, A action units; intensities in intensity units, 0 to 5.
Agreement is that of `fau_tf.metrics.agreement`: a face that is not coded for an AU is left out for
that AU only.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite, nan
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from export.specs import ExportSpec
from fau_tf.metrics import agreement
from fau_tf.utils.json_safe import plain

MIN_FACES: Final = 1000
"""With fewer faces, ICC differences as small as the limits are chance."""
MIN_FLOAT_ICC: Final = 0.50
"""A float32 model of lower agreement has little to lose, so its parity means nothing."""
MIN_REAL_ICC: Final = 0.25
"""The same on real faces, which are harder: published means on DISFA are 0.29 to 0.57."""

_NEXT: Final = "Quantize less of the graph, or leave this variant out."
_UNCODED: Final = "Test on faces in which it is coded and varies, or leave it out of `model.aus`."

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AuParity:
    """The figures of one AU.

    Attributes:
        faces: Number of faces that are coded for it.
        icc: ICC(3,1) against the labels.
        mae: Mean absolute error against the labels, intensity units.
        icc_to_float: ICC(3,1) against float32, on all faces.
        bias: Mean of variant minus float32, intensity units.
        worst: Largest absolute difference to float32, intensity units.
        worst_face: Row of the face with that difference.
    """

    faces: int
    icc: float
    mae: float
    icc_to_float: float
    bias: float
    worst: float
    worst_face: int


@dataclass(frozen=True, kw_only=True)
class Parity(AuParity):
    """The figures of one variant: means over its AUs; faces count if any AU is coded.

    Attributes:
        worst_au: Label of the AU with the largest difference.
        per_au: Label -> its figures.
    """

    worst_au: str
    per_au: dict[str, AuParity]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with None for NaN."""
        values: dict[str, Any] = plain(asdict(self))
        return values


def compare(
    labels: npt.ArrayLike,
    float_intensity: npt.ArrayLike,
    intensity: npt.ArrayLike,
    au_labels: Sequence[str],
) -> Parity:
    """Return how a variant compares with the labels and with float32.

    Args:
        labels: (N, A) coded intensity; NaN where not coded.
        float_intensity: (N, A) predicted by float32.
        intensity: (N, A) predicted by the variant, on the same faces.
        au_labels: A names, e.g. `AU06`.

    Raises:
        ValueError: If shapes differ or a prediction is not finite.
    """
    coded = np.asarray(labels, np.float64)
    reference, own = np.asarray(float_intensity, np.float64), np.asarray(intensity, np.float64)
    _require(coded, reference, own, au_labels)
    against_labels, against_float = agreement.per_au(coded, own), agreement.per_au(reference, own)
    difference = own - reference  # (N, A)
    size = np.abs(difference)
    faces = size.argmax(axis=0)  # (A,)
    per_au = {
        label: AuParity(
            faces=int(against_labels["frames"][a]),
            icc=float(against_labels["icc"][a]),
            mae=float(against_labels["mae"][a]),
            icc_to_float=float(against_float["icc"][a]),
            bias=float(difference[:, a].mean()),
            worst=float(size[faces[a], a]),
            worst_face=int(faces[a]),
        )
        for a, label in enumerate(au_labels)
    }
    worst_au = max(per_au, key=lambda label: per_au[label].worst)
    return Parity(
        faces=int(np.isfinite(coded).any(axis=1).sum()),
        icc=_mean(against_labels["icc"]),
        mae=_mean(against_labels["mae"]),
        icc_to_float=_mean(against_float["icc"]),
        bias=float(difference.mean()),
        worst=per_au[worst_au].worst,
        worst_face=per_au[worst_au].worst_face,
        worst_au=worst_au,
        per_au=per_au,
    )


def icc_lost(parity: Parity, float_parity: Parity) -> dict[str, float]:
    """Return AU label -> float32's ICC(3,1) minus the variant's; NaN where either has none."""
    return {label: float_parity.per_au[label].icc - row.icc for label, row in parity.per_au.items()}


def problems(
    parity: Parity,
    float_parity: Parity,
    variant: ExportSpec,
    *,
    min_faces: int | None = None,
    min_icc: float | None = None,
) -> list[str]:
    """Return why a variant must not be written, one line each; empty if nothing is wrong.

    Args:
        parity: The variant's, from `compare`.
        float_parity: That of float32, on the same faces.
        variant: Holds the limits.
        min_faces: Fewest faces; by default `MIN_FACES`.
        min_icc: Lowest mean ICC of float32; by default `MIN_FLOAT_ICC`.
    """
    lines = []
    min_faces = MIN_FACES if min_faces is None else min_faces
    min_icc = MIN_FLOAT_ICC if min_icc is None else min_icc
    if float_parity.faces < min_faces:
        lines.append(
            f"parity needs at least {min_faces} coded faces: got {float_parity.faces}. Test on "
            "more subjects, or accept that chance decides: --min-faces N."
        )
    if not float_parity.icc >= min_icc:  # NaN too
        lines.append(
            f"float32's mean ICC must be at least {min_icc:.2f}: got "
            f"{float_parity.icc:.3f}. Train longer before exporting."
        )
    lost = float_parity.icc - parity.icc
    if not lost <= variant.max_icc_loss:  # NaN too
        lines.append(
            f"mean ICC lost against float32 must be at most {variant.max_icc_loss:g}: got "
            f"{lost:.4f} ({float_parity.icc:.4f} to {parity.icc:.4f}). {_NEXT}"
        )
    for label, loss in icc_lost(parity, float_parity).items():
        if not loss <= variant.max_au_icc_loss:
            before, after = float_parity.per_au[label].icc, parity.per_au[label].icc
            step = _NEXT if isfinite(loss) else _UNCODED
            lines.append(
                f"{label}: ICC lost against float32 must be at most {variant.max_au_icc_loss:g}: "
                f"got {loss:.4f} ({before:.4f} to {after:.4f}). {step}"
            )
    return lines


def _require(coded: Floats, reference: Floats, own: Floats, au_labels: Sequence[str]) -> None:
    shapes = coded.shape, reference.shape, own.shape
    if coded.ndim != 2 or len(set(shapes)) > 1 or not coded.size:
        raise ValueError(
            "Labels, float32 and variant must be (N, A) arrays of one shape, not empty: got "
            f"{shapes}. Run both models on the same faces."
        )
    if len(set(au_labels)) != coded.shape[1] or len(au_labels) != coded.shape[1]:
        raise ValueError(
            f"There must be {coded.shape[1]} different AU labels, one for each column: got "
            f"{list(au_labels)}. Use `NetSpec.labels`."
        )
    for name, values in (("float32", reference), ("the variant", own)):
        wrong = int((~np.isfinite(values)).sum())
        if wrong:
            raise ValueError(
                f"Intensities of {name} must be finite: got {wrong} that are not. Check the "
                "conversion before its agreement."
            )


def _mean(values: npt.NDArray[np.floating[Any]]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else nan
