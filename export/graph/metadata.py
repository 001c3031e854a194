"""What a .tflite file says of itself: TensorFlow Lite metadata and the model's card, inside it.

Two parts, as the metadata convention has them: a flatbuffer (`M001`) in the model's metadata that
describes each tensor, and a zip behind the model with the files that it names. A reader of models
ignores both. Nothing here varies from one export to the next: same network, same bytes.
"""

import hashlib
import io
import json
import zipfile
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import pack, unpack
from export.graph.metadata_description import (
    CARD,
    CENTERS,
    DIGEST,
    IDENTIFIER,
    LABELS,
    canonical,
    describe,
)
from fau_tf import contract

_NAME: Final = b"TFLITE_METADATA"


def with_metadata(flatbuffer: bytes, card: dict[str, Any]) -> bytes:
    """Return a model of the contract with its metadata; metadata that it had is replaced.

    Args:
        flatbuffer: Contents of a .tflite file.
        card: From `sidecar.card`.

    Raises:
        ValueError: If the signature's tensors are not the graph's.
    """
    model = unpack(flatbuffer)
    data = np.frombuffer(describe(card, model), np.uint8)
    entry = next((entry for entry in model.metadata or () if entry.name == _NAME), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = _NAME, len(model.buffers)
        model.metadata = [*(model.metadata or ()), entry]
        model.buffers.append(schema.BufferT())
    model.buffers[entry.buffer].data = data
    packed = pack(model)
    return _followed_by_zip(packed, _files(card, packed))


def read_metadata(flatbuffer: bytes) -> dict[str, Any] | None:
    """Return the card inside a model; None if it has none, as a model of somebody else.

    Raises:
        ValueError: If the card is of another contract version, or what stands around it says
            something else.
    """
    model = unpack(flatbuffer)
    found = [model.buffers[entry.buffer].data for entry in model.metadata or ()]
    names = [entry.name for entry in model.metadata or ()]
    if _NAME not in names:
        return None
    data = found[names.index(_NAME)]
    if data is None or bytes(data[4:8]) != IDENTIFIER:
        raise _wrong(f"a flatbuffer with the identifier {IDENTIFIER.decode()}", "something else")
    described, listed = canonical(data.tobytes())
    if CARD not in listed:
        return None
    files, start = _read_zip(flatbuffer)
    card = _checked_card(files.get(CARD, ""))
    wanted = _files(card, flatbuffer[:start])
    other = [name for name in sorted({*files, *wanted}) if files.get(name) != wanted.get(name)]
    if other:
        raise _wrong(f"with files that fit {CARD} and the model", f"other {', '.join(other)}")
    if described != canonical(describe(card, model))[0]:
        raise _wrong(f"a description of the tensors that says what {CARD} says", "another one")
    return card


def _files(card: dict[str, Any], flatbuffer: bytes) -> dict[str, str]:
    """Return name -> content of what the zip behind `flatbuffer` holds."""
    return {
        LABELS: "".join(f"{label}\n" for label in card["au_labels"]),
        CENTERS: "".join(f"{name}\n" for name in card["centers"]),
        CARD: json.dumps(card, indent=1) + "\n",
        DIGEST: hashlib.sha256(flatbuffer).hexdigest() + "\n",
    }


def _followed_by_zip(flatbuffer: bytes, files: dict[str, str]) -> bytes:
    whole = io.BytesIO()
    whole.write(flatbuffer)
    # Stored, not deflated: phones map the files where they lie.
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
        raise _wrong(f"followed by a whole zip with {CARD}", str(error)) from error


def _checked_card(text: str) -> dict[str, Any]:
    try:
        card: Any = json.loads(text)
    except ValueError as error:
        raise _wrong(f"with a {CARD} of JSON", str(error)) from error
    version = card.get("contract_version") if isinstance(card, dict) else None
    if type(version) is not int or version != contract.CONTRACT_VERSION:
        raise _wrong(f"of contract version {contract.CONTRACT_VERSION}", repr(version))
    needed = {*contract.REQUIRED_METADATA, "au_labels"} - {"sha256"}  # a file can't hold its own
    lacking = sorted(needed - set(card))
    if lacking:
        raise _wrong(f"with a complete {CARD}", f"one without {', '.join(lacking)}")
    return dict(card)


def _wrong(rule: str, received: str) -> ValueError:
    return ValueError(
        f"Embedded metadata must be {rule}. Received: {received}. Export the model again."
    )
