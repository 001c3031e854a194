"""What a camera makes of the light: shake, blur, exposure, tone, noise, compression, 8 bits."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.scene import Camera, Scene

Image = NDArray[np.uint8]


def exposed(scene: Scene, photo: Floats) -> Image:
    """Return what the camera records of a photo (S, S, 3) in linear light."""
    camera = scene.camera
    photo = _shaken(photo, camera.motion)
    photo = ndimage.gaussian_filter(photo, (camera.blur, camera.blur, 0), mode="nearest")
    linear = np.maximum(photo * np.float32(camera.exposure) * np.array(camera.white, np.float32), 0)
    linear = linear / (1 + 0.5 * np.maximum(linear - 0.6, 0))  # soft shoulder
    encoded = np.minimum(linear, 1) ** (camera.gamma / 2.2)
    encoded = _sharpened(_grained(encoded, camera), camera.sharpen)
    picture = np.asarray(np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)
    return _compressed(_enlarged(picture, camera.coarse), camera.jpeg)


def _shaken(photo: Floats, motion: tuple[float, float]) -> Floats:
    """Return the mean of the photo along a straight way of (right, down) px."""
    length = float(np.hypot(*motion))
    if length < 0.5:
        return photo
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
    return np.asarray(ndimage.convolve(photo, kernel[..., None], mode="nearest"))


def _grained(encoded: Floats, camera: Camera) -> Floats:
    """Return the picture with noise: of light, more of it in the dark, partly in color."""
    rng = np.random.default_rng(np.random.SeedSequence((camera.seed, 4)))
    color = rng.standard_normal(encoded.shape, np.float32)
    gray = rng.standard_normal((*encoded.shape[:2], 1), np.float32)
    # shot noise grows as the root of the light, and the tone curve compresses what is bright
    level = np.float32(camera.noise) * (1.25 - 0.5 * encoded)
    return np.asarray(encoded + level * (np.float32(0.75) * color + np.float32(0.65) * gray))


def _sharpened(encoded: Floats, amount: float) -> Floats:
    if not amount:
        return encoded
    smooth = ndimage.gaussian_filter(encoded, (1.0, 1.0, 0), mode="nearest")
    return np.asarray(encoded + np.float32(amount) * (encoded - smooth))


def _enlarged(picture: Image, coarse: float) -> Image:
    """Return the picture as if it had been `coarse` times smaller."""
    side = len(picture)
    small = max(8, round(side / coarse))
    if small >= side:
        return picture
    down = Pillow.fromarray(picture).resize((small, small), Pillow.Resampling.BOX)
    return np.array(down.resize((side, side), Pillow.Resampling.BILINEAR))


def _compressed(picture: Image, quality: int) -> Image:
    if not quality:
        return picture
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.array(Pillow.open(buffer))
