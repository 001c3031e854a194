"""android_demo_assets/kotlin, compiled by the real compiler and run on the JVM."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import ai_edge_litert

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "device"
COMPILER = BUILD / "node_modules" / "kotlin-compiler"
JNA = Path("/usr/share/java/jna.jar")
SHIPPED = sorted((ROOT / "android_demo_assets" / "kotlin").glob("*.kt"))
TEST_CODE = sorted((ROOT / "tests" / "device" / "kotlin").glob("*.kt"))
STAND_INS = ROOT / "tests" / "device" / "kotlin" / "stand_ins.kt.txt"
LITERT = Path(ai_edge_litert.__file__).parent


def lacking() -> str:
    """Return why Kotlin can't be compiled and run here; empty if it can."""
    needed = {"a Java runtime": shutil.which("java"), "bash": shutil.which("bash")}
    needed |= {"JNA (libjna-java)": JNA.exists(), "kotlin-compiler": COMPILER.exists()}
    names = [name for name, there in needed.items() if not there]
    advice = "Run sh tests/device/install_kotlin.sh."
    return f"Kotlin can't be compiled here. Missing: {', '.join(names)}. {advice}" if names else ""


def compiled() -> Path:
    """Return the jar of the shipped and the test Kotlin; made once for the same sources."""
    sources = [*SHIPPED, *TEST_CODE, STAND_INS, COMPILER / "package.json"]
    digest = hashlib.sha256()
    for path in sources:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    jar = BUILD / f"kotlin-{digest.hexdigest()[:16]}.jar"
    if not jar.exists():
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            made = Path(folder, "made.jar")
            compile_kotlin([*SHIPPED, *TEST_CODE, *split_packages(STAND_INS, Path(folder))], made)
            for old in BUILD.glob("kotlin-*.jar"):
                old.unlink()
            made.replace(jar)
    return jar


def run(*arguments: str | Path, driver: Path | None = None) -> dict[str, str]:
    """Run tests/device/kotlin/Main.kt; return what it printed, name -> rest of the line.

    Args:
        arguments: See Main.kt.
        driver: Manifest of a Vulkan driver; without one there is no GPU.
    """
    libraries = [compiled(), COMPILER / "lib" / "kotlin-stdlib.jar", JNA]
    command = [
        "java",
        "-Dfile.encoding=UTF-8",
        "-Dstdout.encoding=UTF-8",
        "-Djava.awt.headless=true",
    ]
    command += [f"-Dlitert.library={LITERT / 'libLiteRt.so'}"]
    command += ["-cp", os.pathsep.join(map(str, libraries)), "dev.fau.MainKt", *map(str, arguments)]
    with tempfile.TemporaryDirectory() as folder:
        icd = str(driver or Path(folder, "no_driver.json"))
        vulkan = {"VK_ICD_FILENAMES": icd, "VK_DRIVER_FILES": icd, "XDG_RUNTIME_DIR": folder}
        environment = {**os.environ, **vulkan, "LD_LIBRARY_PATH": str(LITERT)}
        output = _finished(command, environment, timeout=300)
    return dict(line.split("\t", 1) for line in output.splitlines() if "\t" in line)


def compile_kotlin(sources: list[Path], jar: Path) -> None:
    """Compile files of Kotlin; a warning is an error, which is an AssertionError with its text."""
    command = ["bash", str(COMPILER / "bin" / "kotlinc"), "-Werror", "-cp", str(JNA)]
    # The run is too short for the JVM's slower compiler to pay off.
    environment = {**os.environ, "JAVA_OPTS": "-Xmx1g -XX:+UseSerialGC -XX:TieredStopAtLevel=1"}
    _finished([*command, "-d", str(jar), *map(str, sources)], environment, timeout=600)


def split_packages(stand_ins: Path, folder: Path) -> list[Path]:
    """Write one file for each package of a file of stand-ins, as Kotlin wants it; return them."""
    _, *packages = re.split(r"^(?=package )", stand_ins.read_text(), flags=re.M)
    paths = [folder / f"StandIn{i}.kt" for i in range(len(packages))]
    for path, text in zip(paths, packages, strict=True):
        path.write_text(text)
    return paths


def _finished(command: list[str], environment: dict[str, str], timeout: float) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, (
        f"exit code {done.returncode}\n{done.stderr}\n{done.stdout[-4000:]}"
    )
    return done.stdout
