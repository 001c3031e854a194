"""The 52 blendshapes of a mesh, by the third network of the bundle."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.face import bundle
from fau_tf.face.mesh import MESH_POINTS

# fmt: off
NAMES: Final = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft",
    "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft",
    "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft",
    "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimpleLeft",
    "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft",
    "noseSneerRight",
)
"""Of the scores, as in Apple's ARKit; left and right are the person's."""
POINTS: Final = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63,
    65, 66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132,
    133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161,
    162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263,
    267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310,
    311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373,
    374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398,
    400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)
"""Mesh points that the network reads."""
# fmt: on


class Blendshapes:
    """Scores the blendshapes of a mesh; not for two threads at once."""

    def __init__(self) -> None:
        """Load the network of the packaged bundle.

        Raises:
            FileNotFoundError: If the bundle is missing.
            ValueError: If it has another hash.
        """
        self._network = bundle.Network(bundle.read_bundle(), bundle.BLENDSHAPES)

    def __call__(self, mesh: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Return (52,) scores, 0 to 1, in the order of `NAMES`.

        Args:
            mesh: (478, 2) points in px of any picture with square pixels: the network
                normalizes place and size.

        Raises:
            ValueError: If the mesh is not (478, 2).
        """
        points = np.asarray(mesh)
        if points.shape != (MESH_POINTS, 2):
            raise ValueError(f"The mesh must be ({MESH_POINTS}, 2), got {points.shape}.")
        (scores,) = self._network(points[list(POINTS)].astype(np.float32)[None]).values()
        return scores
