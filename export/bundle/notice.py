"""The folder's NOTICE: the project's, and which of it applies to these files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from export.bundle.golden.vectors import FOLDER
from export.bundle.models import AssetModel
from fau_tf.face.mediapipe_landmarks import BUNDLE_NAME

ROOT: Final = Path(__file__).resolve().parents[2]
NOTICE: Final = "NOTICE"
LICENCE: Final = "LICENSE"


def notice(models: Sequence[AssetModel]) -> str:
    """Return the folder's NOTICE.

    Args:
        models: From `read_models`.
    """
    data = models[0].entries["training_data"]
    names = ", ".join(model.path.name for model in models)
    return (
        "Of what the notice of fau_tf lists, which follows below, this folder has:\n\n"
        f"- {BUNDLE_NAME}: MediaPipe Face Landmarker, by Google. Apache-2.0.\n"
        f"- {names}: trained by this project on {data['kind']} ({data['name']}). Apache-2.0.\n"
        "  Where the backbone is EfficientNet-Lite0, the weights derive from the start below.\n"
        f"- {FOLDER}/: pictures that this project rendered from the canonical face mesh, and what\n"
        "  its code and models make of them. Apache-2.0.\n"
        "- all else: by this project. Apache-2.0.\n\n"
        "----\n\n" + (ROOT / NOTICE).read_text(encoding="utf-8")
    )
