"""The build scripts of android_demo_assets, compiled against stand-ins of Gradle and of AGP's DSL.

Neither Gradle nor the Android SDK is here, so nothing is built.
"""

import re

import pytest

from tests.helpers import jvm_kotlin
from tests.helpers.golden_files import ASSETS
from tests.helpers.jvm_kotlin import ROOT

pytestmark = pytest.mark.gpu

STAND_INS = ROOT / "tests" / "device" / "kotlin" / "gradle_stand_ins.kt.txt"
SCRIPTS = {
    "settings.gradle.kts": "Settings",
    "build.gradle.kts": "Project",
    "app/build.gradle.kts": "Project",
}
"""Script -> what `this` is in it."""
DEFAULT_IMPORTS = (
    "import org.gradle.api.*\nimport org.gradle.api.file.*\nimport org.gradle.api.tasks.*"
)
# As a script's: unused names are no warning there.
QUIET = '@file:Suppress("UNUSED_VARIABLE", "unused")\n'


@pytest.fixture(scope="module", autouse=True)
def _kotlin():
    if reason := jvm_kotlin.lacking():
        pytest.skip(reason)


def as_function(text: str, receiver: str, name: str) -> str:
    """Return a script as the body of a function, its imports first."""
    imports = "\n".join(re.findall(r"^import .*$", text, re.M))
    body = re.sub(r"^import .*$", "", text, flags=re.M)
    head = f"{QUIET}package scripts\n{DEFAULT_IMPORTS}\n{imports}\n"
    return f"{head}fun {receiver}.{name}() {{\n{body}\n}}\n"


def compile_scripts(folder, change=lambda text: text):
    sources = jvm_kotlin.split_packages(STAND_INS, folder)
    for i, (script, receiver) in enumerate(SCRIPTS.items()):
        path = folder / f"Script{i}.kt"
        path.write_text(as_function(change((ASSETS / script).read_text()), receiver, f"script{i}"))
        sources.append(path)
    jvm_kotlin.compile_kotlin(sources, folder / "scripts.jar")


def test_the_scripts_compile(tmp_path):
    compile_scripts(tmp_path)
    assert (tmp_path / "scripts.jar").stat().st_size > 1000


def test_a_misspelled_setting_does_not(tmp_path):
    with pytest.raises(AssertionError, match="unresolved reference 'minSDK'"):
        compile_scripts(tmp_path, lambda text: text.replace("minSdk", "minSDK"))
