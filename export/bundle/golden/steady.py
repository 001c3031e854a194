"""Whether a golden face tells a fault from rounding: near a tie among neighbors it would not.

Another CPU adds up in another order, which is like noise in the last digits of the image. Where
that moves an output by as much as the tolerance, an honest reader would fail.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from export.bundle.golden.tolerances import Tolerance
from export.bundle.models import AssetError
from fau_tf import contract

_NOISE: Final = 1e-4
"""Gray levels, standard deviation: float32's last digit at 255 is 1.5e-5, and errors add up."""
_DRAWS: Final = 4
_SHARE: Final = 0.5
"""Of the tolerance that noise may use up."""


def require_steady(
    model: Path,
    tolerances: Mapping[str, Tolerance],
    images: Mapping[str, npt.NDArray[np.float32]],
) -> None:
    """Raise AssetError if noise moves an output of a model by half its tolerance.

    Args:
        model: The .tflite file.
        tolerances: Output name -> tolerance.
        images: Face name -> (1, S, S, 3) input.
    """
    run = Interpreter(model_path=str(model)).get_signature_runner(contract.SIGNATURE)
    rng = np.random.default_rng(0)
    for face, image in images.items():
        plain = _answer(run, image, tolerances)
        for _ in range(_DRAWS):
            noisy = (image + rng.normal(0, _NOISE, image.shape)).astype(np.float32)
            for name, values in _answer(run, noisy, tolerances).items():
                off, limit = float(np.abs(values - plain[name]).max()), tolerances[name].tolerance
                if not off <= _SHARE * limit:  # NaN too
                    raise AssetError(
                        f"{model.name}, face {face}: noise of {_NOISE:g} gray levels may move "
                        f"{name} by {_SHARE * limit:g}. Received: {off:.3g}. Neighbors nearly tie "
                        "there: give the face another seed in export/bundle/golden/faces.py."
                    )


def _answer(run: Any, image: npt.NDArray[np.float32], names: Iterable[str]) -> dict[str, Any]:
    answer = run(**{contract.INPUT: image})
    return {name: np.array(answer[name]) for name in names}
