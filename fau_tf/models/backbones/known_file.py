"""The published weights of a backbone: a file with a known hash."""

import hashlib
from pathlib import Path


class MissingWeightsError(ValueError):
    """Weights that are not there, or not the published ones; the message says how to get them."""


def require_known(path: Path, algorithm: str, wanted: str, fix: str) -> Path:
    """Return `path` if its content has the known hash.

    Args:
        path: Of the weights.
        algorithm: Name in `hashlib`.
        wanted: The hash, in hexadecimal digits.
        fix: How to get the file.

    Raises:
        MissingWeightsError: If it can't be read, or has another hash.
    """
    try:
        found = hashlib.new(algorithm, path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError as error:
        found = error.strerror or type(error).__name__
    if found != wanted:
        raise MissingWeightsError(f"{path} must have {algorithm} {wanted}, got: {found} ({fix})")
    return path
