"""What a camera makes of the light: blur, exposure, tone, noise, 8 bits."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fau_tf.synthetic.rig import Floats
from fau_tf.synthetic.scene import Scene

Image = NDArray[np.uint8]


def exposed(scene: Scene, photo: Floats) -> Image:
    """Return what the camera records of a photo (S, S, 3) in linear light."""
    camera = scene.camera
    photo = ndimage.gaussian_filter(photo, (camera.blur, camera.blur, 0), mode="nearest")
    linear = np.maximum(photo * camera.exposure, 0)
    linear = linear / (1 + 0.5 * np.maximum(linear - 0.6, 0))  # soft shoulder
    encoded = np.minimum(linear, 1) ** (camera.gamma / 2.2)
    rng = np.random.default_rng(np.random.SeedSequence((camera.seed, 4)))
    grain = rng.standard_normal(photo.shape, np.float32) * np.float32(camera.noise)
    return np.asarray(np.clip(encoded + grain, 0, 1) * 255 + 0.5).astype(np.uint8)
