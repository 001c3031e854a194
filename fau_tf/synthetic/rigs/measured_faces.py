"""Face shapes of real people at rest: mean and principal components of neutral portraits.

The packaged file holds statistics only. `python -m fau_tf.cli.synthesize derive-faces` writes it
again.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats

FILE: Final = "measured_faces.npz"


@dataclass(frozen=True, eq=False)
class MeasuredFaces:
    """Neutral faces on the canonical mesh, mirror-symmetric, lips as the portraits have them.

    Attributes:
        neutral: (468, 3) mean, cm in the canonical frame.
        identity: (I, 468, 3) displacement of one standard deviation per principal component.
        iris_height: of the centers of the irises above the mean of the lids' margins, cm.
    """

    neutral: Floats
    identity: Floats
    iris_height: float


@lru_cache(maxsize=1)
def measured_faces() -> MeasuredFaces:
    """Return the packaged statistics.

    Raises:
        FileNotFoundError: If the file is missing from the package data.
    """
    path = resources.files("fau_tf.synthetic").joinpath("data", FILE)
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        return MeasuredFaces(
            neutral=content["neutral"].astype(np.float64),
            identity=content["identity"].astype(np.float64),
            iris_height=float(content["iris_height"]),
        )
