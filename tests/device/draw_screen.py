"""Draw the Android app's screen with the sample photo, by its own layout code on the JVM.

python tests/device/draw_screen.py          # docs/images/android.png

Needs what `make test-device` installs: a Java runtime, JNA and the Kotlin compiler.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.helpers import jvm_kotlin
from tests.helpers.jvm_kotlin import ROOT

PHONE = ("432", "960", "25", "1.05", "1.05")
"""Width, height and inset, px; px per dp and per sp: 411 x 914 dp."""


def main() -> None:
    """Write the picture."""
    if reason := jvm_kotlin.lacking():
        sys.exit(f"error: {reason}")
    picture = ROOT / "docs" / "sample" / "astronaut.png"
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "android.png")
        jvm_kotlin.run("screen", ROOT / "android_demo_assets", picture, made, *PHONE)
        (ROOT / "docs" / "images" / "android.png").write_bytes(made.read_bytes())


if __name__ == "__main__":
    main()
