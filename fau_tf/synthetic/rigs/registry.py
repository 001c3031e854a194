"""The face models by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fau_tf.synthetic.rigs.rig import FaceRig


def canonical(_file: Path | None) -> FaceRig:
    """Return the built-in rig."""
    from fau_tf.synthetic.rigs.canonical import canonical_rig

    return canonical_rig()


def ict(file: Path | None) -> FaceRig:
    """Return the rig of a user's own ICT-FaceKit, converted to one file."""
    from fau_tf.synthetic.rigs.ict.rig import ict_rig

    if file is None:
        raise ValueError(
            "Rig `ict` needs the converted ICT-FaceKit. Received: no file. Download "
            "ICT-FaceKit, run `python -m fau_tf.cli.synthesize convert-ict FOLDER ict.npz`, "
            "set data.ict=ict.npz."
        )
    return ict_rig(file)


RIGS: Final[dict[str, Callable[[Path | None], FaceRig]]] = {"canonical": canonical, "ict": ict}
"""Name -> from its file, where it needs one."""
