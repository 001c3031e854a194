"""TensorFlow Lite metadata and the model's card, inside the .tflite file.

By the metadata convention there are two parts: a flatbuffer (`M001`) in the model's metadata that
describes each tensor, and a zip after the model with the files that it names. Interpreters ignore
both. The same network gives the same bytes in every export.
"""

import hashlib
import io
import json
import zipfile
from copy import copy
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import ModelFileError, TfliteFile, pack
from export.graph.metadata_description import (
    CARD,
    CENTERS,
    DIGEST,
    LABELS,
    canonical,
    describe,
)
from export.graph.metadata_schema import IDENTIFIER
from fau_tf import contract

_NAME: Final = b"TFLITE_METADATA"


def with_metadata(file: TfliteFile, card: dict[str, Any]) -> TfliteFile:
    """Return a model of the contract with its metadata; existing metadata is replaced.

    Args:
        file: The model; stays as it is.
        card: From `model_json.card`.

    Raises:
        ModelFileError: If the signature's tensors are not the graph's.
    """
    described = schema.BufferT()
    described.data = np.frombuffer(describe(card, file.model), np.uint8)
    model = copy(file.model)  # shallow: what is replaced below belongs to the copy
    model.metadata, model.buffers = list(model.metadata or ()), list(model.buffers)
    entry = next((entry for entry in model.metadata if entry.name == _NAME), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = _NAME, len(model.buffers)
        model.metadata.append(entry)
        model.buffers.append(described)
    else:
        model.buffers[entry.buffer] = described
    packed = pack(model)
    return TfliteFile(_followed_by_zip(packed, _files(card, packed)))


def read_metadata(file: TfliteFile) -> dict[str, Any] | None:
    """Return the card inside a model; None if it has none, as a model made elsewhere.

    Raises:
        ModelFileError: If the card is of another contract version, or contradicts the model.
    """
    model = file.model
    entry = next((entry for entry in model.metadata or () if entry.name == _NAME), None)
    if entry is None:
        return None
    data = model.buffers[entry.buffer].data
    if data is None or bytes(data[4:8]) != IDENTIFIER:
        raise _error(f"a flatbuffer with the identifier {IDENTIFIER.decode()}", "something else")
    described, listed = canonical(data.tobytes())
    if CARD not in listed:
        return None
    files, start = _read_zip(file.content)
    card = _checked_card(files.get(CARD, ""))
    wanted = _files(card, file.content[:start])
    other = [name for name in sorted({*files, *wanted}) if files.get(name) != wanted.get(name)]
    if other:
        raise _error(f"with files that fit {CARD} and the model", f"other {', '.join(other)}")
    if described != canonical(describe(card, model))[0]:
        raise _error(f"a description of the tensors that agrees with {CARD}", "another one")
    return card


def _files(card: dict[str, Any], flatbuffer: bytes) -> dict[str, str]:
    """Return name -> content of the files in the zip after `flatbuffer`."""
    return {
        LABELS: "".join(f"{label}\n" for label in card["au_labels"]),
        CENTERS: "".join(f"{name}\n" for name in card["centers"]),
        CARD: json.dumps(card, indent=1) + "\n",
        DIGEST: hashlib.sha256(flatbuffer).hexdigest() + "\n",
    }


def _followed_by_zip(flatbuffer: bytes, files: dict[str, str]) -> bytes:
    whole = io.BytesIO()
    whole.write(flatbuffer)
    # Stored, not deflated: phones map the files in place.
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, on every system
            archive.writestr(entry, text)
    return whole.getvalue()


def _read_zip(flatbuffer: bytes) -> tuple[dict[str, str], int]:
    """Return name -> content of the zip's files, and where in `flatbuffer` it starts."""
    try:
        with zipfile.ZipFile(io.BytesIO(flatbuffer)) as archive:
            start = min((entry.header_offset for entry in archive.infolist()), default=0)
            return {name: archive.read(name).decode() for name in archive.namelist()}, start
    # A damaged zip shows as one of these, depending on where.
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise _error(f"followed by a whole zip with {CARD}", str(error)) from error


def _checked_card(text: str) -> dict[str, Any]:
    try:
        card: Any = json.loads(text)
    except ValueError as error:
        raise _error(f"with a {CARD} of JSON", str(error)) from error
    version = card.get("contract_version") if isinstance(card, dict) else None
    if not contract.readable_version(version):
        raise _error(f"of contract version {contract.readable_versions()}", repr(version))
    needed = {*contract.REQUIRED_METADATA, "au_labels"} - {"sha256"}  # a file can't hold its own
    lacking = sorted(needed - set(card))
    if lacking:
        raise _error(f"with a complete {CARD}", f"one without {', '.join(lacking)}")
    return dict(card)


def _error(rule: str, received: str) -> ModelFileError:
    return ModelFileError(
        f"Embedded metadata must be {rule}: got {received}. Export the model again."
    )
