"""OpenCV and MediaPipe, imported when first used, with missing system libraries named."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

DEBIAN_PACKAGES: Final = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libxcb.so.1": "libxcb1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
}
"""System libraries that the wheels of OpenCV and MediaPipe expect, and who brings them."""


class MissingLibraryError(ImportError):
    """A Python package or a system library that reading photos needs is not installed."""


def cv2() -> Any:
    """Return the OpenCV module.

    Raises:
        MissingLibraryError: If it or a system library is not installed.
    """
    with naming_what_is_missing("OpenCV"):
        return importlib.import_module("cv2")


def mediapipe() -> Any:
    """Return the MediaPipe module.

    Raises:
        MissingLibraryError: If it or a system library is not installed.
    """
    with naming_what_is_missing("MediaPipe"), _tensorflow_hidden():
        return importlib.import_module("mediapipe")


@contextmanager
def naming_what_is_missing(who: str) -> Iterator[None]:
    """Turn a failed import or load of a library into an error that names the next step."""
    try:
        yield
    except (ImportError, OSError) as error:
        if isinstance(error, MissingLibraryError):
            raise
        library = next((name for name in DEBIAN_PACKAGES if name in str(error)), None)
        if library:
            package = DEBIAN_PACKAGES[library]
            advice = f"Install it: apt-get install {package}"
            raise MissingLibraryError(
                f"{who} needs the system library {library} (Debian package {package}). {advice}"
            ) from error
        if isinstance(error, ModuleNotFoundError):
            raise MissingLibraryError(
                f"Reading photos needs the Python package {error.name}. "
                f"Install the dependencies of fau_tf: pip install fau_tf"
            ) from error
        raise MissingLibraryError(
            f"{who} can't be loaded. Received: {error}. Install the library that it names."
        ) from error


@contextmanager
def _tensorflow_hidden() -> Iterator[None]:
    # Where TensorFlow is installed, MediaPipe imports the whole of it for the decorator of its own
    # API docs: 2.6 s of a 3.2 s start. It does without where that import fails.
    hide = "tensorflow" not in sys.modules
    if hide:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hide:
            del sys.modules["tensorflow"]
