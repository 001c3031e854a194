"""Face models and renderers by name; each is imported when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fau_tf.synthetic.rigs.rig import FaceRig, Floats
    from fau_tf.synthetic.scene.camera_noise import Image
    from fau_tf.synthetic.scene.scene import Scene


def _canonical(_file: Path | None) -> FaceRig:
    from fau_tf.synthetic.rigs.canonical import canonical_rig

    return canonical_rig()


def _ict(file: Path | None) -> FaceRig:
    from fau_tf.synthetic.rigs.ict.rig import ict_rig

    if file is None:
        raise ValueError(
            "Rig `ict` needs a converted ICT-FaceKit, and `data.ict` is empty. Download "
            "ICT-FaceKit, run `python -m fau_tf.cli.synthesize convert-ict FOLDER ict.npz`, and "
            "set data.ict=ict.npz."
        )
    return ict_rig(file)


def _anny(_file: Path | None) -> FaceRig:
    from fau_tf.synthetic.rigs.anny.rig import anny_rig

    return anny_rig()


def _fast(scene: Scene, size: int, view: Floats) -> Image:
    from fau_tf.synthetic.render.rasterized import rasterized

    return rasterized(scene, size, view)


def _path(scene: Scene, size: int, view: Floats) -> Image:
    from fau_tf.synthetic.render.path_traced.renderer import path_traced

    return path_traced(scene, size, view)


RIGS: Final[dict[str, Callable[[Path | None], FaceRig]]] = {
    "canonical": _canonical,
    "ict": _ict,
    "anny": _anny,
}
"""Name -> face model, given its file where it needs one."""
RENDERERS: Final[dict[str, Callable[[Scene, int, Floats], Image]]] = {
    "fast": _fast,
    "path": _path,
}
"""Name -> renderer of (scene, side in px, (2, 3) view); `path` needs the extra `render`."""
