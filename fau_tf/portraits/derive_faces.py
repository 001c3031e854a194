"""Mean and principal components of the faces of neutral portraits, for the canonical rig.

The result, `fau_tf/synthetic/data/measured_faces.npz`, is part of the package: no portrait is
needed to render faces. `python -m fau_tf.cli.synthesize derive-faces` writes it again.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from fau_tf.face import bundle
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import MESH_POINTS, SIDE, network_input
from fau_tf.face.regions import fast_cut, next_region
from fau_tf.io.images import read_image
from fau_tf.portraits.collection import photos
from fau_tf.portraits.fields import FaceShape, face_shape
from fau_tf.portraits.london import open_collection
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.utils.files import replacing

COMPONENTS: Final = 20
"""They hold 99 % of the variance of 85 people."""
DISTANCE: Final = 120.0
"""Of the camera from the face, cm: undoing the perspective of this distance brings the mean of the
portraits nearest to the canonical face (0.250 cm; 0.257 at 80 cm, 0.263 without it)."""
IRISES: Final = ((468, topology.RIGHT_EYE), (473, topology.LEFT_EYE))
"""Center of each iris and the margin of the lids around it."""
_ROUNDS: Final = 5

Points = Callable[[Path], Floats | None]
"""Path of a photo -> its (478, 3) mesh points, x right, y up, z to the camera, any unit."""


def write(path: Path, folders: Sequence[Path], points: Points | None = None) -> int:
    """Write the statistics of the neutral training portraits of collections.

    Photos of validation and test subjects are not opened.

    Args:
        path: The `.npz` to write.
        folders: See `open_collection`.
        points: Finds a face; by default `FacePoints`.

    Returns:
        Number of faces.

    Raises:
        CollectionError: If a folder lacks its license or is wrong otherwise.
        ValueError: If there are not more faces than COMPONENTS.
    """
    points = points or FacePoints()
    used = [
        photo.path
        for folder in folders
        for photo in photos(open_collection(folder))
        if photo.part == "train" and photo.expression == "neutral" and not photo.skip
    ]
    found = [face for face in map(points, used) if face is not None]
    if len(found) <= COMPONENTS:
        raise ValueError(
            f"{COMPONENTS} components need more faces than that. Received: {len(found)} faces in "
            f"{len(used)} neutral training portraits. Give more folders, and state in their "
            "portraits.toml which photos are neutral."
        )
    mean, basis, height = statistics(np.stack(found), face_shape())
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(
            file, allow_pickle=False, neutral=mean.astype(np.float32),
            identity=basis.astype(np.float16), iris_height=np.float32(height),
        )  # fmt: skip
    return len(found)


class FacePoints:
    """The landmark network's mesh points with their depths."""

    def __init__(self) -> None:
        """Load the networks of the packaged bundle."""
        self._find = FaceLandmarker(1, divisions=(1,)).find
        self._network = bundle.Network(bundle.read_bundle(), bundle.LANDMARKS)

    def __call__(self, path: Path) -> Floats | None:
        """Return the (478, 3) points of the largest face of a photo; None if there is none."""
        image = read_image(path)
        meshes = self._find(image)
        if not meshes:
            return None
        crop = fast_cut(image, next_region(meshes[0]), SIDE, "replicate")
        output = self._network(network_input(crop))["Identity"].reshape(MESH_POINTS, 3)
        return np.asarray(output * [1.0, -1.0, -1.0], np.float64)


def statistics(faces: Floats, shape: FaceShape) -> tuple[Floats, Floats, float]:
    """Return mean, components and height of the irises of faces.

    Each face is turned, scaled and shifted onto the mean of all, and averaged with its reflection.

    Args:
        faces: (N, 478, 3) mesh points, each face in a frame of its own.
        shape: The canonical face, whose place and size the mean has.

    Returns:
        (468, 3) mean, (COMPONENTS, 468, 3) displacements of one standard deviation, and the height
        of the irises above the mean of the lids' margins; cm.
    """
    near = np.stack([_without_perspective(face, shape.points) for face in faces])
    target = shape.points
    for _ in range(_ROUNDS):
        placed = np.stack([_placed(face, target) for face in near])
        mesh = placed[:, : topology.FACE_VERTICES]
        symmetric = 0.5 * (mesh + mesh[:, shape.mirror] * [-1, 1, 1])
        target = _placed(symmetric.mean(0), shape.points)
    mean = symmetric.mean(0)
    _, size, modes = np.linalg.svd((symmetric - mean).reshape(len(faces), -1), full_matrices=False)
    deviation = size[:COMPONENTS, None] / np.sqrt(len(faces) - 1)
    heights = [placed[:, iris, 1] - placed[:, list(ring), 1].mean(1) for iris, ring in IRISES]
    basis = (deviation * modes[:COMPONENTS]).reshape(COMPONENTS, *mean.shape)
    return mean, basis, float(np.mean(heights))


def _without_perspective(face: Floats, target: Floats) -> Floats:
    """Return a face (n, 3) in cm with near parts as large as far ones."""
    placed = _placed(face, target)
    placed[:, :2] *= 1 - placed[:, 2:] / DISTANCE
    return placed


def _placed(face: Floats, target: Floats) -> Floats:
    """Return points (n, 3) by the similarity that fits the first 468 best to a target (468, 3)."""
    own = face[: len(target)]
    from_middle, to_middle = own.mean(0), target.mean(0)
    left, size, right = np.linalg.svd((own - from_middle).T @ (target - to_middle))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    scale = (size * sign).sum() / ((own - from_middle) ** 2).sum()
    return np.asarray(scale * (face - from_middle) @ (left * sign) @ right + to_middle)
