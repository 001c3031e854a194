"""The renderers by name: (scene, side in px, view) -> picture."""

from collections.abc import Callable
from typing import Final

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.camera_noise import Image
from fau_tf.synthetic.scene.scene import Scene


def fast(scene: Scene, size: int, view: Floats) -> Image:
    """Return the picture of the z-buffer."""
    from fau_tf.synthetic.render.rasterized import rasterized

    return rasterized(scene, size, view)


def path(scene: Scene, size: int, view: Floats) -> Image:
    """Return the picture of the path tracer, which needs the extra `render`."""
    from fau_tf.synthetic.render.path_traced.renderer import path_traced

    return path_traced(scene, size, view)


RENDERERS: Final[dict[str, Callable[[Scene, int, Floats], Image]]] = {"fast": fast, "path": path}
