"""The Android project of android_demo_assets, as far as it can be checked without an SDK."""

import hashlib
import re
import xml.etree.ElementTree as ET
from pathlib import Path

ASSETS = Path(__file__).parents[2] / "android_demo_assets"
ANDROID = "{http://schemas.android.com/apk/res/android}"
TOOLS = "{http://schemas.android.com/tools}"
MANIFEST = ET.parse(ASSETS / "app" / "src" / "main" / "AndroidManifest.xml").getroot()
KOTLIN = {path.name: path.read_text() for path in (ASSETS / "kotlin").glob("*.kt")}
APP = (ASSETS / "app" / "build.gradle.kts").read_text()
WRAPPER_SHA256 = "55243ef57851f12b070ad14f7f5bb8302daceeebc5bce5ece5fa6edb23e1145c"
"""Of gradle-wrapper.jar of Gradle 9.4.1, as Gradle publishes it."""
LIBRARIES = {
    "com.google.ai.edge.litert": "com.google.ai.edge.litert:litert:",
    "androidx.activity": "androidx.activity:activity:",
    "androidx.camera.core": "androidx.camera:camera-camera2:",
    "androidx.camera.lifecycle": "androidx.camera:camera-lifecycle:",
    "androidx.camera.view": "androidx.camera:camera-view:",
    "androidx.core": "androidx.core:core:",
}
"""Package that Kotlin imports -> dependency that brings it."""


def names(tag):
    return [element.get(f"{ANDROID}name") for element in MANIFEST.iter(tag)]


def test_the_app_may_use_the_camera_and_nothing_else():
    asked = {element.get(f"{ANDROID}name"): element.get(f"{TOOLS}node")
             for element in MANIFEST.iter("uses-permission")}  # fmt: skip
    assert asked == {"android.permission.CAMERA": None, "android.permission.INTERNET": "remove"}
    assert all(row.get(f"{ANDROID}required") == "false" for tag in ("uses-feature",
               "uses-native-library") for row in MANIFEST.iter(tag))  # fmt: skip


def test_the_permission_hides_the_app_from_no_device():
    """Without these rows, stores take the permission for a need of both."""
    implied = {"android.hardware.camera", "android.hardware.camera.autofocus"}
    assert implied <= set(names("uses-feature"))


def test_a_turn_of_the_phone_does_not_load_the_models_again():
    (activity,) = MANIFEST.iter("activity")
    kept = set(activity.get(f"{ANDROID}configChanges").split("|"))
    assert kept == {"orientation", "screenSize", "screenLayout", "smallestScreenSize"}
    assert KOTLIN["FauSample.kt"].count("targetRotation = rotation") == 2, "preview and frames"


def test_the_activity_of_the_manifest_is_there_and_starts_the_app():
    (activity,) = names("activity")
    package, _, name = activity.rpartition(".")
    assert f"package {package}\n" in KOTLIN["FauSample.kt"]
    assert f"class {name} : ComponentActivity" in KOTLIN["FauSample.kt"]
    assert f'namespace = "{package}"' in APP
    (element,) = MANIFEST.iter("activity")
    assert element.get(f"{ANDROID}exported") == "true", "required since Android 12"
    assert names("action") == ["android.intent.action.MAIN"]
    assert names("category") == ["android.intent.category.LAUNCHER"]


def test_every_attribute_is_in_the_namespace_of_android_or_of_tools():
    for element in MANIFEST.iter():
        assert all(key.startswith((ANDROID, TOOLS)) for key in element.attrib), element.tag


def test_every_import_comes_from_a_dependency_and_none_from_mediapipe():
    found = {line for text in KOTLIN.values() for line in re.findall(r"^import (\S+)", text, re.M)}
    outside = {name for name in found if not name.startswith(("android.", "java.", "kotlin."))}
    assert outside
    for name in outside:
        (library,) = (row for package, row in LIBRARIES.items() if name.startswith(f"{package}."))
        assert f'implementation("{library}' in APP, name
    assert "mediapipe" not in APP.lower()


def test_kotlin_is_the_one_that_the_android_plugin_has_built_in():
    scripts = [path.read_text() for path in ASSETS.rglob("*.gradle.kts")]
    assert len(scripts) == 3
    plugins = {plugin for text in scripts for plugin in re.findall(r'id\("([^"]+)"\)', text)}
    assert plugins == {"com.android.application"}


def test_the_wrapper_is_gradles_and_fits_the_android_plugin():
    jar = (ASSETS / "gradle" / "wrapper" / "gradle-wrapper.jar").read_bytes()
    assert hashlib.sha256(jar).hexdigest() == WRAPPER_SHA256
    rows = (ASSETS / "gradle" / "wrapper" / "gradle-wrapper.properties").read_text().splitlines()
    settings = dict(row.split("=", 1) for row in rows)
    assert settings["distributionUrl"].endswith("/gradle-9.4.1-bin.zip")
    assert len(settings["distributionSha256Sum"]) == 64
    # 9.2 is the first to need Gradle 9.4.1, and takes SDK 36.
    assert '"com.android.application") version "9.2.' in (ASSETS / "build.gradle.kts").read_text()
    assert "compileSdk = 36\n" in APP
    assert (ASSETS / "gradlew").stat().st_mode & 0o111
    assert b"\r\n" in (ASSETS / "gradlew.bat").read_bytes()


def test_no_file_name_and_no_au_is_written_into_the_kotlin():
    """Another model replaces this one without a change here."""
    for name, text in KOTLIN.items():
        code = re.sub(r"/\*.*?\*/|//.*", "", text, flags=re.S)
        assert not re.search(r"fau_small|\.task\"|\"AU\d\d", code), name
