"""Network presets: everything that `heatmap_net.build` needs, and the codec that fits it."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.codec import HeatmapCodec

_NAMED: Final = 30  # known names in an error; a section has fewer settings
DATA_AUS: Final = "data"
"""Value of `NetSpec.aus` until the data that a run trains on names its AUs."""


@dataclass(frozen=True, kw_only=True)
class NetSpec:
    """One network.

    Attributes:
        preset: The row of `PRESETS` that it started from.
        image_size: Rows and columns of the aligned face, S.
        heatmap_size: Rows and columns of a heatmap, h = w.
        sigma: Gaussian standard deviation of the targets, in heatmap cells.
        target_scale: Row of `codec.TARGET_SCALES`.
        backbone: Row of `backbones.backbone.BACKBONES`.
        decoder: Feature maps after each doubling of the resolution.
        upsample: Row of `scc.decoder.UPSAMPLERS`.
        scc: Which of the decoder's stages end in a semantic correspondence convolution.
        k: Neighbors per feature map, itself among them.
        nodes: `channels` as in the paper, or `pixels` as in the reference code.
        scc_initializer: Row of `scc.decoder.SCC_INITIALIZERS`.
        head_initializer: Row of `heatmap_net.HEAD_INITIALIZERS`.
        norm_momentum: Of the moving statistics of the decoder's batch norms.
        norm_epsilon: Added to the variance of the decoder's batch norms.
        mesh_decoder: Feature maps of a second branch on FaceMesh's frozen trunk; 0 for none.
        aus: Row of `facs.AU_SETS`, or AU numbers; one intensity each, in this order. `DATA_AUS`:
            not known yet.
        rule: Row of `facs.RULES`.
    """

    preset: str
    image_size: int
    heatmap_size: int
    sigma: float
    target_scale: str = "peak"
    backbone: str
    decoder: tuple[int, ...]
    upsample: str
    scc: tuple[bool, ...]
    k: int
    nodes: str = "channels"
    scc_initializer: str = "near_identity"
    head_initializer: str = "near_zero"
    norm_momentum: float = 0.95  # short runs: 0.99 would still remember the first batches
    norm_epsilon: float = 1e-3
    mesh_decoder: int = 0
    aus: str | tuple[int, ...] = "disfa_bp4d"
    rule: str = "fau"

    def __post_init__(self) -> None:
        if not self.decoder or min(self.decoder) < 1 or self.image_size < 1:
            raise ValueError(
                "`decoder` must name at least one positive width, and `image_size` be positive. "
                f"Received: decoder={self.decoder}, image_size={self.image_size}"
            )
        if len(self.scc) != len(self.decoder):
            raise ValueError(
                "`scc` must be true or false for each stage of `decoder`. "
                f"Received: scc={self.scc}, decoder={self.decoder}"
            )
        if not 0 <= self.norm_momentum < 1 or not self.norm_epsilon > 0:
            raise ValueError(
                "`norm_momentum` must be 0 or more and below 1, `norm_epsilon` positive. Received: "
                f"norm_momentum={self.norm_momentum}, norm_epsilon={self.norm_epsilon}"
            )
        if isinstance(self.aus, str) and self.aus not in (DATA_AUS, *facs.AU_SETS):
            raise ValueError(
                f"`aus` must be {DATA_AUS!r}, one of {sorted(facs.AU_SETS)}, or a list of AU "
                f"numbers. Received: aus={self.aus!r}"
            )
        if self.aus != DATA_AUS:
            facs.centers(self.au_numbers, self.rule)  # refuses a rule set that lacks an AU
        _ = self.codec  # refuses sizes and scales that don't fit

    @property
    def au_numbers(self) -> tuple[int, ...]:
        """The A action units, in output order.

        Raises:
            ValueError: If they are not known yet.
        """
        if self.aus == DATA_AUS:
            raise ValueError(
                "`model.aus` is 'data': the AUs are those of the labels, which are not read yet. "
                "Name them, e.g. --set model.aus=[6,12]."
            )
        return facs.AU_SETS[self.aus] if isinstance(self.aus, str) else self.aus

    @property
    def labels(self) -> list[str]:
        """The A labels, e.g. `AU06`, in output order."""
        return [facs.AUS[au].label for au in self.au_numbers]

    @property
    def to_au(self) -> npt.NDArray[np.float32]:
        """The (K, A) matrix of `facs.center_to_au`."""
        return facs.center_to_au(self.au_numbers, self.rule)

    @property
    def codec(self) -> HeatmapCodec:
        """The codec between this network's heatmaps and intensities."""
        return HeatmapCodec(self.image_size, self.heatmap_size, self.sigma, self.target_scale)


_SMALL: Final = NetSpec(
    preset="small",
    image_size=128,
    heatmap_size=32,
    sigma=1.5,
    backbone="efficientnet_lite0_112",
    decoder=(256, 128),
    upsample="resize",
    scc=(True, False),
    k=5,
)

PRESETS: Final = {
    spec.preset: spec
    for spec in (
        NetSpec(
            preset="paper",  # Fan et al., AAAI 2020, figure 3
            image_size=256,
            heatmap_size=64,
            sigma=2.0,
            backbone="resnet50",
            decoder=(256, 128, 64),
            upsample="deconv",
            scc=(True, True, True),
            k=5,
            scc_initializer="glorot_uniform",
            head_initializer="he",
            norm_momentum=0.99,
            norm_epsilon=1e-9,
        ),
        NetSpec(
            preset="mobile",
            image_size=128,
            heatmap_size=32,
            sigma=1.5,
            backbone="efficientnet_lite0_192",
            decoder=(256, 192, 128),
            upsample="resize",
            scc=(True, True, False),
            k=5,
        ),
        _SMALL,
        # beside `small`, a trunk that has seen real faces
        replace(
            _SMALL,
            preset="small_mesh",
            image_size=160,
            heatmap_size=40,
            sigma=1.9,
            mesh_decoder=128,
        ),
        NetSpec(
            preset="tiny",  # for tests: builds and converts in seconds, of no use otherwise
            image_size=64,
            heatmap_size=16,
            sigma=1.0,
            backbone="tiny",
            decoder=(16, 16),
            upsample="resize",
            scc=(True, True),
            k=3,
        ),
    )
}


def net_spec(preset: str, overrides: Mapping[str, Any] | None = None) -> NetSpec:
    """Return the row `preset`, with some of its fields replaced.

    Raises:
        ValueError: For an unknown preset or field, or a value that doesn't fit.
    """
    if preset not in PRESETS:
        raise ValueError(f"Preset must be one of {sorted(PRESETS)}. Received: {preset!r}")
    known = [field.name for field in fields(NetSpec)]
    for name in overrides or {}:
        if name not in known:
            raise ValueError(f"A network has no field `{name}`.{did_you_mean(name, known)}")
    return replace(PRESETS[preset], **dict(overrides or {}))


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return ` Did you mean ...?` for a name close to a known one, else known names."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f" Did you mean `{near[0]}`?"
    more = f" and {len(known) - _NAMED} others" if len(known) > _NAMED else ""
    return f" Known: {', '.join(known[:_NAMED])}{more}."
