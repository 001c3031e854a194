import importlib
import sys

import pytest

from fau_tf.utils import optional_imports


@pytest.mark.parametrize(("library", "package"), optional_imports.DEBIAN_PACKAGES.items())
def test_a_missing_system_library_is_named_with_its_debian_package(monkeypatch, library, package):
    def fail(_name):
        raise ImportError(f"{library}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(importlib, "import_module", fail)
    for load in (optional_imports.cv2, optional_imports.mediapipe):
        with pytest.raises(
            optional_imports.MissingLibraryError, match=rf"\(Debian package {package}\)"
        ):
            load()


@pytest.mark.parametrize("kind", [ImportError, OSError])
def test_a_system_library_that_nobody_listed_is_named_too(monkeypatch, kind):
    def fail(_name):
        raise kind("libSM.so.6: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(importlib, "import_module", fail)
    said = r"OpenCV cannot be loaded: libSM\.so\.6: cannot.*\. Install the library"
    with pytest.raises(optional_imports.MissingLibraryError, match=said):
        optional_imports.cv2()


def test_a_missing_python_package_is_named(monkeypatch):
    def fail(_name):
        raise ModuleNotFoundError("No module named 'mediapipe'", name="mediapipe")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(
        optional_imports.MissingLibraryError,
        match=r"package mediapipe is not.*`pip install '\.\[mediapipe\]'` in its checkout",
    ):
        optional_imports.mediapipe()


def test_hiding_tensorflow_from_mediapipe_ends_with_the_import(monkeypatch):
    pytest.importorskip("mediapipe", reason="the extra `mediapipe` is not installed")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    optional_imports.mediapipe()
    assert sys.modules.get("tensorflow", "absent") == "absent"
