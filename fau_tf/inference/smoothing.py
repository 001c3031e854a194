"""The One-Euro filter on the intensities of each face: slow at rest, quick when a face moves.

Reference:
    Casiez, Roussel and Vogel, 1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input
    in Interactive Systems, CHI 2012, algorithm 1.
"""

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from fau_tf.inference.estimator import Estimate

DERIVATIVE_CUTOFF: Final = 1.0
"""Hz, of the low-pass filter on the speed; the paper's constant."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OneEuro:
    """Settings of the filter. A filter's cutoff is `min_cutoff + beta * |speed|`.

    Attributes:
        min_cutoff: Hz, of a face at rest; lower is steadier and lags more.
        beta: Hz by which an intensity unit a second raises the cutoff; higher lags less.
    """

    min_cutoff: float = 0.5
    beta: float = 0.5

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: If the cutoff is not above 0, or beta is negative.
        """
        if not (math.isfinite(self.min_cutoff) and self.min_cutoff > 0):
            raise ValueError(f"The minimal cutoff must be above 0 Hz: got {self.min_cutoff}.")
        if not (math.isfinite(self.beta) and self.beta >= 0):
            raise ValueError(f"Beta must be 0 or more: got {self.beta}.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the settings of `MIN_CUTOFF,BETA`.

        Raises:
            ValueError: If the text is anything else.
        """
        try:
            cutoff, beta = map(float, text.split(","))
        except ValueError as error:
            raise ValueError(
                f"must be MIN_CUTOFF,BETA, in Hz and Hz per intensity unit a second, such as "
                f"{cls.min_cutoff:g},{cls.beta:g}: got {text!r}."
            ) from error
        return cls(cutoff, beta)

    def __str__(self) -> str:
        """Return the filter and its settings as outputs name them."""
        return f"one-euro:{self.min_cutoff:g}Hz,{self.beta:g}"


class OneEuroFilter:
    """Filters a track of values, each by itself; no value depends on a later one.

    The first value, and one after NaN, is returned as it is. Where the time does not grow, the
    filter's limit for short steps holds: the value before is returned.
    """

    def __init__(self, settings: OneEuro) -> None:
        self._settings = settings
        self._time = 0.0
        self._before: Values | None = None
        self._speed: Values | None = None

    def __call__(self, values: npt.ArrayLike, time: float) -> Values:
        """Return the next filtered values.

        Args:
            values: (A,); NaN stays NaN.
            time: Seconds.
        """
        x = np.asarray(values, np.float64)
        if self._before is None or self._speed is None:
            self._before, self._speed = np.full_like(x, np.nan), np.zeros_like(x)
        turn = 2 * math.pi * max(time - self._time, 0.0)
        change = x - self._before
        # The paper's alpha = 1 / (1 + tau / te) and dx = change / te, without a division by te.
        speed = (self._speed + 2 * math.pi * DERIVATIVE_CUTOFF * change) / (
            1 + DERIVATIVE_CUTOFF * turn
        )
        step = turn * (self._settings.min_cutoff + self._settings.beta * np.abs(speed))
        fresh = np.isnan(self._before)
        self._speed = np.where(fresh, 0.0, speed)
        self._before = np.where(fresh, x, self._before + step / (1 + step) * change)
        self._time = time
        return self._before


class FaceSmoother:
    """Filters each face's intensities; one that was not read, or has a new id, starts afresh."""

    def __init__(self, settings: OneEuro) -> None:
        self._settings = settings
        self._filters: dict[int, OneEuroFilter] = {}

    def __call__(self, estimate: Estimate, timestamp: float) -> dict[int, dict[str, float]]:
        """Return face id -> smoothed intensities of each face that was read.

        Args:
            estimate: Of the next frame.
            timestamp: Its time, s.
        """
        read = [face for face in estimate.faces if not face.reason]
        self._filters = {
            face.face_id: self._filters.get(face.face_id) or OneEuroFilter(self._settings)
            for face in read
        }
        return {
            face.face_id: self._smooth(face.face_id, face.intensity, timestamp) for face in read
        }

    def skip(self) -> None:
        """Let each face start afresh after a frame that could not be read."""
        self._filters = {}

    def _smooth(self, face_id: int, values: dict[str, float], timestamp: float) -> dict[str, float]:
        smooth = self._filters[face_id](list(values.values()), timestamp).tolist()
        return dict(zip(values, smooth, strict=True))
