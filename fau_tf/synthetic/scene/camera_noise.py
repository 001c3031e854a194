"""From linear light to an 8-bit photo: shake, blur, exposure, tone curve, noise, compression."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.scene import Camera

Image = NDArray[np.uint8]


def capture(camera: Camera, light: Floats) -> Image:
    """Return the camera's photo of (S, S, 3) linear light."""
    light = _motion_blur(light, camera.motion)
    light = ndimage.gaussian_filter(light, (camera.blur, camera.blur, 0), mode="nearest")
    linear = np.maximum(light * np.float32(camera.exposure) * np.array(camera.white, np.float32), 0)
    linear = linear / (1 + 0.5 * np.maximum(linear - 0.6, 0))  # soft shoulder
    encoded = np.minimum(linear, 1) ** (camera.gamma / 2.2)
    encoded = _sharpen(_add_noise(encoded, camera), camera.sharpen)
    photo = np.asarray(np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)
    return _jpeg(_lower_resolution(photo, camera.downscale), camera.jpeg)


def _motion_blur(light: Floats, motion: tuple[float, float]) -> Floats:
    """Return the mean of the light along a straight motion of (right, down) px."""
    length = float(np.hypot(*motion))
    if length < 0.5:
        return light
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for part in np.linspace(-0.5, 0.5, 4 * reach + 1):
        x, y = reach + part * motion[0], reach + part * motion[1]
        column, row = int(x), int(y)
        across, down = x - column, y - row
        kernel[row : row + 2, column : column + 2] += np.outer(
            [1 - down, down], [1 - across, across]
        )
    kernel /= kernel.sum()
    return np.asarray(ndimage.convolve(light, kernel[..., None], mode="nearest"))


def _add_noise(encoded: Floats, camera: Camera) -> Floats:
    """Return the photo with shot noise, stronger in the dark and partly in color."""
    rng = np.random.default_rng((camera.seed, 4))
    color = rng.standard_normal(encoded.shape, np.float32)
    gray = rng.standard_normal((*encoded.shape[:2], 1), np.float32)
    # shot noise grows as the root of the light, and the tone curve compresses what is bright
    level = np.float32(camera.noise) * (1.25 - 0.5 * encoded)
    return np.asarray(encoded + level * (np.float32(0.75) * color + np.float32(0.65) * gray))


def _sharpen(encoded: Floats, amount: float) -> Floats:
    if not amount:
        return encoded
    smooth = ndimage.gaussian_filter(encoded, (1.0, 1.0, 0), mode="nearest")
    return np.asarray(encoded + np.float32(amount) * (encoded - smooth))


def _lower_resolution(photo: Image, factor: float) -> Image:
    """Return the photo after it was made `factor` times smaller and enlarged again."""
    side = len(photo)
    small = max(8, round(side / factor))
    if small >= side:
        return photo
    down = Pillow.fromarray(photo).resize((small, small), Pillow.Resampling.BOX)
    return np.array(down.resize((side, side), Pillow.Resampling.BILINEAR))


def _jpeg(photo: Image, quality: int) -> Image:
    if not quality:
        return photo
    buffer = io.BytesIO()
    Pillow.fromarray(photo).save(buffer, "JPEG", quality=quality)
    return np.array(Pillow.open(buffer))
