"""Models under qemu-user on an emulated ARM processor, with LiteRT's arm64 wheel."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "device" / "arm"
CHILD = ROOT / "tests" / "device" / "arm_child.py"

_V8 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
PROCESSORS = {
    # qemu's name -> part number and features in /proc/cpuinfo, where XNNPACK looks for kernels.
    "cortex-a53": ("0xd03", _V8),  # small cores of 2014: no dot product, no float16 arithmetic
    "cortex-a76": ("0xd0b", f"{_V8} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"),
}


def lacking() -> str:
    """Return why ARM can't be emulated here; empty if it can."""
    if shutil.which("qemu-aarch64") and (BUILD / ".done").exists():
        return ""
    return (
        "ARM can't be emulated here. Missing: qemu-aarch64, or the arm64 packages in "
        "build/device/arm. Run sh tests/device/install_arm.sh PYTHON."
    )


def run(processor: str, inputs: Path, out: Path, models: list[Path]) -> str:
    """Run tests/device/arm_child.py on a processor; return the machine that it ran on."""
    root = _system(processor)
    command = ["qemu-aarch64", "-L", str(root), "-cpu", processor]
    command += [str(root / "usr/bin/python3.11"), str(CHILD), str(inputs), str(out)]
    # Nothing else: settings for this x86 machine, as OPENBLAS_CORETYPE, would mislead NumPy.
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    python = {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": str(BUILD / "site")}
    done = subprocess.run(
        [*command, *map(str, models)],
        capture_output=True,
        text=True,
        errors="replace",
        env={**keep, **python, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr[-4000:]}"
    return done.stdout.split()[-1]


def _system(processor: str) -> Path:
    """Return a root folder with the processor's /proc/cpuinfo.

    qemu 7.2 would show the x86 host's, with which LiteRT's wheel crashes.
    """
    root = BUILD / processor
    (root / "proc").mkdir(parents=True, exist_ok=True)
    for name in ("usr", "lib"):
        if not (root / name).exists():
            (root / name).symlink_to(BUILD / "sysroot" / name)
    part, features = PROCESSORS[processor]
    core = (
        "processor\t: {}\nBogoMIPS\t: 100.00\n"
        f"Features\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
        f"CPU variant\t: 0x0\nCPU part\t: {part}\nCPU revision\t: 4\n\n"
    )
    (root / "proc/cpuinfo").write_text("".join(core.format(i) for i in range(2)))
    return root
