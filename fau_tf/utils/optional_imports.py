"""OpenCV, LiteRT, MediaPipe and pandas, imported on first use; errors say what to install."""

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
"""System library that MediaPipe, or the OpenCV that comes with it, expects -> its Debian package.
"""

EXTRAS: Final = ("mediapipe", "pandas")
"""Packages that are installed by the extra of the same name."""


class MissingLibraryError(ImportError):
    """OpenCV, LiteRT, MediaPipe, pandas or a system library that they need is not installed."""


def cv2() -> Any:
    """Return the OpenCV module.

    Raises:
        MissingLibraryError: If it or a system library is not installed.
    """
    with explain_import_errors("OpenCV"):
        return importlib.import_module("cv2")


def litert() -> Any:
    """Return LiteRT's module with its `Interpreter`.

    Raises:
        MissingLibraryError: If it is not installed.
    """
    with explain_import_errors("LiteRT"):
        return importlib.import_module("ai_edge_litert.interpreter")


def mediapipe() -> Any:
    """Return the MediaPipe module.

    Raises:
        MissingLibraryError: If it or a system library is not installed.
    """
    with explain_import_errors("MediaPipe"), _hide_tensorflow():
        return importlib.import_module("mediapipe")


def pandas() -> Any:
    """Return the pandas module.

    Raises:
        MissingLibraryError: If it is not installed.
    """
    with explain_import_errors("pandas"):
        return importlib.import_module("pandas")


@contextmanager
def explain_import_errors(who: str) -> Iterator[None]:
    """Turn errors of loading a library into `MissingLibraryError` with the next step."""
    try:
        yield
    except (ImportError, OSError) as error:
        if isinstance(error, MissingLibraryError):
            raise
        library = next((name for name in DEBIAN_PACKAGES if name in str(error)), None)
        if library:
            package = DEBIAN_PACKAGES[library]
            problem = (
                f"{who} needs the system library {library} (Debian package {package}). Install it: "
                f"apt-get install {package}"
            )
        elif isinstance(error, ModuleNotFoundError):
            extra = f"'.[{error.name}]'" if error.name in EXTRAS else "."
            problem = (
                f"The Python package {error.name} is not installed. Install fau_tf with its "
                f"dependencies: `pip install {extra}` in its checkout"
            )
        else:
            problem = f"{who} cannot be loaded: {error}. Install the library that it names."
        raise MissingLibraryError(problem) from error


@contextmanager
def _hide_tensorflow() -> Iterator[None]:
    # If TensorFlow is installed, MediaPipe imports it for a decorator of its API docs, which takes
    # 2.6 s of a 3.2 s start. If the import fails, MediaPipe does without it.
    hide = "tensorflow" not in sys.modules
    if hide:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hide:
            del sys.modules["tensorflow"]
