"""The heatmap codec as Keras layers: targets for training, intensities for the exported graph."""

from typing import Any, Self

import keras
from keras import ops

from fau_tf import facs
from fau_tf.codec import HeatmapCodec


class _CodecLayer(keras.layers.Layer):
    """What both layers share: the codec's arguments, the AUs and their center rule.

    Both compute in float32 unless `dtype` says otherwise, whatever the global precision policy: in
    bfloat16 a coordinate above 128 has steps of 1 px.
    """

    def __init__(
        self,
        image_size: int,
        heatmap_size: int,
        sigma: float,
        target_scale: str = "peak",
        aus: Any = facs.ALL,
        rule: str = "fau",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.image_size, self.heatmap_size = image_size, heatmap_size
        self.sigma, self.target_scale = sigma, target_scale
        self.aus, self.rule = tuple(aus), rule
        self.codec = HeatmapCodec(image_size, heatmap_size, sigma, target_scale)
        self.to_au = facs.center_to_au(self.aus, rule)  # (K, A)

    @classmethod
    def of(cls, codec: HeatmapCodec, aus: Any, rule: str) -> Self:
        """Return the layer of a codec."""
        return cls(
            codec.image_size,
            codec.heatmap_size,
            codec.sigma,
            codec.target_scale,
            aus=aus,
            rule=rule,
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        names = ("image_size", "heatmap_size", "sigma", "target_scale", "rule")
        own = {name: getattr(self, name) for name in names} | {"aus": list(self.aus)}
        return {**super().get_config(), **own}

    def _require_k(self, found: int | None, what: str, shape: Any) -> None:
        if found != len(self.to_au):
            raise ValueError(
                f"{what} must have K={len(self.to_au)} AU centers, as rule {self.rule!r} gives "
                f"for AUs {self.aus}. Received: shape {shape}"
            )


@keras.saving.register_keras_serializable(package="fau_tf")
class HeatmapTarget(_CodecLayer):
    """AU centers and AU intensities -> what the training loss compares heatmaps with.

    An AU that is not coded (NaN) gets an all-zero heatmap of weight 0, and so does one without a
    center (NaN).

    Args:
        image_size: Rows and columns of the image, S.
        heatmap_size: Rows and columns of a heatmap, h = w.
        sigma: Gaussian standard deviation in heatmap cells.
        target_scale: Row of `codec.TARGET_SCALES`.
        aus: AU numbers, A of them.
        rule: Row of `facs.RULES`; gives the K centers.

    Input shape:
        `[(B, K, 2), (B, A)]`: centers x, y in image px, intensities 0 to 5 or NaN. Intensities may
        be `(B, K)`, one for each center, where the sides of the face differ.

    Output shape:
        A dictionary: `heatmap` `(B, h, w, K)` in the target scale; `gaussian` `(B, h, w, K)` the
        same Gaussians at height 1, which say where a center is whatever the intensity; `weight`
        `(B, K)`, 0 where the AU is not coded or the center is off the map, else 1.
    """

    def build(self, input_shape: Any) -> None:
        """Refuse another number of centers or AUs."""
        centers, intensity = input_shape
        self._require_k(centers[1], "Centers", centers)
        if intensity[1] not in (len(self.aus), len(self.to_au)):
            raise ValueError(
                f"Intensities must have A={len(self.aus)} columns, or K={len(self.to_au)}. "
                f"Received: shape {intensity}"
            )

    def call(self, inputs: Any) -> dict[str, Any]:
        """See the class docstring."""
        centers, intensity = (ops.cast(each, "float32") for each in inputs)
        if intensity.shape[1] != len(self.to_au):
            intensity = ops.take(intensity, facs.au_of_center(self.aus, self.rule), axis=1)
        coded = ops.isfinite(intensity)  # (B, K)
        height = ops.where(coded, intensity, 0.0) * self.codec.unit
        gaussian = self.codec.gaussians(centers, xp=ops)
        return {
            "heatmap": gaussian * height[:, None, None, :],
            "gaussian": gaussian,
            "weight": ops.cast(coded, "float32") * self.codec.inside(centers, xp=ops),
        }


@keras.saving.register_keras_serializable(package="fau_tf")
class IntensityDecode(_CodecLayer):
    """Heatmaps -> AU intensities in 0 to 5; wraps `HeatmapCodec.decode`.

    Args:
        image_size: See `HeatmapTarget`.
        heatmap_size: See `HeatmapTarget`.
        sigma: See `HeatmapTarget`.
        target_scale: See `HeatmapTarget`.
        aus: See `HeatmapTarget`.
        rule: See `HeatmapTarget`.

    Input shape:
        `(B, h, w, K)` in the target scale.

    Output shape:
        `(B, A)`.
    """

    def build(self, input_shape: Any) -> None:
        """Refuse another number of centers."""
        self._require_k(input_shape[-1], "Heatmaps", input_shape)

    def call(self, heatmaps: Any) -> Any:
        """See the class docstring."""
        to_au = ops.convert_to_tensor(self.to_au, dtype=heatmaps.dtype)
        return self.codec.decode(heatmaps, to_au, xp=ops)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (B, A)."""
        return (input_shape[0], len(self.aus))
