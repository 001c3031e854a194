"""The export variants, as data."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

Scheme = Literal["float32", "float16", "dynamic_int8", "weight_int8", "static_int8", "qat_int8"]
Accelerator = Literal["cpu", "gpu"]

SELECTION: Final = "max_index"
"""Finds neighbors by operators that GPUs take, without k products with one-hot matrices: `small`
takes a fifth less time on a CPU (docs/reference/scc.md)."""


class VariantError(ValueError):
    """A variant that can't be made or was refused, while others may do."""


class VariantUnavailableError(VariantError):
    """A variant that needs packages or faces that are not there."""


_INSTALL: Final = "Run pip install -e '.[export]' in the checkout"


def reason(error: Exception) -> str:
    """Return an error's message, with the next step for a package that is missing."""
    return f"{error}. {_INSTALL}." if isinstance(error, ImportError) else str(error)


@contextmanager
def explain_missing_quantizer() -> Iterator[None]:
    """Raise VariantUnavailableError if the block imports ai-edge-quantizer and it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ai_edge_quantizer":
            raise
        raise VariantUnavailableError(
            f"int8 variants need ai-edge-quantizer, which is not installed. {_INSTALL}, or omit "
            "them."
        ) from error


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """One variant.

    Attributes:
        name: In the file's name, `fau_<run>_<name>.tflite`.
        scheme: How it is made; row of `variants.SCHEMES`.
        accelerators: Where all of its operators must run.
        selection: How its graph finds neighbors; row of `knn.SELECTIONS`.
        weights: Type in which its weights must be stored, a name of the schema's `TensorType`.
        max_size: Largest allowed size, as a share of float32's.
        max_icc_loss: Largest allowed loss of mean ICC(3,1) against the labels, relative to float32.
        max_au_icc_loss: The same for any single AU.
        max_intensity_error: Largest allowed difference to Keras on 95 % of faces, in intensity
            units; None for int8 variants, which are held to their agreement alone.
    """

    name: str
    scheme: Scheme
    accelerators: tuple[Accelerator, ...]
    selection: str
    weights: str
    max_size: float
    max_icc_loss: float
    max_au_icc_loss: float = 0.03
    max_intensity_error: float | None = None

    @property
    def fine_tuned(self) -> bool:
        """Whether its weights are trained further, so that figures of the others are not its."""
        return self.scheme == "qat_int8"


EXPORT_SPECS: Final = {
    spec.name: spec
    for spec in (
        # Float32 sums in another order: 1e-4 intensity units would be luck, 1e-2 is a fault.
        # Near-ties among neighbors can flip, which moves an intensity by more than rounding does.
        ExportSpec(
            name="float32",
            scheme="float32",
            accelerators=("cpu", "gpu"),
            selection=SELECTION,
            weights="FLOAT32",
            max_size=1.0,
            max_icc_loss=0.0,
            max_intensity_error=0.01,
        ),
        # 11 bits of weights: about 5e-4 relative, times the depth of the network.
        ExportSpec(
            name="float16",
            scheme="float16",
            accelerators=("cpu", "gpu"),
            selection=SELECTION,
            weights="FLOAT16",
            max_size=0.53,
            max_icc_loss=0.001,
            max_intensity_error=0.1,
        ),
        # 8 bits of weights; activations quantized on every call; arithmetic in int8. A GPU would
        # compute the same as with weight_int8.
        ExportSpec(
            name="dynamic_int8",
            scheme="dynamic_int8",
            accelerators=("cpu",),
            selection=SELECTION,
            weights="INT8",
            max_size=0.31,
            max_icc_loss=0.005,
        ),
        # 8 bits of weights on disk, arithmetic in float32.
        ExportSpec(
            name="weight_int8",
            scheme="weight_int8",
            accelerators=("cpu", "gpu"),
            selection=SELECTION,
            weights="INT8",
            max_size=0.31,
            max_icc_loss=0.005,
        ),
        # Convolutions in int8 with ranges from a representative set; SCC's arithmetic in float.
        ExportSpec(
            name="static_int8",
            scheme="static_int8",
            accelerators=("cpu",),
            selection=SELECTION,
            weights="INT8",
            max_size=0.31,
            max_icc_loss=0.01,
        ),
        # The same, after fine-tuning with the rounding in place.
        ExportSpec(
            name="qat_int8",
            scheme="qat_int8",
            accelerators=("cpu",),
            selection=SELECTION,
            weights="INT8",
            max_size=0.31,
            max_icc_loss=0.01,
        ),
    )
}
